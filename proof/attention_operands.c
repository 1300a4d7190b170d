/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/attention_operands.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef proof_attention_operands operands;

#define COUNT(table) ((int64_t)(sizeof table / sizeof *table))

/* [batch][heads][tokens][dim] in one of two storage orders. */
static proof_operand *place_tensor(proof_session *session, const char *name, const proof_attention *a,
                                   int64_t heads, int64_t tokens, int64_t dim, bool broadcast,
                                   proof_random *random)
{
    const int64_t piece = dim + a->gap;
    proof_shape shape = {{a->batch, heads, tokens, dim}, {heads * tokens * piece, tokens * piece, piece, 1}};
    if (a->token_major)
        shape.stride[1] = piece, shape.stride[2] = heads * piece;
    if (broadcast)
        shape.stride[0] = 0;
    return proof_place(session->arena, name, sizeof(float), sizeof(float), shape, proof_any_edge(random));
}

/* K with contiguous tokens: [batch][heads][dim][tokens] or [batch][dim][heads][tokens]. */
static proof_operand *place_transposed(proof_session *session, const proof_attention *a, proof_random *random)
{
    const int64_t piece = a->kv_len + a->gap;
    proof_shape shape = {{a->batch, a->kv_heads, a->kv_len, a->head_dim},
                         {a->kv_heads * a->head_dim * piece, a->head_dim * piece, 1, piece}};
    if (a->token_major)
        shape.stride[1] = piece, shape.stride[3] = a->kv_heads * piece;
    if (a->kv_broadcast)
        shape.stride[0] = 0;
    return proof_place(session->arena, "k", sizeof(float), sizeof(float), shape, proof_any_edge(random));
}

/* A bias, a keep mask, the weights, or (keys: 1) the logsumexps, with stride 0 in the dimensions named by `broadcast`.
 * The keys are contiguous, or some elements apart, or outside the queries. */
static proof_operand *place_pairs(proof_session *session, const char *name, const proof_attention *a,
                                  size_t element, int64_t keys, unsigned broadcast, proof_random *random)
{
    static const int orders[2][4] = {{3, 2, 1, 0}, {2, 3, 1, 0}};
    const int *order = orders[proof_once_in(random, 8)];
    proof_shape shape = {{a->batch, a->heads, a->q_len, keys}, {0, 0, 0, 0}};
    int64_t stride = proof_once_in(random, 8) ? proof_between(random, 2, 3) : 1;
    for (int n = 0; n < 4; n++) {
        const int d = order[n];
        const bool one = broadcast >> d & 1;
        shape.stride[d] = one ? 0 : stride;
        if (!one)
            stride = stride * (shape.size[d] > 0 ? shape.size[d] : 1) + (n == 0 ? a->gap : 0);
    }
    return proof_place(session->arena, name, element, element, shape, proof_any_edge(random));
}

/* rows x columns elements, or one row for all. */
static proof_operand *place_rows(proof_session *session, const char *name, size_t element, int64_t rows,
                                 int64_t columns, int64_t stride, proof_random *random)
{
    return proof_place_matrix(session->arena, name, element, rows, columns, stride, 1,
                              proof_any_edge(random));
}

static int64_t place_of(const proof_operand *operand, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *stride = operand->shape.stride;
    return b * stride[0] + h * stride[1] + i * stride[2] + j * stride[3];
}

static int64_t length_of(const operands *x, const proof_attention *a, int64_t b)
{
    return x->lengths ? ((const int64_t *)x->lengths->data)[b] : a->kv_len;
}

static void fill_lengths(const operands *x, const proof_attention *a, proof_random *random)
{
    static const int64_t beyond[] = {0, 1, INT64_MAX};
    for (int64_t b = 0; b < a->batch && x->lengths; b++)
        ((int64_t *)x->lengths->data)[b] = proof_once_in(random, 8)   ? 0
                                           : proof_once_in(random, 5) ? a->kv_len
                                                                      : proof_between(random, 0, a->kv_len);
    for (int64_t b = 0; b < a->batch && x->prefix; b++)
        ((int64_t *)x->prefix->data)[b] = proof_once_in(random, 4)
                                              ? beyond[proof_below(random, COUNT(beyond))]
                                              : proof_between(random, 0, a->kv_len + 2);
}

static int32_t any_document(proof_random *random)
{
    static const int32_t documents[] = {INT32_MIN, -1, 0, 1, 1 << 20, INT32_MAX};
    return documents[proof_below(random, COUNT(documents))];
}

