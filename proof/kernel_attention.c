/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention steps against the formula of kernels/kernel.h: one block of keys, one to four strips, each with
 * bounds, a bias, both or neither, from an empty or a running state.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <string.h>

#define MAX_STRIPS 4

typedef struct step_case {
    const gml_attention_kernel_f32 *kernel;
    gml_attention_block_f32 block;
    gml_attention_strip_f32 strip[MAX_STRIPS];
    int64_t strips;
    float *scratch;
} step_case;

static void run(void *argument)
{
    const step_case *c = argument;
    c->kernel->step(&c->block, c->strip, c->strips, c->scratch);
}

/* Query i of a strip, all pointers into images. */
static void formula(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip, int64_t bq,
                    int64_t i)
{
    float e[GML_KB0], mb = -INFINITY;
    for (int64_t j = 0; j < block->keys; j++) {
        float t = 0.0f;
        for (int64_t d = 0; d < block->head_dim; d++)
            t = fmaf(strip->qt[d * bq + i], block->k[j * block->k_stride + d], t);
        if (strip->bias)
            t = fmaf(strip->bias[j * bq + i], GML_LOG2E, t);
        if ((strip->bias && strip->bias[j * bq + i] == -INFINITY) ||
            (strip->lo && (j < strip->lo[i] || j >= strip->hi[i])))
            t = -INFINITY;
        e[j] = t;
        mb = t > mb ? t : mb;
    }
    mb += 0.0f;
    for (int64_t j = 0; j < block->keys; j++)
        e[j] = spec_exp2_f32(e[j] - (mb == -INFINITY ? 0.0f : mb));
    const float lb = spec_sum_f32(block->keys, e);

    const float m = strip->m[i], top = (mb > m ? mb : m) + 0.0f, z = top == -INFINITY ? 0.0f : top;
    const float a = spec_exp2_f32(m - z), b = spec_exp2_f32(mb - z);
    strip->l[i] = fmaf(a, strip->l[i], b * lb);
    strip->m[i] = top;
    for (int64_t d = 0; d < block->v_head_dim; d++) {
        float s = 0.0f;
        for (int64_t j = 0; j < block->keys; j++)
            s = fmaf(e[j], block->v[j * block->v_stride + d], s);
        strip->ot[d * bq + i] = fmaf(a, strip->ot[d * bq + i], b * s);
    }
}

/* A [rows][bq] array of a strip, of which the first `queries` of a row count. */
static proof_operand *place_strip(proof_session *session, const char *name, int64_t rows, int64_t bq,
                                  int64_t queries, proof_random *random)
{
    proof_operand *operand =
        proof_place(session->arena, name, sizeof(float), 64, (proof_shape){{1, 1, rows, bq}, {0, 0, bq, 1}},
                    proof_any_edge(random));
    operand->checked = queries;
    return operand;
}

static void fill_columns(proof_operand *operand, int64_t from, int64_t to, proof_random *random,
                         proof_values values, float factor)
{
    for (int64_t r = 0; r < operand->shape.size[2]; r++)
        for (int64_t i = from; i < to; i++)
            ((float *)operand->data)[r * operand->shape.stride[2] + i] = factor * proof_value(random, values);
}

typedef struct step_choice {
    bool bounded, biased, running;
    proof_values values;  /* of queries and keys */
    proof_values weighed; /* of V: with masks it is finite, as weights of 0 are multiplied all the same */
} step_choice;

/* Adds a strip to the case and to `images`, the same with the addresses of the images. */
static void add_strip(proof_session *session, step_case *c, gml_attention_strip_f32 *image,
                      const step_choice *choice, proof_random *random)
{
    const int64_t bq = c->kernel->bq, queries = proof_once_in(random, 2) ? bq : proof_between(random, 1, bq);
    gml_attention_strip_f32 *strip = &c->strip[c->strips++];

    proof_operand *qt = place_strip(session, "qt", c->block.head_dim, bq, bq, random);
    fill_columns(qt, 0, queries, random, choice->values, 1.0f);
    fill_columns(qt, queries, bq, random, PROOF_INTEGERS, 0.0f);
    for (int64_t r = 0; r < c->block.head_dim; r++) /* +0, not -0 */
        memset((float *)qt->data + r * bq + queries, 0, (size_t)(bq - queries) * sizeof(float));
    proof_operand *ot = place_strip(session, "ot", c->block.v_head_dim, bq, queries, random);
    proof_operand *m = place_strip(session, "m", 1, bq, queries, random);
    proof_operand *l = place_strip(session, "l", 1, bq, queries, random);
    const bool running = choice->running && !proof_once_in(random, 4);
    fill_columns(ot, 0, bq, random, PROOF_UNIFORM, running ? 1.0f : 0.0f);
    for (int64_t i = 0; i < bq; i++) {
        const bool fresh = !running || proof_once_in(random, 8);
        ((float *)m->data)[i] = fresh ? -INFINITY : proof_value(random, PROOF_SPREAD);
        ((float *)l->data)[i] = fresh ? 0.0f : 1.0f + (float)proof_below(random, 500);
        for (int64_t d = 0; d < c->block.v_head_dim && fresh; d++)
            ((float *)ot->data)[d * bq + i] = 0.0f;
    }
    *strip = (gml_attention_strip_f32){
        .queries = queries, .qt = qt->data, .ot = ot->data, .m = m->data, .l = l->data};
    *image = (gml_attention_strip_f32){
        .queries = queries, .qt = qt->image, .ot = ot->image, .m = m->image, .l = l->image};

    if (choice->bounded) {
        proof_operand *lo = place_strip(session, "lo", 1, bq, bq, random);
        proof_operand *hi = place_strip(session, "hi", 1, bq, bq, random);
        const bool causal = proof_once_in(random, 2);
        const int64_t start = proof_between(random, -bq, c->block.keys);
        for (int64_t i = 0; i < bq; i++) {
            int64_t high = causal ? start + i : proof_between(random, 0, c->block.keys);
            high = high < 0 ? 0 : high > c->block.keys ? c->block.keys : high;
            ((int32_t *)hi->data)[i] = (int32_t)high;
            ((int32_t *)lo->data)[i] = causal ? 0 : (int32_t)proof_between(random, 0, c->block.keys);
        }
        strip->lo = lo->data, strip->hi = hi->data;
        image->lo = lo->image, image->hi = hi->image;
    }
    if (choice->biased) {
        proof_operand *bias = place_strip(session, "bias", c->block.keys, bq, bq, random);
        const int64_t masked = proof_once_in(random, 4) ? 1 : proof_between(random, 2, 12);
        fill_columns(bias, 0, bq, random, PROOF_UNIFORM, 4.0f);
        for (int64_t j = 0; j < c->block.keys * bq; j++)
            if (proof_once_in(random, masked))
                ((float *)bias->data)[j] = -INFINITY;
        strip->bias = bias->data;
        image->bias = bias->image;
    }
}

