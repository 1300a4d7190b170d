/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Winners on trial again (`gemmule wisdom verify`). A choice and the model's plan are timed in turn, in either order, and
 * judged by the median of the ratios and its interval (statistics.h).
 * A choice that is surely faster stands as soon as that is seen; it is retired only when all its time has passed and the
 * median still says no gain, so that looking often costs no winner its place.
 */
#include "tune/measure.h"
#include "tune/statistics.h"
#include "tune/tune.h"
#include <math.h>
#include <string.h>

#define PAIRS_LEAST 24    /* before anything is said                              */
#define PAIRS_MOST  512   /* by then a gain of a tenth of the noise would show    */
#define LOOK        8     /* pairs between looks; then operands move              */
#define SAMPLE      0.002 /* seconds: clocks and calls cost a ten-thousandth    */

typedef struct trial {
    const tune_bench *bench;
    double end; /* of this entry's time */
    tune_random random;
    int pairs;
    double gain[PAIRS_MOST]; /* log ratios */
} trial;

static void judge(const trial *t, tune_duel *duel)
{
    const tune_interval bounds = tune_median_interval(t->gain, t->pairs);
    duel->gain = exp(tune_median(t->gain, t->pairs));
    duel->low = exp(bounds.low);
    duel->high = exp(bounds.high);
    duel->samples = t->pairs;
}

static void run_trial(trial *t, const gml_choice *choice, tune_duel *duel)
{
    static const gml_choice model;
    const tune_bench *bench = t->bench;
    while (t->pairs < PAIRS_MOST && bench->now(bench->host) < t->end) {
        const bool first = tune_random_next(&t->random) >> 63;
        const double one = bench->time(bench->host, first ? choice : &model, SAMPLE);
        const double two = bench->time(bench->host, first ? &model : choice, SAMPLE);
        t->gain[t->pairs++] = log(first ? two / one : one / two);
        if (t->pairs % LOOK == 0 && bench->move)
            bench->move(bench->host);
        if (t->pairs >= PAIRS_LEAST && t->pairs % LOOK == 0) {
            judge(t, duel);
            if (duel->low > 1.0) {
                duel->verdict = TUNE_STANDS;
                return;
            }
        }
    }
    if (t->pairs < PAIRS_LEAST)
        return;
    judge(t, duel);
    duel->verdict = duel->gain > 1.0 ? TUNE_STANDS : TUNE_NO_FASTER;
}

/* The bench of a state, made when it is first needed; NULL: no memory. */
typedef struct benches {
    const tune_duels *with;
    tune_measure *measure[2];
    tune_bench bench[2];
} benches;

static const tune_bench *bench_of(benches *all, uint8_t state)
{
    if (all->with->bench)
        return all->with->bench;
    const int place = state == GML_STATE_WARM;
    if (!all->measure[place]) {
        all->measure[place] = tune_measure_create(&all->with->on, (gml_state)state, tune_memory());
        if (all->measure[place])
            all->bench[place] = tune_measure_bench(all->measure[place]);
    }
    return all->measure[place] ? &all->bench[place] : NULL;
}

static bool is_winner(const tune_duels *with, uint64_t machine, const gml_wisdom_entry *entry)
{
    return !entry->error && !gml_choice_is_model(&entry->choice) && entry->machine == machine &&
           !strcmp(entry->isa, with->on.runtime->set->isa) && tune_plans(&entry->key);
}

static void duel_entry(const tune_bench *bench, const gml_wisdom_entry *entry, double seconds, uint64_t seed,
                       tune_duel *duel)
{
    const char *why;
    const double began = bench->now(bench->host);
    if (!bench->open(bench->host, &entry->key, &why))
        return;
    trial t = {.bench = bench, .end = began + seconds, .random.state = seed};
    if (bench->verify(bench->host, &entry->choice))
        run_trial(&t, &entry->choice, duel);
    else
        duel->verdict = TUNE_WRONG;
    bench->close(bench->host);
}

/* Whether an entry has a turn of its own in a pass: in the second, those that were not seen to win. */
static bool has_turn(const tune_duels *with, uint64_t machine, const gml_wisdom_entry *entry,
                     const tune_duel *duel)
{
    return is_winner(with, machine, entry) &&
           (duel->verdict == TUNE_NOT_REACHED || duel->verdict == TUNE_NO_FASTER);
}

typedef enum pass_end { PASS_OVER, PASS_STOPPED, PASS_NO_MEMORY } pass_end;

/* A turn for each, of equal shares of what is left; what one does not need the others get. */
static pass_end run_pass(benches *all, uint64_t machine, const gml_wisdom_list *list, double end, bool first,
                         tune_duel *duel)
{
    const tune_duels *with = all->with;
    int64_t turns = 0, winners = 0;
    for (int64_t i = 0; i < list->count; i++) {
        winners += is_winner(with, machine, &list->entry[i]);
        turns += has_turn(with, machine, &list->entry[i], &duel[i]);
    }
    for (int64_t i = 0; i < list->count; i++) {
        const gml_wisdom_entry *entry = &list->entry[i];
        if (!has_turn(with, machine, entry, &duel[i]))
            continue;
        const tune_bench *bench = bench_of(all, entry->state);
        if (!bench)
            return PASS_NO_MEMORY;
        const double left = end - bench->now(bench->host);
        if (left <= 0.0)
            return PASS_STOPPED;
        duel_entry(bench, entry, left / (double)turns--, with->seed + (uint64_t)i, &duel[i]);
        if (with->told && !with->told(with->host, first ? winners - turns : winners, entry, &duel[i]))
            return PASS_STOPPED;
    }
    return PASS_OVER;
}

bool tune_duel_again(const tune_duels *with, const gml_wisdom_list *list, tune_duel *duel)
{
    char text[GML_FINGERPRINT_TEXT];
    const uint64_t machine = gml_fingerprint(with->on.machine, text);
    benches all = {.with = with};
    const tune_bench *clock = bench_of(&all, GML_STATE_ROTATED);
    if (!clock)
        return false;
    const double end = clock->now(clock->host) + with->budget;
    for (int64_t i = 0; i < list->count; i++)
        duel[i] = (tune_duel){.verdict = TUNE_NOT_REACHED, .gain = 1.0, .low = 1.0, .high = 1.0};
    pass_end passed = run_pass(&all, machine, list, end, true, duel);
    if (passed == PASS_OVER)
        passed = run_pass(&all, machine, list, end, false, duel);
    for (int i = 0; i < 2; i++)
        if (all.measure[i])
            tune_measure_destroy(all.measure[i]);
    return passed != PASS_NO_MEMORY;
}
