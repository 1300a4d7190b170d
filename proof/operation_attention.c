/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/arithmetic.h"
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/attention.h"
#include <gemmule/attention.h>
#include <math.h>
#include <string.h>

typedef struct attention_call {
    const proof_subject *subject;
    gml_attention_problem problem;
    gml_status status;
} attention_call;

typedef struct operands {
    proof_operand *q, *k, *v, *o, *lse, *bias, *keep; /* o may be q; the last three may be NULL */
} operands;

static void run(void *argument)
{
    attention_call *c = argument;
    if (!c->subject->runtime) {
        c->status = gml_attention_f32(c->subject->context, &c->problem);
        return;
    }
    /* What the public function resolves before it asks for a plan. */
    gml_attention_problem p = c->problem;
    if (p.scale == 0.0f)
        p.scale = (float)(1.0 / sqrt((double)p.head_dim));
    if (p.causal == GML_CAUSAL_BOTTOM_RIGHT)
        p.causal_offset = p.kv_len - p.q_len;
    if (p.causal != GML_CAUSAL_NONE)
        p.causal = GML_CAUSAL_OFFSET;
    gml_attention_run_f32(c->subject->runtime, c->subject->attention, &p);
}

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

/* A bias or a keep mask, or (key: 1) the logsumexps, with stride 0 in the dimensions named by `broadcast`. */
static proof_operand *place_mask(proof_session *session, const char *name, const proof_attention *a,
                                 size_t element, int64_t keys, unsigned broadcast, proof_random *random)
{
    proof_shape shape = {{a->batch, a->heads, a->q_len, keys}, {0, 0, 0, 0}};
    int64_t stride = 1;
    for (int d = 3; d >= 0; d--) {
        const bool one = broadcast >> d & 1;
        shape.stride[d] = one ? 0 : stride;
        if (!one)
            stride = stride * (shape.size[d] > 0 ? shape.size[d] : 1) + (d == 3 ? a->gap : 0);
    }
    return proof_place(session->arena, name, element, element, shape, proof_any_edge(random));
}

static int64_t place_of(const proof_operand *operand, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *stride = operand->shape.stride;
    return b * stride[0] + h * stride[1] + i * stride[2] + j * stride[3];
}

/* Masks one element by whatever mask there is. */
static void mask(const operands *x, int64_t b, int64_t h, int64_t i, int64_t j, bool by_bias)
{
    if (x->bias && (by_bias || !x->keep))
        ((float *)x->bias->data)[place_of(x->bias, b, h, i, j)] = -INFINITY;
    else if (x->keep)
        ((uint8_t *)x->keep->data)[place_of(x->keep, b, h, i, j)] = 0;
}

static void spoil_key(const operands *x, const proof_attention *a, int64_t j, bool only_v,
                      proof_random *random)
{
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t h = 0; h < a->kv_heads; h++) {
            const float bad = proof_once_in(random, 2)   ? NAN
                              : proof_once_in(random, 2) ? INFINITY
                                                         : -INFINITY;
            const int64_t d = proof_below(random, a->v_head_dim);
            ((float *)x->v->data)[place_of(x->v, b, h, j, d)] = bad;
            if (!only_v)
                ((float *)x->k->data)[place_of(x->k, b, h, j, proof_below(random, a->head_dim))] = bad;
        }
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

