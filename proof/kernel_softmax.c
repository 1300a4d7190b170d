/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax kernels against the formulas of kernels/kernel.h.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>

typedef struct softmax_run {
    const gml_softmax_kernel_f32 *kernel;
    gml_softmax_scores_f32 scores;
    gml_softmax_step_f32 step;
    gml_softmax_rows_f32 rows;
    int64_t n;
    float w, z, g;
    const float *x;
    bool logarithms, stream;
    float *y, *m, *l;
} softmax_run;

static void run_reduce(void *argument)
{
    const softmax_run *s = argument;
    s->kernel->reduce(&s->scores, s->n, s->x, s->logarithms, s->y, s->m, s->l);
}

static void run_scale(void *argument)
{
    const softmax_run *s = argument;
    s->kernel->scale(s->n, s->w, s->x, s->stream, s->y);
    s->kernel->fence();
}

static void run_log(void *argument)
{
    const softmax_run *s = argument;
    s->kernel->log(s->n, s->z, s->g, s->x, s->stream, s->y);
    s->kernel->fence();
}

static void run_step(void *argument)
{
    const softmax_run *s = argument;
    s->kernel->step(&s->step, s->m, s->l);
    s->kernel->fence();
}

static void run_rows(void *argument)
{
    const softmax_run *s = argument;
    s->kernel->rows(&s->rows);
    s->kernel->fence();
}

static float score(const gml_softmax_scores_f32 *s, int64_t j, float x)
{
    if ((s->bias && s->bias[j] == -INFINITY) || (s->keep && s->keep[j] == 0))
        return -INFINITY;
    if (s->bias && s->cap == 0.0f && !s->slope)
        return fmaf(s->scale, x, s->bias[j]);
    float t = s->scale * x;
    if (s->cap != 0.0f)
        t = s->cap * spec_tanh_f32(t * s->inverse_cap);
    if (s->slope) {
        const int64_t d = s->position < j ? j - s->position : s->position - j;
        t = fmaf(*s->slope, -(float)(d < GML_ALIBI_FAR ? d : GML_ALIBI_FAR), t);
    }
    return s->bias ? t + s->bias[j] : t;
}

static float maximum(int64_t n, float scale, const float *x)
{
    float max = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        max = scale * x[j] > max ? scale * x[j] : max;
    return max + 0.0f;
}

static float exponentials(int64_t n, float scale, const float *x, float m, float *e)
{
    for (int64_t j = 0; j < n; j++)
        e[j] = spec_exp_f32(scale * x[j] - (m == -INFINITY ? 0.0f : m));
    return spec_sum_f32(n, e);
}

static void reduce_formula(const gml_softmax_scores_f32 *s, int64_t n, const float *x, bool logarithms,
                           float *y, float *m, float *l)
{
    float e[GML_RS0] = {0.0f};
    for (int64_t j = 0; j < n; j++)
        y[j] = score(s, j, x[j]);
    *m = maximum(n, 1.0f, y);
    *l = exponentials(n, 1.0f, y, *m, e);
    for (int64_t j = 0; j < n && !logarithms; j++)
        y[j] = e[j];
}

static void mask_some(proof_operand *bias, proof_random *random, int64_t once_in)
{
    float *element = bias->data;
    for (int64_t j = 0; j < bias->shape.size[3]; j++)
        if (proof_once_in(random, once_in))
            element[j] = -INFINITY;
}

static float any_scale(proof_random *random, proof_values values)
{
    static const float scales[] = {1.0f, 0.125f, -2.5f, 0x1p-126f, 0x1.fffffep127f};
    return scales[values == PROOF_EXTREME ? 0 : proof_below(random, 5)];
}

/* As it comes, or so that streaming stores have whole lines. */
static proof_operand *place(proof_session *session, const char *name, int64_t n, proof_random *random)
{
    const size_t alignment = proof_once_in(random, 2) ? 64 : sizeof(float);
    return proof_place(session->arena, name, sizeof(float), alignment,
                       (proof_shape){{1, 1, 1, n}, {0, 0, n, 1}}, proof_any_edge(random));
}

