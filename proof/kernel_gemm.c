/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM tiles against the formula of kernels/kernel.h: all m <= mr and n <= nr, for several depths.
 *
 * The sums of a full tile are computed once for each depth: those of a smaller one are a part of them, as
 * the panels differ only in their zeros beyond m and n.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tile_case {
    const gml_gemm_kernel_f32 *kernel;
    int64_t m, n, k, ldc;
    float alpha, beta;
    const float *a, *b, *ahead;
    float *c;
} tile_case;

typedef struct full_tile {
    float *a, *b, *s; /* panels and sums of mr x nr elements */
} full_tile;

static void run(void *argument)
{
    const tile_case *t = argument;
    t->kernel->tile(t->m, t->n, t->k, t->alpha, t->a, t->b, t->beta, t->c, t->ldc, t->ahead);
}

static void prepare(const full_tile *full, const gml_gemm_kernel_f32 *kernel, int64_t k, proof_random *random,
                    proof_values values)
{
    const int64_t mr = kernel->mr, nr = kernel->nr;
    for (int64_t i = 0; i < k * mr; i++)
        full->a[i] = proof_value(random, values);
    for (int64_t i = 0; i < k * nr; i++)
        full->b[i] = proof_value(random, values);
    for (int64_t i = 0; i < mr * nr; i++) {
        float s = 0.0f;
        for (int64_t p = 0; p < k; p++)
            s = fmaf(full->a[p * mr + i / nr], full->b[p * nr + i % nr], s);
        full->s[i] = s;
    }
}

/* A copy of the first `used` of `width` elements of k rows, and zeros. */
static void place_panel(float *to, const float *from, int64_t k, int64_t width, int64_t used)
{
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < width; i++)
            to[p * width + i] = i < used ? from[p * width + i] : 0.0f;
}

static void one_tile(proof_session *session, const full_tile *full, tile_case *t, size_t vector,
                     proof_values values, proof_random *random)
{
    const int64_t mr = t->kernel->mr, nr = t->kernel->nr;
    const int64_t gaps[] = {0, 1, 17, nr};
    t->ldc = t->n + gaps[proof_below(random, 4)];

    proof_case_begin(session);
    proof_operand *a = proof_place_vector(session->arena, "a", t->k * mr, proof_any_edge(random));
    proof_operand *b = proof_place(session->arena, "b", sizeof(float), vector,
                                   (proof_shape){{1, 1, t->k, nr}, {0, 0, nr, 1}}, proof_any_edge(random));
    proof_operand *c = proof_place_rows(session->arena, "c", t->m, t->n, t->ldc, proof_any_edge(random));
    t->a = a->data, t->b = b->data, t->c = c->data;
    t->ahead = proof_once_in(random, 8) ? NULL : (const float *)t->b + t->k * nr; /* the guard page, often */
    place_panel(a->data, full->a, t->k, mr, t->m);
    place_panel(b->data, full->b, t->k, nr, t->n);
    if (t->beta != 0.0f) /* otherwise C stays poisoned */
        proof_fill(c, random, values);
    proof_case_images(session);

    float *to = c->image;
    for (int64_t i = 0; i < t->m; i++)
        for (int64_t j = 0; j < t->n; j++) {
            const float s = full->s[i * nr + j];
            float *x = &to[i * t->ldc + j];
            *x = t->beta == 0.0f ? t->alpha * s : fmaf(t->alpha, s, t->beta * *x);
        }
    proof_case_label(session, "m %lld, n %lld, k %lld, alpha %g, beta %g, ldc %lld, %s", (long long)t->m,
                     (long long)t->n, (long long)t->k, (double)t->alpha, (double)t->beta, (long long)t->ldc,
                     proof_values_name[values]);
    proof_case_end(session, run, t);
}

static void one_kernel(proof_session *session, const gml_kernel_set *set, const gml_gemm_kernel_f32 *kernel,
                       proof_random *random)
{
    static const int64_t depths[] = {1, 2, 3, 4, 5, 31, GML_KC0_F32 - 1, GML_KC0_F32};
    static const float factors[][2] = {{1, 0},     {1, 1},        {1.25f, 0}, {1.25f, 0.75f}, {-1, -0.0f},
                                       {0.5f, -1}, {1, INFINITY}, {NAN, 1},   {0, 2},         {1, NAN}};
    enum { N_FACTORS = sizeof factors / sizeof *factors, N_DEPTHS = sizeof depths / sizeof *depths };
    const int64_t mr = kernel->mr, nr = kernel->nr;
    const full_tile full = {malloc((size_t)(mr * GML_KC0_F32) * sizeof(float)),
                            malloc((size_t)(nr * GML_KC0_F32) * sizeof(float)),
                            malloc((size_t)(mr * nr) * sizeof(float))};
    proof_case_label(session, "panels");
    if (!full.a || !full.b || !full.s)
        proof_fail(session, "no memory");

    for (int i = 0; i < 2 * N_DEPTHS && full.a && full.b && full.s; i++) {
        /* values that show every rounding, and then any */
        const proof_values values = i % 2 ? (proof_values)proof_below(random, PROOF_N_VALUES) : PROOF_UNIFORM;
        const int64_t k = depths[i / 2];
        prepare(&full, kernel, k, random, values);
        for (int64_t m = 1; m <= mr; m++)
            for (int64_t n = 1; n <= nr; n++)
                for (int64_t f = 0; f < N_FACTORS; f++) {
                    if (f != (m + n + i) % N_FACTORS && !session->options->thorough)
                        continue;
                    tile_case t = {.kernel = kernel, .m = m, .n = n, .k = k};
                    t.alpha = factors[f][0];
                    t.beta = factors[f][1];
                    one_tile(session, &full, &t, (size_t)set->lanes * sizeof(float), values, random);
                }
    }
    free(full.a);
    free(full.b);
    free(full.s);
}

void proof_kernels_gemm(proof_session *session, const gml_kernel_set *set)
{
    proof_random random = proof_random_seeded(session->options->seed, 1);
    for (int i = 0; i < set->n_gemm_f32; i++)
        if (proof_kernel_begin(session, set->gemm_f32[i].name))
            one_kernel(session, set, &set->gemm_f32[i], &random);
}
