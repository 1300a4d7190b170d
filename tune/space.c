/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of choices, for any operation. The grid goes outwards from the model's plan: all that is one change away,
 * then all pairs of changes, and so on, as far as there is room; so whatever is left out is further away than what is
 * there. Another path counts as a change, and has axes of its own.
 */
#include "src/core/integers.h"
#include "tune/space_axes.h"
#include <string.h>

#define CHANGES_MOST  4 /* at once, in the grid: more are a matter of steps */
#define CACHE_UNKNOWN ((int64_t)16 << 20)
#define OPENINGS_MOST 64
#define KNOWN_MOST    8 /* places of the seeds that the model and winners nearby may take */
#define SEEDS_LEAST   8

tune_axis *tune_axis_add(tune_axes *axes, int parameter, int32_t at)
{
    tune_axis *axis = &axes->axis[axes->count++];
    *axis = (tune_axis){.parameter = parameter, .partner = -1, .at = at};
    return axis;
}

void tune_axis_flag(tune_axes *axes, int parameter, bool at)
{
    tune_axis *axis = tune_axis_add(axes, parameter, at ? GML_YES : GML_NO);
    axis->value[axis->count++] = GML_NO;
    axis->value[axis->count++] = GML_YES;
}

void tune_axis_ladder(tune_axes *axes, int parameter, int64_t at, int64_t first, int64_t factor, int64_t most)
{
    tune_axis *axis = tune_axis_add(axes, parameter, (int32_t)min64(at, INT32_MAX));
    axis->ordered = true;
    for (int64_t value = first; axis->count < TUNE_VALUES_MOST && value <= INT32_MAX; value *= factor) {
        axis->value[axis->count++] = (int32_t)value;
        if (value >= most)
            break;
    }
}

int64_t tune_rung(int64_t first, int64_t at, int steps)
{
    int64_t above = first; /* the lowest that is not below */
    while (above < at)
        above *= 2;
    if (steps > 0)
        return (above == at ? above * 2 : above) << (steps - 1);
    const int64_t below = above >> -steps;
    return below >= first && below < at ? below : 0;
}

void tune_axis_threads(tune_axes *axes, int parameter, int64_t at, int32_t most)
{
    tune_axis *axis = tune_axis_add(axes, parameter, (int32_t)min64(at, INT32_MAX));
    axis->ordered = true;
    for (int32_t power = 1; power < most && axis->count < TUNE_VALUES_MOST - 2; power *= 2) {
        axis->value[axis->count++] = power;
        if (power > 1 && power / 2 * 3 < most)
            axis->value[axis->count++] = power / 2 * 3;
    }
    axis->value[axis->count++] = most;
}

bool tune_beyond_caches(const tune_machine *on, const gml_key *key, int64_t bytes)
{
    const int64_t l3 = gml_cache_budget_of(on->machine, key->threads).l3;
    return bytes / key->threads > (l3 ? l3 : CACHE_UNKNOWN);
}

void tune_choose_both(tune_choices *choices, int p, int64_t x, int q, int64_t y)
{
    if (choices->count == choices->room || x < 1 || y < 1)
        return;
    gml_choice *choice = &choices->out[choices->count++];
    memset(choice, 0, sizeof *choice);
    choice->value[p] = (int32_t)min64(x, INT32_MAX);
    choice->value[q] = (int32_t)min64(y, INT32_MAX);
}

void tune_choose(tune_choices *choices, int parameter, int64_t value)
{
    tune_choose_both(choices, parameter, value, parameter, value);
}

static const tune_dimensions *dimensions_of(const gml_key *key)
{
    static const tune_dimensions *const of[GML_OPERATIONS] = {&tune_space_gemm, &tune_space_softmax,
                                                              &tune_space_attention};
    return of[key->operation];
}

/* Candidates: choices and their plans, all distinct. Those before `from` are there for comparison. */
typedef struct candidates {
    const tune_machine *on;
    const gml_key *key;
    gml_choice *choice;
    int count, room;
    tune_plan plan[TUNE_GRID_MOST + 1];
} candidates;

