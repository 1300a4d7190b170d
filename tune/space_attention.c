/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of attention.
 */
#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include "tune/space_axes.h"

#define BLOCKS_FIRST 48 /* rows of a task, and of a step, on the path blocks: some tiles of GEMM */

static int32_t path_of(const tune_plan *plan)
{
    return (int32_t)plan->attention.path;
}

/* Rows of queries that see the same keys: those of a group of heads. */
static int64_t rows_of(const gml_key *key)
{
    return key->size[1] * key->size[2];
}

static void axes_of(const tune_machine *on, const gml_key *key, const tune_plan *of, tune_axes *axes)
{
    const gml_attention_plan *plan = &of->attention;
    const gml_kernel_set *kernels = on->runtime->set;
    const int64_t rows = rows_of(key), blocks = ceil_div(key->size[3], GML_KB0);
    if (key->threads > 1)
        tune_axis_threads(axes, GML_CHOOSE_ATTENTION_THREADS, plan->threads, key->threads);
    switch (plan->path) {
    case GML_ATTENTION_TILES: {
        tune_axis *strip = tune_axis_add(axes, GML_CHOOSE_ATTENTION_BQ, plan->kernel->bq);
        for (int i = 0; i < kernels->n_attention_f32 && strip->count < TUNE_VALUES_MOST; i++)
            strip->value[strip->count++] = kernels->attention_f32[i].bq;
        tune_axis_threads(axes, GML_CHOOSE_ATTENTION_STRIPS, plan->strips,
                          (int32_t)min64(ceil_div(rows, plan->kernel->bq), GML_MAX_STRIPS));
        tune_axis_flag(axes, GML_CHOOSE_ATTENTION_PACK_K, plan->pack_k);
        break;
    }
    case GML_ATTENTION_FEW:
        tune_axis_threads(axes, GML_CHOOSE_ATTENTION_ROWS, plan->rows, (int32_t)min64(rows, GML_FEW_ROWS));
        tune_axis_ladder(axes, GML_CHOOSE_ATTENTION_SPAN, plan->span, 1, 2, min64(blocks, GML_FEW_SPAN));
        if (key->threads > 1)
            tune_axis_threads(axes, GML_CHOOSE_ATTENTION_SPLIT, plan->split, key->threads);
        break;
    case GML_ATTENTION_BLOCKS:
        tune_axis_ladder(axes, GML_CHOOSE_ATTENTION_ROWS, plan->rows, BLOCKS_FIRST, 2,
                         min64(rows, GML_BLOCKS_ROWS));
        tune_axis_ladder(axes, GML_CHOOSE_ATTENTION_STEP, plan->step, BLOCKS_FIRST, 2,
                         min64(rows, GML_BLOCKS_ROWS));
        tune_axis_flag(axes, GML_CHOOSE_ATTENTION_PACK_K, plan->pack_k);
        break;
    }
}

static void add_strips(const gml_kernel_set *kernels, const gml_attention_plan *plan, int64_t rows,
                       tune_choices *list)
{
    for (int i = 0; i < kernels->n_attention_f32; i++)
        if (&kernels->attention_f32[i] != plan->kernel)
            tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, 1 + GML_ATTENTION_TILES,
                             GML_CHOOSE_ATTENTION_BQ, kernels->attention_f32[i].bq);
    static const int strips[] = {1, 2, 3, 4, 6, 8};
    const int64_t most = ceil_div(rows, kernels->attention_f32->bq);
    for (size_t i = 0; i < sizeof strips / sizeof *strips && strips[i] <= most; i++)
        tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, 1 + GML_ATTENTION_TILES,
                         GML_CHOOSE_ATTENTION_STRIPS, strips[i]);
    tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, 1 + GML_ATTENTION_TILES, GML_CHOOSE_ATTENTION_PACK_K,
                     plan->pack_k ? GML_NO : GML_YES);
}

static void add_few(const gml_attention_plan *plan, int64_t rows, int32_t threads, tune_choices *list)
{
    const int path = 1 + GML_ATTENTION_FEW;
    if (threads > 1 && plan->path == GML_ATTENTION_FEW) {
        tune_choose(list, GML_CHOOSE_ATTENTION_SPLIT, plan->split > 1 ? 1 : threads);
        tune_choose(list, GML_CHOOSE_ATTENTION_SPLIT, threads / 2);
    }
    for (int64_t of = 1; of <= 4; of *= 2)
        if (rows > 1)
            tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_ROWS,
                             ceil_div(rows, of));
    for (int64_t span = 1; span <= GML_FEW_SPAN; span *= 4)
        tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_SPAN, span);
    tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_SPAN, 2);
    tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_SPAN, 8);
}

static void add_blocks(tune_choices *list)
{
    const int path = 1 + GML_ATTENTION_BLOCKS;
    tune_choose(list, GML_CHOOSE_ATTENTION_PATH, path);
    tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_ROWS, 192);
    tune_choose_both(list, GML_CHOOSE_ATTENTION_PATH, path, GML_CHOOSE_ATTENTION_STEP, 96);
}

static int openings(const tune_machine *on, const gml_key *key, const tune_plan *model, gml_choice *out,
                    int room)
{
    const gml_attention_plan *plan = &model->attention;
    const int64_t rows = rows_of(key);
    tune_choices list = {.out = out, .room = room};
    for (int path = 0; path < GML_ATTENTION_PATHS; path++)
        if (path != (int)plan->path)
            tune_choose(&list, GML_CHOOSE_ATTENTION_PATH, 1 + path);
    if (key->threads > 1) {
        tune_choose(&list, GML_CHOOSE_ATTENTION_THREADS, plan->threads > 1 ? 1 : key->threads);
        tune_choose(&list, GML_CHOOSE_ATTENTION_THREADS, plan->threads / 2);
    }
    if (plan->path == GML_ATTENTION_BLOCKS)
        add_blocks(&list);
    if (plan->path == GML_ATTENTION_FEW)
        add_few(plan, rows, key->threads, &list);
    add_strips(on->runtime->set, plan, rows, &list);
    if (rows <= 4 * GML_FEW_ROWS && plan->path != GML_ATTENTION_FEW)
        add_few(plan, rows, key->threads, &list);
    if (plan->path != GML_ATTENTION_BLOCKS)
        add_blocks(&list);
    return list.count;
}

const tune_dimensions tune_space_attention = {.path = GML_CHOOSE_ATTENTION_PATH,
                                              .paths = GML_ATTENTION_PATHS,
                                              .kept = 1 << GML_CHOOSE_ATTENTION_THREADS,
                                              .path_of = path_of,
                                              .axes = axes_of,
                                              .openings = openings};
