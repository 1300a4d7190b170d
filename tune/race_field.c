/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The field of a race: who leads, who drops out, and who is chosen. Two that nobody could tell apart in use are settled by
 * the canonical order, and only as far as that asks for it do rounds go on: until it is clear which ones are within the
 * margin of the leader.
 */
#include "tune/race.h"
#include <math.h>

/* Errors of a median, to be sure. Nothing false is adopted by a race: what it decides wrongly costs a gain. */
static const double SURE = 2.5;

enum {
    ROUNDS_OUT = 2, /* before anyone drops out                            */
    ROUNDS_IN = 8   /* before it is taken for sure that a near tie is one */
};
static const double TIED_SHARE = 2.5; /* a near tie costs at most this part of a gain */

/* How far one is ahead of another in the rounds of both: median, and an error of it that is more than fair to few rounds. */
static tune_location apart(const tune_race *race, const tune_run *run, int ahead, int behind, int *rounds)
{
    const tune_entrant *x = &race->entrant[ahead], *y = &race->entrant[behind];
    const int from = x->joined > y->joined ? x->joined : y->joined;
    const int x_end = x->joined + x->rounds, y_end = y->joined + y->rounds,
              end = x_end < y_end ? x_end : y_end;
    double difference[TUNE_ROUNDS];
    int count = 0;
    for (int r = from; r < end; r++)
        difference[count++] = x->gain[r - x->joined] - y->gain[r - y->joined];
    *rounds = count;
    if (count == 0)
        return (tune_location){0, HUGE_VAL};
    /* The noise floor is a 95th percentile of medians of sixteen: 1.6 times as much for the difference of two samples.
     * It counts as four rounds. */
    const double expected = fmax(1.6 * run->options->noise, 0.002);
    const tune_location seen = tune_locate(difference, count);
    const double square = (count * seen.deviation * seen.deviation + 4 * expected * expected) / (count + 4);
    return (tune_location){seen.median, 1.25 * sqrt(square / count)};
}

/* Who is ahead of each of those before in the rounds that both ran: in others the model's sample may have been hit, and all
 * of them look well. */
int tune_race_leader(const tune_race *race, const tune_run *run)
{
    int first = 0, rounds;
    for (int i = 1; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_RACING && apart(race, run, i, first, &rounds).median > 0 &&
            rounds >= 3)
            first = i;
    return first;
}

int tune_race_count(const tune_race *race)
{
    int count = 0;
    for (int i = 0; i < race->count; i++)
        count += race->entrant[i].standing == TUNE_RACING;
    return count;
}

static bool comes_before(const tune_race *race, int x, int y)
{
    return gml_choice_compare(&race->entrant[x].choice, &race->entrant[y].choice) < 0;
}

/* What canonical order makes up for: nobody could tell the two apart, and most of the gain stays. */
static double tie(const tune_race *race, const tune_run *run, int first)
{
    const tune_entrant *e = &race->entrant[first];
    return fmin(run->margin, first ? tune_median(e->gain, e->rounds) / TIED_SHARE : run->margin);
}

/* Who is surely behind the leader by more than order makes up for drops out, and so does who could only win by a lead that
 * it surely has not. Returns whether it is clear of all others whether they tie with the leader. */