static int64_t any_dim(proof_random *random)
{
    static const int64_t usual[] = {1,  2,  3,  4,  7,  8,  15, 16, 17, 24,
                                    31, 32, 33, 40, 63, 64, 65, 80, 96, 128};
    return usual[proof_below(random, (int64_t)(sizeof usual / sizeof *usual))];
}

static void one_step(proof_session *session, const gml_attention_kernel_f32 *kernel, int64_t keys,
                     int64_t strips, const step_choice *choice, proof_random *random)
{
    step_case c = {.kernel = kernel};
    gml_attention_strip_f32 images[MAX_STRIPS];
    c.block.head_dim = any_dim(random);
    c.block.v_head_dim = proof_once_in(random, 2) ? c.block.head_dim : any_dim(random);
    c.block.keys = keys;
    c.block.k_stride = c.block.head_dim + (proof_once_in(random, 2) ? 0 : proof_between(random, 1, 40));
    c.block.v_stride = c.block.v_head_dim + (proof_once_in(random, 2) ? 0 : proof_between(random, 1, 40));

    proof_case_begin(session);
    proof_operand *k = proof_place_rows(session->arena, "k", keys, c.block.head_dim, c.block.k_stride,
                                        proof_any_edge(random));
    proof_operand *v = proof_place_rows(session->arena, "v", keys, c.block.v_head_dim, c.block.v_stride,
                                        proof_any_edge(random));
    proof_fill(k, random, choice->values);
    proof_fill(v, random, choice->weighed);
    c.block.k = k->data, c.block.v = v->data;
    for (int64_t i = 0; i < strips; i++)
        add_strip(session, &c, &images[i], choice, random);
    proof_operand *scratch =
        place_strip(session, "scratch", 1, GML_ATTENTION_SCRATCH_F32(kernel->bq), 0, random);
    c.scratch = scratch->data;
    proof_case_images(session);

    gml_attention_block_f32 block = c.block;
    block.k = k->image, block.v = v->image;
    for (int64_t i = 0; i < strips; i++)
        for (int64_t query = 0; query < images[i].queries; query++)
            formula(&block, &images[i], kernel->bq, query);
    proof_case_label(session, "keys %lld, head_dim %lld, v_head_dim %lld, strips %lld%s%s%s, %s",
                     (long long)keys, (long long)block.head_dim, (long long)block.v_head_dim,
                     (long long)strips, choice->bounded ? ", bounds" : "", choice->biased ? ", bias" : "",
                     choice->running ? ", running" : "", proof_values_name[choice->values]);
    proof_case_end(session, run, &c);
}

static void one_kernel(proof_session *session, const gml_attention_kernel_f32 *kernel, proof_random *random)
{
    static const int64_t keys[] = {1,  2,  3,  4,  5,  7,  8,   15,          16,     17,
                                   31, 32, 33, 63, 64, 65, 100, GML_KB0 - 1, GML_KB0};
    const int64_t repeats = session->options->thorough ? 25 : 1;
    for (int64_t repeat = 0; repeat < repeats; repeat++)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            for (int mode = 0; mode < 8; mode++) {
                step_choice choice = {.bounded = mode & 1, .biased = mode & 2, .running = mode & 4};
                choice.values = (proof_values)proof_below(random, PROOF_N_VALUES);
                choice.weighed = PROOF_UNIFORM;
                if (mode == 0 || mode == 4)
                    choice.weighed = (proof_values)proof_below(random, PROOF_N_VALUES);
                if (choice.values == PROOF_EXTREME || choice.values == PROOF_WIDE)
                    choice.values = proof_once_in(random, 4) ? choice.values : PROOF_UNIFORM;
                const int64_t strips = proof_between(random, 1, MAX_STRIPS);
                one_step(session, kernel, keys[i], strips, &choice, random);
            }
}

void proof_kernels_attention(proof_session *session, const gml_kernel_set *set)
{
    proof_random random = proof_random_seeded(session->options->seed, 5);
    for (int i = 0; i < set->n_attention_f32; i++)
        if (proof_kernel_begin(session, set->attention_f32[i].name))
            one_kernel(session, &set->attention_f32[i], &random);
}
