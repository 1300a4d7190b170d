/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which task is next, and for how long. First each task has its turn, for its share of the time; then those that are not
 * decided have more, where the most is to be had for it. The longest problems come first: what takes far longer than
 * expected then does so when the deadline is far away.
 */
#include "tune/race.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tune_schedule {
    tune_run run;
    tune_race **race; /* of tasks that are begun and not decided */
    bool *over;       /* decided, or nothing can be done any more */
    int *turns;
    double
        *call; /* seconds that a call of the model's plan takes, or is expected to                        */
    double *
        distance; /* to the problem that this was concluded from: 0 where it was measured, infinite: guessed */
    double gained; /* sum of log gains of tasks that are decided */
    int decided;
} tune_schedule;

/* A gain nobody would notice is not worth an entry; nor is it worth that two runs come to different choices. */
static const double LEAST_GAIN = 0.02;

enum { TURNS_MOST = 8 }; /* of a task that comes to no decision */

/* Multiplications of GEMM and attention, elements of softmax. */
static double work_of(const gml_key *key)
{
    double product = 1;
    const int sizes = key->operation == GML_OPERATION_SOFTMAX ? 2 : 4;
    for (int i = 0; i < sizes; i++)
        product *= (double)key->size[i];
    return key->operation == GML_OPERATION_ATTENTION ? product * (double)(key->size[4] + key->size[5])
                                                     : product;
}

/* What a call takes where nothing has been measured: as on a fast core. */
static double guess(const gml_key *key)
{
    return work_of(key) * (key->operation == GML_OPERATION_SOFTMAX ? 1e-10 : 1e-11);
}

/* How much a call of one problem says about one of another: factors of two between their sizes. */
static double distance(const gml_key *x, const gml_key *y)
{
    double sum =
        (x->layout != y->layout) + (x->type != y->type) + fabs(log2((double)x->threads / y->threads));
    for (int i = 0; i < GML_KEY_SIZES; i++)
        sum += fabs(log2(((double)x->size[i] + 1) / ((double)y->size[i] + 1)));
    return x->operation == y->operation ? sum : HUGE_VAL;
}

/* The call of a task has been timed: those next to it are expected to compute as fast. */
static void learn(tune_schedule *s, int task)
{
    const gml_key *key = &s->run.task[task].key;
    for (int i = 0; i < s->run.count; i++) {
        const gml_key *other = &s->run.task[i].key;
        const double d = i == task ? 0 : distance(key, other);
        if (d > s->distance[i] || isinf(d) || (d == s->distance[i] && i != task))
            continue;
        s->distance[i] = d;
        s->call[i] = s->race[task]->call * work_of(other) / work_of(key);
    }
}

/* What a call may take, at worst: so many times longer than expected. */
static double longest_call(const tune_schedule *s, int task)
{
    const double d = s->distance[task], doubt = d == 0 ? 1.2 : isinf(d) ? 16 : fmin(2 + d, 8);
    return doubt * s->call[task];
}

/* Seconds to come to a decision. Of a task that is not begun: a dozen verifications, as many samples twice, or thrice where
 * there is something to be had, and half a duel, since every second has none. A sample takes a call that is not timed. */
static double need(const tune_schedule *s, int task)
{
    const tune_race *race = s->race[task];
    if (race && race->call > 0)
        return s->run.opening + tune_race_need(race, &s->run);
    const double call = s->call[task], sample = call + fmax(call, TUNE_SAMPLE);
    return s->run.opening + 12 * fmax(call, 1e-3) + 45 * sample;
}

static double promise(const tune_schedule *s, int task)
{
    if (s->race[task] && s->race[task]->call > 0)
        return tune_race_promise(s->race[task], &s->run);
    return (4 * TUNE_PROMISE + s->gained) / (4 + s->decided);
}

/* Winners of neighbouring cells, nearest first. */
static int known_nearby(const tune_schedule *s, int task, gml_choice known[TUNE_SEEDS_MOST])
{
    const gml_key cell = gml_key_cell(&s->run.task[task].key);
    int count = 0;
    for (int distance = 0; distance <= 4; distance++)
        for (int i = 0; i < s->run.count && count < TUNE_SEEDS_MOST / 4; i++) {
            const gml_key other = gml_key_cell(&s->run.task[i].key);
            if (s->run.outcome[i].verdict != TUNE_PROVEN || i == task || other.operation != cell.operation ||
                other.type != cell.type || other.threads != cell.threads)
                continue;
            int64_t steps = other.layout == cell.layout ? 0 : 2;
            bool near = true;
            for (int j = 0; j < GML_KEY_SIZES; j++) {
                const int64_t apart = llabs(other.size[j] - cell.size[j]);
                near = near && apart <= 1;
                steps += apart;
            }
            if (!near || steps != distance)
                continue;
            bool there = false;
            for (int j = 0; j < count; j++)
                there = there || memcmp(&known[j], &s->run.outcome[i].choice, sizeof *known) == 0;
            if (!there)
                known[count++] = s->run.outcome[i].choice;
        }
    return count;
}

