/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A race. Entrants are verified, then all that are in it are timed once in each round, in random order, the model's plan
 * always among them; what counts is the log of its time over theirs in the same round. Who is surely behind the leader
 * drops out (race_field.c).
 */
#include "tune/race.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_BEFORE_STEPS = 5, /* of the leader, who is taken for it then        */
    ROUNDS_TO_SETTLE = 48    /* the most, to find out who is within the margin */
};

double tune_run_now(const tune_run *run)
{
    return run->bench->now(run->bench->host);
}

void tune_run_tell(tune_run *run, bool finished)
{
    const double now = tune_run_now(run), often = 0.25;
    if (!run->options->progress || run->stopped || !(finished || now - run->told >= often))
        return;
    run->told = now;
    if (!run->options->progress(run->options->progress_host, run->current, run->outcome, now))
        run->stopped = true;
}

static void enter(tune_race *race, const gml_choice *choice)
{
    for (int i = 0; i < race->count; i++)
        if (memcmp(&race->entrant[i].choice, choice, sizeof *choice) == 0)
            return;
    if (race->count < TUNE_ENTRANTS)
        race->entrant[race->count++] = (tune_entrant){.choice = *choice};
}

tune_race *tune_race_create(const tune_run *run, int task, const gml_choice *known, int count)
{
    tune_race *race = calloc(1, sizeof *race);
    if (!race)
        return NULL;
    race->random.state = run->options->seed ^ (0x9e3779b97f4a7c15u * ((uint64_t)task + 1));
    gml_choice seeds[TUNE_SEEDS_MOST];
    const int seed_count = run->bench->seeds(run->bench->host, known, count, seeds);
    enter(race, &(gml_choice){{0}});
    for (int i = 0; i < seed_count; i++)
        enter(race, &seeds[i]);
    return race;
}

/* Whether an entrant can be timed before `until`; and if it takes as long as the unknown may, before the deadline. */
bool tune_race_fits(const tune_race *race, const tune_run *run, int entrant, double until)
{
    const tune_entrant *e = &race->entrant[entrant];
    const double model = race->entrant[0].cost, now = tune_run_now(run);
    if (e->cost > 0)
        return now + 1.2 * e->cost <= fmin(until, run->deadline);
    const double tolerance = fmax(1, 0.01 * run->options->budget);
    return now + 2 * model <= until && now + run->surprise * model <= run->deadline + tolerance;
}

/* false: it is out, or the run is to end. */
bool tune_race_sample(tune_race *race, tune_run *run, int entrant, double *seconds)
{
    tune_entrant *e = &race->entrant[entrant];
    const double before = tune_run_now(run);
    *seconds = run->bench->time(run->bench->host, &e->choice, TUNE_SAMPLE);
    const double spent = tune_run_now(run) - before, model = race->entrant[0].cost;
    if (model > 0)
        run->surprise = fmax(run->surprise, spent / model);
    e->cost = e->cost > 0 ? fmin(2 * e->cost, spent) : spent;
    if (!(*seconds > 0) || isinf(*seconds))
        e->standing = TUNE_REFUSED;
    tune_run_tell(run, false);
    return e->standing != TUNE_REFUSED && !run->stopped;
}

/* Verifies who waits. New entrants get up to half of the time: what is verified has to be timed, too. */
static void let_in(tune_race *race, tune_run *run, double until)
{
    const double begun = tune_run_now(run), half = begun + (until - begun) / 2;
    for (int i = 0; i < race->count && !run->stopped; i++) {
        tune_entrant *e = &race->entrant[i];
        if (e->standing != TUNE_WAITING)
            continue;
        const double before = tune_run_now(run), model = race->entrant[0].cost;
        if (i > 0 && (before + race->verifying + 2 * model > half || !tune_race_fits(race, run, i, half)))
            return;
        e->standing = run->bench->verify(run->bench->host, &e->choice) ? TUNE_RACING : TUNE_REFUSED;
        race->verifying = fmax(race->verifying, tune_run_now(run) - before);
        if (i > 0)
            run->surprise = fmax(run->surprise, (tune_run_now(run) - before) / model);
        run->verifying = fmax(run->verifying, race->verifying);
        tune_run_tell(run, false);
        if (i == 0 &&
            (e->standing == TUNE_REFUSED || run->stopped || !tune_race_sample(race, run, 0, &race->call)))
            return;
        e->joined = race->rounds;
        if (i == 0 && tune_race_yields(race, run))
            return;
    }
}