static void fill_documents(const operands *x, const proof_attention *a, proof_random *random)
{
    if (!x->q_document)
        return;
    const bool runs = a->documents == PROOF_RUNS;
    for (int64_t b = 0; b < x->kv_document->shape.size[2]; b++) {
        int32_t *row = (int32_t *)x->kv_document->data + b * x->kv_document->shape.stride[2];
        int32_t document = (int32_t)proof_between(random, -3, 3);
        for (int64_t j = 0; j < a->kv_len; j++) {
            document += proof_once_in(random, 40);
            row[j] = runs ? document : any_document(random);
        }
    }
    for (int64_t b = 0; b < x->q_document->shape.size[2]; b++) {
        int32_t *row = (int32_t *)x->q_document->data + b * x->q_document->shape.stride[2];
        const int32_t *keys = (const int32_t *)x->kv_document->data + b * x->kv_document->shape.stride[2];
        for (int64_t i = 0; i < a->q_len; i++) {
            int64_t j = i + length_of(x, a, b) - a->q_len;
            j = j < 0 ? 0 : j;
            row[i] = runs && j < a->kv_len ? keys[j] : any_document(random);
        }
    }
}

/* 2^-1, 2^-2, ... and what lies between, as usual; or a model's mistake. */
static float any_slope(proof_random *random, int64_t head)
{
    static const float odd[] = {0.0f, -0.0f, -0.25f, 0x1p100f, FLT_MAX, -FLT_MAX, 0x1p-130f, NAN};
    if (proof_once_in(random, 8))
        return odd[proof_below(random, COUNT(odd) - !proof_once_in(random, 4))];
    return ldexpf(proof_once_in(random, 2) ? 1.0f : 0.70710678f, (int)-(head % 8 + 1));
}

static float any_sink(proof_random *random)
{
    static const float odd[] = {FLT_MAX, -FLT_MAX, 0.0f, -0.0f, INFINITY, NAN};
    if (proof_once_in(random, 10))
        return odd[proof_below(random, COUNT(odd) - (proof_once_in(random, 2) ? 0 : 2))];
    return proof_once_in(random, 4) ? -INFINITY : 8.0f * proof_value(random, PROOF_UNIFORM);
}

static void fill_heads(const operands *x, const proof_attention *a, proof_random *random)
{
    for (int64_t h = 0; h < a->heads && x->alibi; h++)
        ((float *)x->alibi->data)[h] = any_slope(random, h);
    for (int64_t h = 0; h < a->heads && x->sinks; h++)
        ((float *)x->sinks->data)[h] = any_sink(random);
}

/* Masks one element by whatever mask there is. */
static void mask(const operands *x, int64_t b, int64_t h, int64_t i, int64_t j, bool by_bias)
{
    if (x->bias && (by_bias || !x->keep))
        ((float *)x->bias->data)[place_of(x->bias, b, h, i, j)] = -INFINITY;
    else if (x->keep)
        ((uint8_t *)x->keep->data)[place_of(x->keep, b, h, i, j)] = 0;
}

static void fill_masks(const operands *x, const proof_attention *a, proof_random *random)
{
    if (x->bias)
        proof_fill(x->bias, random, a->values == PROOF_SPECIALS ? PROOF_SPECIALS : PROOF_UNIFORM);
    if (x->keep)
        proof_fill_bytes(x->keep, random, a->masked + 1);
    if (!x->bias && !x->keep)
        return;
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t h = 0; h < a->heads; h++)
            for (int64_t i = 0; i < a->q_len; i++) {
                const bool all = proof_once_in(random, 16);
                for (int64_t j = 0; j < a->kv_len; j++)
                    if (all || (x->bias && proof_once_in(random, a->masked * 2)))
                        mask(x, b, h, i, j, proof_once_in(random, 2));
            }
}

/* Whether a query sees a key: include/gemmule/attention.h in integers of 128 bits. */
static bool sees(const operands *x, const proof_attention *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    __extension__ typedef __int128 wide;
    const int64_t keys = length_of(x, a, b);
    const wide offset = a->causal == GML_CAUSAL_TOP_LEFT ? 0
                        : a->causal == GML_CAUSAL_OFFSET ? (wide)a->causal_offset
                                                         : (wide)keys - a->q_len;
    const wide p = i + offset, causal = a->causal != GML_CAUSAL_NONE;
    const wide right = a->window_right ? (wide)a->window_right : causal;
    const bool within = (!right || j < p + right) && (!a->window_left || j > p - a->window_left);
    if (j >= keys || !(within || (x->prefix && j < ((const int64_t *)x->prefix->data)[b])))
        return false;
    if (x->q_document && ((const int32_t *)x->q_document->data)[b * x->q_document->shape.stride[2] + i] !=
                             ((const int32_t *)x->kv_document->data)[b * x->kv_document->shape.stride[2] + j])
        return false;
    return !(x->keep && ((const uint8_t *)x->keep->data)[place_of(x->keep, b, h, i, j)] == 0) &&
           !(x->bias && ((const float *)x->bias->data)[place_of(x->bias, b, h, i, j)] == -INFINITY);
}