static void one_reduction(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                          proof_random *random)
{
    static const float caps[] = {1.0f, 30.0f, 0x1p-100f, 1e30f};
    static const int32_t positions[] = {
        0, 100, -100, GML_RS0 / 2, GML_ALIBI_FAR + GML_RS0, -GML_ALIBI_FAR - GML_RS0, GML_ALIBI_FAR + 50};
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const bool in_place = proof_once_in(random, 2), biased = proof_once_in(random, 3),
               kept = proof_once_in(random, 3), sloped = proof_once_in(random, 4);
    const int64_t masked = proof_once_in(random, 4) ? 1 : proof_between(random, 2, 20);
    softmax_run s = {.kernel = kernel, .n = n, .logarithms = proof_once_in(random, 3)};
    s.scores.scale = any_scale(random, values);
    if (proof_once_in(random, 4)) {
        s.scores.cap = caps[proof_below(random, 4)];
        s.scores.inverse_cap = (float)(1.0 / (double)s.scores.cap);
    }
    s.scores.position = positions[proof_below(random, 7)];

    proof_arena *arena = session->arena;
    proof_case_begin(session);
    proof_operand *x = proof_place_vector(arena, "x", n, proof_any_edge(random)), *y = x, *bias = NULL,
                  *keep = NULL, *slope = NULL;
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
    if (sloped) {
        slope = proof_place_vector(arena, "slope", 1, proof_any_edge(random));
        proof_fill(slope, random, values);
    }
    proof_operand *m = proof_place_vector(arena, "m", 1, proof_any_edge(random));
    proof_operand *l = proof_place_vector(arena, "l", 1, proof_any_edge(random));
    proof_case_images(session);

    s.scores.bias = bias ? bias->image : NULL;
    s.scores.keep = keep ? keep->image : NULL;
    s.scores.slope = slope ? slope->image : NULL;
    reduce_formula(&s.scores, n, x->image, s.logarithms, y->image, m->image, l->image);
    proof_case_label(session, "reduce n %lld, scale %g, cap %g, %s%s%s%s%s%s", (long long)n,
                     (double)s.scores.scale, (double)s.scores.cap, proof_values_name[values],
                     biased ? ", bias" : "", kept ? ", keep" : "", sloped ? ", slope" : "",
                     s.logarithms ? ", logarithms" : "", in_place ? ", in place" : "");
    s.scores.bias = bias ? bias->data : NULL;
    s.scores.keep = keep ? keep->data : NULL;
    s.scores.slope = slope ? slope->data : NULL;
    s.x = x->data, s.y = y->data, s.m = m->data, s.l = l->data;
    proof_case_end(session, run_reduce, &s);
}

/* scale and log */
static void one_finish(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                       bool logarithms, proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    softmax_run s = {.kernel = kernel, .n = n, .stream = proof_once_in(random, 2)};
    s.w = proof_value(random, PROOF_SPECIALS);
    s.z = proof_value(random, values), s.g = proof_value(random, PROOF_SPECIALS);
    proof_case_begin(session);
    proof_operand *x = place(session, "x", n, random), *y = x;
    proof_fill(x, random, values);
    if (proof_once_in(random, 2))
        y = place(session, "y", n, random);
    proof_case_images(session);
    const float *from = x->image;
    for (int64_t j = 0; j < n; j++)
        ((float *)y->image)[j] = logarithms ? (from[j] - s.z) - s.g : s.w * from[j];
    proof_case_label(session, "%s n %lld, w %g, z %g, g %g, %s%s%s", logarithms ? "log" : "scale",
                     (long long)n, (double)s.w, (double)s.z, (double)s.g, proof_values_name[values],
                     s.stream ? ", stream" : "", y == x ? ", in place" : "");
    s.x = x->data, s.y = y->data;
    proof_case_end(session, logarithms ? run_log : run_scale, &s);
}

static void one_step(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                     proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const bool one_buffer = proof_once_in(random, 2), in_place = proof_once_in(random, 3);
    int64_t count[3];
    for (int i = 0; i < 3; i++)
        count[i] =
            proof_once_in(random, 6) ? 0 : n - proof_below(random, proof_once_in(random, 2) ? 2 : n + 1);
    softmax_run s = {.kernel = kernel};
    gml_softmax_step_f32 *step = &s.step;
    step->scale = fabsf(any_scale(random, values));
    step->n_next = count[0], step->n = count[1], step->n_last = count[2];
    step->w = proof_value(random, PROOF_SPECIALS);
    step->stream = proof_once_in(random, 2);

    proof_arena *arena = session->arena;
    proof_case_begin(session);
    proof_operand *x_next = proof_place_vector(arena, "x_next", step->n_next, proof_any_edge(random));
    proof_operand *e = place(session, "e", one_buffer && count[2] > count[1] ? count[2] : count[1], random);
    proof_operand *e_last = one_buffer ? e : place(session, "e_last", count[2], random), *x = e;
    if (!in_place || one_buffer)
        x = proof_place_vector(arena, "x", step->n, proof_any_edge(random));
    proof_operand *y = place(session, "y", step->n_last, random);
    proof_operand *m = proof_place_vector(arena, "m_next", 1, proof_any_edge(random));
    proof_operand *l = proof_place_vector(arena, "l", 1, proof_any_edge(random));
    proof_fill(x_next, random, values);
    proof_fill(e_last, random, PROOF_UNIFORM);
    proof_fill(x, random, values);
    proof_case_images(session);

    step->m = maximum(step->n, step->scale, x->image);
    if (proof_once_in(random, 4)) /* what is not smaller will do as well */
        step->m = fmaxf(step->m, proof_value(random, values));
    for (int64_t j = 0; j < step->n_last; j++)
        ((float *)y->image)[j] = step->w * ((const float *)e_last->image)[j];
    *(float *)m->image = maximum(step->n_next, step->scale, x_next->image);
    *(float *)l->image = exponentials(step->n, step->scale, x->image, step->m, e->image);
    proof_case_label(session, "step n_next %lld, n %lld, n_last %lld, scale %g, m %g, w %g, %s%s%s%s",
                     (long long)step->n_next, (long long)step->n, (long long)step->n_last,
                     (double)step->scale, (double)step->m, (double)step->w, proof_values_name[values],
                     step->stream ? ", stream" : "", one_buffer ? ", one buffer" : "",
                     x == e ? ", in place" : "");
    step->x_next = x_next->data, step->x = x->data, step->e = e->data;
    step->e_last = e_last->data, step->y = y->data;
    s.m = m->data, s.l = l->data;
    proof_case_end(session, run_step, &s);
}