/* Adds a choice whose plan is new; one whose plan is there takes its place if it comes first in the canonical order and
 * `replace` allows it. false where there is no room. */
static bool add(candidates *set, const gml_choice *choice, bool replace)
{
    if (set->count == set->room)
        return false;
    tune_plan *plan = &set->plan[set->count];
    if (!tune_plan_of(set->on, set->key, choice, plan))
        return true;
    for (int i = 0; i < set->count; i++)
        if (tune_plan_equal(&set->plan[i], plan)) {
            if (replace && gml_choice_compare(choice, &set->choice[i]) < 0)
                set->choice[i] = *choice;
            return true;
        }
    set->choice[set->count++] = *choice;
    return true;
}

/* Leaves to the model whatever it does of itself. */
static gml_choice simplified(const tune_machine *on, const gml_key *key, const gml_choice *choice)
{
    const unsigned pair = dimensions_of(key)->pair;
    gml_choice simple = *choice;
    tune_plan plan, other;
    if (!tune_plan_of(on, key, choice, &plan))
        return simple;
    for (int i = GML_CHOICE_VALUES - 1; i >= 0; i--) {
        const gml_choice before = simple;
        const unsigned together = pair >> i & 1 ? pair : 1u << i;
        for (int j = 0; j < GML_CHOICE_VALUES; j++)
            if (together >> j & 1)
                simple.value[j] = 0;
        if (!tune_plan_of(on, key, &simple, &other) || !tune_plan_equal(&plan, &other))
            simple = before;
    }
    return simple;
}

static gml_choice changed(const gml_choice *from, const tune_axis *axis, int i)
{
    gml_choice choice = *from;
    choice.value[axis->parameter] = axis->value[i];
    if (axis->partner >= 0)
        choice.value[axis->partner] = axis->partner_value[i];
    return choice;
}

/* `from` on another path, where that can be had. */
static bool on_path(const tune_machine *on, const gml_key *key, const gml_choice *from, int path,
                    gml_choice *choice, tune_plan *plan)
{
    const tune_dimensions *dimensions = dimensions_of(key);
    *choice = (gml_choice){.value = {0}};
    for (int i = 0; i < GML_CHOICE_VALUES; i++)
        if (dimensions->kept >> i & 1)
            choice->value[i] = from->value[i];
    choice->value[dimensions->path] = 1 + path;
    return tune_plan_of(on, key, choice, plan) && dimensions->path_of(plan) == path;
}

/* All ways to make `changes` changes along axes from the first on. */
static bool extend(candidates *set, const gml_choice *from, const tune_axes *axes, int first, int changes)
{
    if (!changes)
        return add(set, from, true);
    for (int a = first; a < axes->count; a++)
        for (int i = 0; i < axes->axis[a].count; i++) {
            const tune_axis *axis = &axes->axis[a];
            if (axis->partner < 0 && axis->value[i] == axis->at)
                continue;
            const gml_choice choice = changed(from, axis, i);
            if (!extend(set, &choice, axes, a + 1, changes - 1))
                return false;
        }
    return true;
}

/* Where a part of the grid begins: the model's plan, or another path's. */
typedef struct base {
    gml_choice choice;
    tune_axes axes;
    int changes;
} base;

#define BASES_MOST 4