static void run_round(tune_race *race, tune_run *run, double until)
{
    int order[TUNE_ENTRANTS], count = 0;
    for (int i = 0; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_RACING)
            order[count++] = i;
    tune_random_shuffle(&race->random, order, count);
    double seconds[TUNE_ENTRANTS] = {0};
    for (int i = 0; i < count; i++) {
        const bool fits = tune_race_fits(race, run, order[i], order[i] ? until : run->deadline);
        if (fits && tune_race_sample(race, run, order[i], &seconds[order[i]]))
            continue;
        seconds[order[i]] = 0;
        if (run->stopped || order[i] == 0)
            return; /* without the model's time the others say nothing */
        race->entrant[order[i]].standing = TUNE_OUT;
    }
    for (int i = 0; i < count; i++) {
        tune_entrant *e = &race->entrant[order[i]];
        if (e->standing == TUNE_RACING)
            e->gain[e->rounds++] = log(seconds[0] / seconds[order[i]]);
    }
    race->rounds++;
}

/* The neighbours of the leader come in; false where there are no new ones. */
static bool step(tune_race *race, const tune_run *run)
{
    tune_entrant *from = &race->entrant[tune_race_leader(race, run)];
    if (from->stepped)
        return false;
    from->stepped = true;
    gml_choice steps[TUNE_STEPS_MOST];
    const int before = race->count, count = run->bench->steps(run->bench->host, &from->choice, steps);
    for (int i = 0; i < count; i++)
        enter(race, &steps[i]);
    return race->count > before;
}

/* Which of several near ties was found, and who dropped out early, is a matter of chance; so before the duel whoever would
 * replace the winner by order alone runs once more, with the winner's own neighbours of that kind. false: there are none. */
static bool settle(tune_race *race, const tune_run *run, int winner)
{
    gml_choice steps[TUNE_STEPS_MOST];
    const gml_choice *choice = &race->entrant[winner].choice;
    const int before = race->count, count = run->bench->steps(run->bench->host, choice, steps);
    bool any = false;
    for (int i = 0; i < count; i++)
        if (gml_choice_compare(&steps[i], choice) < 0)
            enter(race, &steps[i]);
    for (int i = 1; i < before; i++) {
        if (!tune_race_may_replace(race, run, i, winner))
            continue;
        race->entrant[i].standing = TUNE_RACING;
        race->entrant[i].joined = race->rounds;
        race->entrant[i].rounds = 0;
        any = true;
    }
    race->settling = true;
    race->settled = race->rounds;
    return any || race->count > before;
}

static bool any_waits(const tune_race *race)
{
    for (int i = 0; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_WAITING)
            return true;
    return false;
}

static double duel_cost(const tune_race *race, int winner)
{
    return race->entrant[0].cost + race->entrant[winner].cost;
}

/* A dozen neighbours, each verified and timed a few times. */
static double steps_cost(const tune_race *race)
{
    return 12 * (race->verifying + 3 * race->entrant[0].cost);
}

/* To the next phase; false: there is no time for more, or others have more to gain from it. */
static bool run_rounds(tune_race *race, tune_run *run, double until)
{
    for (;;) {
        const bool clear = tune_race_drop_out(race, run);
        const int first = tune_race_leader(race, run);
        const double left = until - tune_run_now(run),
                     reserve = first ? fmin(20 * duel_cost(race, first), left / 2) : 0;
        const bool known = tune_race_leads(race, run, clear ? TUNE_ROUNDS_TO_CHOOSE : ROUNDS_BEFORE_STEPS);
        if (race->rounds >= TUNE_ROUNDS_TO_CHOOSE && tune_race_yields(race, run))
            return false;
        if (known && step(race, run)) {
            race->phase = TUNE_ENTERING;
            return true;
        }
        if (tune_race_count(race) < 2 || race->rounds >= TUNE_ROUNDS ||
            race->entrant[first].rounds >= race->settled + ROUNDS_TO_SETTLE || (clear && known)) {
            race->phase = TUNE_CHOOSING;
            return true;
        }
        tune_race_halve(race, left - reserve);
        tune_race_drop_unaffordable(race, left);
        if (tune_race_round_cost(race) > left - reserve) {
            if (race->rounds < 2 || tune_race_choose(race, run) == 0)
                return false;
            race->phase = TUNE_CHOOSING;
            return true;
        }
        run_round(race, run, until);
        if (run->stopped)
            return false;
    }
}

