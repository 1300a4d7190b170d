/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The duel: the winner of a race against the model's plan, on fresh samples, since those it won by flatter it. A round times
 * both, in an order that a coin decides. Operands move while it lasts: where they lie is as much a matter of chance as any
 * noise, but one that stays for as long as they do, so that no number of samples at one place tells of another.
 */
#include "tune/race.h"
#include <math.h>

enum {
    FRESH_TO_GIVE_UP = 24, /* rounds, the least */
    FRESH_AT_COMPANION = 24,
    FRESH_IN_OTHER_STATE = 12,
    PLACES = 4,           /* of a duel                                            */
    PLACES_LATER = 2,     /* of a winner, at the end                              */
    PAIRS_OF_PLACE = 4,   /* the least                                            */
    PAIRS_TO_CONDEMN = 12 /* a place, where the median says that there is a loss  */
};

void tune_race_duel_begin(tune_race *race, const tune_run *run, int winner)
{
    const tune_entrant *e = &race->entrant[winner];
    const double expected = fmax(1.6 * run->options->noise, 0.002),
                 seen = tune_locate(e->gain, e->rounds).deviation;
    const double square = (e->rounds * seen * seen + 4 * expected * expected) / (e->rounds + 4);
    race->winner = winner;
    race->duels++;
    race->fresh = race->places = race->moved = 0;
    race->proven = race->held = false;
    race->bet = tune_bet_on(0, sqrt(square), 1);
}

/* A pair of samples; false where they do not fit, or the run is to end. */
static bool pair(tune_race *race, tune_run *run, double until, double *ratio)
{
    const int first = tune_random_next(&race->random) >> 63 ? race->winner : 0, second = race->winner - first;
    const double cost = race->entrant[0].cost + race->entrant[race->winner].cost;
    double seconds[2];
    if (tune_run_now(run) + 1.2 * cost > fmin(until, run->deadline) ||
        !tune_race_sample(race, run, first, &seconds[0]) || !tune_race_sample(race, run, second, &seconds[1]))
        return false;
    *ratio = first == 0 ? log(seconds[0] / seconds[1]) : log(seconds[1] / seconds[0]);
    return true;
}

typedef enum place_verdict { PLACE_OPEN, PLACE_HOLDS, PLACE_LOSES } place_verdict;

/* What the pairs since the last move say. A loss is more than half a margin, as at another size of the cell. */
static place_verdict judge_place(const tune_race *race, const tune_run *run)
{
    const int pairs = race->fresh - race->moved;
    const bool loses = pairs > 0 && tune_median(race->ratio + race->moved, pairs) < -run->margin / 2;
    if (loses)
        return pairs >= PAIRS_TO_CONDEMN ? PLACE_LOSES : PLACE_OPEN;
    return pairs >= PAIRS_OF_PLACE ? PLACE_HOLDS : PLACE_OPEN;
}

/* To the next place, if the last one has said what it had to say. false: there is no time. */
static bool move_on(tune_race *race, tune_run *run, double until, place_verdict here)
{
    if (!run->bench->move || race->places == PLACES || (race->fresh > 0 && here != PLACE_HOLDS))
        return true;
    if (tune_run_now(run) + 1.5 * race->opening > fmin(until, run->deadline))
        return false;
    run->bench->move(run->bench->host);
    race->places++;
    race->moved = race->fresh;
    return true;
}

double tune_race_duel_need(const tune_race *race, const tune_run *run)
{
    const double pair = race->entrant[0].cost + race->entrant[race->winner].cost;
    return fmax(8, 20 - race->fresh) * pair + (run->bench->move ? PLACES - race->places : 0) * race->opening;
}