/* Whether no query sees key j of batch entries from b up to end. */
static bool unseen(const operands *x, const proof_attention *a, int64_t b, int64_t end, int64_t kv_head,
                   int64_t j)
{
    const int64_t group = a->heads / a->kv_heads;
    for (; b < end; b++)
        for (int64_t h = kv_head * group; h < (kv_head + 1) * group; h++)
            for (int64_t i = a->q_len - 1; i >= 0; i--)
                if (sees(x, a, b, h, i, j))
                    return false;
    return true;
}

static void spoil(const operands *x, const proof_attention *a, int64_t b, int64_t h, int64_t j, bool only_v,
                  proof_random *random)
{
    const float bad = proof_once_in(random, 2) ? NAN : proof_once_in(random, 2) ? INFINITY : -INFINITY;
    const int64_t d = proof_below(random, a->v_head_dim);
    ((float *)x->v->data)[place_of(x->v, b, h, j, d)] = bad;
    if (!only_v)
        ((float *)x->k->data)[place_of(x->k, b, h, j, proof_below(random, a->head_dim))] = bad;
}

/* Any key, or one of the last, which not all queries see. */
static int64_t hot_key(int64_t length, int64_t kv_len, proof_random *random)
{
    const int64_t last = length - 1 - proof_below(random, 3);
    return last < 0 || proof_once_in(random, 2) ? proof_below(random, kv_len) : last;
}

static void spoil_keys(const operands *x, const proof_attention *a, proof_random *random)
{
    for (int64_t n = 0; n < a->dead && a->kv_len > 0; n++) {
        const int64_t j = proof_below(random, a->kv_len);
        for (int64_t b = 0; b < a->batch; b++)
            for (int64_t h = 0; h < a->heads; h++)
                for (int64_t i = 0; i < a->q_len; i++)
                    mask(x, b, h, i, j, proof_once_in(random, 2));
    }
    const int64_t copies = a->kv_broadcast && a->batch > 0 ? 1 : a->batch;
    for (int64_t b = 0; b < copies; b++)
        for (int64_t h = 0; h < a->kv_heads; h++) {
            for (int64_t j = 0; j < a->kv_len && a->dead > 0; j++)
                if (unseen(x, a, b, copies == a->batch ? b + 1 : a->batch, h, j))
                    spoil(x, a, b, h, j, false, random);
            for (int64_t n = 0; n < a->hot && a->kv_len > 0; n++)
                spoil(x, a, b, h, hot_key(length_of(x, a, b), a->kv_len, random), true, random);
        }
}

/* The first element of each query against those of the keys: overflows for the sunk ones, nothing for others. */
static void sink_keys(const operands *x, const proof_attention *a)
{
    for (int64_t b = 0; b < a->batch && a->sunk > 0; b++) {
        for (int64_t h = 0; h < a->heads; h++)
            for (int64_t i = 0; i < a->q_len; i++)
                ((float *)x->q->data)[place_of(x->q, b, h, i, 0)] = 0x1p64f;
        for (int64_t h = 0; h < a->kv_heads; h++)
            for (int64_t j = 0; j < a->kv_len; j++)
                ((float *)x->k->data)[place_of(x->k, b, h, j, 0)] = j < a->sunk ? -0x1p127f : 0.0f;
    }
}

