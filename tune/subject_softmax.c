/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: one matrix, its rows one behind the other, or its columns. A mask is one row of biases for all rows, as for
 * keys that are padding.
 */
#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include "src/core/softmax.h"
#include "tune/subject_parts.h"

static bool describe(const tune_machine *on, const gml_key *key, tune_problem *problem)
{
    const int64_t rows = key->size[0], cols = key->size[1];
    const bool in_place = key->layout & GML_LAYOUT_IN_PLACE;
    (void)on;
    if (rows < 1 || cols < 1)
        return false;
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = rows, p.cols = cols;
    p.x = tune_nowhere(0), p.y = tune_nowhere(in_place ? 0 : 1);
    p.x_stride = cols, p.x_col_stride = 1;
    if (key->layout & GML_LAYOUT_COLUMNS)
        p.x_stride = 1, p.x_col_stride = max64(rows, 2);
    p.y_stride = p.x_stride, p.y_col_stride = p.x_col_stride;
    p.x_batch_stride = p.y_batch_stride =
        p.x_stride == 1 ? saturated(cols, p.x_col_stride) : saturated(rows, cols);
    p.scale = 1.0f;
    if (key->layout & GML_LAYOUT_MASKED)
        p.bias = tune_nowhere(2);
    problem->softmax = gml_softmax_resolve(&p);

    tune_add(problem, in_place ? TUNE_REPLACED : TUNE_STREAMED, GML_F32, p.x_batch_stride);
    tune_add(problem, TUNE_WRITTEN, GML_F32, in_place ? 0 : p.y_batch_stride);
    tune_add(problem, TUNE_READ, GML_F32, p.bias ? cols : 0);
    return true;
}

static void place(tune_problem *problem, char *const address[TUNE_ARRAYS])
{
    gml_softmax_problem *p = &problem->softmax;
    p->x = (const float *)address[0];
    p->y = (float *)address[problem->key.layout & GML_LAYOUT_IN_PLACE ? 0 : 1];
    p->bias = p->bias ? (const float *)address[2] : NULL;
}

static bool plan_of(const tune_machine *on, const tune_problem *problem, const gml_choice *choice,
                    tune_plan *plan)
{
    const gml_softmax_problem *p = &problem->softmax;
    gml_softmax_plan *to = &plan->softmax;
    *to = gml_model_softmax(on->machine, p, problem->key.threads, choice);
    /* Rows of one segment are not split; those that are know no tasks. */
    to->split = to->split && p->cols > GML_RS0 && gml_softmax_contiguous(p);
    if (to->split)
        to->rows = 1, to->block_rows = to->block_cols = 0;
    return gml_softmax_plan_check(&plan->softmax, NULL, 0);
}

static bool equal(const tune_plan *one, const tune_plan *other)
{
    const gml_softmax_plan *x = &one->softmax, *y = &other->softmax;
    if (x->threads != y->threads || x->split != y->split || x->stream != y->stream ||
        (x->block_rows > 0) != (y->block_rows > 0))
        return false;
    if (x->block_rows > 0 && (x->block_rows != y->block_rows || x->block_cols != y->block_cols))
        return false;
    return x->rows == y->rows;
}

static int32_t threads_of(const tune_plan *plan)
{
    return plan->softmax.threads;
}

static void run(gml_runtime *runtime, const tune_problem *problem, const tune_plan *plan)
{
    gml_softmax_run_f32(runtime, &plan->softmax, &problem->softmax);
}

const tune_operation tune_softmax = {describe, place, plan_of, equal, threads_of, run};
