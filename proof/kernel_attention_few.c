/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Products and values of attention of few queries, against the formulas of kernels/kernel.h: each number of rows up to
 * some panels, all numbers of keys, dims around the vectors, rows with and without gaps.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include <math.h>

typedef struct few_case {
    const gml_attention_row_f32 *kernel;
    int64_t rows, keys, dim;
    const float *from, *by; /* q and k, or e and v */
    int64_t from_stride, by_stride;
    float *to;
    int64_t to_stride;
    gml_attention_next_f32 next;
} few_case;

static void run_products(void *argument)
{
    const few_case *c = argument;
    c->kernel->products(c->rows, c->keys, c->dim, c->from, c->by, c->by_stride, c->to, c->to_stride,
                        &c->next);
}

static void run_values(void *argument)
{
    const few_case *c = argument;
    c->kernel->values(c->rows, c->keys, c->dim, c->from, c->from_stride, c->by, c->by_stride, c->to,
                      c->to_stride, &c->next);
}

static int64_t any_gap(proof_random *random)
{
    return proof_once_in(random, 2) ? 0 : proof_between(random, 1, 40);
}

static proof_values any_values(proof_random *random)
{
    return proof_once_in(random, 2) ? PROOF_UNIFORM : (proof_values)proof_below(random, PROOF_N_VALUES);
}

/* A hint of what comes next is no promise that anything lies there. */
static gml_attention_next_f32 any_next(const few_case *c, const float *rows, proof_random *random)
{
    gml_attention_next_f32 next = {.rows = proof_once_in(random, 4) ? NULL : rows, .dim = c->dim};
    if (proof_once_in(random, 2))
        next.dim = proof_between(random, 1, 300);
    next.stride = next.dim + any_gap(random);
    return next;
}

static proof_operand *place_rows(proof_session *session, const char *name, int64_t rows, int64_t cols,
                                 int64_t stride, proof_random *random)
{
    return proof_place_rows(session->arena, name, rows, cols, stride, proof_any_edge(random));
}

static void one_products(proof_session *session, few_case *c, proof_random *random)
{
    const int64_t panel = GML_QUERY_PANEL, panels = (c->rows + panel - 1) / panel;
    const proof_values values = any_values(random);
    c->by_stride = c->dim + any_gap(random);
    c->to_stride = c->keys + any_gap(random);
    proof_case_begin(session);
    const proof_shape shape = {{1, panels, c->dim, panels > 1 ? panel : c->rows},
                               {0, panel * c->dim, panel, 1}};
    proof_operand *q =
        proof_place(session->arena, "q", sizeof(float), sizeof(float), shape, proof_any_edge(random));
    proof_operand *k = place_rows(session, "k", c->keys, c->dim, c->by_stride, random);
    proof_operand *t = place_rows(session, "t", c->rows, c->keys, c->to_stride, random);
    proof_fill(q, random, values);
    proof_fill(k, random, values);
    proof_case_images(session);
    c->from = q->data, c->by = k->data, c->to = t->data;
    c->next = any_next(c, k->data, random);

    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->keys; j++) {
            const float *row = (const float *)q->image + i / panel * panel * c->dim + i % panel;
            float sum = 0.0f;
            for (int64_t d = 0; d < c->dim; d++)
                sum = fmaf(row[d * panel], ((const float *)k->image)[j * c->by_stride + d], sum);
            ((float *)t->image)[i * c->to_stride + j] = sum;
        }
    proof_case_label(session, "products rows %lld, keys %lld, dim %lld, %s", (long long)c->rows,
                     (long long)c->keys, (long long)c->dim, proof_values_name[values]);
    proof_case_end(session, run_products, c);
}

static void one_values(proof_session *session, few_case *c, proof_random *random)
{
    const proof_values values = any_values(random);
    c->from_stride = c->keys + any_gap(random);
    c->by_stride = c->dim + any_gap(random);
    c->to_stride = c->dim + any_gap(random);
    proof_case_begin(session);
    proof_operand *e = place_rows(session, "e", c->rows, c->keys, c->from_stride, random);
    proof_operand *v = place_rows(session, "v", c->keys, c->dim, c->by_stride, random);
    proof_operand *s = place_rows(session, "s", c->rows, c->dim, c->to_stride, random);
    proof_fill(e, random, values);
    proof_fill(v, random, values);
    proof_case_images(session);
    c->from = e->data, c->by = v->data, c->to = s->data;
    c->next = any_next(c, v->data, random);

    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t d = 0; d < c->dim; d++) {
            float sum = 0.0f;
            for (int64_t j = 0; j < c->keys; j++)
                sum = fmaf(((const float *)e->image)[i * c->from_stride + j],
                           ((const float *)v->image)[j * c->by_stride + d], sum);
            ((float *)s->image)[i * c->to_stride + d] = sum;
        }
    proof_case_label(session, "values rows %lld, keys %lld, dim %lld, %s", (long long)c->rows,
                     (long long)c->keys, (long long)c->dim, proof_values_name[values]);
    proof_case_end(session, run_values, c);
}

void proof_few_attention(proof_session *session, const gml_attention_row_f32 *kernel, proof_random *random)
{
    static const int64_t dims[] = {1,  2,  5,  7,  8,  9,   15,  16,  17,  24,  31,  32,  33,  40,  48,  63,
                                   64, 65, 72, 80, 96, 112, 127, 128, 129, 136, 143, 160, 192, 256, 257, 300};
    const int64_t repeats = session->options->thorough ? 20 : 1;
    for (int64_t repeat = 0; repeat < repeats; repeat++)
        for (int64_t keys = 1; keys <= GML_KB0; keys++)
            for (int64_t rows = 1; rows <= 3 * GML_QUERY_PANEL; rows++) {
                if (!proof_sampled(session, random, 4))
                    continue;
                few_case c = {.kernel = kernel, .rows = rows, .keys = keys};
                c.dim = dims[proof_below(random, (int64_t)(sizeof dims / sizeof *dims))];
                one_products(session, &c, random);
                one_values(session, &c, random);
            }
}
