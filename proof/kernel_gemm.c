/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM blocks against the formula of kernels/kernel.h: for several depths all m <= mr and n <= nr, and a sample of
 * blocks of more than one panel.
 *
 * The sums of the largest block are computed once for each depth: those of a smaller one are a part of them. Operands
 * are placed so that nothing exists beyond row m and column n: what a kernel reads there is poison or a guard page.
 */
#include "kernels/arithmetic.h"
#include "proof/formulas.h"
#include <stdlib.h>

#define LINE 64 /* of which streamed rows are multiples */

typedef struct block_case {
    const gml_gemm_kernel *kernel;
    gml_gemm_block block;
} block_case;

/* The largest block: A as [k][rows], B as [k][cols], and their sums as [rows][cols]. */
typedef struct largest {
    size_t element, vector; /* bytes */
    int64_t rows, cols;
    void *a, *b, *s;
} largest;

static void run(void *argument)
{
    const block_case *c = argument;
    c->kernel->block(&c->block);
}

static void prepare(const largest *x, int64_t k, proof_random *random, proof_values values)
{
    const size_t element = x->element;
    for (int64_t i = 0; i < k * x->rows; i++)
        proof_set(element, x->a, i, proof_any_value(element, random, values));
    for (int64_t i = 0; i < k * x->cols; i++)
        proof_set(element, x->b, i, proof_any_value(element, random, values));
    for (int64_t i = 0; i < x->rows; i++)
        for (int64_t j = 0; j < x->cols; j++) {
            double s = 0.0;
            for (int64_t p = 0; p < k; p++)
                s = proof_fma(element, proof_get(element, x->a, p * x->rows + i),
                              proof_get(element, x->b, p * x->cols + j), s);
            proof_set(element, x->s, i * x->cols + j, s);
        }
}

/* Element (x, p) of an operand in panels of `width`. */
static int64_t place_of(int64_t x, int64_t p, int64_t width, int64_t stride, int64_t stride_k, int64_t panel)
{
    return x / width * panel + x % width * stride + p * stride_k;
}

/* An operand that ends with its last element, as [extent][k] out of `from`, which is [k][all]. */
static void *place(proof_session *session, const char *name, size_t element, int64_t extent, int64_t k,
                   int64_t width, int64_t stride, int64_t stride_k, int64_t panel, const void *from,
                   int64_t all, proof_random *random)
{
    const int64_t elements = place_of(extent - 1, k - 1, width, stride, stride_k, panel) + 1;
    const proof_operand *to =
        proof_place_matrix(session->arena, name, element, 1, elements, elements, 1, proof_any_edge(random));
    for (int64_t p = 0; p < k; p++)
        for (int64_t x = 0; x < extent; x++)
            proof_set(element, to->data, place_of(x, p, width, stride, stride_k, panel),
                      proof_get(element, from, p * all + x));
    return to->data;
}

static int64_t any_gap(proof_random *random)
{
    static const int64_t gaps[] = {0, 0, 1, 3, 17, 64};
    return gaps[proof_below(random, 6)];
}

/* A packed, by row, by column, or without a contiguous dimension. */
static const char *place_a(proof_session *session, const largest *from, int64_t mr, gml_gemm_block *x,
                           proof_random *random)
{
    static const char *const forms[] = {"packed", "by row", "by column", "strided"};
    const int64_t form = proof_below(random, 4), inner = form == 3 ? 2 : 1;
    if (form == 0) {
        x->rs_a = 1, x->cs_a = mr;
        x->ps_a = mr * x->k + any_gap(random);
    } else {
        x->rs_a = form == 2 ? 1 : (x->k - 1) * inner + 1 + any_gap(random);
        x->cs_a = form == 2 ? x->m + any_gap(random) : inner;
        x->ps_a = mr * x->rs_a;
    }
    x->a = place(session, "a", from->element, x->m, x->k, mr, x->rs_a, x->cs_a, x->ps_a, from->a, from->rows,
                 random);
    return forms[form];
}

/* B packed, or in place. */
static const char *place_b(proof_session *session, const largest *from, int64_t nr, gml_gemm_block *x,
                           proof_random *random)
{
    const bool packed = proof_once_in(random, 2);
    x->rs_b = packed ? nr : x->n + any_gap(random);
    x->ps_b = packed ? nr * x->k + any_gap(random) : nr;
    x->b =
        place(session, "b", from->element, x->n, x->k, nr, 1, x->rs_b, x->ps_b, from->b, from->cols, random);
    return packed ? "packed" : "in place";
}

/* Where a B in place is left packed; the image is that. */
static proof_operand *place_packed(proof_session *session, const largest *from, int64_t nr, gml_gemm_block *x)
{
    const int64_t panels = (x->n + nr - 1) / nr;
    proof_operand *to =
        proof_place(session->arena, "packed_b", from->element, from->vector,
                    (proof_shape){{1, panels, x->k, nr}, {0, x->k * nr, nr, 1}}, PROOF_AT_END);
    x->packed_b = to->data;
    return to;
}

static void pack_formula(const largest *from, int64_t nr, const gml_gemm_block *x, void *to)
{
    for (int64_t j = 0; j < (x->n + nr - 1) / nr * nr; j++)
        for (int64_t p = 0; p < x->k; p++)
            proof_set(from->element, to, (j / nr * x->k + p) * nr + j % nr,
                      j < x->n ? proof_get(from->element, from->b, p * from->cols + j) : 0.0);
}

