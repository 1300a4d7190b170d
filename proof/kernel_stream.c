/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM of few rows (rows, dots) and the update of C, against the formulas of kernels/kernel.h: each m up to a dozen and
 * more, each n around the vectors, each depth around what dots transposes at once, and a few large ones.
 */
#include "proof/formulas.h"

typedef struct stream_case {
    const gml_gemm_kernels *kernels;
    bool dots;
    int64_t m, n, k;
    const void *a, *b;
    int64_t rs_a, cs_a, stride_b; /* rs_b of rows, cs_b of dots */
    void *s;
    int64_t lds;
} stream_case;

static void run_stream(void *argument)
{
    const stream_case *x = argument;
    (x->dots ? x->kernels->dots : x->kernels->rows)(x->m, x->n, x->k, x->a, x->rs_a, x->cs_a, x->b,
                                                    x->stride_b, x->s, x->lds);
}

static int64_t any_gap(proof_random *random)
{
    static const int64_t gaps[] = {0, 0, 1, 3, 17, 64};
    return gaps[proof_below(random, 6)];
}

static void one_stream(proof_session *session, stream_case *x, proof_random *random)
{
    const size_t element = (size_t)x->kernels->element;
    const proof_values values =
        proof_once_in(random, 2) ? PROOF_UNIFORM : (proof_values)proof_below(random, PROOF_N_VALUES);
    proof_arena *arena = session->arena;
    x->rs_a = 1, x->cs_a = x->m + any_gap(random);
    if (!proof_once_in(random, 3)) {
        x->cs_a = proof_once_in(random, 4) ? 2 : 1;
        x->rs_a = (x->k - 1) * x->cs_a + 1 + any_gap(random);
    }
    x->stride_b = (x->dots ? x->k : x->n) + any_gap(random);
    x->lds = x->n + any_gap(random);

    proof_case_begin(session);
    proof_operand *a =
        proof_place_matrix(arena, "a", element, x->m, x->k, x->rs_a, x->cs_a, proof_any_edge(random));
    proof_operand *b = proof_place_matrix(arena, "b", element, x->k, x->n, x->dots ? 1 : x->stride_b,
                                          x->dots ? x->stride_b : 1, proof_any_edge(random));
    proof_operand *s = proof_place_matrix(arena, "s", element, x->m, x->n, x->lds, 1, proof_any_edge(random));
    proof_fill(a, random, values);
    proof_fill(b, random, values);
    proof_fill(s, random, values);
    proof_case_images(session);
    x->a = a->data, x->b = b->data, x->s = s->data;

    for (int64_t i = 0; i < x->m; i++)
        for (int64_t j = 0; j < x->n; j++) {
            double sum = proof_get(element, s->image, i * x->lds + j);
            for (int64_t p = 0; p < x->k; p++)
                sum = proof_fma(
                    element, proof_get(element, a->image, i * x->rs_a + p * x->cs_a),
                    proof_get(element, b->image, x->dots ? p + j * x->stride_b : p * x->stride_b + j), sum);
            proof_set(element, s->image, i * x->lds + j, sum);
        }
    proof_case_label(session, "m %lld, n %lld, k %lld, a %lld:%lld, stride of b %lld, lds %lld, %s",
                     (long long)x->m, (long long)x->n, (long long)x->k, (long long)x->rs_a,
                     (long long)x->cs_a, (long long)x->stride_b, (long long)x->lds,
                     proof_values_name[values]);
    proof_case_end(session, run_stream, x);
}

static void stream_cases(proof_session *session, const gml_gemm_kernels *kernels, bool dots,
                         proof_random *random)
{
    const int64_t vectors = 6 * kernels->lanes, widest = vectors > 40 ? vectors : 40;
    const int64_t larger = session->options->thorough ? 20000 : 300;
    for (int64_t m = 1; m <= 17; m++)
        for (int64_t n = 1; n <= widest; n++) {
            stream_case x = {.kernels = kernels, .dots = dots, .m = m, .n = n};
            x.k = (m + n) % 40 + 1;
            one_stream(session, &x, random);
        }
    for (int64_t n = 1; n <= 20; n++)
        for (int64_t k = 1; k <= 2 * widest; k++)
            one_stream(session,
                       &(stream_case){.kernels = kernels, .dots = dots, .m = k % 5 + 1, .n = n, .k = k},
                       random);
    for (int64_t i = 0; i < larger; i++) {
        stream_case x = {.kernels = kernels, .dots = dots, .m = proof_log_between(random, 1, 40)};
        x.n = proof_log_between(random, 1, 5000);
        x.k = proof_once_in(random, 4) ? kernels->kc0 : proof_log_between(random, 1, kernels->kc0);
        while (x.m * x.n * x.k > 1 << 18)
            *(x.n > x.k ? &x.n : x.k > x.m ? &x.k : &x.m) /= 2;
        one_stream(session, &x, random);
    }
}

