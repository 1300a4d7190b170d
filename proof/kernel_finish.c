/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM against the formula of kernels/kernel.h: every activation with any biases and strides, and as a
 * map over values of every exponent.
 */
#include "proof/compare.h"
#include "proof/formulas.h"
#include <gemmule/types.h>
#include <math.h>

typedef struct finish_case {
    gml_gemm_finish_fn *finish;
    const gml_gemm_epilogue *epilogue;
    int64_t m, n;
    void *c;
    int64_t rs_c, cs_c;
} finish_case;

static void run(void *argument)
{
    const finish_case *x = argument;
    x->finish(x->epilogue, x->m, x->n, x->c, x->rs_c, x->cs_c);
}

static void one_finish(proof_session *session, const gml_gemm_kernels *kernels, int64_t m, int64_t n,
                       int32_t activation, proof_random *random)
{
    static const int64_t gaps[] = {0, 0, 1, 17};
    const size_t element = (size_t)kernels->element;
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const int64_t form = proof_below(random, 3), gap = gaps[proof_below(random, 4)];
    finish_case x = {.finish = kernels->finish, .m = m, .n = n};
    x.cs_c = form == 0 ? 1 : form == 1 ? m + gap : 2;
    x.rs_c = form == 1 ? 1 : (n - 1) * x.cs_c + 1 + gap;
    proof_case_begin(session);
    proof_operand *c =
        proof_place_matrix(session->arena, "c", element, m, n, x.rs_c, x.cs_c, proof_any_edge(random));
    proof_fill(c, random, values);
    const proof_epilogue epilogue = proof_place_epilogue(session, element, m, n, activation, values, random);
    proof_case_images(session);
    x.epilogue = &epilogue.epilogue, x.c = c->data;
    proof_finish_formula(element, &epilogue, m, n, c->image, x.rs_c, x.cs_c);
    proof_case_label(session, "m %lld, n %lld, c %lld:%lld, activation %d%s%s%s, %s", (long long)m,
                     (long long)n, (long long)x.rs_c, (long long)x.cs_c, (int)activation,
                     epilogue.bias_m ? ", bias_m" : "", epilogue.bias_n ? ", bias_n" : "",
                     epilogue.epilogue.m_first ? " after it" : "", proof_values_name[values]);
    proof_case_end(session, run, &x);
}

#define MAP 4096 /* values of one case */

/* The next value of a walk over all signs, exponents and leading bits of the mantissa; every fourth is any. */
static double walk(size_t element, uint64_t number, proof_random *random)
{
    const uint64_t bits = proof_next(random);
    if (number % 4 == 3)
        return element == sizeof(float) ? (double)proof_from_bits((uint32_t)bits) : proof_from_bits_f64(bits);
    if (element == sizeof(float))
        return (double)proof_from_bits((uint32_t)(number << 16) ^ (uint32_t)(bits >> 48));
    return proof_from_bits_f64(number << 48 ^ bits >> 16);
}

/* An activation as a map over values first, first + 1 ... of the walk. */
static void one_map(proof_session *session, const gml_gemm_kernels *kernels, int32_t activation,
                    uint64_t first, proof_random *random)
{
    const size_t element = (size_t)kernels->element;
    const proof_epilogue none = {.epilogue = {.activation = activation}};
    proof_case_begin(session);
    proof_operand *c =
        proof_place_matrix(session->arena, "c", element, 1, MAP, MAP, 1, proof_any_edge(random));
    for (int64_t i = 0; i < MAP; i++)
        proof_set(element, c->data, i, walk(element, first + (uint64_t)i, random));
    proof_case_images(session);
    proof_finish_formula(element, &none, 1, MAP, c->image, MAP, 1);
    proof_case_label(session, "activation %d, values %llu to %llu", (int)activation,
                     (unsigned long long)first, (unsigned long long)first + MAP - 1);
    proof_case_end(session, run, &(finish_case){kernels->finish, &none.epilogue, 1, MAP, c->data, MAP, 1});
}

static void finish_cases(proof_session *session, const gml_gemm_kernels *kernels, proof_random *random)
{
    const int64_t repeats = session->options->thorough ? 200 : 4;
    const uint64_t rounds = session->options->thorough ? 256 : 1;
    for (int32_t activation = 0; activation < proof_activations((size_t)kernels->element); activation++) {
        for (int64_t i = 0; i < repeats; i++)
            for (int64_t n = 1; n <= 100; n++)
                one_finish(session, kernels, proof_log_between(random, 1, 12), n, activation, random);
        for (uint64_t first = 0; first < rounds << 16; first += MAP)
            one_map(session, kernels, activation, first, random);
    }
}

void proof_kernels_finish(proof_session *session, const gml_kernel_set *set)
{
    const gml_gemm_kernels *const types[] = {set->gemm_f32, set->gemm_f64};
    proof_random random = proof_random_seeded(session->options->seed, 9);
    for (int t = 0; t < 2; t++) {
        char name[48];
        if (proof_kernel_begin(session, proof_kernel_name(name, "gemm_finish", types[t]->type, set)))
            finish_cases(session, types[t], &random);
    }
}
