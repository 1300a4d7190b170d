/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of wisdom: entries by their keys, and by the cells they hold for, or that are predicted from them. Both are
 * found by one probe, most of the time, of memory that nobody writes any more. What building costs is bounded by the
 * number of entries, whatever their keys: a place is looked for so far and no further.
 */
#include "src/plan/wisdom.h"
#include "src/core/runtime.h"
#include "src/plan/wisdom_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gml_wisdom {
    gml_wisdom_list list;
    gml_wisdom_map exact; /* by hash: a key is compared before it counts */
    gml_wisdom_map cells; /* by code: that is the whole cell             */
};

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

static void fill_exact(gml_wisdom *wisdom)
{
    const gml_wisdom_entry *entry = wisdom->list.entry;
    for (int64_t i = 0; i < wisdom->list.count; i++) {
        const uint64_t code = gml_key_hash(&entry[i].key);
        gml_wisdom_slot *slot = entry[i].error ? NULL : gml_wisdom_put(&wisdom->exact, code);
        if (slot && slot->entry == 0)
            *slot = slot_for(&entry[i], i, code, GML_SOURCE_EXACT);
    }
}

static bool is_first_of_key(const gml_wisdom *wisdom, int64_t i)
{
    const gml_wisdom_slot *slot =
        gml_wisdom_slot_of(&wisdom->exact, gml_key_hash(&wisdom->list.entry[i].key));
    return slot && slot->entry == i + 1;
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
    if (!wisdom->list.entry || !gml_wisdom_map_make(&wisdom->exact, list->count) ||
        !gml_wisdom_map_make(&wisdom->cells, list->count)) {
        gml_wisdom_free(wisdom);
        return NULL;
    }
    if (list->count)
        memcpy(wisdom->list.entry, list->entry, (size_t)list->count * sizeof *list->entry);
    wisdom->list.count = wisdom->list.room = list->count;
    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in a logarithm */
    fill_exact(wisdom);
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
    free(wisdom->exact.slot);
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
    const gml_wisdom_slot *slot = NULL;
    const gml_wisdom_entry *found = NULL;
    if (wisdom) {
        slot = gml_wisdom_slot_of(&wisdom->exact, gml_key_hash(key));
        if (!slot || !gml_key_equal(&wisdom->list.entry[slot->entry - 1].key, key))
            slot = gml_wisdom_slot_of(&wisdom->cells, gml_wisdom_cell_code(key));
        if (slot && slot->source != GML_SOURCE_MODEL)
            found = &wisdom->list.entry[slot->entry - 1];
    }
    *source = found ? (gml_source)slot->source : GML_SOURCE_MODEL;
    if (entry)
        *entry = found;
    return found && !slot->model ? &found->choice : NULL;
}
