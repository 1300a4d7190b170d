/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of wisdom: entries by their keys, and by the cells they hold for, or that are predicted from them. Both are
 * found by one probe, most of the time, of memory that nobody writes any more; that of a key is one cache line, which has
 * the key itself in it. What building costs is bounded by the
 * number of entries, whatever their keys: a place is looked for so far and no further.
 */
#include "src/plan/wisdom.h"
#include "src/core/runtime.h"
#include "src/plan/wisdom_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY_KNOWN 4096

/* A cache line. */
typedef struct known {
    uint64_t head; /* of the key */
    int64_t size[GML_KEY_SIZES];
    int32_t entry; /* 1 + its index in the list; 0: the place is free */
    bool model;    /* the entry's choice is the model's               */
} known;

_Static_assert(sizeof(known) == GML_ALIGNMENT, "a key is found in one cache line");

struct gml_wisdom {
    gml_wisdom_list list;
    known *
        known; /* by hash, at most a fourth of the places taken, of many half: most are the first looked at */
    uint64_t known_mask;
    int known_shift;
    gml_wisdom_map cells; /* by code: that is the whole cell */
};

/* The place of a key, or the free one where it would be, or NULL. */
static inline known *place_of(const gml_wisdom *wisdom, const gml_key *key)
{
    const uint64_t head = gml_key_head(key);
    uint64_t at = gml_key_hash(key) >> wisdom->known_shift;
    for (int probe = 0; probe < GML_WISDOM_PROBES; probe++, at = (at + 1) & wisdom->known_mask) {
        known *place = &wisdom->known[at];
        uint64_t differ = place->head ^ head;
        for (int i = 0; i < GML_KEY_SIZES; i++)
            differ |= (uint64_t)(place->size[i] ^ key->size[i]);
        if (differ == 0 || place->entry == 0)
            return place;
    }
    return NULL;
}

uint64_t gml_wisdom_cell_code(const gml_key *key)
{
    uint64_t code = key->operation | (uint64_t)key->type << 2 | (uint64_t)key->layout << 4 |
                    (uint64_t)(uint32_t)key->threads << 12;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        code |= (uint64_t)(gml_key_log2(key->size[i]) + 1) << GML_CODE_SIZE(i);
    return code;
}

uint64_t gml_wisdom_error_code(const gml_key *key)
{
    return key->operation | (uint64_t)key->type << 2 | (uint64_t)(uint32_t)key->threads << 12 |
           GML_CODE_ERROR;
}

static gml_wisdom_slot slot_for(const gml_wisdom_entry *entry, int64_t i, uint64_t code, gml_source source)
{
    return (gml_wisdom_slot){.code = code,
                             .entry = (int32_t)i + 1,
                             .source = (uint8_t)source,
                             .model = gml_choice_is_model(&entry->choice)};
}

/* How far the sizes of a key are from the middle of its cell: steps, along all sizes. */
static double off_middle(const gml_key *key)
{
    double sum = 0;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        if (key->size[i] > 0)
            sum += fabs(log2((double)key->size[i]) - (double)gml_key_log2(key->size[i]));
    return sum;
}

static bool make_known(gml_wisdom *wisdom)
{
    int bits = 1;
    const int64_t room = wisdom->list.count > MANY_KNOWN ? 2 : 4;
    while ((INT64_C(1) << bits) < room * wisdom->list.count)
        bits++;
    const size_t bytes = sizeof(known) << bits;
    wisdom->known = aligned_alloc(GML_ALIGNMENT, bytes);
    wisdom->known_mask = (UINT64_C(1) << bits) - 1;
    wisdom->known_shift = 64 - bits;
    if (wisdom->known)
        memset(wisdom->known, 0, bytes);
    return wisdom->known;
}

