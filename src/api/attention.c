/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_attention_f32: check, resolve, plan, run.
 */
#include "src/core/attention.h"
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include "src/core/causal.h"
#include "src/plan/model.h"
#include <inttypes.h>
#include <math.h>

static const char function[] = "gml_attention_f32";

/* A tensor whose every dimension has a stride of the problem: logsumexp and masks. */
static gml_tensor strided(const char *name, const char *stride_names, const void *data, size_t element,
                          int rank, const int64_t *extent, const int64_t *stride)
{
    gml_tensor tensor = {.name = name, .stride_names = stride_names, .data = data, .rank = rank};
    tensor.element = element;
    for (int d = 0; d < rank; d++) {
        tensor.extent[d] = extent[d];
        tensor.stride[d] = stride[d];
    }
    return tensor;
}

/* Batch, head, token, and a contiguous dimension. */
static gml_tensor tokens(const char *name, const char *stride_names, const float *data, const int64_t *stride,
                         int64_t batch, int64_t heads, int64_t length, int64_t dim)
{
    const int64_t extents[4] = {batch, heads, length, dim};
    const int64_t strides[4] = {stride[0], stride[1], stride[2], 1};
    return strided(name, stride_names, data, sizeof(float), 4, extents, strides);
}

static gml_status check_sizes(const gml_attention_problem *p)
{
    GML_TRY(gml_check_range(function, "batch", p->batch, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "heads", p->heads, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "kv_heads", p->kv_heads, p->heads > 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "q_len", p->q_len, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "kv_len", p->kv_len, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "head_dim", p->head_dim, 1, INT64_MAX));
    GML_TRY(gml_check_range(function, "v_head_dim", p->v_head_dim, 1, INT64_MAX));
    if (p->heads > 0 && p->heads % p->kv_heads)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: heads is %" PRId64 ", must be a multiple of kv_heads = %" PRId64, function,
                        p->heads, p->kv_heads);
    return gml_check_knobs(function, p->scale, p->causal, p->causal_offset, p->threads, p->reserved);
}

/* An input against both outputs. */
static gml_status check_input(const gml_tensor *input, const gml_tensor *o, const gml_tensor *lse)
{
    GML_TRY(gml_check_tensor(function, input));
    if (o)
        GML_TRY(gml_check_overlap(function, o, input));
    return lse->data ? gml_check_overlap(function, lse, input) : GML_OK;
}

static gml_status check_problem(const gml_attention_problem *p)
{
    GML_TRY(check_sizes(p));
    const gml_tensor o = tokens("o", "o_stride[0]\0o_stride[1]\0o_stride[2]\0-", p->o, p->o_stride, p->batch,
                                p->heads, p->q_len, p->v_head_dim);
    const gml_tensor q = tokens("q", "q_stride[0]\0q_stride[1]\0q_stride[2]\0-", p->q, p->q_stride, p->batch,
                                p->heads, p->q_len, p->head_dim);
    const gml_tensor k = tokens("k", "k_stride[0]\0k_stride[1]\0k_stride[2]\0-", p->k, p->k_stride, p->batch,
                                p->kv_heads, p->kv_len, p->head_dim);
    const gml_tensor v = tokens("v", "v_stride[0]\0v_stride[1]\0v_stride[2]\0-", p->v, p->v_stride, p->batch,
                                p->kv_heads, p->kv_len, p->v_head_dim);
    const int64_t pairs[4] = {p->batch, p->heads, p->q_len, p->kv_len};
    const gml_tensor lse = strided("lse", "lse_stride[0]\0lse_stride[1]\0lse_stride[2]", p->lse,
                                   sizeof(float), 3, pairs, p->lse_stride);
    const gml_tensor bias = strided("bias", "bias_stride[0]\0bias_stride[1]\0bias_stride[2]\0bias_stride[3]",
                                    p->bias, sizeof(float), 4, pairs, p->bias_stride);
    const gml_tensor keep = strided("keep", "keep_stride[0]\0keep_stride[1]\0keep_stride[2]\0keep_stride[3]",
                                    p->keep, sizeof(uint8_t), 4, pairs, p->keep_stride);

    GML_TRY(gml_check_tensor(function, &o));
    GML_TRY(gml_check_distinct(function, &o));
    if (p->lse) {
        GML_TRY(gml_check_tensor(function, &lse));
        GML_TRY(gml_check_distinct(function, &lse));
        GML_TRY(gml_check_overlap(function, &o, &lse));
    }
    if (gml_tensor_empty(&o))
        return GML_OK; /* nothing is read, either */

    const bool in_place = p->o == p->q && p->head_dim == p->v_head_dim &&
                          p->head_dim <= GML_IN_PLACE_HEAD_DIM && p->o_stride[0] == p->q_stride[0] &&
                          p->o_stride[1] == p->q_stride[1] && p->o_stride[2] == p->q_stride[2];
    GML_TRY(check_input(&q, in_place ? NULL : &o, &lse));
    GML_TRY(gml_check_stride(function, &q, 2, p->head_dim));
    GML_TRY(check_input(&k, &o, &lse));
    GML_TRY(gml_check_stride(function, &k, 2, p->head_dim));
    GML_TRY(check_input(&v, &o, &lse));
    GML_TRY(gml_check_stride(function, &v, 2, p->v_head_dim));
    if (p->bias)
        GML_TRY(check_input(&bias, &o, &lse));
    if (p->keep)
        GML_TRY(check_input(&keep, &o, &lse));
    return GML_OK;
}

/* Defaults become values: the executor knows one form of a problem. */
static void resolve(gml_attention_problem *p)
{
    if (p->scale == 0.0f)
        p->scale = (float)(1.0 / sqrt((double)p->head_dim));
    if (p->causal == GML_CAUSAL_NONE)
        return;
    p->causal_offset = gml_causal_offset(p->causal, p->causal_offset, p->q_len, p->kv_len);
    p->causal = GML_CAUSAL_OFFSET;
}

gml_status gml_attention_f32(gml_context *context, const gml_attention_problem *problem)
{
    gml_attention_problem p;
    GML_TRY(gml_descriptor_read(&p, sizeof p, problem, function));
    GML_TRY(check_problem(&p));
    if (p.batch == 0 || p.heads == 0 || p.q_len == 0)
        return GML_OK;

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter(); /* the scale is part of the arithmetic */
    const int64_t begin = gml_trace_begin(context);
    resolve(&p);
    const gml_attention_plan plan = gml_model_attention(&context->machine, context->runtime.set, &p,
                                                        gml_parallel_threads(&context->runtime, p.threads));
    const bool fits =
        gml_attention_plan_check(&plan, context->runtime.set, p.head_dim, p.v_head_dim, NULL, 0);
    gml_attention_run_f32(&context->runtime, fits ? &plan : NULL, &p);
    if (begin)
        gml_trace_attention(context, function, &p, fits ? &plan : NULL, begin);
    gml_fpenv_leave(found);
    return GML_OK;
}