static void decide(tune_schedule *s, int task, tune_decision decision)
{
    tune_outcome *outcome = &s->run.outcome[task];
    if (s->race[task])
        tune_race_conclude(s->race[task], &s->run, decision, outcome);
    s->over[task] = true;
    if (outcome->verdict == TUNE_PROVEN || outcome->verdict == TUNE_KEPT) {
        s->decided++;
        s->gained += log(outcome->gain);
    }
}

/* A turn of a task. */
static void visit(tune_schedule *s, int task, double until)
{
    tune_run *run = &s->run;
    const gml_key *key = &run->task[task].key;
    tune_outcome *outcome = &run->outcome[task];
    const double begun = tune_run_now(run);
    run->current = task;
    const char *why = "";
    if (!run->bench->open(run->bench->host, key, &why)) {
        outcome->verdict = TUNE_FAILED;
        snprintf(outcome->why, sizeof outcome->why, "%s", why ? why : "");
        decide(s, task, TUNE_UNDECIDED);
        tune_run_tell(run, true);
        return;
    }
    run->opening += 0.3 * (tune_run_now(run) - begun - run->opening);
    if (!s->race[task]) {
        gml_choice known[TUNE_SEEDS_MOST];
        s->race[task] = tune_race_create(run, task, known, known_nearby(s, task, known));
    }
    tune_race *race = s->race[task];
    tune_decision decision = TUNE_UNDECIDED;
    if (race) {
        decision = tune_race_run(race, run, fmin(until, run->deadline));
        if (race->call > 0)
            learn(s, task);
    }
    run->bench->close(run->bench->host);
    const gml_choice *winner = decision == TUNE_WON ? &race->entrant[race->winner].choice : NULL;
    if (winner && tune_race_loses(run, key, winner, tune_median(race->ratio, race->fresh)))
        decision = TUNE_NOTHING_BETTER;
    bool cell = decision == TUNE_NOTHING_BETTER;
    if (decision == TUNE_WON) {
        const gml_key companion = tune_companion(key);
        cell = tune_race_holds(run, &companion, winner, race->bet.scale);
    }
    if (decision != TUNE_UNDECIDED)
        decide(s, task, decision);
    outcome->cell = cell;
    outcome->seconds += tune_run_now(run) - begun;
    if (s->over[task])
        tune_run_tell(run, true);
    if (decision != TUNE_UNDECIDED) {
        free(race);
        s->race[task] = NULL;
    }
}

/* What a second of a task brings; 0 where its time is up: it has to be opened and verified, and timed once. */
static double value_of(const tune_schedule *s, int task, double left)
{
    const double seconds = need(s, task),
                 least = 2 * s->run.opening + s->run.verifying + 3 * longest_call(s, task);
    return s->over[task] || fmax(seconds, least) > left
               ? 0
               : s->run.task[task].weight * promise(s, task) / seconds;
}

static void take_turns(tune_schedule *s)
{
    while (!s->run.stopped) {
        const double now = tune_run_now(&s->run), left = s->run.deadline - now;
        int best = -1;
        double most = 0, next = 0;
        for (int i = 0; i < s->run.count; i++) {
            const double value = value_of(s, i, left);
            if (value > most)
                next = most, most = value, best = i;
            else
                next = fmax(next, value);
        }
        if (best < 0)
            return;
        s->run.price = next;
        visit(s, best, now + fmin(left, 4 * need(s, best)));
        s->over[best] |= ++s->turns[best] == TURNS_MOST;
    }
}

void tune_search(const tune_search_options *options, const tune_bench *bench, const tune_task *task,
                 int count, tune_outcome *outcome)
{
    tune_schedule s = {
        .run = {.options = options, .bench = bench, .task = task, .outcome = outcome, .count = count}};
    const double now = bench->now(bench->host);
    s.run.deadline = now + options->budget - fmin(0.1, 0.01 * options->budget);
    s.run.margin = log1p(fmax(LEAST_GAIN, 2 * options->noise));
    s.run.error = options->error_rate / (count > 0 ? count : 1);
    s.run.surprise = 32;
    s.run.told = now;
    for (int i = 0; i < count; i++)
        if (!options->done || !options->done[i])
            outcome[i] = (tune_outcome){.weight = task[i].weight, .gain = 1, .low = 1, .high = 1};
    s.race = calloc((size_t)count + 1, sizeof *s.race);
    s.over = calloc((size_t)count + 1, sizeof *s.over);
    s.turns = calloc((size_t)count + 1, sizeof *s.turns);
    s.call = calloc((size_t)count + 1, sizeof *s.call);
    s.distance = calloc((size_t)count + 1, sizeof *s.distance);
    if (s.race && s.over && s.turns && s.call && s.distance) {
        for (int i = 0; i < count; i++) {
            s.over[i] = options->done && options->done[i];
            s.call[i] = guess(&task[i].key);
            s.distance[i] = HUGE_VAL;
        }
        take_turns(&s);
        for (int i = 0; i < count; i++)
            if (s.race[i]) {
                s.run.current = i;
                decide(&s, i, TUNE_UNDECIDED);
                outcome[i].cell = outcome[i].verdict == TUNE_KEPT;
                if (outcome[i].verdict != TUNE_PENDING)
                    tune_run_tell(&s.run, true);
                free(s.race[i]);
            }
    }
    free(s.race);
    free(s.over);
    free(s.turns);
    free(s.call);
    free(s.distance);
}
