/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/arithmetic.h"
#include "proof/compare.h"
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/gemm.h"
#include <gemmule/gemm.h>
#include <math.h>

typedef struct gemm_call {
    const proof_subject *subject;
    gml_gemm_args_f32 args;
    gml_status status;
} gemm_call;

static void run(void *argument)
{
    gemm_call *c = argument;
    const gml_gemm_args_f32 *x = &c->args;
    if (!c->subject->runtime) {
        c->status = gml_gemm_f32(c->subject->context, x->m, x->n, x->k, x->alpha, x->a, x->rs_a, x->cs_a,
                                 x->b, x->rs_b, x->cs_b, x->beta, x->c, x->rs_c, x->cs_c);
        return;
    }
    const gml_gemm_args_f32 normal = gml_gemm_normalise_f32(*x);
    if (c->subject->gemm)
        gml_gemm_run_f32(c->subject->runtime, c->subject->gemm, &normal);
    else
        gml_gemm_plain_f32(&normal);
}

static proof_operand *place(proof_session *session, const char *name, int64_t rows, int64_t cols,
                            const proof_layout *layout, proof_random *random)
{
    const int64_t short_side = layout->by_column ? rows : cols;
    const int64_t larger = (short_side > 0 ? (short_side - 1) * layout->inner + 1 : 1) + layout->gap;
    const int64_t rs = layout->by_column ? layout->inner : larger,
                  cs = layout->by_column ? larger : layout->inner;
    return proof_place(session->arena, name, sizeof(float), sizeof(float),
                       (proof_shape){{1, 1, rows, cols}, {0, 0, rs, cs}}, proof_any_edge(random));
}

void proof_gemm_case(proof_session *session, const proof_subject *subject, const proof_gemm *g,
                     proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(g->seed, 6);
    proof_case_begin(session);
    proof_operand *a = place(session, "a", g->m, g->k, &g->a, &random);
    proof_operand *b = place(session, "b", g->k, g->n, &g->b, &random);
    proof_operand *c = place(session, "c", g->m, g->n, &g->c, &random);
    proof_fill(a, &random, g->values);
    proof_fill(b, &random, g->values);
    if (g->beta != 0.0f) /* otherwise C stays poisoned: it must not be read */
        proof_fill(c, &random, g->values);
    proof_case_images(session);

    gemm_call call = {.subject = subject,
                      .args = {.m = g->m,
                               .n = g->n,
                               .k = g->k,
                               .alpha = g->alpha,
                               .beta = g->beta,
                               .a = a->data,
                               .b = b->data,
                               .c = c->data,
                               .rs_a = a->shape.stride[2],
                               .cs_a = a->shape.stride[3],
                               .rs_b = b->shape.stride[2],
                               .cs_b = b->shape.stride[3],
                               .rs_c = c->shape.stride[2],
                               .cs_c = c->shape.stride[3]}};
    const gml_gemm_args_f32 *x = &call.args;
    spec_gemm_f32(g->m, g->n, g->k, g->alpha, a->image, x->rs_a, x->cs_a, b->image, x->rs_b, x->cs_b, g->beta,
                  c->image, x->rs_c, x->cs_c);
    proof_case_label(
        session,
        "gemm m %lld, n %lld, k %lld, alpha %g, beta %g, a %lld:%lld, b %lld:%lld, c %lld:%lld, %s, "
        "case seed %llu",
        (long long)g->m, (long long)g->n, (long long)g->k, (double)g->alpha, (double)g->beta,
        (long long)x->rs_a, (long long)x->cs_a, (long long)x->rs_b, (long long)x->cs_b, (long long)x->rs_c,
        (long long)x->cs_c, proof_values_name[g->values], (unsigned long long)g->seed);
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha)
        proof_hash_operand(sha, c, !subject);
}

static proof_layout any_layout(proof_random *random)
{
    static const int64_t gaps[] = {0, 0, 1, 17, 64};
    return (proof_layout){.by_column = proof_once_in(random, 2),
                          .inner = proof_once_in(random, 6) ? proof_between(random, 2, 3) : 1,
                          .gap = gaps[proof_below(random, 5)]};
}

static float any_factor(proof_random *random)
{
    static const float usual[] = {0.0f, -0.0f, 1.0f, 1.0f, 1.0f, -1.0f, 0.75f, -2.5f, 0x1p-100f};
    return proof_once_in(random, 40) ? NAN : usual[proof_below(random, 9)];
}

proof_gemm proof_gemm_random(proof_random *random)
{
    const int64_t budget = 1 << 21;
    proof_gemm g = {.alpha = any_factor(random), .beta = any_factor(random)};
    g.m = proof_log_between(random, 0, 300);
    g.n = proof_log_between(random, 0, 300);
    switch (proof_below(random, 4)) {
    case 0:
        g.k = proof_around(random, GML_KC0_F32, 3);
        break;
    case 1:
        g.k = proof_between(random, 0, 8);
        break;
    default:
        g.k = proof_log_between(random, 1, 1200);
    }
    while (g.m * g.n * g.k > budget)
        *(g.m > g.n ? &g.m : &g.n) /= 2;
    g.a = any_layout(random);
    g.b = any_layout(random);
    g.c = any_layout(random);
    g.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    g.seed = proof_next(random) >> 32;
    return g;
}
