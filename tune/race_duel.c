/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The duel: the winner of a race against the model's plan, on fresh samples, since those it won by flatter it. A round times
 * both, in an order that a coin decides.
 */
#include "tune/race.h"
#include <math.h>

enum {
    FRESH_TO_GIVE_UP = 24, /* rounds, the least */
    FRESH_AT_COMPANION = 24,
    FRESH_IN_OTHER_STATE = 12
};

void tune_race_duel_begin(tune_race *race, const tune_run *run, int winner)
{
    const tune_entrant *e = &race->entrant[winner];
    const double expected = fmax(1.6 * run->options->noise, 0.002),
                 seen = tune_locate(e->gain, e->rounds).deviation;
    const double square = (e->rounds * seen * seen + 4 * expected * expected) / (e->rounds + 4);
    race->winner = winner;
    race->duels++;
    race->fresh = 0;
    race->proven = false;
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

tune_decision tune_race_duel_run(tune_race *race, tune_run *run, double until)
{
    const double error =
        ldexp(run->error, -race->duels); /* a half for the first duel, a quarter for the second */
    for (;;) {
        if (race->fresh > 0) {
            const tune_location at = tune_locate(race->ratio, race->fresh);
            const double unsure = 2 * 1.25 * at.deviation / sqrt(race->fresh);
            const bool gained = race->proven && at.median >= run->margin &&
                                tune_median_interval(race->ratio, race->fresh).low > 0;
            if (gained && (at.median - unsure >= run->margin || race->fresh == TUNE_FRESH))
                return TUNE_WON;
            if (race->fresh == TUNE_FRESH ||
                (race->fresh >= FRESH_TO_GIVE_UP && at.median + unsure < run->margin))
                return TUNE_NOTHING_BETTER;
        }
        if (race->fresh % 4 == 3 && tune_race_yields(race, run))
            return TUNE_UNDECIDED;
        double *ratio = &race->ratio[race->fresh];
        if (!pair(race, run, until, ratio)) {
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
