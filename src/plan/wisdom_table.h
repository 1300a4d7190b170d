/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The insides of the table of wisdom: open addressing, by codes of 64 bits.
 */
#ifndef GML_PLAN_WISDOM_TABLE_H
#define GML_PLAN_WISDOM_TABLE_H

#include "src/plan/wisdom.h"

typedef struct gml_wisdom_slot {
    uint64_t code;
    int32_t entry;  /* 1 + its index in the list; 0: the slot is free */
    uint8_t source; /* GML_SOURCE_MODEL: a cell that nothing is predicted for */
    bool model;     /* the entry's choice is the model's              */
    bool candidate; /* while predictions are made: entry is 1 + the last of its votes */
} gml_wisdom_slot;

typedef struct gml_wisdom_map {
    gml_wisdom_slot *slot;
    uint64_t mask;
    int shift;
    bool no_memory; /* it could not grow */
    int64_t count;  /* of slots in use, at most half of them */
} gml_wisdom_map;

/* How far a code may be from its place: several times what a half full table of random codes comes to. Codes that are
 * made to collide are lost from there on. */
#define GML_WISDOM_PROBES 128

/* Room for so many codes to begin with. false where memory is missing. */
bool gml_wisdom_map_make(gml_wisdom_map *map, int64_t count);

/* The slot of a code, which is made where there is none: then its entry is 0, and must be set. NULL where none can. */
gml_wisdom_slot *gml_wisdom_put(gml_wisdom_map *map, uint64_t code);

/* The slot of a code or the free one where it would be, or NULL. */
static inline gml_wisdom_slot *gml_wisdom_place(const gml_wisdom_map *map, uint64_t code)
{
    uint64_t at = code * UINT64_C(0x9e3779b97f4a7c15) >> map->shift; /* 2^64 / the golden ratio */
    for (int probe = 0; probe < GML_WISDOM_PROBES; probe++, at = (at + 1) & map->mask)
        if (map->slot[at].entry == 0 || map->slot[at].code == code)
            return &map->slot[at];
    return NULL;
}

/* The slot of a code, or NULL. */
static inline gml_wisdom_slot *gml_wisdom_slot_of(const gml_wisdom_map *map, uint64_t code)
{
    gml_wisdom_slot *slot = gml_wisdom_place(map, code);
    return slot && slot->entry ? slot : NULL;
}

/*
 * A cell as one number: operation, type and layout, threads (at most GML_MAX_THREADS), and 1 + log2 of each size in six
 * bits. The error of predictions lies in the same map.
 */
#define GML_CODE_SIZE_BITS 6
#define GML_CODE_SIZE(i) (23 + GML_CODE_SIZE_BITS * (i))
#define GML_CODE_SIZE_MOST ((UINT64_C(1) << GML_CODE_SIZE_BITS) - 1)
#define GML_CODE_ERROR (UINT64_C(1) << 63)

_Static_assert(GML_CELL_MOST + 1 <= GML_CODE_SIZE_MOST && GML_CODE_SIZE(GML_KEY_SIZES) <= 63, "a cell is a number");

uint64_t gml_wisdom_cell_code(const gml_key *key);
uint64_t gml_wisdom_error_code(const gml_key *key);

/* wisdom_predict.c: the cells beside measured ones, put into the map of cells. false where memory is missing. So many
 * are predicted from, in the order of precedence: more than anybody measures, and building stays short. */
#define GML_PREDICTING_MOST 4096
bool gml_wisdom_predict(const gml_wisdom_list *list, gml_wisdom_map *cells);

#endif
