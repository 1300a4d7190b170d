/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Merging by evidence. What is pooled is log(gain), which is about normal, of entries for one problem that made the
 * same choice in the same state of the caches:
 *
 *     s = log(high / low) / (2 * 1.96)      of each: its standard error
 *     w = 1 / s^2
 *     gain = exp(sum(w * log(gain)) / sum(w)),  standard error 1 / sqrt(sum(w))
 *
 * Where the runs differ by more than their intervals allow, by chi^2 = sum(w * (log(gain) - mean)^2) > n - 1, they did
 * not all measure the same; the standard error is then larger by sqrt(chi^2 / (n - 1)), as Birge has it.
 */
#include "tune/store_files.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The normal deviate of a 95 % interval. */
#define Z95 1.959963984540054

/* An interval that is narrower than 0.05 % to either side is not believed: from one run to the next as much changes by where
 * code and operands come to lie. */
#define LEAST_ERROR (0.0005 / Z95)

/* Of one problem, what pleads for one choice. */
typedef struct pool {
    const gml_wisdom_entry *newest;
    double gain, low, high;
    int64_t samples;
    bool proven, lost; /* by a single run: its interval lies above, below 1 */
    bool cell;
} pool;

static bool same_choice(const gml_wisdom_entry *x, const gml_wisdom_entry *y)
{
    return x->state == y->state && gml_choice_compare(&x->choice, &y->choice) == 0;
}

/* An entry and its copy, which an import has made part of another run, are one piece of evidence. */
static bool same_evidence(const gml_wisdom_entry *x, const gml_wisdom_entry *y)
{
    return same_choice(x, y) && x->gain == y->gain && x->low == y->low && x->high == y->high &&
           x->samples == y->samples && x->scope == y->scope;
}

static double standard_error(const gml_wisdom_entry *entry)
{
    return fmax(log(entry->high / entry->low) / (2 * Z95), LEAST_ERROR);
}

/* Pools the evidence for the choice of entry[0]; all are of one problem. */
static pool pool_of(const gml_wisdom_entry **entry, int64_t count)
{
    pool p = {.newest = entry[0], .cell = true};
    double weights = 0, sum = 0, squares = 0;
    int runs = 0;
    for (int64_t i = 0; i < count; i++) {
        const gml_wisdom_entry *e = entry[i];
        if (!same_choice(e, entry[0]))
            continue;
        if (strcmp(e->run, p.newest->run) > 0)
            p.newest = e;
        const double s = standard_error(e), w = 1 / (s * s), x = log(e->gain);
        weights += w;
        sum += w * x;
        squares += w * x * x;
        p.samples += e->samples;
        p.proven |= e->low > 1;
        p.lost |= e->high < 1;
        p.cell &= e->scope == GML_SCOPE_CELL;
        runs++;
    }
    const double mean = sum / weights;
    const double chi2 = fmax(squares - weights * mean * mean, 0);
    const double birge = runs > 1 ? fmax(sqrt(chi2 / (runs - 1)), 1) : 1;
    const double half = Z95 * birge / sqrt(weights);
    p.gain = exp(mean);
    p.low = exp(mean - half);
    p.high = exp(mean + half);
    return p;
}

/* Leaves the choices of runs that are later than the last that kept the model's plan; their number. */
static int64_t leave_later(const gml_wisdom_entry **entry, int64_t count)
{
    const char *last = "";
    for (int64_t i = 0; i < count; i++)
        if (gml_choice_is_model(&entry[i]->choice) && strcmp(entry[i]->run, last) > 0)
            last = entry[i]->run;
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++)
        if (!gml_choice_is_model(&entry[i]->choice) && strcmp(entry[i]->run, last) > 0)
            entry[left++] = entry[i];
    return left;
}

/* What the evidence for one problem comes to. As in a directory, a run that kept the model's plan takes back what earlier
 * runs had proven: it found nothing better, or tune_retire wrote it. */
