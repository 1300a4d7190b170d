/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Axes: what can be changed of a plan, and to what. The space of choices is made of them (space.c); each operation says
 * which it has (space_gemm.c, space_softmax.c, space_attention.c).
 */
#ifndef GML_TUNE_SPACE_AXES_H
#define GML_TUNE_SPACE_AXES_H

#include "tune/space.h"

#define TUNE_AXES_MOST   12
#define TUNE_VALUES_MOST 20

/* A parameter, or two that are changed together, and the values they may take; ordered ones ascend. `at` is what
 * the plan has. */
typedef struct tune_axis {
    int parameter, partner; /* partner: -1 for none */
    bool ordered;
    int32_t at;
    int count;
    int32_t value[TUNE_VALUES_MOST], partner_value[TUNE_VALUES_MOST];
} tune_axis;

/* The axes of a plan, in the order of what mattered most; without its path. They are those of the plan's path alone. */
typedef struct tune_axes {
    int count;
    tune_axis axis[TUNE_AXES_MOST];
} tune_axes;

/* `path` is the parameter whose value is 1 + one of `paths` enumerators, -1 where an operation has one way only.
 * `kept` are the parameters, as bits, that a change of the path leaves as they are: all others mean something else
 * there. `pair` are two that are only set together. */
typedef struct tune_dimensions {
    int path, paths;
    unsigned kept, pair;
    int32_t (*path_of)(const tune_plan *plan);
    void (*axes)(const tune_machine *on, const gml_key *key, const tune_plan *plan, tune_axes *axes);
    /* What to begin with, after the model: at most `room`, more than are wanted, best first. */
    int (*openings)(const tune_machine *on, const gml_key *key, const tune_plan *model, gml_choice *out, int room);
} tune_dimensions;

extern const tune_dimensions tune_space_gemm, tune_space_softmax, tune_space_attention;

/* Adds an axis; the functions below fill in its values. */
tune_axis *tune_axis_add(tune_axes *axes, int parameter, int32_t at);

/* Not ordered: no and yes. */
void tune_axis_flag(tune_axes *axes, int parameter, bool at);

/* Ordered: first, twice that, and so on (with softmax by another factor), up to the first that is at least `most`. */
void tune_axis_ladder(tune_axes *axes, int parameter, int64_t at, int64_t first, int64_t factor, int64_t most);

/* The value of a ladder of doubles that is `steps` above a value (or below, where negative), 0 where there is none. */
int64_t tune_rung(int64_t first, int64_t at, int steps);

/* Ordered: 1, 2, 3, 4, 6, 8, 12, ... and `most`, for threads. */
void tune_axis_threads(tune_axes *axes, int parameter, int64_t at, int32_t most);

/* Whether so many bytes of results are more than the last cache of a key's threads holds. Results that pass it by
 * look fast on a bench that never reads them; a program does, so that this is offered where they would not have
 * stayed. */
bool tune_beyond_caches(const tune_machine *on, const gml_key *key, int64_t bytes);

/* A list of choices. */
typedef struct tune_choices {
    gml_choice *out;
    int count, room;
} tune_choices;

/* Adds a choice of one parameter, or of two, unless a value is not > 0 or there is no room. */
void tune_choose(tune_choices *choices, int parameter, int64_t value);
void tune_choose_both(tune_choices *choices, int p, int64_t x, int q, int64_t y);

#endif
