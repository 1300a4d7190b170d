/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, the exponential maps, and what attention does to rows of a strip and to bytes of a mask, against the
 * formulas of kernels/kernel.h.
 */
#include "kernels/arithmetic.h"
#include "proof/compare.h"
#include "proof/exhaustive.h"
#include "proof/formulas.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <string.h>

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
    static const float edges[] = {
        0.0f,    0.625f,  34.5f,   69.0f,     100.0f,    0x1p-149f,       0x1p-126f, 0x1p-25f, 0.5f,   1.0f,
        1.5f,    2.5f,    31.5f,   87.33654f, 88.72284f, 88.0f,           99.5f,     103.97f,  104.0f, 126.0f,
        126.5f,  127.0f,  127.5f,  128.0f,    149.0f,    149.5f,          150.0f,    150.5f,   151.0f, 200.0f,
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

typedef struct scale_case {
    gml_attention_scale_f32_fn *scale;
    int64_t rows, bq;
    float *x, *spoilt;
    const float *w;
} scale_case;

static void run_scale(void *argument)
{
    const scale_case *c = argument;
    c->scale(c->rows, c->bq, c->x, c->w, c->spoilt);
}

static void one_scale(proof_session *session, scale_case *c, proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const proof_shape rows = {{1, 1, c->rows, c->bq}, {0, 0, c->bq, 1}},
                      row = {{1, 1, 1, c->bq}, {0, 0, c->bq, 1}};
    proof_arena *arena = session->arena;
    proof_case_begin(session);
    proof_operand *x = proof_place(arena, "x", sizeof(float), 64, rows, proof_any_edge(random));
    proof_operand *w = proof_place(arena, "w", sizeof(float), 64, row, proof_any_edge(random));
    proof_operand *spoilt = proof_once_in(random, 3) ? NULL
                                                     : proof_place(arena, "spoilt", sizeof(float), 64, row,
                                                                   proof_any_edge(random));
    proof_fill(x, random, values);
    proof_fill(w, random, proof_once_in(random, 4) ? PROOF_SPECIALS : PROOF_UNIFORM);
    proof_case_images(session);
    c->x = x->data, c->w = w->data, c->spoilt = spoilt ? spoilt->data : NULL;
    for (int64_t i = 0; i < c->bq; i++) {
        bool finite = true;
        for (int64_t r = 0; r < c->rows; r++) {
            float *element = (float *)x->image + r * c->bq + i;
            *element = *element * ((float *)w->image)[i] + 0.0f;
            finite = finite && isfinite(*element);
        }
        if (spoilt)
            ((float *)spoilt->image)[i] = finite ? 0.0f : NAN;
    }
    proof_case_label(session, "rows %lld, bq %lld, %s%s", (long long)c->rows, (long long)c->bq,
                     proof_values_name[values], spoilt ? ", spoilt" : "");
    proof_case_end(session, run_scale, c);
}

static void scale_cases(proof_session *session, const gml_kernel_set *set)
{
    proof_random random = proof_random_seeded(session->options->seed, 6);
    for (int64_t bq = set->lanes; bq <= GML_MAX_BQ; bq += set->lanes)
        for (int64_t repeat = 0; repeat < 12; repeat++) {
            const int64_t rows = repeat < 4 ? repeat : proof_between(&random, 4, 130);
            one_scale(session, &(scale_case){.scale = set->attention_scale_f32, .rows = rows, .bq = bq},
                      &random);
        }
}

typedef struct keep_case {
    gml_attention_keep_fn *keep;
    int64_t n;
    const uint8_t *bytes;
    uint32_t *words;
} keep_case;

static void run_keep(void *argument)
{
    const keep_case *c = argument;
    c->keep(c->n, c->bytes, c->words);
}

static void one_keep(proof_session *session, keep_case *c, proof_random *random)
{
    proof_case_begin(session);
    proof_operand *bytes =
        proof_place(session->arena, "keep", 1, 1, (proof_shape){{1, 1, 1, c->n}, {0, 0, c->n, 1}},
                    proof_any_edge(random));
    proof_operand *words =
        proof_place_vector(session->arena, "words", GML_SEEN_WORDS, proof_any_edge(random));
    const int64_t zeros = proof_between(random, 1, 40);
    proof_fill_bytes(bytes, random, zeros);
    proof_case_images(session);
    c->bytes = bytes->data, c->words = words->data;
    uint32_t bits[GML_SEEN_WORDS] = {0};
    for (int64_t j = 0; j < c->n; j++)
        if (((const uint8_t *)bytes->image)[j] != 0)
            bits[j / 32] |= UINT32_C(1) << j % 32;
    memcpy(words->image, bits, sizeof bits);
    proof_case_label(session, "n %lld, one byte of %lld is 0", (long long)c->n, (long long)zeros);
    proof_case_end(session, run_keep, c);
}

static void keep_cases(proof_session *session, gml_attention_keep_fn *keep)
{
    proof_random random = proof_random_seeded(session->options->seed, 7);
    for (int64_t n = 1; n <= GML_KB0; n++)
        for (int repeat = 0; repeat < 4; repeat++)
            one_keep(session, &(keep_case){.keep = keep, .n = n}, &random);
}

/* tanh is no kernel of its own: it is the maximum of a row of one score whose softcap is 1. */
static gml_attention_weigh_f32_fn *weigh;

static void map_tanh(int64_t n, const float *x, float *y)
{
    const gml_attention_scores_f32 scores = {.keys = 1, .cap = 1.0f, .inverse_cap = 1.0f};
    for (int64_t i = 0; i < n; i++) {
        float t = x[i], m, l;
        weigh(&scores, &t, &m, &l);
        y[i] = isnan(l) ? NAN : m;
    }
}

static float maximum_of_tanh(float x)
{
    return spec_tanh_f32(x) + 0.0f;
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
    if (proof_kernel_begin(session, proof_kernel_name(name, "attention_scale", "f32", set)))
        scale_cases(session, set);
    if (proof_kernel_begin(session, proof_kernel_name(name, "attention", "keep", set)))
        keep_cases(session, set->attention_keep);
    weigh = set->attention_row_f32->weigh;
    if (proof_kernel_begin(session, set->attention_row_f32->name))
        map_cases(session, map_tanh, maximum_of_tanh, false);
}
