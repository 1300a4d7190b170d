/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a run comes to, and how well its neighbours would have told what was measured of a cell: each finished task is left
 * out, its problem looked up in the wisdom of all others (src/plan/wisdom.h), and what is found there compared with what was
 * measured here. A choice that was not measured here says nothing; since winners nearby are seeds of a race, most were.
 */
#include "tune/search.h"
#include "tune/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TELLING = 8 /* cells: of fewer, neither an error nor a regret is stated */ };

static bool finished(const tune_outcome *outcome)
{
    return outcome->verdict == TUNE_PROVEN || outcome->verdict == TUNE_KEPT;
}

/* Predictions are made of, and for, the same operation, type and threads. */
static bool same_kind(const gml_key *x, const gml_key *y)
{
    return x->operation == y->operation && x->type == y->type && x->threads == y->threads;
}

/* Steps from a cell to another; more than any prediction reaches where they cannot be compared. */
static int64_t steps_between(const gml_key *x, const gml_key *y)
{
    int64_t steps = 0;
    if (!same_kind(x, y) || x->layout != y->layout)
        return INT64_MAX;
    const gml_key a = gml_key_cell(x), b = gml_key_cell(y);
    for (int i = 0; i < GML_KEY_SIZES; i++)
        steps += llabs(a.size[i] - b.size[i]);
    return steps;
}

/* The log gain of a choice where it was measured; NaN where it was not. */
static double measured_gain(const tune_outcome *outcome, const gml_choice *choice)
{
    if (gml_choice_is_model(choice))
        return 0;
    if (memcmp(&outcome->choice, choice, sizeof *choice) == 0)
        return log(outcome->gain);
    for (int i = 0; i < outcome->measured_count; i++)
        if (memcmp(&outcome->measured[i].choice, choice, sizeof *choice) == 0 &&
            outcome->measured[i].rounds > 1)
            return log(outcome->measured[i].gain);
    return NAN;
}

typedef struct left_out {
    const tune_task *task;
    const tune_outcome *outcome;
    int count;
    gml_wisdom_entry *entry; /* [count + 1] */
} left_out;

/* What wisdom without a task says of its problem, if predictions err by `error`: a choice, and the log gain it promises. */
static gml_source predict(const left_out *x, int without, double error, gml_choice *choice, double *promised)
{
    const gml_key *key = &x->task[without].key;
    gml_wisdom_list list = {.entry = x->entry};
    x->entry[list.count++] =
        (gml_wisdom_entry){.error = true,
                           .gain = error,
                           .key = {.operation = key->operation, .type = key->type, .threads = key->threads}};
    for (int i = 0; i < x->count; i++) {
        const tune_outcome *o = &x->outcome[i];
        if (i != without && finished(o) && steps_between(&x->task[i].key, key) <= 2)
            x->entry[list.count++] = (gml_wisdom_entry){
                .key = x->task[i].key,
                .choice = o->choice,
                .gain = o->gain,
                .low = o->low,
                .high = o->high,
                .scope = o->cell ? GML_SCOPE_CELL : GML_SCOPE_EXACT,
            };
    }
    gml_wisdom *wisdom = gml_wisdom_build(&list);
    gml_source source = GML_SOURCE_MODEL;
    const gml_wisdom_entry *from = NULL;
    const gml_choice *found = gml_wisdom_find(wisdom, key, &source, &from);
    *choice = found ? *found : (gml_choice){{0}};
    *promised = found && source == GML_SOURCE_CELL ? log(from->gain) : 0;
    if (found && source == GML_SOURCE_PREDICTED) {
        double gain = 0, weights = 0;
        for (int64_t i = 1; i < list.count; i++) {
            const gml_wisdom_entry *e = &x->entry[i];
            const int64_t steps = steps_between(&e->key, key);
            if (e->scope != GML_SCOPE_CELL || steps == 0)
                continue;
            weights += 1.0 / (double)steps;
            if (memcmp(&e->choice, choice, sizeof *choice) == 0)
                gain += log(e->gain) / (double)steps;
        }
        *promised = gain / weights;
    }
    gml_wisdom_free(wisdom);
    return source;
}

