/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows with contiguous columns. Rows of plain scores and one segment are one call of a kernel that takes them all; long
 * ones go segment by segment through the kernel's step, which finishes the row before meanwhile. Everything else is
 * reduced and finished row by row.
 *
 * Between the two a row's exponentials stay in y; where results stream past the caches, in scratch memory or on the
 * stack, so that y is written once. For rows longer than that, and for those with more segments than the stack keeps
 * maxima of, every segment is reduced twice: for the sum, and for its results. The bits are the same.
 */
#include "src/core/causal.h"
#include "src/core/softmax_paths.h"

#define ROWS_OF_CALL 256 /* with a logsumexp */

static void one_row(const gml_softmax_job *job, const gml_softmax_row *row, float *scratch)
{
    _Alignas(GML_ALIGNMENT) float segment[GML_RS0];
    float m[GML_SEGMENTS_KEPT], *e = row->y;
    const bool stream = job->plan->stream;
    if (stream)
        e = row->cols <= GML_RS0 ? segment : row->cols <= job->plan->block_cols ? scratch : NULL;
    if (row->cols > (int64_t)GML_SEGMENTS_KEPT * GML_RS0)
        e = NULL;

    gml_softmax_state state;
    gml_softmax_start(&state);
    for (int64_t j = 0, s = 0; j < row->cols; j += GML_RS0, s++) {
        float top, sum;
        gml_softmax_reduce(job, row, j, min64(GML_RS0, row->cols - j), row->x + j, e ? e + j : segment, &top,
                           &sum);
        gml_softmax_merge(job->set, &state, top, sum);
        if (e)
            m[s] = top;
    }
    const gml_softmax_end end = gml_softmax_close(job, row, &state);
    for (int64_t j = 0, s = 0; j < row->cols; j += GML_RS0, s++) {
        const int64_t n = min64(GML_RS0, row->cols - j);
        float top, sum;
        if (e)
            top = m[s];
        else
            gml_softmax_reduce(job, row, j, n, row->x + j, segment, &top, &sum);
        gml_softmax_finish(job, &end, top, n, e ? e + j : segment, stream, row->y + j);
    }
    gml_softmax_fill_absent(job, row->cols, job->problem->cols, row->y);
}

/* Rows of plain scores, from `first` on, that have n + grow, n + 2 * grow ... columns, of one segment. */
static void short_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t rows, int64_t n,
                       int64_t grow)
{
    float m[ROWS_OF_CALL], sum[ROWS_OF_CALL];
    const gml_softmax_problem *p = job->problem;
    for (int64_t i = 0, count; i < rows; i += count) {
        count = p->lse ? min64(rows - i, ROWS_OF_CALL) : rows - i;
        const gml_softmax_row row = gml_softmax_row_of(job, l, first + i);
        const gml_softmax_rows_f32 call = {.rows = count,
                                           .n = n + i * grow,
                                           .grow = grow,
                                           .scale = p->scale,
                                           .x = row.x,
                                           .x_stride = p->x_stride,
                                           .y = row.y,
                                           .y_stride = p->y_stride,
                                           .m = p->lse ? m : NULL,
                                           .l = p->lse ? sum : NULL,
                                           .stream = job->plan->stream};
        job->kernel->rows(&call);
        for (int64_t k = 0; p->lse && k < count; k++)
            row.lse[k * p->lse_stride] = gml_softmax_logsumexp(m[k], sum[k]);
        for (int64_t k = 0; k < count && n + (i + k) * grow < p->cols; k++)
            gml_softmax_fill_absent(job, n + (i + k) * grow, p->cols, row.y + k * p->y_stride);
    }
}

