/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section "Merging results" of docs/arithmetic.md.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>

/* One row: parts lie o_step and lse_step apart. Returns the logsumexp. */
static float merge_row(int64_t parts, int64_t dim, const float *o_parts, int64_t o_step,
                       const float *lse_parts, int64_t lse_step, float *o)
{
    float m = -INFINITY, l = 0.0f;
    for (int64_t d = 0; d < dim; d++)
        o[d] = 0.0f;
    for (int64_t part = 0; part < parts; part++) {
        const float lse = lse_parts[part * lse_step];
        if (lse == -INFINITY)
            continue;
        const float merged = (lse > m ? lse : m) + 0.0f, z = merged == -INFINITY ? 0.0f : merged;
        const float a = spec_exp_f32(m - z), b = spec_exp_f32(lse - z);
        l = fmaf(a, l, b);
        for (int64_t d = 0; d < dim; d++)
            o[d] = fmaf(a, o[d], b * o_parts[part * o_step + d]);
        m = merged;
    }
    for (int64_t d = 0; d < dim; d++)
        o[d] = l == 0.0f ? 0.0f : o[d] * (1.0f / l) + 0.0f;
    return l == 0.0f ? -INFINITY : m + spec_log2_f32(l) * GML_LN2;
}

void spec_attention_merge_f32(const gml_attention_merge_problem *p)
{
    for (int64_t batch = 0; batch < p->batch; batch++)
        for (int64_t head = 0; head < p->heads; head++)
            for (int64_t i = 0; i < p->q_len; i++) {
                const int64_t *os = p->o_parts_stride, *ls = p->lse_parts_stride;
                const float lse =
                    merge_row(p->parts, p->v_head_dim, p->o_parts + batch * os[1] + head * os[2] + i * os[3],
                              os[0], p->lse_parts + batch * ls[1] + head * ls[2] + i * ls[3], ls[0],
                              p->o + batch * p->o_stride[0] + head * p->o_stride[1] + i * p->o_stride[2]);
                if (p->lse)
                    p->lse[batch * p->lse_stride[0] + head * p->lse_stride[1] + i * p->lse_stride[2]] = lse;
            }
}