/* The error of predictions for what is of the kind of a key; infinite where there are too few to tell. */
static double error_of(const left_out *x, const gml_key *kind, double *room)
{
    int count = 0;
    for (int i = 0; i < x->count; i++) {
        gml_choice choice;
        double promised;
        if (!finished(&x->outcome[i]) || !same_kind(&x->task[i].key, kind) ||
            predict(x, i, 0, &choice, &promised) != GML_SOURCE_PREDICTED)
            continue;
        const double measured = measured_gain(&x->outcome[i], &choice);
        if (!isnan(measured))
            room[count++] = fabs(promised - measured);
    }
    return count < TELLING ? HUGE_VAL : tune_quantile(room, count, 0.95);
}

static bool begin(left_out *x, const tune_task *task, const tune_outcome *outcome, int count, double **room)
{
    *x = (left_out){task, outcome, count, malloc((size_t)(count + 1) * sizeof *x->entry)};
    *room = malloc((size_t)(count + 1) * sizeof **room);
    return x->entry && *room;
}

int tune_errors(const tune_task *task, const tune_outcome *outcome, int count, tune_error *out, int most)
{
    left_out x;
    double *room;
    int found = 0;
    const bool begun = begin(&x, task, outcome, count, &room);
    for (int i = 0; i < count && begun && found < most; i++) {
        bool seen = false;
        for (int j = 0; j < i && !seen; j++)
            seen = same_kind(&task[j].key, &task[i].key);
        const double error = seen ? HUGE_VAL : error_of(&x, &task[i].key, room);
        if (!isinf(error))
            out[found++] = (tune_error){{.operation = task[i].key.operation,
                                         .type = task[i].key.type,
                                         .threads = task[i].key.threads},
                                        error};
    }
    free(x.entry);
    free(room);
    return found;
}

enum { KINDS_MOST = 64 };

static void summarise_regret(const tune_task *task, const tune_outcome *outcome, int count, tune_summary *sum)
{
    left_out x;
    double *room;
    tune_error error[KINDS_MOST];
    const int errors = tune_errors(task, outcome, count, error, KINDS_MOST);
    int n = 0;
    if (begin(&x, task, outcome, count, &room)) {
        for (int i = 0; i < count; i++) {
            gml_choice choice;
            double promised, erring = HUGE_VAL;
            if (!finished(&outcome[i]))
                continue;
            for (int j = 0; j < errors; j++)
                if (same_kind(&error[j].key, &task[i].key))
                    erring = error[j].value;
            predict(&x, i, erring, &choice, &promised);
            const double measured = measured_gain(&outcome[i], &choice), best = log(outcome[i].gain);
            if (!isnan(measured))
                room[n++] = fmax(0, -expm1(measured - best));
        }
        if (n >= TELLING) {
            sum->regret = tune_quantile(room, n, 0.5);
            sum->regret95 = tune_quantile(room, n, 0.95);
        }
    }
    free(x.entry);
    free(room);
}

tune_summary tune_summarise(const tune_task *task, const tune_outcome *outcome, int count, uint64_t seed)
{
    tune_summary sum = {.gain = 1, .low = 1, .high = 1, .worst = 1, .regret = NAN, .regret95 = NAN};
    double *value = calloc(3 * (size_t)count + 1, sizeof *value), *error = value + count,
           *weight = error + count;
    int n = 0;
    for (int i = 0; i < count; i++) {
        const tune_outcome *o = &outcome[i];
        sum.proven += o->verdict == TUNE_PROVEN;
        sum.kept += o->verdict == TUNE_KEPT;
        sum.failed += o->verdict == TUNE_FAILED;
        sum.pending += o->verdict == TUNE_PENDING;
        if (o->verdict == TUNE_PROVEN)
            sum.worst = sum.proven == 1 ? o->low : fmin(sum.worst, o->low);
        if (!value || !finished(o))
            continue;
        value[n] = log(o->gain);
        error[n] = o->verdict == TUNE_PROVEN ? log(o->high / o->low) / (2 * 1.96) : 0;
        weight[n++] = task[i].weight;
    }
    if (n > 0) {
        const tune_mean mean = tune_bootstrap(value, error, weight, n, seed);
        sum.gain = exp(mean.value);
        sum.low = exp(mean.low);
        sum.high = exp(mean.high);
        summarise_regret(task, outcome, count, &sum);
    }
    free(value);
    return sum;
}
