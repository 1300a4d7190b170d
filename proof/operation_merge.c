/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/attention.h"
#include <gemmule/attention.h>
#include <math.h>
#include <string.h>

typedef struct merge_call {
    const proof_subject *subject;
    gml_attention_merge_problem problem;
    gml_status status;
} merge_call;

static void run(void *argument)
{
    merge_call *c = argument;
    if (c->subject->runtime)
        gml_attention_merge_run_f32(c->subject->runtime, c->subject->runtime->threads, &c->problem);
    else
        c->status = gml_attention_merge_f32(c->subject->context, &c->problem);
}

/* [batch][heads][tokens][dim] in one of two storage orders. */
static proof_operand *place_result(proof_session *session, const char *name, const proof_merge *m,
                                   int64_t dim, proof_random *random)
{
    const int64_t piece = dim + m->gap;
    proof_shape shape = {{m->batch, m->heads, m->q_len, dim},
                         {m->heads * m->q_len * piece, m->q_len * piece, piece, 1}};
    if (m->token_major)
        shape.stride[1] = piece, shape.stride[2] = m->heads * piece;
    return proof_place(session->arena, name, sizeof(float), sizeof(float), shape, proof_any_edge(random));
}

/* [parts][batch][heads][tokens][dim] or [batch][parts][heads][tokens][dim]: the two are the operand's first dimension. */
static proof_operand *place_parts(proof_session *session, const char *name, const proof_merge *m, int64_t dim,
                                  int64_t strides[4], proof_random *random)
{
    const int64_t piece = dim + m->gap, heads = m->heads * m->q_len * piece;
    proof_shape shape = {{m->parts * m->batch, m->heads, m->q_len, dim}, {heads, m->q_len * piece, piece, 1}};
    if (m->token_major)
        shape.stride[1] = piece, shape.stride[2] = m->heads * piece;
    const bool parts_inside = proof_once_in(random, 3);
    strides[0] = parts_inside ? heads : m->batch * heads;
    strides[1] = parts_inside ? m->parts * heads : heads;
    strides[2] = shape.stride[1], strides[3] = shape.stride[2];
    return proof_place(session->arena, name, sizeof(float), sizeof(float), shape, proof_any_edge(random));
}

static float any_logsumexp(const proof_merge *m, proof_random *random)
{
    static const float special[] = {NAN, INFINITY, 0.0f, -0.0f, 0x1p-149f, 3e38f, -3e38f};
    if (m->specials && proof_once_in(random, 12))
        return special[proof_below(random, (int64_t)(sizeof special / sizeof *special))];
    return proof_value(random, m->values) * (m->values == PROOF_UNIFORM ? 20.0f : 1.0f);
}

static void fill_parts(const proof_operand *o, const int64_t *o_stride, const proof_operand *lse,
                       const int64_t *lse_stride, const proof_merge *m, proof_random *random)
{
    proof_fill(o, random, m->values);
    for (int64_t part = 0; part < m->parts; part++)
        for (int64_t b = 0; b < m->batch; b++)
            for (int64_t h = 0; h < m->heads; h++)
                for (int64_t i = 0; i < m->q_len; i++) {
                    float *row = (float *)o->data + part * o_stride[0] + b * o_stride[1] + h * o_stride[2] +
                                 i * o_stride[3];
                    float *to = (float *)lse->data + part * lse_stride[0] + b * lse_stride[1] +
                                h * lse_stride[2] + i * lse_stride[3];
                    *to = any_logsumexp(m, random);
                    if (!proof_once_in(random, m->empty))
                        continue;
                    *to = -INFINITY;
                    for (int64_t d = 0; d < m->v_head_dim; d++)
                        row[d] = d % 2 ? NAN : INFINITY;
                }
}

void proof_merge_case(proof_session *session, const proof_subject *subject, const proof_merge *m,
                      proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(m->seed, 9);
    gml_attention_merge_problem problem = GML_ATTENTION_MERGE_PROBLEM_INIT;
    problem.parts = m->parts, problem.batch = m->batch, problem.heads = m->heads;
    problem.q_len = m->q_len, problem.v_head_dim = m->v_head_dim;
    proof_case_begin(session);
    const proof_operand *o_parts =
        place_parts(session, "o_parts", m, m->v_head_dim, problem.o_parts_stride, &random);
    const proof_operand *lse_parts =
        place_parts(session, "lse_parts", m, 1, problem.lse_parts_stride, &random);
    const proof_operand *o = place_result(session, "o", m, m->v_head_dim, &random), *lse = NULL;
    memcpy(problem.o_stride, o->shape.stride, sizeof problem.o_stride);
    if (m->lse) {
        lse = place_result(session, "lse", m, 1, &random);
        memcpy(problem.lse_stride, lse->shape.stride, sizeof problem.lse_stride);
    }
    fill_parts(o_parts, problem.o_parts_stride, lse_parts, problem.lse_parts_stride, m, &random);
    proof_case_images(session);

    gml_attention_merge_problem images = problem;
    problem.o_parts = o_parts->data, images.o_parts = o_parts->image;
    problem.lse_parts = lse_parts->data, images.lse_parts = lse_parts->image;
    problem.o = o->data, images.o = o->image;
    problem.lse = lse ? lse->data : NULL, images.lse = lse ? lse->image : NULL;
    spec_attention_merge_f32(&images);
    proof_case_label(session,
                     "attention merge of %lld parts, batch %lld, heads %lld, q_len %lld, v_head_dim %lld, "
                     "gap %lld%s%s, empty 1 in %lld, %s, case seed %llu",
                     (long long)m->parts, (long long)m->batch, (long long)m->heads, (long long)m->q_len,
                     (long long)m->v_head_dim, (long long)m->gap, m->token_major ? ", token major" : "",
                     m->specials ? ", specials" : "", (long long)m->empty, proof_values_name[m->values],
                     (unsigned long long)m->seed);
    merge_call call = {.subject = subject, .problem = problem};
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha) {
        proof_hash_operand(sha, o, !subject);
        if (lse)
            proof_hash_operand(sha, lse, !subject);
    }
}

proof_merge proof_merge_random(proof_random *random)
{
    proof_merge m = {.parts = proof_log_between(random, 0, 6),
                     .batch = proof_log_between(random, 0, 3),
                     .heads = proof_log_between(random, 0, 5),
                     .q_len = proof_log_between(random, 0, 20),
                     .v_head_dim = proof_log_between(random, 1, 300)};
    m.token_major = proof_once_in(random, 2);
    m.lse = !proof_once_in(random, 4);
    m.gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 20);
    m.empty = proof_once_in(random, 6) ? 1 : proof_between(random, 2, 30);
    m.specials = proof_once_in(random, 2);
    m.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    m.seed = proof_next(random) >> 32;
    return m;
}
