/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The search: which choice, if any, is proven better than the model's plan for each of a list of problems, within a budget
 * of time. It knows nothing of kernels: what it times is behind a bench, the machine (tune/measure.h) or recorded samples
 * (tests), so that its decisions can be replayed in seconds, on a clock that is a number.
 *
 *   race   rounds that time all survivors once, in random order, the model's plan always among them; ratios to it are
 *          paired by round; who is surely behind the leader drops out; the leader's neighbours join
 *   duel   the leader against the model on fresh samples, by a sequential test that may be looked at after each round;
 *          what is not proven is not adopted, and near ties go to the first in the canonical order
 *   place  operands move during the duel, and once more at the end of the run: a gain has to be there wherever they are
 *   state  a winner that loses more where the caches are in the other state is not adopted
 *   scope  a winner that is no loss at a second place of its cell serves the cell
 */
#ifndef GML_TUNE_SEARCH_H
#define GML_TUNE_SEARCH_H

#include "tune/space.h"

/* What is timed. Every function gets `host` first. */
typedef struct tune_bench {
    void *host;
    double (*now)(void *host); /* seconds, monotonic */
    /* Prepares a problem, of which there is one at a time; false: it cannot be had, *why says why. */
    bool (*open)(void *host, const gml_key *key, const char **why);
    /* The same with the caches in the other state (gml_state), in which a winner must not lose more than it gains in this
     * one. NULL: there is none. */
    bool (*open_other)(void *host, const gml_key *key, const char **why);
    /* Gives the operands of the problem that is open another place in memory, as another run of a program would. NULL: places
     * are all the same. */
    void (*move)(void *host);
    void (*close)(void *host);
    bool (*verify)(void *host, const gml_choice *choice); /* false: never timed, never adopted */
    double (*time)(void *host, const gml_choice *choice, double least); /* seconds per call */
    int (*seeds)(void *host, const gml_choice *known, int count, gml_choice out[TUNE_SEEDS_MOST]);
    int (*steps)(void *host, const gml_choice *from, gml_choice out[TUNE_STEPS_MOST]);
} tune_bench;

typedef struct tune_task {
    gml_key key;
    double weight; /* > 0: how often the program computes it */
} tune_task;

typedef enum tune_verdict {
    TUNE_PENDING,  /* the budget ended before                          */
    TUNE_KEPT,     /* nothing is proven better than the model's plan   */
    TUNE_PROVEN,
    TUNE_FAILED    /* could not be opened, or nothing of it verified   */
} tune_verdict;

/* A candidate as far as it was measured: what calibration and replay look at. */
typedef struct tune_measured {
    gml_choice choice;
    double gain; /* median of the paired ratios */
    int32_t rounds;
} tune_measured;

typedef struct tune_outcome {
    tune_verdict verdict;
    gml_choice choice;      /* TUNE_PROVEN; otherwise zeros                */
    double gain, low, high; /* of fresh samples; 1, 1, 1 with TUNE_KEPT    */
    int32_t samples;
    bool cell;              /* holds for the cell                          */
    double seconds;         /* spent on it                                 */
    double weight;
    char why[96];           /* TUNE_FAILED                                 */
    int measured_count;
    tune_measured measured[TUNE_SEEDS_MOST + TUNE_STEPS_MOST];
} tune_outcome;

typedef struct tune_search_options {
    double budget;     /* seconds from the call on; the search returns before they are over, and knows what it starts */
    double noise;      /* the noise floor: what two equal plans differ by, as a share                                */
    uint64_t seed;
    double error_rate; /* chance of a false adoption in the whole run: 0.01                                          */
    /* After each finished task, whose outcome is final then, unless a winner loses in the last look at it, which is told again;
     * and four times a second: false ends the search. `now` is the
     * bench's. May be NULL. */
    bool (*progress)(void *host, int task, const tune_outcome *outcomes, double now);
    void *progress_host;
    const bool *done; /* [count] or NULL: tasks that an earlier run has finished, outcome in place */
} tune_search_options;

/* Searches for all tasks; outcome[i] is task i's. The order is by weight and expected gain for the time it takes, so that
 * the budget goes where it pays. Deterministic for a deterministic bench. */
void tune_search(const tune_search_options *options, const tune_bench *bench, const tune_task *task, int count,
                 tune_outcome *outcome);

/* What a run comes to. */
typedef struct tune_summary {
    int proven, kept, failed, pending;
    double gain, low, high; /* weighted geometric mean over finished tasks, and its 95 % interval by bootstrap */
    double worst;           /* smallest `low` of the proven                                                    */
    double regret, regret95; /* of predictions for cells left out: 1 - time of the best measured over that of the
                                predicted; median, and 95th percentile; NaN with fewer than eight              */
} tune_summary;

tune_summary tune_summarise(const tune_task *task, const tune_outcome *outcome, int count, uint64_t seed);

/* The errors of predictions, one for each operation, type and thread count that has enough cells: the `error` lines. */
typedef struct tune_error {
    gml_key key; /* sizes 0, layout 0 */
    double value;
} tune_error;
int tune_errors(const tune_task *task, const tune_outcome *outcome, int count, tune_error *out, int most);

/* The noise floor of a bench: the 95th percentile of the ratio, less 1, of medians of two halves of 32 samples of one plan,
 * for the key, over about `seconds`. NaN where the problem cannot be had or timed. */
double tune_noise(const tune_bench *bench, const gml_key *key, double seconds);

#endif
