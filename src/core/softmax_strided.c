/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax over a dimension that is not contiguous. A block of rows is brought together in scratch memory, transposed on
 * the way, reduced and finished there, and brought back. Where rows are longer than a segment that happens twice for
 * each, so that the block stays small: for the sum, and for the results. Without scratch memory a block is one row.
 */
#include "src/core/softmax_paths.h"
#include <string.h>

/* Columns j to j + n of `rows` rows. */
typedef struct block {
    const gml_softmax_row *row;
    int64_t rows, j, n;
    float *data; /* [rows][width] */
    int64_t width;
} block;

static int64_t present(const block *b, int64_t r)
{
    return max64(0, min64(b->n, b->row[r].cols - b->j));
}

/* Where the block's rows of x are contiguous, and how far apart: where they stand, or brought together. */
static const float *gather(const gml_softmax_job *job, const block *b, int64_t *stride)
{
    const gml_softmax_problem *p = job->problem;
    const float *x = b->row->x + b->j * p->x_col_stride;
    *stride = p->x_stride;
    if (p->x_col_stride == 1)
        return x;
    job->set->gemm_f32->pack(b->n, b->n, b->rows, x, p->x_col_stride, p->x_stride, b->data, b->width);
    *stride = b->width;
    return b->data;
}

/* The results of the block go where they belong, unless they were stored there. */
static void scatter(const gml_softmax_job *job, const block *b)
{
    const gml_softmax_problem *p = job->problem;
    float *y = b->row->y + b->j * p->y_col_stride;
    if (p->y_col_stride == 1)
        return;
    if (p->y_stride == 1 || b->rows == 1) {
        job->set->gemm_f32->pack(b->rows, b->rows, b->n, b->data, b->width, 1, y, p->y_col_stride);
        return;
    }
    for (int64_t j = 0; j < b->n; j++)
        for (int64_t r = 0; r < b->rows; r++)
            y[r * p->y_stride + j * p->y_col_stride] = b->data[r * b->width + j];
}

/* Leaves exponentials, or scores, in the block, with the maxima and sums of its rows. */
static void reduce_block(const gml_softmax_job *job, const block *b, float *m, float *l)
{
    int64_t stride;
    const float *x = gather(job, b, &stride);
    for (int64_t r = 0; r < b->rows; r++)
        if (present(b, r) > 0)
            gml_softmax_reduce(job, &b->row[r], b->j, present(b, r), x + r * stride, b->data + r * b->width,
                               &m[r], &l[r]);
}

static void finish_block(const gml_softmax_job *job, const block *b, const gml_softmax_end *end,
                         const float *m)
{
    const gml_softmax_problem *p = job->problem;
    for (int64_t r = 0; r < b->rows; r++) {
        float *data = b->data + r * b->width;
        float *to = p->y_col_stride == 1 ? b->row->y + b->j + r * p->y_stride : data;
        if (present(b, r) > 0)
            gml_softmax_finish(job, &end[r], m[r], present(b, r), data, false, to);
        gml_softmax_fill_absent(job, present(b, r), b->n, to);
    }
    scatter(job, b);
}

/* Rows of plain scores and one segment, all columns present: a call of the kernel for whole rows. */
static void plain_block(const gml_softmax_job *job, int64_t l, int64_t i, int64_t rows, float *data,
                        int64_t width)
{
    float m[GML_MAX_BLOCK_ROWS], sum[GML_MAX_BLOCK_ROWS];
    const gml_softmax_problem *p = job->problem;
    const gml_softmax_row row = gml_softmax_row_of(job, l, i);
    const block b = {.row = &row, .rows = rows, .n = p->cols, .data = data, .width = width};
    gml_softmax_rows_f32 call = {.rows = rows, .n = p->cols, .scale = p->scale, .y = data, .y_stride = width};
    call.x = gather(job, &b, &call.x_stride);
    if (p->y_col_stride == 1)
        call.y = row.y, call.y_stride = p->y_stride;
    if (p->lse)
        call.m = m, call.l = sum;
    job->kernel->rows(&call);
    for (int64_t r = 0; p->lse && r < rows; r++)
        row.lse[r * p->lse_stride] = gml_softmax_logsumexp(m[r], sum[r]);
    scatter(job, &b);
}

/* Up to GML_MAX_BLOCK_ROWS rows from i on. */
static void one_block(const gml_softmax_job *job, int64_t l, int64_t i, int64_t rows, float *data,
                      int64_t width)
{
    gml_softmax_row row[GML_MAX_BLOCK_ROWS];
    gml_softmax_state state[GML_MAX_BLOCK_ROWS];
    gml_softmax_end end[GML_MAX_BLOCK_ROWS];
    float m[GML_MAX_BLOCK_ROWS], sum[GML_MAX_BLOCK_ROWS];
    const int64_t cols = job->problem->cols;
    for (int64_t r = 0; r < rows; r++) {
        row[r] = gml_softmax_row_of(job, l, i + r);
        gml_softmax_start(&state[r]);
    }
    block b = {.row = row, .rows = rows, .data = data, .width = width};
    for (b.j = 0; b.j < cols; b.j += GML_RS0) {
        b.n = min64(GML_RS0, cols - b.j);
        reduce_block(job, &b, m, sum);
        for (int64_t r = 0; r < rows; r++)
            if (present(&b, r) > 0)
                gml_softmax_merge(job->set, &state[r], m[r], sum[r]);
    }
    for (int64_t r = 0; r < rows; r++)
        end[r] = gml_softmax_close(job, &row[r], &state[r]);
    for (b.j = 0; b.j < cols; b.j += GML_RS0) {
        b.n = min64(GML_RS0, cols - b.j);
        if (cols > GML_RS0)
            reduce_block(job, &b, m, sum);
        finish_block(job, &b, end, m);
    }
}

void gml_softmax_strided_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end,
                              float *scratch)
{
    _Alignas(GML_ALIGNMENT) float segment[GML_RS0];
    const gml_softmax_plan *plan = job->plan;
    const int64_t width = min64(job->problem->cols, GML_RS0);
    const bool fits = scratch && plan->block_rows > 0 && plan->block_cols >= width;
    const gml_softmax_problem *p = job->problem;
    const bool plain = job->plain && !p->log && !p->sinks && p->causal == GML_CAUSAL_NONE && p->cols > 0 &&
                       p->cols <= GML_RS0;
    const int64_t most = fits ? plan->block_rows : 1;
    for (int64_t i = first; i < end; i += most)
        (plain ? plain_block : one_block)(job, l, i, min64(most, end - i), fits ? scratch : segment, width);
}