static void fill_known(gml_wisdom *wisdom)
{
    const gml_wisdom_entry *entry = wisdom->list.entry;
    for (int64_t i = 0; i < wisdom->list.count; i++) {
        known *place = entry[i].error ? NULL : place_of(wisdom, &entry[i].key);
        if (!place || place->entry)
            continue;
        *place = (known){.head = gml_key_head(&entry[i].key),
                         .entry = (int32_t)i + 1,
                         .model = gml_choice_is_model(&entry[i].choice)};
        memcpy(place->size, entry[i].key.size, sizeof place->size);
    }
}

static bool is_first_of_key(const gml_wisdom *wisdom, int64_t i)
{
    const known *place = place_of(wisdom, &wisdom->list.entry[i].key);
    return place && place->entry == i + 1;
}

static void fill_cells(gml_wisdom *wisdom)
{
    const gml_wisdom_entry *entry = wisdom->list.entry;
    for (int64_t i = 0; i < wisdom->list.count; i++) {
        if (!entry[i].error && (entry[i].scope != GML_SCOPE_CELL || !is_first_of_key(wisdom, i)))
            continue;
        const uint64_t code =
            entry[i].error ? gml_wisdom_error_code(&entry[i].key) : gml_wisdom_cell_code(&entry[i].key);
        gml_wisdom_slot *slot = gml_wisdom_put(&wisdom->cells, code);
        if (slot && (slot->entry == 0 || (!entry[i].error && off_middle(&entry[i].key) <
                                                                 off_middle(&entry[slot->entry - 1].key))))
            *slot = slot_for(&entry[i], i, code, GML_SOURCE_CELL);
    }
}

gml_wisdom *gml_wisdom_build(const gml_wisdom_list *list)
{
    gml_wisdom *wisdom = calloc(1, sizeof *wisdom);
    if (!wisdom)
        return NULL;
    wisdom->list.entry = malloc((size_t)(list->count + 1) * sizeof *list->entry);
    wisdom->list.count = wisdom->list.room = list->count;
    if (!wisdom->list.entry || !make_known(wisdom) || !gml_wisdom_map_make(&wisdom->cells, list->count)) {
        gml_wisdom_free(wisdom);
        return NULL;
    }
    if (list->count)
        memcpy(wisdom->list.entry, list->entry, (size_t)list->count * sizeof *list->entry);
    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in a logarithm */
    fill_known(wisdom);
    fill_cells(wisdom);
    const bool built = gml_wisdom_predict(&wisdom->list, &wisdom->cells);
    gml_fpenv_leave(found);
    if (!built) {
        gml_wisdom_free(wisdom);
        return NULL;
    }
    return wisdom;
}

void gml_wisdom_free(gml_wisdom *wisdom)
{
    if (!wisdom)
        return;
    free(wisdom->list.entry);
    free(wisdom->known);
    free(wisdom->cells.slot);
    free(wisdom);
}

const gml_wisdom_list *gml_wisdom_entries(const gml_wisdom *wisdom)
{
    return &wisdom->list;
}

const gml_choice *gml_wisdom_find(const gml_wisdom *wisdom, const gml_key *key, gml_source *source,
                                  const gml_wisdom_entry **entry)
{
    const gml_wisdom_entry *found = NULL;
    gml_source from = GML_SOURCE_MODEL;
    bool model = true;
    const known *place = wisdom ? place_of(wisdom, key) : NULL;
    if (place && place->entry) {
        found = &wisdom->list.entry[place->entry - 1];
        from = GML_SOURCE_EXACT;
        model = place->model;
    } else if (wisdom) {
        const gml_wisdom_slot *slot = gml_wisdom_slot_of(&wisdom->cells, gml_wisdom_cell_code(key));
        if (slot && slot->source != GML_SOURCE_MODEL) {
            found = &wisdom->list.entry[slot->entry - 1];
            from = (gml_source)slot->source;
            model = slot->model;
        }
    }
    *source = from;
    if (entry)
        *entry = found;
    const gml_choice *const choice[] = {found ? &found->choice : NULL, NULL};
    return choice[model]; /* nobody can foresee which: a load is faster than a branch */
}
