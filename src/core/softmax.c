/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax over rows. Rows are independent; workers draw tasks of a few rows each. A row is reduced by segments
 * of RS0 columns, whose maxima and sums merge in ascending order, and is then scaled segment by segment.
 *
 * The maximum of each segment is needed again for its final factor. They are kept on the stack for up to
 * GML_SEGMENTS_KEPT segments (four million columns). A longer row is reduced twice: first into a throw-away
 * segment for its maximum and sum, then into y, each segment being scaled at once. The bits are the same.
 */
#include "src/core/softmax.h"
#include "kernels/arithmetic.h"
#include "src/core/causal.h"
#include "src/core/integers.h"
#include <math.h>
#include <string.h>

#define GML_SEGMENTS_KEPT 1024

typedef struct softmax_run {
    const gml_kernel_set *set;
    const gml_softmax_plan *plan;
    const gml_softmax_problem *problem;
    _Atomic int64_t next; /* row nobody has drawn yet */
} softmax_run;

typedef struct softmax_row {
    const gml_kernel_set *set;
    int64_t cols; /* present ones: causality makes the rest absent */
    float scale;
    const float *x, *bias;
    const uint8_t *keep;
    float *y;
} softmax_row;

typedef struct softmax_state {
    float m, l;
} softmax_state;

static float finite_or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

/* Reduces the segment from column j into y and returns its maximum; its state merges into the row's. */
static float reduce_segment(const softmax_row *row, int64_t j, float *y, softmax_state *state)
{
    float m, l;
    row->set->softmax_f32->reduce(min64(GML_RS0, row->cols - j), row->scale, row->x + j,
                                  row->bias ? row->bias + j : NULL, row->keep ? row->keep + j : NULL, y, &m,
                                  &l);
    const float top = (m > state->m ? m : state->m) + 0.0f, z = finite_or_zero(top);
    float factors[2] = {state->m - z, m - z};
    row->set->exp_f32(2, factors, factors);
    state->l = fmaf(factors[0], state->l, factors[1] * l);
    state->m = top;
    return m;
}

/* The final factors of n segments, in place of their maxima. A row without a sum is zero everywhere: its
 * exponentials are zero already. */
static void finish_factors(const softmax_row *row, const softmax_state *state, int64_t n, float *m)
{
    const float z = finite_or_zero(state->m), inverse = 1.0f / state->l;
    for (int64_t i = 0; i < n; i++)
        m[i] -= z;
    row->set->exp_f32(n, m, m);
    for (int64_t i = 0; i < n; i++)
        m[i] = state->l == 0.0f ? 0.0f : m[i] * inverse;
}

/* One segment: the factors of the merge are 0 and 1, so its maximum and sum are the row's. */
static void one_segment(const softmax_row *row)
{
    float m, l;
    row->set->softmax_f32->reduce(row->cols, row->scale, row->x, row->bias, row->keep, row->y, &m, &l);
    row->set->softmax_f32->scale(row->cols, l == 0.0f ? 0.0f : 1.0f / l, row->y);
}

static void short_row(const softmax_row *row)
{
    float m[GML_SEGMENTS_KEPT];
    softmax_state state = {-INFINITY, 0.0f};
    for (int64_t j = 0; j < row->cols; j += GML_RS0)
        m[j / GML_RS0] = reduce_segment(row, j, row->y + j, &state);
    finish_factors(row, &state, ceil_div(row->cols, GML_RS0), m);
    for (int64_t j = 0; j < row->cols; j += GML_RS0)
        row->set->softmax_f32->scale(min64(GML_RS0, row->cols - j), m[j / GML_RS0], row->y + j);
}

static void long_row(const softmax_row *row)
{
    float thrown_away[GML_RS0];
    softmax_state state = {-INFINITY, 0.0f}, ignored;
    for (int64_t j = 0; j < row->cols; j += GML_RS0)
        reduce_segment(row, j, thrown_away, &state);
    for (int64_t j = 0; j < row->cols; j += GML_RS0) {
        ignored = state;
        float m = reduce_segment(row, j, row->y + j, &ignored);
        finish_factors(row, &state, 1, &m);
        row->set->softmax_f32->scale(min64(GML_RS0, row->cols - j), m, row->y + j);
    }
}

static void run_row(const softmax_run *run, int64_t i)
{
    const gml_softmax_problem *problem = run->problem;
    softmax_row row = {
        .set = run->set,
        .cols = gml_causal_visible(problem->causal, problem->causal_offset, i, problem->cols),
        .scale = problem->scale,
        .x = problem->x + i * problem->x_stride,
        .bias = problem->bias ? problem->bias + i * problem->bias_stride : NULL,
        .keep = problem->keep ? problem->keep + i * problem->keep_stride : NULL,
        .y = problem->y + i * problem->y_stride,
    };
    if (row.cols < problem->cols)
        memset(row.y + row.cols, 0, (size_t)(problem->cols - row.cols) * sizeof(float));
    if (row.cols > (int64_t)GML_SEGMENTS_KEPT * GML_RS0)
        long_row(&row);
    else if (row.cols > GML_RS0)
        short_row(&row);
    else if (row.cols > 0)
        one_segment(&row);
}

static void worker(void *argument, int64_t index)
{
    softmax_run *run = argument;
    (void)index;
    for (;;) {
        const int64_t first = atomic_fetch_add(&run->next, run->plan->rows);
        if (first >= run->problem->rows)
            return;
        const int64_t end = min64(first + run->plan->rows, run->problem->rows);
        for (int64_t i = first; i < end; i++)
            run_row(run, i);
    }
}

void gml_softmax_run_f32(gml_runtime *runtime, const gml_softmax_plan *plan,
                         const gml_softmax_problem *problem)
{
    softmax_run run = {.set = runtime->set, .plan = plan, .problem = problem};
    gml_parallel(runtime, plan->threads, worker, &run);
}
