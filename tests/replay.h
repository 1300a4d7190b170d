/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bench (tune/search.h) whose kernels are numbers: recorded samples of all candidates of some problems (the format is
 * bench/oracle.c's), or made-up ones; and whose clock is one, too: it goes on by what a sample would have taken.
 */
#ifndef GML_TESTS_REPLAY_H
#define GML_TESTS_REPLAY_H

#include "tune/search.h"
#include "tune/statistics.h"
#include <stdio.h>

#define REPLAY_ROUNDS     24
#define REPLAY_CANDIDATES (TUNE_GRID_MOST + 1)

typedef struct replay_candidate {
    gml_choice choice;
    double seconds; /* per call: the truth */
    int rounds;
    float off[REPLAY_ROUNDS]; /* log of a sample over the truth */
} replay_candidate;

typedef struct replay_problem {
    gml_key key;
    int count;
    replay_candidate *candidate; /* the first is the model's */
} replay_problem;

/* What is added to samples, and what happens. */
typedef struct replay_conditions {
    double recorded;             /* how much of what recorded samples were off by: 1 for all of it    */
    double noise;                /* deviation of the log of a sample                                  */
    double spikes, spike;        /* chance that a sample is hit, and by what factor at most           */
    double drift, drift_seconds; /* of the log of all samples, as a wave                              */
    double slow, slow_seconds;   /* a factor on all samples in phases of a mean length; 0: none       */
    double opening, verifying;   /* seconds; verifying comes with a call                               */
    double companion;            /* deviation of the log of what other sizes of a cell make of a plan */
    double other;                /* log of what all plans but the model's lose in the other state of the caches; 0: it has none */
    double place;                /* deviation of the log of what a place of its operands makes of a plan; 0: they do not move */
    bool refuses;                /* nothing verifies                                                  */
    bool closed;                 /* nothing opens                                                     */
} replay_conditions;

typedef struct replay {
    replay_problem *problem;
    int count;
    int unsure;    /* problems that were not added                                       */
    bool recorded; /* seeds and steps are those of the space, of a made-up one otherwise */
    replay_conditions conditions;
    tune_random random;
    double now, phase_ends;
    bool slow_phase;
    const replay_problem *open;
    gml_key companion; /* of the problem, if that is open; threads 0: the problem itself is */
    bool other; /* the problem is open in the other state */
    uint64_t place; /* of its operands */
    const replay_candidate *last;
    int64_t samples; /* taken */
    int64_t alive;   /* opened and not closed */
} replay;

/* Reads a file; the problems are added, but for those whose recording says little: the model's plan, recorded twice, differs
 * from itself. false: it cannot be read, or is none. */
bool replay_read(replay *r, const char *path);

/* Adds a made-up problem: `gain` is the log gain of the best of its candidates, 0 for none that is better than the model. */
void replay_make(replay *r, const gml_key *key, double seconds, double gain, uint64_t seed);

/* Adds a problem whose candidates are all the same. */
void replay_make_equal(replay *r, const gml_key *key, double seconds, int candidates);

void replay_free(replay *r);

/* A new run: the clock begins at 0. */
tune_bench replay_begin(replay *r, const replay_conditions *conditions, uint64_t seed);

/* The best there is, and a choice's share of it: 1 for the best. */
const replay_candidate *replay_best(const replay_problem *problem);
const replay_candidate *replay_find(const replay_problem *problem, const gml_choice *choice);

/* What the companion of a problem changes of a candidate: the log of a factor of its time. */
double replay_companion(const replay *r, const gml_key *companion, int candidate);

/* The problems as tasks of weight 1. */
tune_task *replay_tasks(const replay *r);

#endif
