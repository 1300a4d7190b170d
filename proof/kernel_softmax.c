/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax segments against the formula of kernels/kernel.h.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>

typedef struct segment_case {
    const gml_softmax_kernel_f32 *kernel;
    int64_t n;
    float scale;
    const float *x, *bias;
    const uint8_t *keep;
    float *y, *m, *l;
} segment_case;

static void run_reduce(void *argument)
{
    const segment_case *s = argument;
    s->kernel->reduce(s->n, s->scale, s->x, s->bias, s->keep, s->y, s->m, s->l);
}

static void run_scale(void *argument)
{
    const segment_case *s = argument;
    s->kernel->scale(s->n, s->scale, s->y);
}

static void reduce_formula(int64_t n, float scale, const float *x, const float *bias, const uint8_t *keep,
                           float *y, float *m, float *l)
{
    float max = -INFINITY;
    for (int64_t j = 0; j < n; j++) {
        float t = bias ? fmaf(scale, x[j], bias[j]) : scale * x[j];
        if ((bias && bias[j] == -INFINITY) || (keep && keep[j] == 0))
            t = -INFINITY;
        y[j] = t;
        max = t > max ? t : max;
    }
    *m = max + 0.0f;
    for (int64_t j = 0; j < n; j++)
        y[j] = spec_exp_f32(y[j] - (*m == -INFINITY ? 0.0f : *m));
    *l = spec_sum_f32(n, y);
}

static void mask_some(proof_operand *bias, proof_random *random, int64_t once_in)
{
    float *element = bias->data;
    for (int64_t j = 0; j < bias->shape.size[3]; j++)
        if (proof_once_in(random, once_in))
            element[j] = -INFINITY;
}

static void one_segment(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                        proof_random *random)
{
    static const float scales[] = {1.0f, 0.125f, -2.5f, 0x1p-126f, 0x1.fffffep127f};
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const bool in_place = proof_once_in(random, 2), biased = proof_once_in(random, 3),
               kept = proof_once_in(random, 3);
    const int64_t masked = proof_once_in(random, 4) ? 1 : proof_between(random, 2, 20);

    proof_arena *arena = session->arena;
    proof_case_begin(session);
    proof_operand *x = proof_place_vector(arena, "x", n, proof_any_edge(random)), *y = x, *bias = NULL,
                  *keep = NULL;
    proof_fill(x, random, values);
    if (!in_place)
        y = proof_place_vector(arena, "y", n, proof_any_edge(random));
    if (biased) {
        bias = proof_place_vector(arena, "bias", n, proof_any_edge(random));
        proof_fill(bias, random, values);
        mask_some(bias, random, masked);
    }
    if (kept) {
        keep = proof_place(arena, "keep", 1, 1, (proof_shape){{1, 1, 1, n}, {0, 0, n, 1}},
                           proof_any_edge(random));
        proof_fill_bytes(keep, random, masked);
    }
    proof_operand *m = proof_place_vector(arena, "m", 1, proof_any_edge(random));
    proof_operand *l = proof_place_vector(arena, "l", 1, proof_any_edge(random));
    proof_case_images(session);

    const float scale = scales[values == PROOF_EXTREME ? 0 : proof_below(random, 5)];
    reduce_formula(n, scale, x->image, bias ? bias->image : NULL, keep ? keep->image : NULL, y->image,
                   m->image, l->image);
    proof_case_label(session, "reduce n %lld, scale %g, %s%s%s%s", (long long)n, (double)scale,
                     proof_values_name[values], biased ? ", bias" : "", kept ? ", keep" : "",
                     in_place ? ", in place" : "");
    segment_case s = {kernel,  n,       scale,  x->data, bias ? bias->data : NULL, keep ? keep->data : NULL,
                      y->data, m->data, l->data};
    proof_case_end(session, run_reduce, &s);
}

static void one_scaling(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                        proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const float w = proof_value(random, PROOF_SPECIALS);
    proof_case_begin(session);
    proof_operand *y = proof_place_vector(session->arena, "y", n, proof_any_edge(random));
    proof_fill(y, random, values);
    proof_case_images(session);
    for (int64_t j = 0; j < n; j++)
        ((float *)y->image)[j] = w * ((float *)y->image)[j];
    proof_case_label(session, "scale n %lld, w %g, %s", (long long)n, (double)w, proof_values_name[values]);
    segment_case s = {.kernel = kernel, .n = n, .scale = w, .y = y->data};
    proof_case_end(session, run_scale, &s);
}

void proof_kernels_softmax(proof_session *session, const gml_kernel_set *set)
{
    static const int64_t long_ones[] = {255,          256,          257,         1000,
                                        GML_RS0 - 17, GML_RS0 - 16, GML_RS0 - 1, GML_RS0};
    const gml_softmax_kernel_f32 *kernel = set->softmax_f32;
    const int64_t repeats = session->options->thorough ? 200 : 8;
    proof_random random = proof_random_seeded(session->options->seed, 2);
    if (!proof_kernel_begin(session, kernel->name))
        return;
    for (int64_t i = 0; i < repeats; i++) {
        for (int64_t n = 1; n <= 140; n++) {
            one_segment(session, kernel, n, &random);
            if (i % 4 == 0)
                one_scaling(session, kernel, n, &random);
        }
        for (int j = 0; j < 8; j++)
            one_segment(session, kernel, long_ones[j], &random);
        one_scaling(session, kernel, long_ones[i % 8], &random);
    }
}
