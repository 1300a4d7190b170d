/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_attention_f32: check, resolve, plan, run.
 */
#include "src/core/attention.h"
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/problems.h"
#include "src/api/record.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include <inttypes.h>
#include <math.h>

static const char function[] = "gml_attention_f32";

/* All tensors of a problem; those that are not given have no data. */
typedef struct tensors {
    gml_tensor q, k, v, bias, keep, kv_lengths, prefix, q_document, kv_document, alibi, sinks; /* read    */
    gml_tensor o, lse, weights;                                                                /* written */
} tensors;

static gml_tensor tensor(const char *name, const char *stride_names, const void *data, size_t element,
                         int rank, const int64_t *extent, const int64_t *stride)
{
    gml_tensor x = {
        .name = name, .stride_names = stride_names, .data = data, .rank = rank, .element = element};
    for (int d = 0; d < rank; d++) {
        x.extent[d] = extent[d];
        x.stride[d] = stride[d];
    }
    return x;
}

/* Batch, head, token, and the dimension of a head. */
static gml_tensor tokens(const char *name, const char *stride_names, const float *data, const int64_t *stride,
                         int64_t step, int64_t batch, int64_t heads, int64_t length, int64_t dim)
{
    const int64_t extents[4] = {batch, heads, length, dim};
    const int64_t strides[4] = {stride[0], stride[1], stride[2], step};
    return tensor(name, stride_names, data, sizeof(float), 4, extents, strides);
}

/* An array of one or two dimensions, the second contiguous. */
static gml_tensor array(const char *name, const char *stride_names, const void *data, size_t element,
                        int64_t n, int64_t stride, int64_t m)
{
    const int64_t extents[2] = {n, m}, strides[2] = {stride, 1};
    return tensor(name, stride_names, data, element, 2, extents, strides);
}

static tensors tensors_of(const gml_attention_problem *p)
{
    const int64_t pairs[4] = {p->batch, p->heads, p->q_len, p->kv_len};
    return (tensors){
        .q = tokens("q", "q_stride[0]\0q_stride[1]\0q_stride[2]\0-", p->q, p->q_stride, 1, p->batch, p->heads,
                    p->q_len, p->head_dim),
        .k = tokens("k", "k_stride[0]\0k_stride[1]\0k_stride[2]\0k_dim_stride", p->k, p->k_stride,
                    p->k_dim_stride ? p->k_dim_stride : 1, p->batch, p->kv_heads, p->kv_len, p->head_dim),
        .v = tokens("v", "v_stride[0]\0v_stride[1]\0v_stride[2]\0-", p->v, p->v_stride, 1, p->batch,
                    p->kv_heads, p->kv_len, p->v_head_dim),
        .bias = tensor("bias", "bias_stride[0]\0bias_stride[1]\0bias_stride[2]\0bias_stride[3]", p->bias,
                       sizeof(float), 4, pairs, p->bias_stride),
        .keep = tensor("keep", "keep_stride[0]\0keep_stride[1]\0keep_stride[2]\0keep_stride[3]", p->keep,
                       sizeof(uint8_t), 4, pairs, p->keep_stride),
        .kv_lengths = array("kv_lengths", "-\0-", p->kv_lengths, sizeof(int64_t), p->batch, 1, 1),
        .prefix = array("prefix", "-\0-", p->prefix, sizeof(int64_t), p->batch, 1, 1),
        .q_document = array("q_document", "q_document_stride\0-", p->q_document, sizeof(int32_t), p->batch,
                            p->q_document_stride, p->q_len),
        .kv_document = array("kv_document", "kv_document_stride\0-", p->kv_document, sizeof(int32_t),
                             p->batch, p->kv_document_stride, p->kv_len),
        .alibi = array("alibi", "-\0-", p->alibi, sizeof(float), p->heads, 1, 1),
        .sinks = array("sinks", "-\0-", p->sinks, sizeof(float), p->heads, 1, 1),
        .o = tokens("o", "o_stride[0]\0o_stride[1]\0o_stride[2]\0-", p->o, p->o_stride, 1, p->batch, p->heads,
                    p->q_len, p->v_head_dim),
        .lse = tensor("lse", "lse_stride[0]\0lse_stride[1]\0lse_stride[2]", p->lse, sizeof(float), 3, pairs,
                      p->lse_stride),
        .weights =
            tensor("weights", "weights_stride[0]\0weights_stride[1]\0weights_stride[2]\0weights_stride[3]",
                   p->weights, sizeof(float), 4, pairs, p->weights_stride),
    };
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
    GML_TRY(gml_check_range(function, "window_left", p->window_left, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "window_right", p->window_right, 0, INT64_MAX));
    GML_TRY(gml_check_softcap(function, p->softcap));
    if (!p->q_document != !p->kv_document)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %s is NULL, but %s is not", function,
                        p->q_document ? "kv_document" : "q_document",
                        p->q_document ? "q_document" : "kv_document");
    return gml_check_knobs(function, p->scale, p->causal, p->causal_offset, p->threads, 0);
}