/* Which rows see how much: none, one column more each, all. */
static void rows_of_one_segment(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end)
{
    const gml_softmax_problem *p = job->problem;
    for (int64_t rows; first < end; first += rows) {
        const int64_t n = gml_causal_visible(p->causal, p->causal_offset, first, p->cols);
        rows = n == p->cols ? end - first : n == 0 ? 1 : min64(end - first, p->cols - n);
        if (n > 0) {
            short_rows(job, l, first, rows, n, n < p->cols);
        } else {
            const gml_softmax_row row = gml_softmax_row_of(job, l, first);
            one_row(job, &row, NULL);
        }
    }
}

/* A long row between its reduction and its end. */
typedef struct reduced_row {
    float *y;
    const float *e;
    float factor[GML_SEGMENTS_KEPT]; /* before the reduction's end: the maxima */
} reduced_row;

static void close_row(const gml_softmax_job *job, const gml_softmax_row *row, gml_softmax_state *state,
                      reduced_row *reduced)
{
    const gml_softmax_end end = gml_softmax_close(job, row, state);
    gml_softmax_factors(job->set, &end, ceil_div(row->cols, GML_RS0), reduced->factor);
}

/* Rows of plain scores and several segments, all columns present. Exponentials stay in y, or in scratch. */
static void long_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end, float *scratch)
{
    const gml_softmax_problem *p = job->problem;
    reduced_row rows[2];
    gml_softmax_step_f32 step = {.scale = p->scale, .stream = job->plan->stream};
    float m, m_next, sum;
    gml_softmax_state state;
    gml_softmax_row row = gml_softmax_row_of(job, l, first);
    step.x_next = row.x, step.n_next = GML_RS0;
    job->kernel->step(&step, &m, &sum);
    for (int64_t i = first; i < end; i++) {
        reduced_row *now = &rows[i % 2];
        const reduced_row *last = &rows[1 - i % 2];
        gml_softmax_start(&state);
        row = gml_softmax_row_of(job, l, i);
        now->y = row.y;
        now->e = job->plan->stream ? scratch : row.y;
        for (int64_t j = 0, s = 0; j < p->cols; j += GML_RS0, s++) {
            step.n = min64(GML_RS0, p->cols - j);
            step.x = row.x + j;
            step.m = m;
            step.e = (job->plan->stream ? scratch : row.y) + j;
            if (j + GML_RS0 < p->cols) {
                step.x_next = row.x + j + GML_RS0;
                step.n_next = min64(GML_RS0, p->cols - j - GML_RS0);
            } else if (i + 1 < end) {
                step.x_next = row.x + p->x_stride;
                step.n_next = GML_RS0;
            } else {
                step.n_next = 0;
            }
            step.n_last = i > first ? step.n : 0;
            if (step.n_last) {
                step.e_last = last->e + j;
                step.w = last->factor[s];
                step.y = last->y + j;
            }
            job->kernel->step(&step, &m_next, &sum);
            gml_softmax_merge(job->set, &state, m, sum);
            now->factor[s] = m;
            m = m_next;
        }
        close_row(job, &row, &state, now);
    }
    const reduced_row *last = &rows[(end - 1) % 2];
    for (int64_t j = 0, s = 0; j < p->cols; j += GML_RS0, s++)
        job->kernel->scale(min64(GML_RS0, p->cols - j), last->factor[s], last->e + j, job->plan->stream,
                           last->y + j);
}

void gml_softmax_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end, float *scratch)
{
    const gml_softmax_problem *p = job->problem;
    const bool fused = job->plain && !p->log;
    if (fused && !p->sinks && p->cols > 0 && p->cols <= GML_RS0) {
        rows_of_one_segment(job, l, first, end);
    } else if (fused && p->causal == GML_CAUSAL_NONE && p->cols > GML_RS0 &&
               p->cols <= (int64_t)GML_SEGMENTS_KEPT * GML_RS0 &&
               (!job->plan->stream || (scratch && p->cols <= job->plan->block_cols))) {
        long_rows(job, l, first, end, scratch);
    } else {
        for (int64_t i = first; i < end; i++) {
            const gml_softmax_row row = gml_softmax_row_of(job, l, i);
            one_row(job, &row, scratch);
        }
    }
}
