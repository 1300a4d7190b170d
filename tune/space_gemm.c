/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of GEMM. Blocks are three times powers of two, as tiles of 6, 8 and 12 rows, and of 16, 24, 32,
 * 48 and 64 columns, fill them evenly.
 */
#include "src/core/integers.h"
#include "src/plan/work.h"
#include "tune/space_axes.h"

#define MC_FIRST 24
#define NC_FIRST 192

/* A strip of sums: rows one by one, and columns of a few vectors. */
#define STREAM_ROWS_FIRST    4
#define STREAM_COLUMNS_FIRST 192

#define FEW 64 /* rows: up to which both paths are worth a look */

static int32_t path_of(const tune_plan *plan)
{
    return plan->gemm.path;
}

static int32_t threads_of(const gml_gemm_plan *plan)
{
    return plan->grid_m * plan->grid_n * plan->grid_batch;
}

static bool may_stream(const tune_machine *on, const gml_key *key)
{
    const int64_t element = key->type == GML_F64 ? sizeof(double) : sizeof(float), *size = key->size;
    return !(key->layout & GML_LAYOUT_READS_C) &&
           tune_beyond_caches(on, key, saturated(saturated(size[0], size[1]), saturated(size[3], element)));
}

static void add_tiles(const gml_gemm_plan *plan, tune_axes *axes)
{
    tune_axis *axis = tune_axis_add(axes, GML_CHOOSE_MR, plan->kernel->mr);
    axis->partner = GML_CHOOSE_NR;
    for (int i = 0; i < plan->kernels->n_tiles && axis->count < TUNE_VALUES_MOST; i++) {
        axis->value[axis->count] = plan->kernels->tiles[i].mr;
        axis->partner_value[axis->count++] = plan->kernels->tiles[i].nr;
    }
}

static void axes_of(const tune_machine *on, const gml_key *key, const tune_plan *of, tune_axes *axes)
{
    const gml_gemm_plan *plan = &of->gemm;
    const bool packed = key->layout & (GML_LAYOUT_PACKED_A | GML_LAYOUT_PACKED_B);
    const int64_t m = key->size[plan->transpose ? 1 : 0], n = key->size[plan->transpose ? 0 : 1];
    const int64_t k = key->size[2], kc0 = plan->kernels->kc0;
    const bool stream = plan->path == GML_GEMM_STREAM;
    if (!stream) {
        if (!packed)
            add_tiles(plan, axes);
        tune_axis_flag(axes, GML_CHOOSE_PACK_B, plan->pack_b);
    }
    tune_axis_ladder(axes, GML_CHOOSE_NC, plan->nc, stream ? STREAM_COLUMNS_FIRST : NC_FIRST, 2, n);
    tune_axis_ladder(axes, GML_CHOOSE_MC, plan->mc, stream ? STREAM_ROWS_FIRST : MC_FIRST, 2, m);
    if (!packed)
        tune_axis_flag(axes, GML_CHOOSE_TRANSPOSE, plan->transpose);
    if (key->threads > 1) {
        tune_axis_threads(axes, GML_CHOOSE_THREADS, threads_of(plan), key->threads);
        if (plan->path == GML_GEMM_PANELS)
            tune_axis_threads(axes, GML_CHOOSE_GRID_M, plan->grid_m, key->threads);
    }
    if (stream)
        return;
    if (k > kc0)
        tune_axis_ladder(axes, GML_CHOOSE_KC, plan->kc, kc0, 2, min64(k, 8 * kc0));
    tune_axis_flag(axes, GML_CHOOSE_PACK_A, plan->pack_a);
    if (plan->path == GML_GEMM_PANELS && may_stream(on, key))
        tune_axis_flag(axes, GML_CHOOSE_STREAM_C, plan->stream_c);
}

static void threads_and_grids(const gml_gemm_plan *plan, int32_t threads, tune_choices *list)
{
    const int32_t now = threads_of(plan);
    if (threads == 1)
        return;
    tune_choose(list, GML_CHOOSE_THREADS, now > 1 ? 1 : threads);
    if (plan->path == GML_GEMM_PANELS && now > 1) {
        if (plan->grid_m != now)
            tune_choose(list, GML_CHOOSE_GRID_M, now);
        if (plan->grid_m != 1)
            tune_choose(list, GML_CHOOSE_GRID_M, 1);
        if (now > 4)
            tune_choose(list, GML_CHOOSE_GRID_M, plan->grid_m < now ? plan->grid_m * 2 : now / 2);
    }
    if (now > 2)
        tune_choose(list, GML_CHOOSE_THREADS, now / 2);
    tune_choose(list, GML_CHOOSE_PATH, 1 + GML_GEMM_SPLIT);
}

/* Tiles other than the plan's, each alone or with another parameter set. */
static void other_tiles(const gml_gemm_plan *plan, int parameter, int64_t value, tune_choices *list)
{
    for (int i = 0; i < plan->kernels->n_tiles; i++) {
        const gml_gemm_kernel *tile = &plan->kernels->tiles[i];
        if (tile == plan->kernel || list->count == list->room)
            continue;
        const int before = list->count;
        tune_choose_both(list, GML_CHOOSE_MR, tile->mr, GML_CHOOSE_NR, tile->nr);
        if (parameter >= 0 && list->count > before)
            list->out[before].value[parameter] = (int32_t)value;
    }
}

