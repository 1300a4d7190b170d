/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of softmax.
 */
#include "src/core/integers.h"
#include "src/plan/work.h"
#include "tune/space_axes.h"

static bool may_stream(const tune_machine *on, const gml_key *key)
{
    return !(key->layout & GML_LAYOUT_COLUMNS) &&
           tune_beyond_caches(on, key, saturated(saturated(key->size[0], key->size[1]), sizeof(float)));
}

static void axes_of(const tune_machine *on, const gml_key *key, const tune_plan *of, tune_axes *axes)
{
    const gml_softmax_plan *plan = &of->softmax;
    if (may_stream(on, key))
        tune_axis_flag(axes, GML_CHOOSE_SOFTMAX_STREAM, plan->stream);
    if (key->threads > 1) {
        tune_axis_threads(axes, GML_CHOOSE_SOFTMAX_THREADS, plan->threads, key->threads);
        tune_axis_flag(axes, GML_CHOOSE_SOFTMAX_SPLIT, plan->split);
    }
    tune_axis_ladder(axes, GML_CHOOSE_SOFTMAX_BLOCK_ROWS, plan->block_rows,
                     key->layout & GML_LAYOUT_COLUMNS ? 16 : 1, 2, GML_MAX_BLOCK_ROWS);
    tune_axis_ladder(axes, GML_CHOOSE_SOFTMAX_ROWS, plan->rows, 1, 4, key->size[0]);
}

static int openings(const tune_machine *on, const gml_key *key, const tune_plan *model, gml_choice *out,
                    int room)
{
    const gml_softmax_plan *plan = &model->softmax;
    const int stream = plan->stream ? GML_NO : GML_YES;
    tune_choices list = {.out = out, .room = room};
    if (may_stream(on, key))
        tune_choose(&list, GML_CHOOSE_SOFTMAX_STREAM, stream);
    if (key->threads > 1) {
        tune_choose(&list, GML_CHOOSE_SOFTMAX_THREADS, plan->threads > 1 ? 1 : key->threads);
        tune_choose(&list, GML_CHOOSE_SOFTMAX_SPLIT, plan->split ? GML_NO : GML_YES);
        tune_choose(&list, GML_CHOOSE_SOFTMAX_THREADS, plan->threads / 2);
        tune_choose(&list, GML_CHOOSE_SOFTMAX_THREADS, plan->threads * 2);
    }
    for (int factor = 2; factor <= 4; factor *= 2) {
        tune_choose(&list, GML_CHOOSE_SOFTMAX_BLOCK_ROWS, plan->block_rows * factor);
        tune_choose(&list, GML_CHOOSE_SOFTMAX_BLOCK_ROWS, plan->block_rows / factor);
        tune_choose(&list, GML_CHOOSE_SOFTMAX_ROWS, plan->rows / (factor * factor));
        tune_choose(&list, GML_CHOOSE_SOFTMAX_ROWS, min64(plan->rows * factor * factor, key->size[0]));
    }
    if (may_stream(on, key))
        tune_choose_both(&list, GML_CHOOSE_SOFTMAX_STREAM, stream, GML_CHOOSE_SOFTMAX_ROWS, plan->rows / 4);
    return list.count;
}

const tune_dimensions tune_space_softmax = {.path = -1, .axes = axes_of, .openings = openings};