static operands place(proof_session *session, const proof_attention *a, proof_random *random)
{
    operands x = {0};
    x.q = place_tensor(session, "q", a, a->heads, a->q_len, a->head_dim, false, random);
    x.k = a->k_transposed
              ? place_transposed(session, a, random)
              : place_tensor(session, "k", a, a->kv_heads, a->kv_len, a->head_dim, a->kv_broadcast, random);
    x.v = place_tensor(session, "v", a, a->kv_heads, a->kv_len, a->v_head_dim, a->kv_broadcast, random);
    x.o = a->in_place ? x.q : place_tensor(session, "o", a, a->heads, a->q_len, a->v_head_dim, false, random);
    if (a->lse)
        x.lse = place_pairs(session, "lse", a, sizeof(float), 1, 0, random);
    if (a->weights)
        x.weights = place_pairs(session, "weights", a, sizeof(float), a->kv_len, 0, random);
    if (a->bias)
        x.bias = place_pairs(session, "bias", a, sizeof(float), a->kv_len, a->bias_broadcast, random);
    if (a->keep)
        x.keep = place_pairs(session, "keep", a, 1, a->kv_len, a->keep_broadcast, random);
    if (a->lengths)
        x.lengths = place_rows(session, "kv_lengths", sizeof(int64_t), 1, a->batch, a->batch, random);
    if (a->prefix)
        x.prefix = place_rows(session, "prefix", sizeof(int64_t), 1, a->batch, a->batch, random);
    if (a->documents != PROOF_NO_DOCUMENTS) {
        x.q_document = place_rows(session, "q_document", sizeof(int32_t), a->batch, a->q_len,
                                  a->q_document_broadcast ? 0 : a->q_len + a->gap, random);
        x.kv_document = place_rows(session, "kv_document", sizeof(int32_t), a->batch, a->kv_len,
                                   a->kv_document_broadcast ? 0 : a->kv_len + a->gap, random);
    }
    if (a->alibi)
        x.alibi = place_rows(session, "alibi", sizeof(float), 1, a->heads, a->heads, random);
    if (a->sinks)
        x.sinks = place_rows(session, "sinks", sizeof(float), 1, a->heads, a->heads, random);
    return x;
}

/* The first n strides of an operand, if there is one. */
static void set_strides(int64_t *strides, int n, const proof_operand *operand)
{
    if (operand)
        memcpy(strides, operand->shape.stride, (size_t)n * sizeof *strides);
}

static void describe(gml_attention_problem *p, const proof_attention *a, const operands *x)
{
    p->batch = a->batch, p->heads = a->heads, p->kv_heads = a->kv_heads;
    p->q_len = a->q_len, p->kv_len = a->kv_len;
    p->head_dim = a->head_dim, p->v_head_dim = a->v_head_dim;
    p->scale = a->scale, p->softcap = a->softcap;
    p->causal = a->causal, p->causal_offset = a->causal_offset;
    p->window_left = a->window_left, p->window_right = a->window_right;
    set_strides(p->q_stride, 3, x->q);
    set_strides(p->k_stride, 3, x->k);
    set_strides(p->v_stride, 3, x->v);
    set_strides(p->o_stride, 3, x->o);
    set_strides(p->lse_stride, 3, x->lse);
    set_strides(p->weights_stride, 4, x->weights);
    set_strides(p->bias_stride, 4, x->bias);
    set_strides(p->keep_stride, 4, x->keep);
    if (a->k_transposed)
        p->k_dim_stride = x->k->shape.stride[3];
    if (x->q_document) {
        p->q_document_stride = x->q_document->shape.stride[2];
        p->kv_document_stride = x->kv_document->shape.stride[2];
    }
}

operands proof_attention_place(proof_session *session, const proof_attention *a,
                               gml_attention_problem *problem, proof_random *random)
{
    const operands x = place(session, a, random);
    describe(problem, a, &x);
    proof_fill(x.q, random, a->values);
    proof_fill(x.k, random, a->values);
    proof_fill(x.v, random, a->values == PROOF_SPREAD ? PROOF_WIDE : a->values);
    sink_keys(&x, a);
    fill_lengths(&x, a, random);
    fill_documents(&x, a, random);
    fill_heads(&x, a, random);
    fill_masks(&x, a, random);
    spoil_keys(&x, a, random);
    return x;
}

static void *of(const proof_operand *operand, bool image)
{
    return !operand ? NULL : image ? operand->image : operand->data;
}

void proof_attention_point(gml_attention_problem *p, const operands *x, bool images)
{
    p->q = of(x->q, images), p->k = of(x->k, images), p->v = of(x->v, images), p->o = of(x->o, images);
    p->lse = of(x->lse, images), p->weights = of(x->weights, images);
    p->bias = of(x->bias, images), p->keep = of(x->keep, images);
    p->kv_lengths = of(x->lengths, images), p->prefix = of(x->prefix, images);
    p->q_document = of(x->q_document, images), p->kv_document = of(x->kv_document, images);
    p->alibi = of(x->alibi, images), p->sinks = of(x->sinks, images);
}