/* Each of n numbers is in [0, most]. */
static gml_status check_entries(const char *name, const int64_t *entries, int64_t n, int64_t most)
{
    for (int64_t i = 0; i < n; i++)
        if (entries[i] < 0 || entries[i] > most)
            return most == INT64_MAX
                       ? gml_fail(GML_ERR_ARGUMENT,
                                  "%s: %s[%" PRId64 "] is %" PRId64 ", must not be negative", function, name,
                                  i, entries[i])
                       : gml_fail(GML_ERR_ARGUMENT,
                                  "%s: %s[%" PRId64 "] is %" PRId64 ", must be in [0, kv_len = %" PRId64 "]",
                                  function, name, i, entries[i], most);
    return GML_OK;
}

static gml_status check_output(const gml_tensor *output)
{
    GML_TRY(gml_check_tensor(function, output));
    return gml_check_distinct(function, output);
}

static gml_status check_outputs(const gml_attention_problem *p, const tensors *x)
{
    GML_TRY(check_output(&x->o));
    if (p->lse) {
        GML_TRY(check_output(&x->lse));
        GML_TRY(gml_check_overlap(function, &x->o, &x->lse));
    }
    if (p->weights) {
        GML_TRY(check_output(&x->weights));
        GML_TRY(gml_check_overlap(function, &x->o, &x->weights));
        if (p->lse)
            GML_TRY(gml_check_overlap(function, &x->lse, &x->weights));
    }
    return GML_OK;
}

/* An input that is given, against the outputs; o may be q. */
static gml_status check_input(const tensors *x, const gml_tensor *input, bool in_place)
{
    GML_TRY(gml_check_tensor(function, input));
    if (!in_place)
        GML_TRY(gml_check_overlap(function, &x->o, input));
    if (x->lse.data)
        GML_TRY(gml_check_overlap(function, &x->lse, input));
    return x->weights.data ? gml_check_overlap(function, &x->weights, input) : GML_OK;
}

static gml_status check_inputs(const gml_attention_problem *p, const tensors *x)
{
    const bool in_place = p->o == p->q && p->head_dim == p->v_head_dim &&
                          p->head_dim <= GML_IN_PLACE_HEAD_DIM && p->o_stride[0] == p->q_stride[0] &&
                          p->o_stride[1] == p->q_stride[1] && p->o_stride[2] == p->q_stride[2];
    GML_TRY(check_input(x, &x->q, in_place));
    GML_TRY(gml_check_stride(function, &x->q, 2, p->head_dim));
    GML_TRY(check_input(x, &x->k, false));
    if (p->k_dim_stride <= 1)
        GML_TRY(gml_check_stride(function, &x->k, 2, p->head_dim));
    else if (p->kv_len > 1 && p->k_stride[2] != 1)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: k_stride[2] is %" PRId64 ", must be 1 where k_dim_stride is not (it is %" PRId64
                        ")",
                        function, p->k_stride[2], p->k_dim_stride);
    else
        GML_TRY(gml_check_stride(function, &x->k, 3, p->kv_len));
    GML_TRY(check_input(x, &x->v, false));
    GML_TRY(gml_check_stride(function, &x->v, 2, p->v_head_dim));

    const gml_tensor *optional[] = {&x->bias,       &x->keep,        &x->kv_lengths, &x->prefix,
                                    &x->q_document, &x->kv_document, &x->alibi,      &x->sinks};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (optional[i]->data)
            GML_TRY(check_input(x, optional[i], false));
    if (p->kv_lengths)
        GML_TRY(check_entries("kv_lengths", p->kv_lengths, p->batch, p->kv_len));
    if (p->prefix)
        GML_TRY(check_entries("prefix", p->prefix, p->batch, INT64_MAX));
    return GML_OK;
}

static gml_status check_problem(const gml_attention_problem *p)
{
    GML_TRY(check_sizes(p));
    const tensors x = tensors_of(p);
    GML_TRY(check_outputs(p, &x));
    return gml_tensor_empty(&x.o) ? GML_OK
                                  : check_inputs(p, &x); /* without queries nothing is read, either */
}

gml_status gml_attention_read(gml_attention_problem *p, const gml_attention_problem *problem)
{
    GML_TRY(gml_descriptor_read(p, sizeof *p, problem, function));
    return check_problem(p);
}

gml_status gml_attention_f32(gml_context *context, const gml_attention_problem *problem)
{
    gml_attention_problem p;
    GML_TRY(gml_attention_read(&p, problem));
    if (gml_attention_empty(&p))
        return GML_OK;

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter(); /* the scale is part of the arithmetic */
    const int64_t begin = gml_trace_begin(context);
    if (p.scale == 0.0f)
        p.scale = (float)(1.0 / sqrt((double)p.head_dim));
    const int32_t threads = gml_parallel_threads(&context->runtime, p.threads);
    if (gml_recording(context))
        gml_record_attention(&p, threads);
    const gml_planner planner = gml_planner_of(context);
    gml_attention_plan plan;
    gml_origin origin;
    const bool fits = gml_plan_attention(&planner, &p, threads, &plan, &origin);
    gml_attention_run_f32(&context->runtime, fits ? &plan : NULL, &p);
    if (begin)
        gml_trace_attention(context, function, &p, fits ? &plan : NULL, origin.source, begin);
    gml_fpenv_leave(found);
    return GML_OK;
}
