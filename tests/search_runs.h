/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs of the search over a replay (replay.h), for its tests.
 */
#ifndef GML_TESTS_SEARCH_RUNS_H
#define GML_TESTS_SEARCH_RUNS_H

#include "tests/replay.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef GML_TEST_SANITIZED
#define MANY(x) ((x) / 10)
#else
#define MANY(x) (x)
#endif

/* A machine as they are: 1 % of noise, now and then an interrupt, clocks that drift. */
static const replay_conditions usual = {.recorded = 1,
                                        .noise = 0.01,
                                        .spikes = 0.01,
                                        .spike = 3,
                                        .drift = 0.05,
                                        .drift_seconds = 7,
                                        .opening = 0.03,
                                        .verifying = 0.001,
                                        .companion = 0.005};
static const tune_search_options minute = {.budget = 60, .noise = 0.01, .seed = 1, .error_rate = 0.01};

static inline gml_key some_key(int i)
{
    return (gml_key){
        .operation = GML_OPERATION_GEMM,
        .type = GML_F32,
        .threads = 1,
        .size = {INT64_C(16) << i % 6, INT64_C(64) << i / 6 % 6, (INT64_C(64) << i / 36 % 4) + i, 1}};
}

typedef struct run {
    tune_task *task;
    tune_outcome *outcome;
} run;

static inline run search(replay *r, const replay_conditions *conditions, const tune_search_options *options)
{
    const tune_bench bench = replay_begin(r, conditions, options->seed);
    const run out = {replay_tasks(r), calloc((size_t)r->count + 1, sizeof *out.outcome)};
    tune_search(options, &bench, out.task, r->count, out.outcome);
    ck_assert_int_eq(r->alive, 0);
    return out;
}

static inline void end(run *x)
{
    free(x->task);
    free(x->outcome);
}

static inline int count_of(const run *x, int tasks, tune_verdict verdict)
{
    int count = 0;
    for (int i = 0; i < tasks; i++)
        count += x->outcome[i].verdict == verdict;
    return count;
}

/* The share of the best there is. */
static inline double quality(const replay *r, const run *x, int i)
{
    return replay_best(&r->problem[i])->seconds / replay_find(&r->problem[i], &x->outcome[i].choice)->seconds;
}

static inline bool keeps_budget(const replay *r, double budget)
{
    return r->now <= budget + fmax(2, 0.02 * budget);
}

#endif