tune_decision tune_race_duel_run(tune_race *race, tune_run *run, double until)
{
    const double error =
        ldexp(run->error, -race->duels); /* a half for the first duel, a quarter for the second */
    race->moved = race->fresh;           /* if it goes on, the problem has been opened again */
    for (;;) {
        const place_verdict here = judge_place(race, run);
        race->held = !run->bench->move || (race->places == PLACES && here == PLACE_HOLDS);
        if (run->bench->move && here == PLACE_LOSES)
            return TUNE_NOTHING_BETTER;
        if (race->fresh > 0) {
            const tune_location at = tune_locate(race->ratio, race->fresh);
            const double unsure = 2 * 1.25 * at.deviation / sqrt(race->fresh);
            const bool gained = race->proven && at.median >= run->margin &&
                                tune_median_interval(race->ratio, race->fresh).low > 0;
            if (gained && race->held && (at.median - unsure >= run->margin || race->fresh == TUNE_FRESH))
                return TUNE_WON;
            if (race->fresh == TUNE_FRESH ||
                (race->fresh >= FRESH_TO_GIVE_UP && at.median + unsure < run->margin))
                return TUNE_NOTHING_BETTER;
        }
        if (race->fresh % 4 == 3 && tune_race_yields(race, run))
            return TUNE_UNDECIDED;
        double *ratio = &race->ratio[race->fresh];
        if (!move_on(race, run, until, here) || !pair(race, run, until, ratio)) {
            if (race->entrant[race->winner].standing == TUNE_REFUSED)
                return TUNE_NOTHING_BETTER;
            return TUNE_UNDECIDED;
        }
        tune_bet_play(&race->bet, *ratio);
        race->fresh++;
        race->proven |= tune_bet_won(&race->bet, error);
    }
}

/* A race of two, on a problem that has been opened: false where there is no time for it, or the choice is refused. */
static bool meet(tune_race *race, tune_run *run, const gml_key *key, const gml_choice *choice)
{
    double seconds;
    *race = (tune_race){.count = 2,
                        .winner = 1,
                        .random.state = run->options->seed ^ gml_key_hash(key),
                        .entrant = {[1] = {.choice = *choice, .standing = TUNE_RACING}}};
    return run->bench->verify(run->bench->host, choice) && tune_race_sample(race, run, 0, &seconds) &&
           tune_race_fits(race, run, 1, run->deadline) && tune_race_sample(race, run, 1, &seconds);
}

double tune_race_later_cost(const tune_run *run, double opening, double call)
{
    return run->bench->move == NULL
               ? 0
               : (1 + PLACES_LATER) * opening + run->verifying +
                     PLACES_LATER * (PAIRS_OF_PLACE + 2) * 2 * (call + fmax(call, TUNE_SAMPLE));
}

bool tune_race_loses_later(tune_run *run, const gml_key *key, const gml_choice *choice)
{
    const tune_bench *bench = run->bench;
    const char *why;
    bool loses = false;
    if (!bench->move || !bench->open(bench->host, key, &why))
        return false;
    tune_race race;
    if (meet(&race, run, key, choice))
        for (int place = 0; place < PLACES_LATER && !loses; place++) {
            place_verdict here = PLACE_OPEN;
            race.moved = race.fresh;
            while (here == PLACE_OPEN && pair(&race, run, run->deadline, &race.ratio[race.fresh])) {
                race.fresh++;
                here = judge_place(&race, run);
            }
            loses = here == PLACE_LOSES;
            bench->move(bench->host);
        }
    bench->close(bench->host);
    return loses;
}

bool tune_race_loses(tune_run *run, const gml_key *key, const gml_choice *choice, double gain)
{
    const tune_bench *bench = run->bench;
    const char *why;
    tune_race race;
    double ratio[FRESH_IN_OTHER_STATE];
    int pairs = 0;
    if (!bench->open_other || tune_run_now(run) + run->opening + run->verifying > run->deadline ||
        !bench->open_other(bench->host, key, &why))
        return false;
    if (meet(&race, run, key, choice))
        while (pairs < FRESH_IN_OTHER_STATE && pair(&race, run, run->deadline, &ratio[pairs]))
            pairs++;
    bench->close(bench->host);
    return pairs == FRESH_IN_OTHER_STATE && tune_locate(ratio, pairs).median < -gain;
}

bool tune_race_holds(tune_run *run, const gml_key *key, const gml_choice *choice, double scale)
{
    const tune_bench *bench = run->bench;
    const char *why;
    bool holds = false;
    tune_race race;
    if (tune_run_now(run) + run->opening + run->verifying > run->deadline ||
        !bench->open(bench->host, key, &why))
        return false;
    if (meet(&race, run, key, choice)) {
        tune_bet loss = tune_bet_on(-run->margin / 2, scale, 1);
        double ratio;
        for (int i = 0; i < FRESH_AT_COMPANION && !holds && pair(&race, run, run->deadline, &ratio); i++) {
            tune_bet_play(&loss, ratio);
            holds = tune_bet_won(&loss, 0.025);
        }
    }
    bench->close(bench->host);
    return holds;
}