typedef struct update_case {
    const gml_gemm_kernels *kernels;
    int64_t m, n;
    double alpha, beta;
    const void *s;
    int64_t lds;
    void *c;
    int64_t rs_c, cs_c;
} update_case;

static void run_update(void *argument)
{
    const update_case *x = argument;
    x->kernels->update(x->m, x->n, x->alpha, x->s, x->lds, x->beta, x->c, x->rs_c, x->cs_c);
}

static void one_update(proof_session *session, update_case *x, proof_random *random)
{
    const size_t element = (size_t)x->kernels->element;
    const int64_t form = proof_below(random, 3);
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    x->cs_c = form == 0 ? 1 : form == 1 ? x->m + any_gap(random) : 2;
    x->rs_c = form == 1 ? 1 : (x->n - 1) * x->cs_c + 1 + any_gap(random);
    x->lds = x->n + any_gap(random);
    proof_case_begin(session);
    proof_operand *s =
        proof_place_matrix(session->arena, "s", element, x->m, x->n, x->lds, 1, proof_any_edge(random));
    proof_operand *c = proof_place_matrix(session->arena, "c", element, x->m, x->n, x->rs_c, x->cs_c,
                                          proof_any_edge(random));
    proof_fill(s, random, values);
    if (x->beta != 0.0)
        proof_fill(c, random, values);
    proof_case_images(session);
    x->s = s->data, x->c = c->data;
    proof_update_formula(element, x->m, x->n, x->alpha, s->image, x->lds, x->beta, c->image, x->rs_c,
                         x->cs_c);
    proof_case_label(session, "m %lld, n %lld, alpha %g, beta %g, lds %lld, c %lld:%lld, %s", (long long)x->m,
                     (long long)x->n, x->alpha, x->beta, (long long)x->lds, (long long)x->rs_c,
                     (long long)x->cs_c, proof_values_name[values]);
    proof_case_end(session, run_update, x);
}

static void update_cases(proof_session *session, const gml_gemm_kernels *kernels, proof_random *random)
{
    const size_t element = (size_t)kernels->element;
    const int64_t repeats = session->options->thorough ? 100 : 2;
    for (int64_t i = 0; i < repeats; i++)
        for (int64_t m = 1; m <= 9; m++)
            for (int64_t n = 1; n <= 100; n++) {
                const int64_t f = proof_below(random, PROOF_N_FACTORS);
                update_case x = {.kernels = kernels,
                                 .m = m,
                                 .n = n,
                                 .alpha = proof_round(element, proof_factors[f][0]),
                                 .beta = proof_round(element, proof_factors[f][1])};
                one_update(session, &x, random);
            }
}

static void one_type(proof_session *session, const gml_kernel_set *set, const gml_gemm_kernels *kernels,
                     proof_random *random)
{
    char name[48];
    if (proof_kernel_begin(session, proof_kernel_name(name, "gemm_rows", kernels->type, set)))
        stream_cases(session, kernels, false, random);
    if (proof_kernel_begin(session, proof_kernel_name(name, "gemm_dots", kernels->type, set)))
        stream_cases(session, kernels, true, random);
    if (proof_kernel_begin(session, proof_kernel_name(name, "gemm_update", kernels->type, set)))
        update_cases(session, kernels, random);
}

void proof_kernels_stream(proof_session *session, const gml_kernel_set *set)
{
    proof_random random = proof_random_seeded(session->options->seed, 8);
    one_type(session, set, set->gemm_f32, &random);
    one_type(session, set, set->gemm_f64, &random);
}
