/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Predictions: what was measured votes on the cells around it. Each vote is a measured cell and its distance; a choice
 * wins where its mean gain over all votes, those for other choices or the model counting as no gain, is more than
 * predictions have been found to err by.
 */
#include "src/plan/wisdom_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Around a cell of s sizes: 2 s cells at one step along one size, 2 s (s - 1) at one step along each of two. */
enum { AROUND_MOST = 2 * GML_KEY_SIZES * GML_KEY_SIZES };

typedef struct measured {
    int32_t entry;
    double gain; /* log; 0 of the model */
} measured;

typedef struct vote {
    int32_t measured;
    int32_t next;   /* 1 + that of the same cell; 0: none */
    int32_t weight; /* in halves: 2 / steps               */
} vote;

typedef struct ballot {
    const gml_wisdom_list *list;
    gml_wisdom_map *cells;
    measured *measured;
    vote *vote;
    int64_t measured_count, vote_count;
} ballot;

/* The code with size i one step smaller or larger; 0, which is no code of a cell, where there is no such cell. Nothing
 * is near to a size of 0. */
static uint64_t step(uint64_t code, int i, bool up)
{
    const uint64_t size = code >> GML_CODE_SIZE(i) & GML_CODE_SIZE_MOST, one = UINT64_C(1)
                                                                               << GML_CODE_SIZE(i);
    if (code == 0 || size == 0 || size == (up ? GML_CODE_SIZE_MOST : 1))
        return 0;
    return up ? code + one : code - one;
}

/* The cells around one: first those at one step, whose number goes to *near. */
static int around(uint64_t code, uint64_t cell[AROUND_MOST], int *near)
{
    int count = 0;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        for (int up = 0; up < 2; up++) {
            cell[count] = step(code, i, up);
            count += cell[count] != 0;
        }
    *near = count;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        for (int j = 0; j < i; j++)
            for (int up = 0; up < 4; up++) {
                cell[count] = step(step(code, i, up & 1), j, up >> 1);
                count += cell[count] != 0;
            }
    return count;
}

/* The error of predictions for a key; infinite where it is not known. */
static double error_of(const ballot *b, const gml_key *key)
{
    const gml_wisdom_slot *slot = gml_wisdom_slot_of(b->cells, gml_wisdom_error_code(key));
    return slot ? b->list->entry[slot->entry - 1].gain : INFINITY;
}

/* The measured cells whose operation, type and threads predictions are known of. */
static void collect(ballot *b)
{
    for (int64_t i = 0; i < b->list->count && b->measured_count < GML_PREDICTING_MOST; i++) {
        const gml_wisdom_entry *entry = &b->list->entry[i];
        if (entry->error || entry->scope != GML_SCOPE_CELL || isinf(error_of(b, &entry->key)))
            continue;
        const gml_wisdom_slot *slot = gml_wisdom_slot_of(b->cells, gml_wisdom_cell_code(&entry->key));
        if (slot && slot->entry == i + 1)
            b->measured[b->measured_count++] = (measured){(int32_t)i, slot->model ? 0 : log(entry->gain)};
    }
}

/* A measured cell votes on those around it. The first that could win alone make candidates of them. */
static void cast(ballot *b, int64_t voter, bool makes_candidates)
{
    uint64_t cell[AROUND_MOST];
    int near;
    const uint64_t code = gml_wisdom_cell_code(&b->list->entry[b->measured[voter].entry].key);
    const int count = around(code, cell, &near);
    for (int i = 0; i < count; i++) {
        gml_wisdom_slot *slot =
            makes_candidates ? gml_wisdom_put(b->cells, cell[i]) : gml_wisdom_slot_of(b->cells, cell[i]);
        if (slot && slot->entry == 0)
            slot->candidate = true;
        if (slot && slot->candidate) {
            b->vote[b->vote_count++] = (vote){(int32_t)voter, slot->entry, i < near ? 2 : 1};
            slot->entry = (int32_t)b->vote_count;
        }
    }
}

static const gml_wisdom_entry *entry_of(const ballot *b, const vote *v)
{
    return &b->list->entry[b->measured[v->measured].entry];
}

static const vote *next_vote(const ballot *b, const vote *v)
{
    return v->next ? &b->vote[v->next - 1] : NULL;
}

/* The gain of a vote's choice over all votes from `first` on; *best becomes the nearest of those that agree, of them
 * the one with the highest gain, of them the first in the list. */
static double gain_of(const ballot *b, const vote *first, const vote *of, const vote **best)
{
    double gain = 0, weights = 0;
    *best = of;
    for (const vote *v = first; v; v = next_vote(b, v)) {
        const measured *m = &b->measured[v->measured], *held = &b->measured[(*best)->measured];
        weights += v->weight;
        if (memcmp(&entry_of(b, v)->choice, &entry_of(b, of)->choice, sizeof(gml_choice)) != 0)
            continue;
        gain += v->weight * m->gain;
        if (v->weight != (*best)->weight ? v->weight > (*best)->weight
            : m->gain != held->gain      ? m->gain > held->gain
                                         : m->entry < held->entry)
            *best = v;
    }
    return gain / weights;
}

static void count(const ballot *b, gml_wisdom_slot *slot)
{
    const vote *first = &b->vote[slot->entry - 1], *winner = NULL;
    double most = error_of(b, &entry_of(b, first)->key);
    for (const vote *v = first; v; v = next_vote(b, v)) {
        const vote *nearest;
        if (b->measured[v->measured].gain <= 0)
            continue;
        const double gain = gain_of(b, first, v, &nearest);
        if (gain > most || (gain == most && winner &&
                            gml_choice_compare(&entry_of(b, v)->choice, &entry_of(b, winner)->choice) < 0)) {
            most = gain;
            winner = nearest;
        }
    }
    slot->candidate = false;
    slot->source = winner ? GML_SOURCE_PREDICTED : GML_SOURCE_MODEL;
    if (winner)
        slot->entry = b->measured[winner->measured].entry + 1;
}

bool gml_wisdom_predict(const gml_wisdom_list *list, gml_wisdom_map *cells)
{
    ballot b = {.list = list, .cells = cells};
    const int64_t most = list->count < GML_PREDICTING_MOST ? list->count : GML_PREDICTING_MOST;
    b.measured = malloc((size_t)(most + 1) * sizeof *b.measured);
    if (b.measured)
        collect(&b);
    b.vote = b.measured ? malloc((size_t)(b.measured_count * AROUND_MOST + 1) * sizeof *b.vote) : NULL;
    if (b.vote) {
        for (int64_t i = 0; i < b.measured_count; i++)
            if (b.measured[i].gain > error_of(&b, &list->entry[b.measured[i].entry].key))
                cast(&b, i, true);
        const int64_t made = b.vote_count;
        for (int64_t i = 0; made && i < b.measured_count; i++)
            if (!(b.measured[i].gain > error_of(&b, &list->entry[b.measured[i].entry].key)))
                cast(&b, i, false);
        for (uint64_t i = 0; made && i <= cells->mask; i++)
            if (cells->slot[i].candidate)
                count(&b, &cells->slot[i]);
    }
    const bool done = b.vote && !cells->no_memory;
    free(b.vote);
    free(b.measured);
    return done;
}
