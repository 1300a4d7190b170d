/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which task is next, and for how long. First each task has its turn, for its share of the time; then those that are not
 * decided have more, where the most is to be had for it. The longest problems come first: what takes far longer than
 * expected then does so when the deadline is far away. At the end each winner is looked at once more, so some time is kept
 * for that.
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
    double *opening; /* seconds that opening a problem took */
    bool *seen;      /* winners that have been looked at again */
    double gained;   /* sum of log gains of tasks that are decided */
    int decided;
} tune_schedule;

/* A gain nobody would notice is not worth an entry; nor is it worth that two runs come to different choices. */
static const double LEAST_GAIN = 0.03;

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
    s->opening[task] = tune_run_now(run) - begun;
    run->opening += 0.3 * (s->opening[task] - run->opening);
    if (!s->race[task]) {
        gml_choice known[TUNE_SEEDS_MOST];
        s->race[task] = tune_race_create(run, task, known, known_nearby(s, task, known));
    }
    tune_race *race = s->race[task];
    tune_decision decision = TUNE_UNDECIDED;
    if (race) {
        race->opening = s->opening[task];
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

/* Whether this run has proven a choice for a task, and has not looked at it again. */
static bool has_won(const tune_schedule *s, int task)
{
    return s->run.outcome[task].verdict == TUNE_PROVEN && s->turns[task] > 0 && !s->seen[task];
}

/* Seconds that are kept for a last look at winners: at most a sixth of all. */
static double kept_for_winners(const tune_schedule *s)
{
    double seconds = 0;
    for (int i = 0; i < s->run.count; i++)
        if (has_won(s, i))
            seconds += tune_race_later_cost(&s->run, s->opening[i], s->call[i]);
    return fmin(seconds, s->run.options->budget / 6);
}

/* Time has passed, and other problems have had the memory: those that lose now go, the smallest gains first. false: there
 * were none. */
static bool look_again(tune_schedule *s)
{
    tune_run *run = &s->run;
    bool any = false;
    while (!run->stopped) {
        int next = -1;
        for (int i = 0; i < run->count; i++)
            if (has_won(s, i) && (next < 0 || run->outcome[i].gain < run->outcome[next].gain))
                next = i;
        if (next < 0)
            break;
        tune_outcome *outcome = &run->outcome[next];
        const double begun = tune_run_now(run);
        s->seen[next] = any = true;
        if (begun + tune_race_later_cost(run, s->opening[next], s->call[next]) > run->deadline)
            continue;
        run->current = next;
        const bool loses = tune_race_loses_later(run, &run->task[next].key, &outcome->choice);
        outcome->seconds += tune_run_now(run) - begun;
        if (!loses)
            continue;
        outcome->verdict = TUNE_KEPT;
        outcome->choice = (gml_choice){{0}};
        outcome->gain = outcome->low = outcome->high = 1;
        outcome->cell = true;
        tune_run_tell(run, true);
    }
    return any;
}

static void take_turns(tune_schedule *s)
{
    while (!s->run.stopped) {
        const double now = tune_run_now(&s->run), left = s->run.deadline - now - kept_for_winners(s);
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
        s->turns[best]++;
        visit(s, best, now + fmin(left, 4 * need(s, best)));
        s->over[best] |= s->turns[best] == TURNS_MOST;
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
    s.opening = calloc((size_t)count + 1, sizeof *s.opening);
    s.seen = calloc((size_t)count + 1, sizeof *s.seen);
    if (s.race && s.over && s.turns && s.call && s.distance && s.opening && s.seen) {
        for (int i = 0; i < count; i++) {
            s.over[i] = options->done && options->done[i];
            s.call[i] = guess(&task[i].key);
            s.distance[i] = HUGE_VAL;
        }
        do /* time that winners left over is others' */
            take_turns(&s);
        while (look_again(&s));
        for (int i = 0; i < count; i++)
            if (s.race[i]) {
                s.run.current = i;
                decide(&s, i, TUNE_UNDECIDED);
                outcome[i].cell = outcome[i].verdict == TUNE_KEPT;
                if (outcome[i].verdict != TUNE_PENDING)
                    tune_run_tell(&s.run, true);
                free(s.race[i]);
            }
        look_again(&s);
    }
    free(s.race);
    free(s.over);
    free(s.turns);
    free(s.call);
    free(s.distance);
    free(s.opening);
    free(s.seen);
}