int tune_space_grid(const tune_machine *on, const gml_key *key, gml_choice out[TUNE_GRID_MOST])
{
    const tune_dimensions *dimensions = dimensions_of(key);
    candidates set = {.on = on, .key = key, .choice = out, .room = TUNE_GRID_MOST};
    base bases[BASES_MOST] = {{.changes = 0}};
    tune_plan model, plan;
    if (!tune_plan_of(on, key, &bases[0].choice, &model))
        return 0;
    dimensions->axes(on, key, &model, &bases[0].axes);
    int count = 1;
    for (int path = 0; path < dimensions->paths && count < BASES_MOST; path++)
        if (path != dimensions->path_of(&model) &&
            on_path(on, key, &bases[0].choice, path, &bases[count].choice, &plan)) {
            bases[count].changes = 1;
            dimensions->axes(on, key, &plan, &bases[count++].axes);
        }
    for (int changes = 0; changes <= CHANGES_MOST; changes++)
        for (int i = 0; i < count; i++)
            if (changes >= bases[i].changes &&
                !extend(&set, &bases[i].choice, &bases[i].axes, 0, changes - bases[i].changes))
                return set.count;
    return set.count;
}

int tune_space_seeds(const tune_machine *on, const gml_key *key, const gml_choice *known, int count,
                     gml_choice out[TUNE_SEEDS_MOST])
{
    const gml_choice model = {.value = {0}};
    candidates set = {.on = on, .key = key, .choice = out, .room = TUNE_SEEDS_MOST};
    gml_choice openings[OPENINGS_MOST];
    if (!add(&set, &model, false) || !set.count)
        return 0;
    for (int i = 0; i < count && set.count < KNOWN_MOST; i++)
        add(&set, &known[i], false);
    const int openings_count = dimensions_of(key)->openings(on, key, &set.plan[0], openings, OPENINGS_MOST);
    for (int i = 0; i < openings_count; i++) {
        const gml_choice choice = simplified(on, key, &openings[i]);
        add(&set, &choice, false);
    }
    /* What is one change away stands in where there are fewer. */
    const tune_dimensions *dimensions = dimensions_of(key);
    tune_axes axes = {.count = 0};
    dimensions->axes(on, key, &set.plan[0], &axes);
    for (int changes = 1; changes <= 2 && set.count < SEEDS_LEAST; changes++) {
        set.room = SEEDS_LEAST;
        extend(&set, &model, &axes, 0, changes);
    }
    return set.count;
}

/* The nearest values of an ordered axis, on either side, that come to another plan. */
static void step_along(candidates *set, const gml_choice *from, const tune_axis *axis)
{
    for (int direction = -1; direction <= 1; direction += 2) {
        const int before = set->count;
        for (int j = 0; j < axis->count && set->count == before; j++) {
            const int i = direction > 0 ? j : axis->count - 1 - j;
            if (direction > 0 ? axis->value[i] <= axis->at : axis->value[i] >= axis->at)
                continue;
            const gml_choice step = changed(from, axis, i), choice = simplified(set->on, set->key, &step);
            add(set, &choice, false);
        }
    }
}

int tune_space_steps(const tune_machine *on, const gml_key *key, const gml_choice *from,
                     gml_choice out[TUNE_STEPS_MOST])
{
    const tune_dimensions *dimensions = dimensions_of(key);
    gml_choice choices[TUNE_STEPS_MOST + 1]; /* the first is where the steps begin, of which there is none */
    candidates set = {.on = on, .key = key, .choice = choices, .room = TUNE_STEPS_MOST + 1};
    if (!add(&set, from, false) || !set.count)
        return 0;
    tune_axes axes = {.count = 0};
    const tune_plan here = set.plan[0];
    dimensions->axes(on, key, &here, &axes);
    for (int a = 0; a < axes.count; a++)
        if (axes.axis[a].ordered)
            step_along(&set, from, &axes.axis[a]);
        else
            for (int i = 0; i < axes.axis[a].count; i++) {
                const gml_choice step = changed(from, &axes.axis[a], i), choice = simplified(on, key, &step);
                add(&set, &choice, false);
            }
    for (int path = 0; path < dimensions->paths; path++) {
        tune_plan plan;
        gml_choice choice;
        if (path != dimensions->path_of(&here) && on_path(on, key, from, path, &choice, &plan)) {
            choice = simplified(on, key, &choice);
            add(&set, &choice, false);
        }
    }
    memcpy(out, choices + 1, (size_t)(set.count - 1) * sizeof *out);
    return set.count - 1;
}
