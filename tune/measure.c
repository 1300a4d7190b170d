/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timing subjects. A sample is to begin where the last one of the same plan would have ended. What another plan leaves
 * behind costs the first call some microseconds: a tenth of a percent of a sample of long calls, whose time is better
 * spent on a further sample; short ones are called once untimed, and so is what runs first in memory that is new. A team that sleeps is woken, which takes tens of
 * microseconds; and after a plan of more threads it waits until these have ceased to spin for work.
 */
#include "tune/measure.h"
#include "tune/subject_parts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Plans of a problem, whose verification is remembered. */
#define PLANS_KEPT (2 * (TUNE_SEEDS_MOST + TUNE_STEPS_MOST))

#define NAP   500000 /* nanoseconds */
#define NAPS  400    /* a fifth of a second: spinning threads stop after milliseconds */
#define SHORT 3e-4   /* seconds: calls that go before a sample untimed, at a fifth of its price at most */
#define IDLE  0.2    /* of a nap: below, nothing but this thread ran, to look at the time */

/* Threads that ran last, and may still spin: the process has one team, whoever measures. */
static int32_t team = 1;

typedef struct verified {
    tune_plan plan;
    bool right;
} verified;

struct tune_measure {
    tune_machine on;
    gml_state state;
    size_t bytes;
    gml_key key;
    tune_subject *subject;
    int plans;
    verified plan[PLANS_KEPT];
    tune_plan last; /* that was timed, in this problem  */
    bool has_last;
    int unseen;     /* plans that have not run yet since memory was new, of two */
    int moves;      /* of the subject                                           */
    double seconds; /* of its calls                     */
    bool busy;      /* the process has work beside this */
    char mismatch[320];
};

tune_measure *tune_measure_create(const tune_machine *on, gml_state state, size_t bytes)
{
    tune_measure *measure = calloc(1, sizeof *measure);
    if (!measure)
        return NULL;
    measure->on = *on;
    measure->state = state;
    measure->bytes = bytes;
    return measure;
}

void tune_measure_destroy(tune_measure *measure)
{
    if (measure)
        tune_subject_destroy(measure->subject);
    free(measure);
}

const char *tune_measure_mismatch(const tune_measure *measure)
{
    return measure->mismatch;
}

static double bench_now(void *host)
{
    struct timespec time;
    (void)host;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void bench_close(void *host)
{
    tune_measure *measure = host;
    tune_subject_destroy(measure->subject);
    measure->subject = NULL;
    measure->plans = 0;
    measure->has_last = false;
    measure->unseen = measure->moves = 0;
}

static bool open_in(tune_measure *measure, gml_state state, const gml_key *key, const char **why)
{
    bench_close(measure);
    const int64_t bytes = tune_subject_bytes(&measure->on, key, state);
    *why = "there is nothing to compute";
    if (bytes == 0)
        return false;
    *why = "its operands are larger than the memory that may be used";
    if ((uint64_t)bytes > measure->bytes)
        return false;
    *why = "there is no memory for its operands";
    measure->subject = tune_subject_create(&measure->on, key, state, measure->bytes);
    measure->key = *key;
    team = key->threads; /* that filled the operands */
    return measure->subject != NULL;
}

static bool bench_open(void *host, const gml_key *key, const char **why)
{
    tune_measure *measure = host;
    return open_in(measure, measure->state, key, why);
}

static bool bench_open_other(void *host, const gml_key *key, const char **why)
{
    tune_measure *measure = host;
    return open_in(measure, measure->state == GML_STATE_WARM ? GML_STATE_ROTATED : GML_STATE_WARM, key, why);
}

/* The places of operands, and of scratch memory, are what a program does not choose: pages lie in caches as it happens, and
 * are huge or small. */
static void bench_move(void *host)
{
    tune_measure *measure = host;
    if (!measure->subject || !tune_subject_move(measure->subject, measure->bytes, measure->moves % 2 == 0))
        return;
    gml_scratch_clear(measure->on.runtime);
    measure->moves++;
    measure->unseen = 2;
    team = measure->key.threads;
}

static bool bench_verify(void *host, const gml_choice *choice)
{
    tune_measure *measure = host;
    tune_plan plan;
    if (!measure->subject || !tune_plan_of(&measure->on, &measure->key, choice, &plan))
        return false;
    for (int i = 0; i < measure->plans && i < PLANS_KEPT; i++)
        if (tune_plan_equal(&measure->plan[i].plan, &plan))
            return measure->plan[i].right;
    const bool right = tune_verify(&measure->on, &measure->key, choice, measure->subject, measure->mismatch,
                                   sizeof measure->mismatch);
    measure->plan[measure->plans++ % PLANS_KEPT] = (verified){plan, right};
    team = measure->key.threads;
    measure->has_last = false;
    return right;
}

/* Waits until the process uses no time but this thread's. */
static void settle(tune_measure *measure)
{
    const struct timespec nap = {0, NAP};
    for (int i = 0; i < NAPS; i++) {
        const clock_t before = clock();
        nanosleep(&nap, NULL);
        if ((double)(clock() - before) / CLOCKS_PER_SEC < IDLE * 1e-9 * NAP)
            return;
    }
    measure->busy = true;
}

static void wake(void *argument, int64_t index)
{
    (void)argument, (void)index;
}

static double bench_time(void *host, const gml_choice *choice, double least)
{
    tune_measure *measure = host;
    tune_plan plan;
    if (!measure->subject || !tune_plan_of(&measure->on, &measure->key, choice, &plan))
        return INFINITY;
    const int32_t threads = tune_plan_threads(&plan);
    if (threads < team && !measure->busy)
        settle(measure);
    if (threads > team)
        gml_parallel(measure->on.runtime, threads, wake, NULL);
    const bool other = !measure->has_last || !tune_plan_equal(&plan, &measure->last);
    if (!measure->has_last || (other && (measure->seconds < SHORT || measure->unseen > 0)))
        tune_subject_run(measure->subject, &plan);
    measure->unseen -= other && measure->unseen > 0;
    team = threads;
    measure->last = plan;
    measure->has_last = true;
    measure->seconds = tune_subject_time(measure->subject, &plan, least);
    return measure->seconds;
}

static int bench_seeds(void *host, const gml_choice *known, int count, gml_choice out[TUNE_SEEDS_MOST])
{
    const tune_measure *measure = host;
    return tune_space_seeds(&measure->on, &measure->key, known, count, out);
}

static int bench_steps(void *host, const gml_choice *from, gml_choice out[TUNE_STEPS_MOST])
{
    const tune_measure *measure = host;
    return tune_space_steps(&measure->on, &measure->key, from, out);
}

tune_bench tune_measure_bench(tune_measure *measure)
{
    return (tune_bench){.host = measure,
                        .now = bench_now,
                        .open = bench_open,
                        .open_other = bench_open_other,
                        .move = bench_move,
                        .close = bench_close,
                        .verify = bench_verify,
                        .time = bench_time,
                        .seeds = bench_seeds,
                        .steps = bench_steps};
}