static void rows_formula(const gml_softmax_rows_f32 *r, const float *x, float *y, float *m, float *l)
{
    for (int64_t i = 0; i < r->rows; i++) {
        const int64_t n = r->n + i * r->grow;
        float *to = y + i * r->y_stride, top = maximum(n, r->scale, x + i * r->x_stride);
        const float sum = exponentials(n, r->scale, x + i * r->x_stride, top, to);
        for (int64_t j = 0; j < n; j++)
            to[j] *= sum == 0.0f ? 0.0f : 1.0f / sum;
        if (m)
            m[i] = top, l[i] = sum;
    }
}

static void some_rows(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n,
                      proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    const bool in_place = proof_once_in(random, 2), kept = proof_once_in(random, 2);
    softmax_run s = {.kernel = kernel};
    gml_softmax_rows_f32 *r = &s.rows;
    r->rows = proof_between(random, 1, n > 200 ? 3 : n <= 70 && proof_once_in(random, 2) ? 40 : 9);
    r->grow = proof_once_in(random, 3);
    r->n = r->grow && n > r->rows ? n - r->rows : n;
    r->grow = r->grow && r->n < n;
    r->scale = fabsf(any_scale(random, values));
    r->stream = proof_once_in(random, 2);
    r->x_stride = n + proof_below(random, 3) * 7;
    r->y_stride = in_place                   ? r->x_stride
                  : proof_once_in(random, 2) ? (n + 15) / 16 * 16
                                             : n + proof_below(random, 9);

    proof_arena *arena = session->arena;
    proof_case_begin(session);
    proof_operand *x = place(session, "x", (r->rows - 1) * r->x_stride + n, random), *y = x, *m = NULL,
                  *l = NULL;
    proof_fill(x, random, values);
    if (!in_place) {
        y = place(session, "y", (r->rows - 1) * r->y_stride + n, random);
        proof_fill(y, random, PROOF_UNIFORM); /* what must stay: the gaps */
    }
    if (kept) {
        m = proof_place_vector(arena, "m", r->rows, proof_any_edge(random));
        l = proof_place_vector(arena, "l", r->rows, proof_any_edge(random));
    }
    proof_case_images(session);
    rows_formula(r, x->image, y->image, m ? m->image : NULL, l ? l->image : NULL);
    proof_case_label(session, "rows %lld, n %lld, grow %lld, strides %lld and %lld, scale %g, %s%s%s%s",
                     (long long)r->rows, (long long)r->n, (long long)r->grow, (long long)r->x_stride,
                     (long long)r->y_stride, (double)r->scale, proof_values_name[values],
                     r->stream ? ", stream" : "", in_place ? ", in place" : "", kept ? ", m and l" : "");
    r->x = x->data, r->y = y->data;
    r->m = m ? m->data : NULL, r->l = l ? l->data : NULL;
    proof_case_end(session, run_rows, &s);
}

static void all_of(proof_session *session, const gml_softmax_kernel_f32 *kernel, int64_t n, bool finish,
                   proof_random *random)
{
    one_reduction(session, kernel, n, random);
    one_step(session, kernel, n, random);
    some_rows(session, kernel, n, random);
    if (finish) {
        one_finish(session, kernel, n, false, random);
        one_finish(session, kernel, n, true, random);
    }
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
        for (int64_t n = 1; n <= 140; n++)
            all_of(session, kernel, n, i % 4 == 0, &random);
        for (int j = 0; j < 8; j++)
            all_of(session, kernel, long_ones[j], i % 8 == j, &random);
    }
}
