/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing and the exponential maps against the formulas of kernels/kernel.h.
 */
#include "kernels/arithmetic.h"
#include "proof/compare.h"
#include "proof/exhaustive.h"
#include "proof/formulas.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>

typedef struct pack_case {
    gml_pack_fn *pack;
    size_t element;
    int64_t len, width, k, stride_len, stride_k, ldd;
    const void *src;
    void *dst;
} pack_case;

static void run_pack(void *argument)
{
    const pack_case *p = argument;
    p->pack(p->len, p->width, p->k, p->src, p->stride_len, p->stride_k, p->dst, p->ldd);
}

static void one_pack(proof_session *session, pack_case *p, proof_random *random)
{
    proof_case_begin(session);
    proof_operand *src = proof_place_matrix(session->arena, "src", p->element, p->k, p->len, p->stride_k,
                                            p->stride_len, proof_any_edge(random));
    proof_operand *dst = proof_place_matrix(session->arena, "dst", p->element, p->k, p->width, p->ldd, 1,
                                            proof_any_edge(random));
    proof_fill(src, random, PROOF_SPECIALS);
    proof_case_images(session);
    p->src = src->data, p->dst = dst->data;
    for (int64_t c = 0; c < p->k; c++)
        for (int64_t i = 0; i < p->width; i++)
            proof_set(p->element, dst->image, c * p->ldd + i,
                      i < p->len ? proof_get(p->element, src->image, i * p->stride_len + c * p->stride_k)
                                 : 0.0);
    proof_case_label(session, "len %lld, width %lld, k %lld, stride_len %lld, stride_k %lld, ldd %lld",
                     (long long)p->len, (long long)p->width, (long long)p->k, (long long)p->stride_len,
                     (long long)p->stride_k, (long long)p->ldd);
    proof_case_end(session, run_pack, p);
}

/* Rows contiguous, columns contiguous, neither, or (as a broadcast bias is gathered) stride 0. */
static void choose_strides(pack_case *p, proof_random *random)
{
    const int64_t gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 19);
    const int64_t inner = proof_once_in(random, 4) ? proof_between(random, 2, 4) : 1;
    if (proof_once_in(random, 2)) {
        p->stride_len = inner;
        p->stride_k = (p->len ? (p->len - 1) * inner : 0) + 1 + gap;
    } else {
        p->stride_k = inner;
        p->stride_len = (p->k ? (p->k - 1) * inner : 0) + 1 + gap;
    }
    if (proof_once_in(random, 16))
        p->stride_len = 0;
    if (proof_once_in(random, 16))
        p->stride_k = 0;
}

static void pack_cases(proof_session *session, const gml_gemm_kernels *kernels)
{
    const int64_t count = session->options->thorough ? 100000 : 4000;
    proof_random random = proof_random_seeded(session->options->seed, 3);
    for (int64_t i = 0; i < count; i++) {
        pack_case p = {.pack = kernels->pack, .element = (size_t)kernels->element};
        p.width = proof_once_in(&random, 4) ? proof_between(&random, 0, 100) : proof_between(&random, 0, 34);
        p.len = proof_once_in(&random, 2) ? p.width : proof_between(&random, 0, p.width);
        p.k = proof_once_in(&random, 8) ? proof_between(&random, 100, GML_KC0_F32)
                                        : proof_between(&random, 0, 40);
        p.ldd = p.width + (proof_once_in(&random, 2) ? 0 : proof_between(&random, 1, 19));
        choose_strides(&p, &random);
        one_pack(session, &p, &random);
    }
}

typedef struct map_case {
    gml_map_f32_fn *map;
    int64_t n;
    const float *x;
    float *y;
} map_case;

static void run_map(void *argument)
{
    const map_case *m = argument;
    m->map(m->n, m->x, m->y);
}

/* Where arguments and results change their kind, with their neighbours on both sides. */
static float edge_argument(proof_random *random)
{
    static const float edges[] = {0.0f,    69.0f,   100.0f,  0x1p-149f, 0x1p-126f, 0x1p-25f,        0.5f,
                                  1.0f,    1.5f,    2.5f,    31.5f,     87.33654f, 88.72284f,       88.0f,
                                  99.5f,   103.97f, 104.0f,  126.0f,    126.5f,    127.0f,          127.5f,
                                  128.0f,  149.0f,  149.5f,  150.0f,    150.5f,    151.0f,          200.0f,
                                  0x1p22f, 0x1p23f, 0x1p24f, 0x1p31f,   0x1p63f,   0x1.fffffep127f, INFINITY};
    const float edge = edges[proof_below(random, (int64_t)(sizeof edges / sizeof *edges))];
    const uint32_t sign = (uint32_t)proof_below(random, 2) << 31;
    return proof_from_bits((proof_bits(edge) ^ sign) + (uint32_t)proof_between(random, -2, 2));
}

/* Edges, any bits, and a walk over all exponents and leading bits of the mantissa. */
static float any_argument(proof_random *random, uint32_t first, int64_t i)
{
    if (i % 4 == 0)
        return edge_argument(random);
    if (i % 4 == 1)
        return proof_from_bits((uint32_t)proof_next(random));
    return proof_from_bits((first + (uint32_t)i) << 14 ^ (uint32_t)proof_below(random, 1 << 14));
}

static void one_map(proof_session *session, map_case *m, float (*formula)(float), bool negative,
                    proof_random *random, uint32_t first)
{
    const bool in_place = proof_once_in(random, 2);
    proof_case_begin(session);
    proof_operand *x = proof_place_vector(session->arena, "x", m->n, proof_any_edge(random));
    proof_operand *y = in_place ? x : proof_place_vector(session->arena, "y", m->n, proof_any_edge(random));
    for (int64_t i = 0; i < m->n; i++) {
        float v = any_argument(random, first, i);
        if (negative && v > 0.0f)
            v = -v;
        ((float *)x->data)[i] = v;
    }
    proof_case_images(session);
    for (int64_t i = 0; i < m->n; i++)
        ((float *)y->image)[i] = formula(((float *)x->image)[i]);
    proof_case_label(session, "n %lld%s", (long long)m->n, in_place ? ", in place" : "");
    m->x = x->data, m->y = y->data;
    proof_case_end(session, run_map, m);
}

static void map_cases(proof_session *session, gml_map_f32_fn *map, float (*formula)(float), bool negative)
{
    proof_random random = proof_random_seeded(session->options->seed, 4);
    for (int64_t n = 0; n <= 200; n++)
        one_map(session, &(map_case){.map = map, .n = n}, formula, negative, &random,
                (uint32_t)proof_next(&random));
    for (uint32_t first = 0; first < 1 << 18; first += 4096)
        one_map(session, &(map_case){.map = map, .n = 4096}, formula, negative, &random, first);
    if (session->options->thorough)
        proof_exhaust(session, map, formula, negative);
}

void proof_kernels_vector(proof_session *session, const gml_kernel_set *set)
{
    char name[48];
    if (proof_kernel_begin(session, proof_kernel_name(name, "pack", "f32", set)))
        pack_cases(session, set->gemm_f32);
    if (proof_kernel_begin(session, proof_kernel_name(name, "pack", "f64", set)))
        pack_cases(session, set->gemm_f64);
    if (proof_kernel_begin(session, proof_kernel_name(name, "exp2", "f32", set)))
        map_cases(session, set->exp2_f32, spec_exp2_f32, false);
    if (proof_kernel_begin(session, proof_kernel_name(name, "exp", "f32", set)))
        map_cases(session, set->exp_f32, spec_exp_f32, true);
}