tune_decision tune_race_run(tune_race *race, tune_run *run, double until)
{
    race->turns++;
    while (!run->stopped) {
        switch (race->phase) {
        case TUNE_ENTERING:
            let_in(race, run, until);
            if (race->entrant[0].standing == TUNE_REFUSED)
                return TUNE_NOTHING_RUNS;
            if (race->entrant[0].cost == 0 || run->stopped)
                return TUNE_UNDECIDED;
            if ((tune_race_count(race) < 2 && any_waits(race)))
                return TUNE_UNDECIDED;
            race->phase = TUNE_ROUND;
            break;
        case TUNE_ROUND:
            if (!run_rounds(race, run, until)) {
                race->phase = any_waits(race) ? TUNE_ENTERING : TUNE_ROUND;
                return TUNE_UNDECIDED;
            }
            break;
        case TUNE_CHOOSING: {
            const int chosen = tune_race_choose(race, run);
            if (chosen != 0 && !race->settling && settle(race, run, chosen)) {
                race->phase = TUNE_ENTERING;
            } else if (chosen != 0 && race->duels < 3) {
                tune_race_duel_begin(race, run, chosen);
                race->phase = TUNE_DUEL;
            } else if (any_waits(race)) {
                race->phase = TUNE_ENTERING;
                return TUNE_UNDECIDED;
            } else if (step(race, run)) { /* all have dropped out before anyone's neighbours came in */
                race->phase = TUNE_ENTERING;
            } else {
                return TUNE_NOTHING_BETTER;
            }
            break;
        }
        case TUNE_DUEL: {
            const tune_decision decision = tune_race_duel_run(race, run, until);
            if (decision != TUNE_NOTHING_BETTER)
                return decision;
            race->entrant[race->winner].standing = TUNE_OUT;
            race->phase = TUNE_CHOOSING;
        }
        }
    }
    return TUNE_UNDECIDED;
}

/* Whether there is more to be had elsewhere. Who begins anew has to open its problem; so twice as much. */
bool tune_race_yields(const tune_race *race, const tune_run *run)
{
    const double value =
        run->task[run->current].weight * tune_race_promise(race, run) / tune_race_need(race, run);
    return 2 * value < run->price;
}

double tune_race_need(const tune_race *race, const tune_run *run)
{
    const double model = race->entrant[0].cost;
    if (race->rounds == 0)
        return race->count * (race->verifying + 2 * model) + 20 * model;
    if (race->phase == TUNE_DUEL)
        return tune_race_duel_need(race, run);
    const int first = tune_race_leader(race, run);
    double need = 5 * tune_race_round_cost(race) + (first ? 20 : 5) * duel_cost(race, first);
    for (int i = 0; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_WAITING)
            need += race->verifying + 2 * model;
    return race->entrant[first].stepped ? need : need + steps_cost(race);
}

double tune_race_promise(const tune_race *race, const tune_run *run)
{
    if (race->rounds == 0)
        return TUNE_PROMISE;
    const tune_entrant *e =
        &race->entrant[race->phase == TUNE_DUEL ? race->winner : tune_race_leader(race, run)];
    const double gain = tune_median(e->gain, e->rounds);
    if (race->phase != TUNE_DUEL || race->fresh < 8)
        return fmax(0.004, gain);
    const tune_location at = tune_locate(race->ratio, race->fresh);
    return fmax(0.001, at.median + 1.25 * at.deviation / sqrt(race->fresh));
}

/* All that entered have run some rounds, and none of them is worth a duel. */
static bool nobody_ahead(const tune_race *race, const tune_run *run)
{
    return race->phase != TUNE_DUEL && !any_waits(race) &&
           tune_race_leads(race, run, TUNE_ROUNDS_TO_CHOOSE) && tune_race_choose(race, run) == 0;
}

void tune_race_conclude(const tune_race *race, const tune_run *run, tune_decision decision,
                        tune_outcome *outcome)
{
    outcome->measured_count = 0;
    for (int i = 0; i < race->count; i++) {
        const tune_entrant *e = &race->entrant[i];
        if (e->rounds > 0)
            outcome->measured[outcome->measured_count++] =
                (tune_measured){e->choice, exp(tune_median(e->gain, e->rounds)), e->rounds};
    }
    outcome->choice = (gml_choice){{0}};
    outcome->gain = outcome->low = outcome->high = 1;
    outcome->samples = race->fresh;
    outcome->cell = false;
    const bool gained = race->proven && race->held && tune_median(race->ratio, race->fresh) >= run->margin;
    if (decision == TUNE_WON || (decision == TUNE_UNDECIDED && race->phase == TUNE_DUEL && gained)) {
        const tune_interval bounds = tune_median_interval(race->ratio, race->fresh);
        outcome->verdict = TUNE_PROVEN;
        outcome->choice = race->entrant[race->winner].choice;
        outcome->gain = exp(tune_median(race->ratio, race->fresh));
        outcome->low = exp(bounds.low);
        outcome->high = exp(bounds.high);
    } else if (decision == TUNE_NOTHING_BETTER || nobody_ahead(race, run)) {
        outcome->verdict = TUNE_KEPT;
        for (int i = 0; i < race->count; i++)
            if (race->entrant[i].rounds > outcome->samples)
                outcome->samples = race->entrant[i].rounds;
    } else if (decision == TUNE_NOTHING_RUNS) {
        outcome->verdict = TUNE_FAILED;
        strcpy(outcome->why, "the model's own plan does not give the specified result");
    } else {
        outcome->verdict = TUNE_PENDING;
    }
}
