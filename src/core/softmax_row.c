/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of a row: its segments, their merge, its end.
 */
#include "src/core/causal.h"
#include "src/core/exponentials.h"
#include "src/core/softmax_paths.h"

gml_softmax_row gml_softmax_row_of(const gml_softmax_job *job, int64_t l, int64_t i)
{
    const gml_softmax_problem *p = job->problem;
    return (gml_softmax_row){
        .cols = gml_causal_visible(p->causal, p->causal_offset, i, p->cols),
        .position = saturated_sum(i, p->causal_offset),
        .x = p->x + l * p->x_batch_stride + i * p->x_stride,
        .bias = p->bias ? p->bias + l * p->bias_batch_stride + i * p->bias_stride : NULL,
        .keep = p->keep ? p->keep + l * p->keep_batch_stride + i * p->keep_stride : NULL,
        .slope = p->alibi ? p->alibi + l : NULL,
        .sink = p->sinks ? p->sinks[l] : -INFINITY,
        .y = p->y + l * p->y_batch_stride + i * p->y_stride,
        .lse = p->lse ? p->lse + l * p->lse_batch_stride + i * p->lse_stride : NULL,
    };
}

void gml_softmax_reduce(const gml_softmax_job *job, const gml_softmax_row *row, int64_t j, int64_t n,
                        const float *x, float *e, float *m, float *l)
{
    const int64_t far = GML_ALIBI_FAR + GML_RS0, position = saturated_sum(row->position, -j);
    const gml_softmax_scores_f32 scores = {
        .scale = job->problem->scale,
        .cap = job->problem->softcap,
        .inverse_cap = job->inverse_cap,
        .slope = row->slope,
        .position = (int32_t)max64(-far, min64(far, position)),
        .bias = row->bias ? row->bias + j : NULL,
        .keep = row->keep ? row->keep + j : NULL,
    };
    job->kernel->reduce(&scores, n, x, job->problem->log, e, m, l);
}

void gml_softmax_start(gml_softmax_state *state)
{
    state->m = -INFINITY;
    state->l = 0.0f;
    state->waiting = 0;
}

/* The maxima of the merges depend on each other, their exponentials on the maxima alone. */
static void merge_waiting(const gml_kernel_set *set, gml_softmax_state *state)
{
    float factors[2 * GML_SEGMENTS_WAITING], top = state->m;
    for (int32_t i = 0; i < state->waiting; i++) {
        const float m = state->m_of[i], merged = (m > top ? m : top) + 0.0f, z = finite_or_zero(merged);
        factors[2 * i] = top - z;
        factors[2 * i + 1] = m - z;
        top = merged;
    }
    set->exp_f32(2 * state->waiting, factors, factors);
    for (int32_t i = 0; i < state->waiting; i++)
        state->l = fmaf(factors[2 * i], state->l, factors[2 * i + 1] * state->l_of[i]);
    state->m = top;
    state->waiting = 0;
}

void gml_softmax_merge(const gml_kernel_set *set, gml_softmax_state *state, float m, float l)
{
    state->m_of[state->waiting] = m;
    state->l_of[state->waiting++] = l;
    if (state->waiting == GML_SEGMENTS_WAITING)
        merge_waiting(set, state);
}

float gml_softmax_logsumexp(float m, float l)
{
    return l == 0.0f ? -INFINITY : m + gml_log2f(l) * GML_LN2;
}

gml_softmax_end gml_softmax_close(const gml_softmax_job *job, const gml_softmax_row *row,
                                  gml_softmax_state *state)
{
    if (row->sink != -INFINITY)
        gml_softmax_merge(job->set, state, row->sink, 1.0f);
    if (state->waiting == 1 && state->l == 0.0f && row->sink == -INFINITY) {
        state->m = state->m_of[0]; /* all there is: its factors are 0 and 1 */
        state->l = state->l_of[0];
    } else if (state->waiting) {
        merge_waiting(job->set, state);
    }
    const bool empty = state->l == 0.0f;
    gml_softmax_end end = {.z = finite_or_zero(state->m), .inverse = 1.0f / state->l, .empty = empty};
    if (job->problem->log || row->lse)
        end.g = gml_log2f(empty ? 1.0f : state->l) * GML_LN2;
    if (row->lse)
        *row->lse = empty ? -INFINITY : state->m + end.g;
    return end;
}

void gml_softmax_factors(const gml_kernel_set *set, const gml_softmax_end *end, int64_t n, float *m)
{
    if (n == 1 && *m == end->z) { /* exp(0) is 1 */
        *m = end->empty ? 0.0f : end->inverse;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        m[i] -= end->z;
    set->exp_f32(n, m, m);
    for (int64_t i = 0; i < n; i++)
        m[i] = end->empty ? 0.0f : m[i] * end->inverse;
}

/* The exponentials of a row without a sum are zero already. */
void gml_softmax_finish(const gml_softmax_job *job, const gml_softmax_end *end, float m, int64_t n,
                        const float *e, bool stream, float *y)
{
    if (!job->problem->log) {
        gml_softmax_factors(job->set, end, 1, &m);
        job->kernel->scale(n, m, e, stream, y);
    } else if (end->empty) {
        gml_softmax_fill_absent(job, 0, n, y);
    } else {
        job->kernel->log(n, end->z, end->g, e, stream, y);
    }
}

void gml_softmax_fill_absent(const gml_softmax_job *job, int64_t j, int64_t n, float *y)
{
    const float value = job->problem->log ? -INFINITY : 0.0f;
    for (; j < n; j++)
        y[j] = value;
}