/* Few rows: past sums while B goes by, which may be too many rows for L1 at once; or panels of a B that is read
 * where it stands. */
static void few_rows(const gml_gemm_plan *plan, int64_t m, tune_choices *list)
{
    const int panels = 1 + GML_GEMM_PANELS, stream = 1 + GML_GEMM_STREAM;
    if (plan->path == GML_GEMM_STREAM) {
        tune_choose_both(list, GML_CHOOSE_PATH, panels, GML_CHOOSE_PACK_B, GML_NO);
        for (int steps = 1; steps <= 3; steps++) {
            tune_choose(list, GML_CHOOSE_NC, tune_rung(STREAM_COLUMNS_FIRST, plan->nc, -steps));
            tune_choose(list, GML_CHOOSE_NC, tune_rung(STREAM_COLUMNS_FIRST, plan->nc, steps));
        }
        other_tiles(plan, GML_CHOOSE_PATH, panels, list);
        tune_choose_both(list, GML_CHOOSE_PATH, panels, GML_CHOOSE_PACK_B, GML_YES);
    } else {
        tune_choose(list, GML_CHOOSE_PATH, stream);
        tune_choose_both(list, GML_CHOOSE_PACK_B, plan->pack_b ? GML_NO : GML_YES, GML_CHOOSE_NC,
                         tune_rung(NC_FIRST, plan->nc, -2));
    }
    for (int64_t rows = 8; rows < m && rows <= 16; rows *= 2)
        tune_choose_both(list, GML_CHOOSE_PATH, stream, GML_CHOOSE_MC, rows);
}

static int openings(const tune_machine *on, const gml_key *key, const tune_plan *model, gml_choice *out,
                    int room)
{
    const gml_gemm_plan *plan = &model->gemm;
    const int64_t m = key->size[plan->transpose ? 1 : 0], deeper = tune_rung(plan->kernels->kc0, plan->kc, 1);
    const bool packed = key->layout & (GML_LAYOUT_PACKED_A | GML_LAYOUT_PACKED_B);
    const int other_b = plan->pack_b ? GML_NO : GML_YES, other_way = plan->transpose ? GML_NO : GML_YES;
    tune_choices list = {.out = out, .room = room};
    if (!packed && m <= FEW)
        few_rows(plan, m, &list);
    tune_choose(&list, GML_CHOOSE_PACK_B, other_b);
    if (!packed)
        other_tiles(plan, -1, 0, &list);
    threads_and_grids(plan, key->threads, &list);
    tune_choose(&list, GML_CHOOSE_KC, deeper);
    tune_choose(&list, GML_CHOOSE_KC, tune_rung(plan->kernels->kc0, plan->kc, 2));
    /* Caches larger than those that are reported, or smaller, as others have their share. */
    tune_choose(&list, GML_CHOOSE_MC, tune_rung(MC_FIRST, plan->mc, 1));
    tune_choose(&list, GML_CHOOSE_NC, tune_rung(NC_FIRST, plan->nc, -1));
    tune_choose_both(&list, GML_CHOOSE_MC, tune_rung(MC_FIRST, plan->mc, 2), GML_CHOOSE_NC,
                     tune_rung(NC_FIRST, plan->nc, 3));
    if (!packed) {
        tune_choose(&list, GML_CHOOSE_TRANSPOSE, other_way);
        other_tiles(plan, GML_CHOOSE_PACK_B, other_b, &list);
        tune_choose_both(&list, GML_CHOOSE_TRANSPOSE, other_way, GML_CHOOSE_KC, deeper);
        other_tiles(plan, GML_CHOOSE_KC, deeper, &list);
    }
    if (may_stream(on, key))
        tune_choose(&list, GML_CHOOSE_STREAM_C, plan->stream_c ? GML_NO : GML_YES);
    tune_choose(&list, GML_CHOOSE_PACK_A, plan->pack_a ? GML_NO : GML_YES);
    if (!packed)
        other_tiles(plan, GML_CHOOSE_TRANSPOSE, other_way, &list);
    tune_choose_both(&list, GML_CHOOSE_MC, tune_rung(MC_FIRST, plan->mc, 2), GML_CHOOSE_NC,
                     tune_rung(NC_FIRST, plan->nc, -2));
    tune_choose(&list, GML_CHOOSE_MC, tune_rung(MC_FIRST, plan->mc, -1));
    tune_choose(&list, GML_CHOOSE_NC, tune_rung(NC_FIRST, plan->nc, 1));
    tune_choose(&list, GML_CHOOSE_NC, tune_rung(NC_FIRST, plan->nc, -2));
    return list.count;
}

const tune_dimensions tune_space_gemm = {.path = GML_CHOOSE_PATH,
                                         .paths = GML_GEMM_PATHS,
                                         .kept = 1 << GML_CHOOSE_TRANSPOSE | 1 << GML_CHOOSE_THREADS,
                                         .pair = 1 << GML_CHOOSE_MR | 1 << GML_CHOOSE_NR,
                                         .path_of = path_of,
                                         .axes = axes_of,
                                         .openings = openings};