static void spoil_keys(const operands *x, const proof_attention *a, proof_random *random)
{
    for (int64_t n = 0; n < a->dead && (x->bias || x->keep); n++) {
        const int64_t j = proof_below(random, a->kv_len);
        spoil_key(x, a, j, false, random);
        for (int64_t b = 0; b < a->batch; b++)
            for (int64_t h = 0; h < a->heads; h++)
                for (int64_t i = 0; i < a->q_len; i++)
                    mask(x, b, h, i, j, proof_once_in(random, 2));
    }
    for (int64_t n = 0; n < a->hot; n++)
        spoil_key(x, a, proof_below(random, a->kv_len), true, random);
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

static operands place_operands(proof_session *session, const proof_attention *a,
                               gml_attention_problem *problem, proof_random *random)
{
    operands x = {0};
    x.q = place_tensor(session, "q", a, a->heads, a->q_len, a->head_dim, false, random);
    x.k = place_tensor(session, "k", a, a->kv_heads, a->kv_len, a->head_dim, a->kv_broadcast, random);
    x.v = place_tensor(session, "v", a, a->kv_heads, a->kv_len, a->v_head_dim, a->kv_broadcast, random);
    x.o = a->in_place ? x.q : place_tensor(session, "o", a, a->heads, a->q_len, a->v_head_dim, false, random);
    if (a->lse)
        x.lse = place_mask(session, "lse", a, sizeof(float), 1, 0, random);
    if (a->bias)
        x.bias = place_mask(session, "bias", a, sizeof(float), a->kv_len, a->bias_broadcast, random);
    if (a->keep)
        x.keep = place_mask(session, "keep", a, 1, a->kv_len, a->keep_broadcast, random);

    problem->batch = a->batch, problem->heads = a->heads, problem->kv_heads = a->kv_heads;
    problem->q_len = a->q_len, problem->kv_len = a->kv_len;
    problem->head_dim = a->head_dim, problem->v_head_dim = a->v_head_dim;
    problem->scale = a->scale, problem->causal = a->causal, problem->causal_offset = a->causal_offset;
    memcpy(problem->q_stride, x.q->shape.stride, sizeof problem->q_stride);
    memcpy(problem->k_stride, x.k->shape.stride, sizeof problem->k_stride);
    memcpy(problem->v_stride, x.v->shape.stride, sizeof problem->v_stride);
    memcpy(problem->o_stride, x.o->shape.stride, sizeof problem->o_stride);
    if (x.lse)
        memcpy(problem->lse_stride, x.lse->shape.stride, sizeof problem->lse_stride);
    if (x.bias)
        memcpy(problem->bias_stride, x.bias->shape.stride, sizeof problem->bias_stride);
    if (x.keep)
        memcpy(problem->keep_stride, x.keep->shape.stride, sizeof problem->keep_stride);
    return x;
}

static void label(proof_session *session, const proof_attention *a)
{
    proof_case_label(session,
                     "attention batch %lld, heads %lld of %lld, q_len %lld, kv_len %lld, head_dim %lld and "
                     "%lld, scale %g, "
                     "causal %d, offset %lld%s%s%s%s, dead %lld, hot %lld, sunk %lld, %s, case seed %llu",
                     (long long)a->batch, (long long)a->heads, (long long)a->kv_heads, (long long)a->q_len,
                     (long long)a->kv_len, (long long)a->head_dim, (long long)a->v_head_dim, (double)a->scale,
                     (int)a->causal, (long long)a->causal_offset, a->token_major ? ", token major" : "",
                     a->in_place ? ", in place" : "", a->bias ? ", bias" : "", a->keep ? ", keep" : "",
                     (long long)a->dead, (long long)a->hot, (long long)a->sunk, proof_values_name[a->values],
                     (unsigned long long)a->seed);
}

void proof_attention_case(proof_session *session, const proof_subject *subject, const proof_attention *a,
                          proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(a->seed, 8);
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    proof_case_begin(session);
    const operands x = place_operands(session, a, &problem, &random);
    proof_fill(x.q, &random, a->values);
    proof_fill(x.k, &random, a->values);
    proof_fill(x.v, &random, a->values == PROOF_SPREAD ? PROOF_WIDE : a->values);
    sink_keys(&x, a);
    fill_masks(&x, a, &random);
    if (a->kv_len > 0)
        spoil_keys(&x, a, &random);
    proof_case_images(session);

    gml_attention_problem images = problem;
    problem.q = x.q->data, images.q = x.q->image;
    problem.k = x.k->data, images.k = x.k->image;
    problem.v = x.v->data, images.v = x.v->image;
    problem.o = x.o->data, images.o = x.o->image;
    if (x.lse)
        problem.lse = x.lse->data, images.lse = x.lse->image;
    if (x.bias)
        problem.bias = x.bias->data, images.bias = x.bias->image;
    if (x.keep)
        problem.keep = x.keep->data, images.keep = x.keep->image;
    spec_attention_f32(&images);
    label(session, a);
    attention_call call = {.subject = subject, .problem = problem};
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha) {
        proof_hash_operand(sha, x.o, !subject);
        if (x.lse)
            proof_hash_operand(sha, x.lse, !subject);
    }
}

