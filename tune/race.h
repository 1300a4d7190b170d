/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The race of one task, which may be interrupted and taken up again: entrants come in, run rounds, drop out; steps around
 * the leader come in; the winner duels with the model's plan on fresh samples.
 */
#ifndef GML_TUNE_RACE_H
#define GML_TUNE_RACE_H

#include "tune/search.h"
#include "tune/statistics.h"

/* What the tasks of a run share. */
typedef struct tune_run {
    const tune_search_options *options;
    const tune_bench *bench;
    const tune_task *task;
    tune_outcome *outcome;
    int count, current;
    double deadline;
    double margin;   /* log gain that is worth an entry, and that decides between two choices            */
    double error;    /* chance of a false adoption, of a task                                            */
    double told;     /* when progress was told last                                                      */
    double surprise; /* how many times longer than the model's plan a new one may take: as seen, or more */
    double price;    /* of a second: what it would bring elsewhere                                       */
    double opening;  /* seconds that opening a problem takes, the most by now                            */
    double verifying;
    bool stopped; /* progress said so */
} tune_run;

#define TUNE_SAMPLE 1.5e-3 /* seconds: a sample of short calls, a hundred times what an interrupt takes */

double tune_run_now(const tune_run *run);
/* Tells progress if it is time for it, or if `finished`. */
void tune_run_tell(tune_run *run, bool finished);

#define TUNE_PROMISE 0.03 /* log gain of a problem that nothing is known of */

#define TUNE_ENTRANTS (TUNE_SEEDS_MOST + TUNE_STEPS_MOST)
#define TUNE_ROUNDS   96  /* of a race */
#define TUNE_ROUNDS_TO_CHOOSE 3 /* of each, at least */
#define TUNE_FRESH    128 /* of a duel */

typedef enum tune_standing {
    TUNE_WAITING, /* not verified yet           */
    TUNE_RACING,
    TUNE_OUT,     /* surely behind, or beaten   */
    TUNE_REFUSED  /* by verification, or timing */
} tune_standing;

typedef struct tune_entrant {
    gml_choice choice;
    tune_standing standing;
    bool stepped;              /* its neighbours were asked for         */
    int joined, rounds;        /* of which gain[] holds those           */
    double cost;               /* seconds that a sample takes; 0: unknown */
    double gain[TUNE_ROUNDS];  /* log of the model's time over its own, by rounds since it joined */
} tune_entrant;

typedef enum tune_phase { TUNE_ENTERING, TUNE_ROUND, TUNE_CHOOSING, TUNE_DUEL } tune_phase;

typedef struct tune_race {
    tune_phase phase;
    tune_random random;
    tune_entrant entrant[TUNE_ENTRANTS]; /* the first is the model's */
    int count, rounds, turns;
    bool settling; /* a winner is settled on: those before it in canonical order have come in again */
    int settled;   /* rounds before that                                                             */
    double verifying; /* seconds that a verification takes */
    double call;      /* seconds of a call of the model's plan; 0: not timed yet */
    double opening;   /* seconds that opening the problem took                   */
    /* The duel. */
    int duels, winner, fresh;
    int places, moved; /* of operands, and how many pairs there were when they came to the last one */
    bool held;         /* there was no loss at any of them, and no more are to be seen              */
    bool proven;
    tune_bet bet;
    double ratio[TUNE_FRESH];
} tune_race;

typedef enum tune_decision { TUNE_UNDECIDED, TUNE_NOTHING_BETTER, TUNE_WON, TUNE_NOTHING_RUNS } tune_decision;

/* The problem of the task is open. NULL: no memory. */
tune_race *tune_race_create(const tune_run *run, int task, const gml_choice *known, int count);

/* Goes on until it is decided or `until`. What does not fit before is not begun. */
tune_decision tune_race_run(tune_race *race, tune_run *run, double until);

/* What the race comes to with what is known by now. */
void tune_race_conclude(const tune_race *race, const tune_run *run, tune_decision decision, tune_outcome *outcome);

/* Seconds that it takes to go on to the end, and the log gain that may come of it. */
double tune_race_need(const tune_race *race, const tune_run *run);
double tune_race_promise(const tune_race *race, const tune_run *run);
bool tune_race_yields(const tune_race *race, const tune_run *run);

/* The field (race_field.c). leader is ahead of each of those before in the rounds that both ran: in others the model's
 * sample may have been hit, and all of them look well. choose is the first in canonical order that ties with the leader; the
 * model, 0, where there is no gain. drop_out lets go who is surely behind, and says whether all ties are clear. */
int tune_race_leader(const tune_race *race, const tune_run *run);
int tune_race_choose(const tune_race *race, const tune_run *run);
bool tune_race_may_replace(const tune_race *race, const tune_run *run, int entrant, int winner);
int tune_race_count(const tune_race *race); /* who races */
bool tune_race_leads(const tune_race *race, const tune_run *run, int rounds); /* the leader has run so many */
bool tune_race_drop_out(tune_race *race, const tune_run *run);
void tune_race_halve(tune_race *race, double left);
void tune_race_drop_unaffordable(tune_race *race, double left);
double tune_race_round_cost(const tune_race *race);

/* The rounds (race.c) and the duel (race_duel.c). */
bool tune_race_fits(const tune_race *race, const tune_run *run, int entrant, double until);
bool tune_race_sample(tune_race *race, tune_run *run, int entrant, double *seconds);
double tune_race_duel_need(const tune_race *race, const tune_run *run); /* seconds to its end */
void tune_race_duel_begin(tune_race *race, const tune_run *run, int winner);
tune_decision tune_race_duel_run(tune_race *race, tune_run *run, double until); /* TUNE_NOTHING_BETTER: than the model's */

/* Whether a winner is seen to lose where its operands lie elsewhere, later: it opens and closes the problem. And the seconds
 * that this takes, where a call of the model's plan takes so many. */
bool tune_race_loses_later(tune_run *run, const gml_key *key, const gml_choice *choice);
double tune_race_later_cost(const tune_run *run, double opening, double call);

/* Whether a choice loses more where the caches are in the other state than the log gain it has in this one: few pairs, and
 * what they say is taken for it. */
bool tune_race_loses(tune_run *run, const gml_key *key, const gml_choice *choice, double gain);

/* Whether a choice is no loss for another problem, which it opens and closes. */
bool tune_race_holds(tune_run *run, const gml_key *key, const gml_choice *choice, double scale);

#endif
