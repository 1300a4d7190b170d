/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The maps of wisdom while they are made.
 */
#include "src/plan/wisdom_table.h"
#include <stdlib.h>

bool gml_wisdom_map_make(gml_wisdom_map *map, int64_t count)
{
    int bits = 1;
    while ((INT64_C(1) << bits) < 2 * count)
        bits++;
    *map = (gml_wisdom_map){.slot = calloc((size_t)1 << bits, sizeof *map->slot),
                            .mask = (UINT64_C(1) << bits) - 1,
                            .shift = 64 - bits};
    return map->slot != NULL;
}

/* Into twice the room. */
static bool grow(gml_wisdom_map *map)
{
    gml_wisdom_map to;
    if (!gml_wisdom_map_make(&to, (int64_t)map->mask + 1))
        return false;
    for (uint64_t i = 0; i <= map->mask; i++) {
        gml_wisdom_slot *slot = map->slot[i].entry ? gml_wisdom_place(&to, map->slot[i].code) : NULL;
        if (slot) {
            *slot = map->slot[i];
            to.count++;
        }
    }
    free(map->slot);
    *map = to;
    return true;
}

gml_wisdom_slot *gml_wisdom_put(gml_wisdom_map *map, uint64_t code)
{
    gml_wisdom_slot *slot = gml_wisdom_place(map, code);
    if (!slot || slot->entry)
        return slot;
    if (2 * map->count > (int64_t)map->mask) {
        if (!grow(map)) {
            map->no_memory = true;
            return NULL;
        }
        slot = gml_wisdom_place(map, code);
    }
    if (slot) {
        slot->code = code;
        map->count++;
    }
    return slot;
}