static int64_t any_dim(proof_random *random)
{
    static const int64_t usual[] = {1, 8, 16, 32, 40, 64, 64, 80, 128};
    return proof_once_in(random, 2) ? usual[proof_below(random, 9)] : proof_log_between(random, 1, 140);
}

proof_attention proof_attention_random(proof_random *random)
{
    static const float scales[] = {0.0f, 0.0f, 1.0f, -0.25f, 0x1p-100f};
    const int64_t budget = 1 << 21;
    proof_attention a = {.kv_heads = proof_log_between(random, 1, 4), .masked = 1};
    a.batch = proof_log_between(random, 1, 3);
    a.heads = a.kv_heads * proof_log_between(random, 1, 4);
    a.q_len = proof_log_between(random, 0, 150);
    a.kv_len =
        proof_once_in(random, 2) ? proof_around(random, GML_KB0, 3) : proof_log_between(random, 0, 200);
    a.head_dim = any_dim(random);
    a.v_head_dim = proof_once_in(random, 2) ? a.head_dim : any_dim(random);
    if (proof_once_in(random, 8))
        a.q_len = 1; /* decoding */
    if (proof_once_in(random, 40))
        a.batch = 0;
    while (a.batch * a.heads * a.q_len * a.kv_len * (a.head_dim + a.v_head_dim) > budget)
        a.batch > 1            ? a.batch--
        : a.heads > a.kv_heads ? (a.heads -= a.kv_heads)
                               : (a.q_len = a.q_len * 3 / 4);
    a.token_major = proof_once_in(random, 2);
    a.kv_broadcast = proof_once_in(random, 6);
    a.gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 20);
    a.in_place = a.head_dim == a.v_head_dim && proof_once_in(random, 4);
    a.lse = proof_once_in(random, 2);
    a.bias = proof_once_in(random, 3);
    a.keep = proof_once_in(random, 3);
    a.bias_broadcast = (unsigned)proof_below(random, 16) & ~(proof_once_in(random, 8) ? 0u : 8u);
    a.keep_broadcast = (unsigned)proof_below(random, 16) & ~(proof_once_in(random, 8) ? 0u : 8u);
    if (!proof_once_in(random, 8))
        a.masked = proof_between(random, 2, 12);
    a.dead = proof_once_in(random, 3) ? proof_between(random, 1, 5) : 0;
    a.hot = proof_once_in(random, 4) ? proof_between(random, 1, 3) : 0;
    if (proof_once_in(random, 10))
        a.sunk = proof_once_in(random, 2) ? a.kv_len : proof_between(random, 0, a.kv_len);
    a.scale = scales[proof_below(random, 5)];
    a.causal = proof_once_in(random, 2) ? (int32_t)proof_below(random, 4) : GML_CAUSAL_NONE;
    if (proof_once_in(random, 8)) { /* a last key that the first rows alone do not see */
        a.q_len = proof_between(random, 2, 3);
        a.causal = GML_CAUSAL_BOTTOM_RIGHT;
    }
    if (a.causal == GML_CAUSAL_OFFSET)
        a.causal_offset = proof_once_in(random, 20) ? INT64_MAX - proof_below(random, 3)
                                                    : proof_between(random, -a.q_len - 2, a.kv_len + 2);
    a.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    if (a.values == PROOF_EXTREME || a.values == PROOF_WIDE)
        a.values = proof_once_in(random, 3) ? a.values : PROOF_SPREAD;
    a.seed = proof_next(random) >> 32;
    return a;
}