static void one_block(proof_session *session, const gml_gemm_kernel *kernel, const largest *full,
                      gml_gemm_block x, proof_values values, proof_random *random)
{
    const size_t element = full->element;
    const int64_t line = LINE / (int64_t)element;
    proof_epilogue epilogue;
    x.rs_c = x.n + any_gap(random);
    x.stream_c = proof_once_in(random, 4);
    if (x.stream_c)
        x.rs_c = (x.rs_c + line - 1) / line * line;
    proof_case_begin(session);
    const char *a = place_a(session, full, kernel->mr, &x, random);
    const char *b = place_b(session, full, kernel->nr, &x, random);
    const bool packs = kernel->copies_b && x.ps_b == kernel->nr && proof_once_in(random, 2);
    proof_operand *packed = packs ? place_packed(session, full, kernel->nr, &x) : NULL;
    proof_operand *c =
        proof_place(session->arena, "c", element, x.stream_c ? LINE : element,
                    (proof_shape){{1, 1, x.m, x.n}, {0, 0, x.rs_c, 1}}, proof_any_edge(random));
    x.c = c->data;
    if (x.beta != 0.0) /* otherwise C stays poisoned */
        proof_fill(c, random, values);
    if (proof_once_in(random, 4)) {
        const int32_t activation = (int32_t)proof_below(random, proof_activations(element));
        epilogue = proof_place_epilogue(session, element, x.m, x.n, activation, values, random);
        x.epilogue = &epilogue.epilogue;
    }
    proof_case_images(session);
    if (packed)
        pack_formula(full, kernel->nr, &x, packed->image);

    proof_update_formula(element, x.m, x.n, x.alpha, full->s, full->cols, x.beta, c->image, x.rs_c, 1);
    if (x.epilogue)
        proof_finish_formula(element, &epilogue, x.m, x.n, c->image, x.rs_c, 1);
    proof_case_label(session, "m %lld, n %lld, k %lld, alpha %g, beta %g, a %s, b %s%s, rs_c %lld%s%s, %s",
                     (long long)x.m, (long long)x.n, (long long)x.k, x.alpha, x.beta, a, b,
                     packed ? " to be packed" : "", (long long)x.rs_c, x.stream_c ? " streamed" : "",
                     x.epilogue ? ", epilogue" : "", proof_values_name[values]);
    proof_case_end(session, run, &(block_case){kernel, x});
}

/* Blocks of one depth and one class of values; `number` turns the factors. */
static void blocks(proof_session *session, const gml_gemm_kernel *kernel, const largest *full, int64_t k,
                   int number, proof_values values, proof_random *random)
{
    const int64_t mr = kernel->mr, nr = kernel->nr, larger = session->options->thorough ? 2000 : 60;
    for (int64_t i = 0; i < mr * nr + larger; i++) {
        const bool small = i < mr * nr;
        const int64_t m = small ? i % mr + 1 : proof_between(random, 1, full->rows);
        const int64_t n = small ? i / mr + 1 : proof_between(random, 1, full->cols);
        for (int64_t f = 0; f < PROOF_N_FACTORS; f++) {
            if (f != (m + n + number) % PROOF_N_FACTORS && !(session->options->thorough && small))
                continue;
            const gml_gemm_block x = {.m = m,
                                      .n = n,
                                      .k = k,
                                      .alpha = proof_round(full->element, proof_factors[f][0]),
                                      .beta = proof_round(full->element, proof_factors[f][1])};
            one_block(session, kernel, full, x, values, random);
        }
    }
}

static void one_kernel(proof_session *session, const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                       proof_random *random)
{
    const int64_t depths[] = {1, 2, 3, 4, 5, 31, kernels->kc0 - 1, kernels->kc0};
    const int n_depths = sizeof depths / sizeof *depths;
    const size_t element = (size_t)kernels->element;
    largest full = {.element = element,
                    .vector = element * (size_t)kernels->lanes,
                    .rows = 2 * kernel->mr + 1,
                    .cols = 2 * kernel->nr + 1};
    full.a = malloc((size_t)(full.rows * kernels->kc0) * element);
    full.b = malloc((size_t)(full.cols * kernels->kc0) * element);
    full.s = malloc((size_t)(full.rows * full.cols) * element);
    proof_case_label(session, "operands");
    if (!full.a || !full.b || !full.s)
        proof_fail(session, "no memory");

    for (int i = 0; i < 2 * n_depths && full.a && full.b && full.s; i++) {
        /* values that show every rounding, and then any */
        const proof_values values = i % 2 ? (proof_values)proof_below(random, PROOF_N_VALUES) : PROOF_UNIFORM;
        prepare(&full, depths[i / 2], random, values);
        blocks(session, kernel, &full, depths[i / 2], i, values, random);
    }
    free(full.a);
    free(full.b);
    free(full.s);
}

void proof_kernels_gemm(proof_session *session, const gml_kernel_set *set)
{
    const gml_gemm_kernels *const types[] = {set->gemm_f32, set->gemm_f64};
    proof_random random = proof_random_seeded(session->options->seed, 1);
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < types[t]->n_tiles; i++)
            if (proof_kernel_begin(session, types[t]->tiles[i].name))
                one_kernel(session, types[t], &types[t]->tiles[i], &random);
}