static gml_wisdom_entry settle(const gml_wisdom_entry **entry, int64_t count)
{
    gml_wisdom_entry out = *entry[0];
    int64_t samples = 0;
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(entry[i]->run, out.run) > 0)
            memcpy(out.run, entry[i]->run, sizeof out.run);
        samples += entry[i]->samples;
    }
    out.choice = (gml_choice){.value = {0}};
    out.gain = out.low = out.high = 1;
    out.scope = GML_SCOPE_EXACT;
    count = leave_later(entry, count);
    for (int64_t i = 0; i < count; i++) {
        bool first = true;
        for (int64_t j = 0; first && j < i; j++)
            first = !same_choice(entry[j], entry[i]);
        if (!first)
            continue;
        const pool p = pool_of(entry + i, count - i);
        const int order = gml_choice_compare(&entry[i]->choice, &out.choice);
        if ((p.proven && p.lost) || p.low <= 1 || p.low < out.low || (p.low == out.low && order > 0))
            continue;
        out = *p.newest;
        out.gain = p.gain;
        out.low = p.low;
        out.high = p.high;
        out.scope = p.cell ? GML_SCOPE_CELL : GML_SCOPE_EXACT;
        samples = p.samples;
    }
    out.samples = (int32_t)(samples < INT32_MAX ? samples : INT32_MAX);
    return out;
}

/* Of the errors of predictions the largest: what was pooled is predicted no better than the worst of them. */
static gml_wisdom_entry largest(const gml_wisdom_entry **entry, int64_t count)
{
    const gml_wisdom_entry *most = entry[0];
    for (int64_t i = 1; i < count; i++)
        if (entry[i]->gain > most->gain)
            most = entry[i];
    return *most;
}

/* An entry and its place in the list. */
typedef struct item {
    const gml_wisdom_entry *entry;
    int64_t place;
} item;

static int by_problem(const void *x, const void *y)
{
    const item *a = x, *b = y;
    const int order = tune_compare_problem(a->entry, b->entry);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int by_place(const void *x, const void *y)
{
    const item *a = x, *b = y;
    return (a->place > b->place) - (a->place < b->place);
}

/* Settles the groups of sorted items into `out`, which has room for all; items[] are then the groups, each with the first
 * of its places. Returns their number. `of` has room for a group. */
static int64_t settle_all(item *items, int64_t count, gml_wisdom_entry *out, const gml_wisdom_entry **of)
{
    int64_t groups = 0;
    for (int64_t begin = 0, end; begin < count; begin = end) {
        int64_t pieces = 0;
        for (end = begin; end < count && !tune_compare_problem(items[begin].entry, items[end].entry); end++) {
            int64_t i = 0;
            while (i < pieces && !same_evidence(of[i], items[end].entry))
                i++;
            if (i == pieces)
                of[pieces++] = items[end].entry;
            else if (strcmp(items[end].entry->run, of[i]->run) > 0)
                of[i] = items[end].entry; /* the copy is the later word */
        }
        const int64_t place = items[begin].place;
        out[groups] = of[0]->error ? largest(of, pieces) : settle(of, pieces);
        items[groups] = (item){.entry = &out[groups], .place = place};
        groups++;
    }
    return groups;
}

bool tune_merge(const gml_wisdom_list *from, gml_wisdom_list *to)
{
    const size_t count = (size_t)from->count;
    if (!count)
        return true;
    item *items = malloc(count * sizeof *items);
    gml_wisdom_entry *out = malloc(count * sizeof *out);
    const gml_wisdom_entry **of = malloc(count * sizeof *of);
    bool fine = items && out && of;
    if (fine) {
        for (int64_t i = 0; i < from->count; i++)
            items[i] = (item){.entry = &from->entry[i], .place = i};
        qsort(items, count, sizeof *items, by_problem);
        const int64_t groups = settle_all(items, from->count, out, of);
        qsort(items, (size_t)groups, sizeof *items, by_place);
        for (int64_t i = 0; fine && i < groups; i++)
            fine = tune_list_add(to, items[i].entry);
    }
    free(items);
    free(out);
    free(of);
    return fine;
}
