/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention one row at a time, without scratch memory and with true skips: the running output lies where the
 * result goes, the weights of one block and a piece of its sum on the stack.
 */
#include "kernels/arithmetic.h"
#include "src/core/attention.h"
#include "src/core/causal.h"
#include "src/core/log2.h"
#include <math.h>

#define GML_PIECE 256 /* elements of v_head_dim summed at a time, on the stack */

int64_t gml_attention_visible(const gml_attention_problem *problem, int64_t query)
{
    return gml_causal_visible(problem->causal, problem->causal_offset, query, problem->kv_len);
}

float gml_attention_logsumexp(float m, float l)
{
    return l == 0.0f ? -INFINITY : (m + gml_log2f(l)) * GML_LN2;
}

static float finite_or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

static float sum_in_lanes(const float *e, int64_t n)
{
    float lane[GML_SUM_LANES] = {0};
    for (int64_t j = 0; j < n; j++)
        lane[j % GML_SUM_LANES] += e[j];
    for (int width = GML_SUM_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return lane[0];
}

void gml_attention_row_f32(const gml_attention_view *view, int64_t batch, int64_t head, int64_t query,
                           const float *q, int64_t q_step, float factor, float *o, float *lse)
{
    const gml_attention_problem *p = view->problem;
    const int64_t kv_head = head / (p->heads / p->kv_heads);
    const float *k = p->k + batch * p->k_stride[0] + kv_head * p->k_stride[1];
    const float *v = p->v + batch * p->v_stride[0] + kv_head * p->v_stride[1];
    const float *bias =
        !p->bias ? NULL
                 : p->bias + batch * p->bias_stride[0] + head * p->bias_stride[1] + query * p->bias_stride[2];
    const uint8_t *keep =
        !p->keep ? NULL
                 : p->keep + batch * p->keep_stride[0] + head * p->keep_stride[1] + query * p->keep_stride[2];
    const int64_t visible = gml_attention_visible(p, query);

    float m = -INFINITY, l = 0.0f;
    for (int64_t d = 0; d < p->v_head_dim; d++)
        o[d] = 0.0f;
    for (int64_t j0 = 0; j0 < visible; j0 += GML_KB0) {
        const int64_t keys = visible - j0 < GML_KB0 ? visible - j0 : GML_KB0;
        float e[GML_KB0];
        bool seen[GML_KB0], any = false;
        float mb = -INFINITY;
        for (int64_t j = 0; j < keys; j++) {
            const float added = bias ? bias[(j0 + j) * p->bias_stride[3]] : 0.0f;
            seen[j] = added != -INFINITY && (!keep || keep[(j0 + j) * p->keep_stride[3]]);
            e[j] = -INFINITY;
            if (!seen[j])
                continue;
            any = true;
            const float *kj = k + (j0 + j) * p->k_stride[2];
            float t = 0.0f;
            for (int64_t d = 0; d < p->head_dim; d++)
                t = fmaf(q[d * q_step] * factor, kj[d], t);
            e[j] = bias ? fmaf(added, GML_LOG2E, t) : t;
            mb = e[j] > mb ? e[j] : mb;
        }
        if (!any)
            continue;
        mb += 0.0f;
        for (int64_t j = 0; j < keys; j++)
            e[j] -= finite_or_zero(mb);
        view->set->exp2_f32(keys, e, e);

        const float top = (mb > m ? mb : m) + 0.0f;
        float ab[2] = {m - finite_or_zero(top), mb - finite_or_zero(top)};
        view->set->exp2_f32(2, ab, ab);
        l = fmaf(ab[0], l, ab[1] * sum_in_lanes(e, keys));
        m = top;
        for (int64_t d0 = 0; d0 < p->v_head_dim; d0 += GML_PIECE) {
            const int64_t n = p->v_head_dim - d0 < GML_PIECE ? p->v_head_dim - d0 : GML_PIECE;
            float s[GML_PIECE] = {0};
            for (int64_t j = 0; j < keys; j++) {
                const float *vj = v + (j0 + j) * p->v_stride[2] + d0;
                for (int64_t d = 0; seen[j] && d < n; d++)
                    s[d] = fmaf(e[j], vj[d], s[d]);
            }
            for (int64_t d = 0; d < n; d++)
                o[d0 + d] = fmaf(ab[0], o[d0 + d], ab[1] * s[d]);
        }
    }

    const float inverse = 1.0f / l;
    for (int64_t d = 0; d < p->v_head_dim; d++)
        o[d] = l == 0.0f ? 0.0f : o[d] * inverse + 0.0f;
    if (lse)
        *lse = gml_attention_logsumexp(m, l);
}