bool tune_race_drop_out(tune_race *race, const tune_run *run)
{
    const int first = tune_race_leader(race, run);
    int tied = -1; /* the first in canonical order that surely is */
    bool clear = true, model_ties = first == 0;
    for (int i = 0; i < race->count; i++) {
        tune_entrant *e = &race->entrant[i];
        if (e->standing != TUNE_RACING || i == first)
            continue;
        int rounds;
        const tune_location x = apart(race, run, first, i, &rounds);
        const double sure = SURE * x.deviation, enough = run->margin;
        if (rounds < ROUNDS_OUT) {
            clear = false;
        } else if (!comes_before(race, i, first)) {
            if (x.median - sure > 0 || (rounds >= 6 && x.median - sure > -run->margin))
                e->standing = TUNE_OUT;
            else
                clear = false;
        } else if (x.median - sure > enough) {
            e->standing = i ? TUNE_OUT : TUNE_RACING;
        } else if (rounds < ROUNDS_IN || x.median + sure >= enough) {
            clear = false;
        } else {
            model_ties = model_ties || i == 0;
            tied = tied < 0 || comes_before(race, i, tied) ? i : tied;
        }
    }
    for (int i = 1; i < race->count && tied >= 0; i++)
        if (race->entrant[i].standing == TUNE_RACING && race->entrant[i].rounds >= 4 && i != first &&
            comes_before(race, tied, i))
            race->entrant[i].standing = TUNE_OUT;
    return clear || (model_ties && first != 0);
}

double tune_race_round_cost(const tune_race *race)
{
    double cost = 0;
    for (int i = 0; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_RACING)
            cost += race->entrant[i].cost > 0 ? race->entrant[i].cost : 1.5 * race->entrant[0].cost;
    return cost;
}

/* Where six rounds of all do not fit, the better half goes on, three at least. */
void tune_race_halve(tune_race *race, double left)
{
    double gain[TUNE_ENTRANTS];
    int count = 0;
    for (int i = 1; i < race->count; i++) {
        const tune_entrant *e = &race->entrant[i];
        if (e->standing == TUNE_RACING && e->rounds < 2)
            return;
        if (e->standing == TUNE_RACING)
            gain[count++] = tune_median(e->gain, e->rounds);
    }
    if (count <= 3 || 6 * tune_race_round_cost(race) <= left)
        return;
    const double least = tune_quantile(gain, count, count / 2 >= 3 ? 0.5 : 1 - 3.0 / count);
    for (int i = 1; i < race->count; i++) {
        tune_entrant *e = &race->entrant[i];
        if (e->standing == TUNE_RACING && tune_median(e->gain, e->rounds) < least)
            e->standing = TUNE_OUT;
    }
}

/* Who was slower once is out for want of time where a second sample would take a noticeable part of what is left. */
void tune_race_drop_unaffordable(tune_race *race, double left)
{
    for (int i = 1; i < race->count; i++) {
        tune_entrant *e = &race->entrant[i];
        if (e->standing == TUNE_RACING && e->rounds == 1 && e->cost > left / 32 && e->gain[0] < -log(1.25))
            e->standing = TUNE_OUT;
    }
}

bool tune_race_leads(const tune_race *race, const tune_run *run, int rounds)
{
    if (race->rounds < rounds)
        return false;
    for (int i = 1; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_RACING && race->entrant[i].rounds < TUNE_ROUNDS_TO_CHOOSE)
            return false;
    return race->entrant[tune_race_leader(race, run)].rounds >= rounds;
}

/* Whether one that is out comes before a winner in canonical order, and was not far behind. */
bool tune_race_may_replace(const tune_race *race, const tune_run *run, int entrant, int winner)
{
    const tune_entrant *e = &race->entrant[entrant], *w = &race->entrant[winner];
    return e->standing == TUNE_OUT && e->rounds > 0 && comes_before(race, entrant, winner) &&
           tune_median(e->gain, e->rounds) > tune_median(w->gain, w->rounds) - 2 * run->margin;
}

/* The first in canonical order that ties with the leader; the model where there is no gain. */
int tune_race_choose(const tune_race *race, const tune_run *run)
{
    const int first = tune_race_leader(race, run);
    int chosen = first, rounds;
    if (first == 0 || tune_median(race->entrant[first].gain, race->entrant[first].rounds) <= run->margin)
        return 0;
    for (int i = 1; i < race->count; i++)
        if (race->entrant[i].standing == TUNE_RACING && comes_before(race, i, chosen) &&
            apart(race, run, first, i, &rounds).median <= tie(race, run, first) && rounds >= 2)
            chosen = i;
    return chosen;
}
