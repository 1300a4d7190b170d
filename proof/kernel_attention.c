/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernels of attention against the formulas of kernels/kernel.h: steps of one block of keys against one to four
 * strips, each with its own keys and options, from an empty or a running state; and rows of scores.
 */
#include "kernels/arithmetic.h"
#include "proof/session.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <string.h>

#define MAX_STRIPS 4

/* A choice among cap, slope, bias and seen, for everything that has scores. */
enum { CAPPED = 1, SLOPED = 2, BIASED = 4, MASKED = 8, CHOICES = 16 };

/* Caps in base 2 and any factor beside them, as a kernel must take both as they come. */
static const float caps[][2] = {{28.853901f, 0.034657359f},
                                {43.280853f, 0.023104906f},
                                {1e-3f, 1e3f},
                                {1e30f, 1e-30f},
                                {2.5f, 0.3f},
                                {0x1p-130f, 0x1p126f},
                                {-20.0f, 0.1f}};

/* The score of key j, t being its chain of products. */
static float score(float t, const float *cap, const float *slope, int64_t position, int64_t j,
                   const float *bias, bool seen)
{
    if (!seen || (bias && *bias == -INFINITY))
        return -INFINITY;
    if (cap[0] != 0.0f)
        t = cap[0] * spec_tanh_f32(t * cap[1]);
    if (slope) {
        const int64_t d = position < j ? j - position : position - j;
        t = fmaf(*slope, -(float)(d < GML_ALIBI_FAR ? d : GML_ALIBI_FAR), t);
    }
    return bias ? fmaf(*bias, GML_LOG2E, t) : t;
}

/* Scores become exponentials; returns their maximum. Those before `from` are left. */
static float exponentials(int64_t from, int64_t to, float *e)
{
    float m = -INFINITY;
    for (int64_t j = from; j < to; j++)
        m = e[j] > m ? e[j] : m;
    m += 0.0f;
    for (int64_t j = from; j < to; j++)
        e[j] = spec_exp2_f32(e[j] - (m == -INFINITY ? 0.0f : m));
    return m;
}

static bool sees(const uint32_t *seen, int64_t bq, int64_t i, int64_t j)
{
    return !seen || (seen[j / 32 * bq + i] & UINT32_C(1) << j % 32) != 0;
}

/* Positions as they are, and as far away as they come. */
static int32_t any_position(proof_random *random)
{
    const int64_t far = GML_ALIBI_FAR + proof_between(random, -GML_KB0, GML_KB0);
    switch (proof_below(random, 4)) {
    case 0:
        return (int32_t)far;
    case 1:
        return (int32_t)-far;
    default:
        return (int32_t)proof_between(random, -200, 400);
    }
}

static float any_slope(proof_random *random)
{
    static const float slopes[] = {0.5f, 0.72134752f, 0x1p-8f, 0.0f, -1.5f, 1e30f};
    return slopes[proof_below(random, (int64_t)(sizeof slopes / sizeof *slopes))];
}

static void fill_bias(float *bias, int64_t n, proof_random *random)
{
    const int64_t masked = proof_once_in(random, 4) ? 1 : proof_between(random, 2, 12);
    for (int64_t j = 0; j < n; j++)
        bias[j] = proof_once_in(random, masked) ? -INFINITY : 4.0f * proof_value(random, PROOF_UNIFORM);
}

/* Any bits, whole words, one bit or none, a causal bound. The words of a query lie bq apart. */
static void fill_seen(uint32_t *seen, int64_t bq, proof_random *random)
{
    const int64_t pattern = proof_below(random, 5), bound = proof_below(random, GML_KB0 + 1);
    for (int64_t w = 0; w < GML_SEEN_WORDS; w++) {
        const int64_t seen_of_word = bound < 32 * w ? 0 : bound - 32 * w;
        const uint32_t any = (uint32_t)proof_next(random);
        const uint32_t bits[] = {any, any & 1 ? UINT32_MAX : 0, any & 1 ? UINT32_C(1) << (any >> 1 & 31) : 0,
                                 seen_of_word < 32 ? (UINT32_C(1) << seen_of_word) - 1 : UINT32_MAX, 0};
        seen[w * bq] = bits[pattern];
    }
}

/* Steps. */

typedef struct step_case {
    const gml_attention_kernel_f32 *kernel;
    gml_attention_block_f32 block;
    gml_attention_strip_f32 strip[MAX_STRIPS];
    int64_t strips;
    float *scratch, *e; /* e: [keys][bq], a copy of what one strip leaves in scratch */
} step_case;

static void run_step(void *argument)
{
    const step_case *c = argument;
    const gml_attention_strip_f32 *strip = c->strip;
    c->kernel->step(&c->block, strip, c->strips, c->scratch);
    for (int64_t j = strip->from; j < strip->to && c->strips == 1; j++)
        memcpy(c->e + (j - strip->from) * c->kernel->bq, c->scratch + j * c->kernel->bq,
               (size_t)strip->queries * sizeof(float));
}

/* Query i of a strip, all pointers into images. Its exponentials go to every bq-th element of e, unless it is NULL. */
static void step_formula(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                         int64_t bq, int64_t i, float *copy)
{
    const float cap[2] = {block->cap, block->inverse_cap};
    float e[GML_KB0];
    for (int64_t j = strip->from; j < strip->to; j++) {
        float t = 0.0f;
        for (int64_t d = 0; d < block->head_dim; d++)
            t = fmaf(strip->qt[d * bq + i], block->k[j * block->k_stride + d], t);
        e[j] = score(t, cap, strip->slope ? &strip->slope[i] : NULL, strip->slope ? strip->position[i] : 0, j,
                     strip->bias ? &strip->bias[j * bq + i] : NULL, sees(strip->seen, bq, i, j));
    }
    const float mb = exponentials(strip->from, strip->to, e);
    const float lb = spec_sum_f32(strip->to - strip->from, e + strip->from);
    for (int64_t j = strip->from; j < strip->to && copy; j++)
        copy[(j - strip->from) * bq + i] = e[j];

    const float m = strip->m[i], top = (mb > m ? mb : m) + 0.0f, z = top == -INFINITY ? 0.0f : top;
    const float a = spec_exp2_f32(m - z), b = spec_exp2_f32(mb - z);
    strip->l[i] = fmaf(a, strip->l[i], b * lb);
    strip->m[i] = top;
    for (int64_t d = 0; d < block->v_head_dim; d++) {
        float s = 0.0f;
        for (int64_t j = strip->from; j < strip->to; j++)
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

static void fill_columns(proof_operand *operand, int64_t to, proof_random *random, proof_values values,
                         float factor)
{
    for (int64_t r = 0; r < operand->shape.size[2]; r++)
        for (int64_t i = 0; i < to; i++)
            ((float *)operand->data)[r * operand->shape.stride[2] + i] = factor * proof_value(random, values);
}

/* Makes the elements of all rows from column `queries` on zero. */
static void clear_rest(proof_operand *operand, int64_t bq, int64_t queries)
{
    for (int64_t r = 0; r < operand->shape.size[2]; r++)
        memset((float *)operand->data + r * bq + queries, 0, (size_t)(bq - queries) * sizeof(float));
}

typedef struct step_choice {
    int options; /* CAPPED ... */
    bool running, weights_only;
    proof_values values;  /* of queries and keys */
    proof_values weighed; /* of V: with masks it is finite, as weights of 0 are multiplied all the same */
} step_choice;

static void add_options(proof_session *session, step_case *c, gml_attention_strip_f32 *strip,
                        gml_attention_strip_f32 *image, const step_choice *choice, proof_random *random)
{
    const int64_t bq = c->kernel->bq, queries = strip->queries;
    if (choice->options & SLOPED) {
        proof_operand *slope = place_strip(session, "slope", 1, bq, bq, random);
        proof_operand *position = place_strip(session, "position", 1, bq, bq, random);
        const int32_t first = any_position(random);
        const bool apart = proof_once_in(random, 2);
        for (int64_t i = 0; i < bq; i++) {
            ((float *)slope->data)[i] = any_slope(random);
            ((int32_t *)position->data)[i] =
                apart ? any_position(random) : first + (int32_t)(first < 400 ? i : -i);
        }
        clear_rest(slope, bq, queries);
        clear_rest(position, bq, queries);
        strip->slope = slope->data, strip->position = position->data;
        image->slope = slope->image, image->position = position->image;
    }
    if (choice->options & BIASED) {
        proof_operand *bias = place_strip(session, "bias", strip->to, bq, bq, random);
        fill_bias(bias->data, strip->to * bq, random);
        strip->bias = bias->data, image->bias = bias->image;
    }
    if (choice->options & MASKED) {
        proof_operand *seen = place_strip(session, "seen", GML_SEEN_WORDS, bq, bq, random);
        for (int64_t i = 0; i < bq; i++)
            fill_seen((uint32_t *)seen->data + i, bq, random);
        clear_rest(seen, bq, queries);
        strip->seen = seen->data, image->seen = seen->image;
    }
}

/* Adds a strip to the case and to `images`, the same with the addresses of the images. */
static void add_strip(proof_session *session, step_case *c, gml_attention_strip_f32 *image, int64_t to,
                      const step_choice *choice, proof_random *random)
{
    const int64_t bq = c->kernel->bq, queries = proof_once_in(random, 2) ? bq : proof_between(random, 1, bq);
    gml_attention_strip_f32 *strip = &c->strip[c->strips++];

    proof_operand *qt = place_strip(session, "qt", c->block.head_dim, bq, bq, random);
    fill_columns(qt, queries, random, choice->values, 1.0f);
    clear_rest(qt, bq, queries);
    proof_operand *ot = place_strip(session, "ot", c->block.v_head_dim, bq, queries, random);
    proof_operand *m = place_strip(session, "m", 1, bq, queries, random);
    proof_operand *l = place_strip(session, "l", 1, bq, queries, random);
    const bool running = choice->running && !proof_once_in(random, 4);
    fill_columns(ot, bq, random, PROOF_UNIFORM, running ? 1.0f : 0.0f);
    for (int64_t i = 0; i < bq; i++) {
        const bool fresh = !running || proof_once_in(random, 8);
        ((float *)m->data)[i] = fresh ? -INFINITY : proof_value(random, PROOF_SPREAD);
        ((float *)l->data)[i] = fresh ? 0.0f : 1.0f + (float)proof_below(random, 500);
        for (int64_t d = 0; d < c->block.v_head_dim && fresh; d++)
            ((float *)ot->data)[d * bq + i] = 0.0f;
    }
    const int64_t steps = (to - 1) / GML_SUM_LANES;
    *strip = (gml_attention_strip_f32){
        .queries = queries,
        .from = proof_once_in(random, 2) ? 0 : GML_SUM_LANES * proof_between(random, 0, steps),
        .to = to,
        .qt = qt->data,
        .ot = ot->data,
        .m = m->data,
        .l = l->data};
    *image = *strip;
    image->qt = qt->image, image->ot = ot->image, image->m = m->image, image->l = l->image;
    add_options(session, c, strip, image, choice, random);
}

static int64_t any_dim(proof_random *random)
{
    static const int64_t usual[] = {1,  2,  3,  4,  7,  8,  15, 16, 17, 24,
                                    31, 32, 33, 40, 63, 64, 65, 80, 96, 128};
    return usual[proof_below(random, (int64_t)(sizeof usual / sizeof *usual))];
}

/* K or V of the keys `from` to `to`: the first of the block would lie before its memory. */
static const float *place_keys(proof_session *session, const char *name, int64_t from, int64_t to,
                               int64_t dim, int64_t stride, proof_values values, const float **image,
                               proof_random *random)
{
    proof_operand *keys =
        proof_place_rows(session->arena, name, to - from, dim, stride, proof_any_edge(random));
    proof_fill(keys, random, values);
    *image = (const float *)keys->image - from * stride;
    return (const float *)keys->data - from * stride;
}

static void one_step(proof_session *session, const gml_attention_kernel_f32 *kernel, int64_t keys,
                     int64_t strips, const step_choice *choice, proof_random *random)
{
    step_case c = {.kernel = kernel};
    gml_attention_strip_f32 images[MAX_STRIPS];
    c.block.head_dim = any_dim(random);
    c.block.v_head_dim = proof_once_in(random, 2) ? c.block.head_dim : any_dim(random);
    if (choice->weights_only)
        c.block.v_head_dim = 0;
    c.block.k_stride = c.block.head_dim + (proof_once_in(random, 2) ? 0 : proof_between(random, 1, 40));
    c.block.v_stride = c.block.v_head_dim + (proof_once_in(random, 2) ? 0 : proof_between(random, 1, 40));
    if (choice->options & CAPPED) {
        const float *cap = caps[proof_below(random, (int64_t)(sizeof caps / sizeof *caps))];
        c.block.cap = cap[0], c.block.inverse_cap = cap[1];
    }

    proof_case_begin(session);
    int64_t first = keys;
    for (int64_t i = 0; i < strips; i++) {
        const int64_t to = i == 0 || proof_once_in(random, 2) ? keys : proof_between(random, 1, keys);
        add_strip(session, &c, &images[i], to, choice, random);
        first = c.strip[i].from < first ? c.strip[i].from : first;
    }
    gml_attention_block_f32 block = c.block;
    c.block.k = place_keys(session, "k", first, keys, block.head_dim, block.k_stride, choice->values,
                           &block.k, random);
    if (block.v_head_dim > 0)
        c.block.v = place_keys(session, "v", first, keys, block.v_head_dim, block.v_stride, choice->weighed,
                               &block.v, random);
    c.scratch = place_strip(session, "scratch", 1, GML_ATTENTION_SCRATCH_F32(kernel->bq), 0, random)->data;
    proof_operand *e = NULL;
    if (strips == 1) {
        e = place_strip(session, "exponentials", c.strip->to - c.strip->from, kernel->bq, c.strip->queries,
                        random);
        c.e = e->data;
    }
    proof_case_images(session);

    for (int64_t i = 0; i < strips; i++)
        for (int64_t query = 0; query < images[i].queries; query++)
            step_formula(&block, &images[i], kernel->bq, query, e ? e->image : NULL);
    proof_case_label(session, "keys %lld to %lld, head_dim %lld, v_head_dim %lld, strips %lld%s%s%s%s%s, %s",
                     (long long)c.strip->from, (long long)keys, (long long)block.head_dim,
                     (long long)block.v_head_dim, (long long)strips,
                     choice->options & CAPPED ? ", softcap" : "", choice->options & SLOPED ? ", slopes" : "",
                     choice->options & BIASED ? ", bias" : "", choice->options & MASKED ? ", seen" : "",
                     choice->running ? ", running" : "", proof_values_name[choice->values]);
    proof_case_end(session, run_step, &c);
}

static void steps_of(proof_session *session, const gml_attention_kernel_f32 *kernel, proof_random *random)
{
    static const int64_t keys[] = {1,  2,  3,  4,  5,  7,  8,   15,          16,     17,
                                   31, 32, 33, 63, 64, 65, 100, GML_KB0 - 1, GML_KB0};
    const int64_t repeats = session->options->thorough ? 25 : 1;
    for (int64_t repeat = 0; repeat < repeats; repeat++)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            for (int options = 0; options < CHOICES; options++) {
                step_choice choice = {.options = options, .running = proof_once_in(random, 2)};
                choice.values = (proof_values)proof_below(random, PROOF_N_VALUES);
                choice.weighed = PROOF_UNIFORM;
                choice.weights_only = proof_once_in(random, 8);
                if (!(options & (BIASED | MASKED)))
                    choice.weighed = (proof_values)proof_below(random, PROOF_N_VALUES);
                if (choice.values == PROOF_EXTREME || choice.values == PROOF_WIDE)
                    choice.values = proof_once_in(random, 4) ? choice.values : PROOF_UNIFORM;
                const int64_t strips = proof_once_in(random, 3) ? 1 : proof_between(random, 1, MAX_STRIPS);
                one_step(session, kernel, keys[i], strips, &choice, random);
            }
}

/* Rows. */

typedef struct row_case {
    const gml_attention_row_f32 *kernel;
    gml_attention_scores_f32 scores;
    float *t, *m, *l;
    int64_t n;
    float a, b;
    float *o;
    const float *s;
} row_case;

static void run_weigh(void *argument)
{
    const row_case *c = argument;
    c->kernel->weigh(&c->scores, c->t, c->m, c->l);
}

static void run_merge(void *argument)
{
    const row_case *c = argument;
    c->kernel->merge(c->n, c->a, c->o, c->b, c->s);
}

static void one_weighing(proof_session *session, const gml_attention_row_f32 *kernel, int64_t keys,
                         int options, proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    proof_arena *arena = session->arena;
    row_case c = {.kernel = kernel, .scores = {.keys = keys}};
    gml_attention_scores_f32 image = c.scores;
    float cap[2] = {0.0f, 0.0f};

    proof_case_begin(session);
    proof_operand *t = proof_place_vector(arena, "t", keys, proof_any_edge(random));
    proof_operand *m = proof_place_vector(arena, "m", 1, proof_any_edge(random));
    proof_operand *l = proof_place_vector(arena, "l", 1, proof_any_edge(random));
    proof_fill(t, random, values);
    c.t = t->data, c.m = m->data, c.l = l->data;
    if (options & CAPPED) {
        memcpy(cap, caps[proof_below(random, (int64_t)(sizeof caps / sizeof *caps))], sizeof cap);
        c.scores.cap = cap[0], c.scores.inverse_cap = cap[1];
    }
    if (options & SLOPED) {
        proof_operand *slope = proof_place_vector(arena, "slope", 1, proof_any_edge(random));
        *(float *)slope->data = any_slope(random);
        c.scores.slope = slope->data, image.slope = slope->image;
        c.scores.position = any_position(random);
    }
    if (options & BIASED) {
        proof_operand *bias = proof_place_vector(arena, "bias", keys, proof_any_edge(random));
        fill_bias(bias->data, keys, random);
        c.scores.bias = bias->data, image.bias = bias->image;
    }
    if (options & MASKED) {
        proof_operand *seen = proof_place_vector(arena, "seen", GML_SEEN_WORDS, proof_any_edge(random));
        fill_seen(seen->data, 1, random);
        c.scores.seen = seen->data, image.seen = seen->image;
    }
    proof_case_images(session);

    float *e = t->image;
    for (int64_t j = 0; j < keys; j++)
        e[j] = score(e[j], cap, image.slope, c.scores.position, j, image.bias ? &image.bias[j] : NULL,
                     sees(image.seen, 1, 0, j));
    *(float *)m->image = exponentials(0, keys, e);
    *(float *)l->image = spec_sum_f32(keys, e);
    proof_case_label(session, "weigh keys %lld%s%s%s%s, %s", (long long)keys,
                     options & CAPPED ? ", softcap" : "", options & SLOPED ? ", slope" : "",
                     options & BIASED ? ", bias" : "", options & MASKED ? ", seen" : "",
                     proof_values_name[values]);
    proof_case_end(session, run_weigh, &c);
}

static void one_merge(proof_session *session, const gml_attention_row_f32 *kernel, int64_t n,
                      proof_random *random)
{
    const proof_values values = (proof_values)proof_below(random, PROOF_N_VALUES);
    proof_case_begin(session);
    proof_operand *o = proof_place_vector(session->arena, "o", n, proof_any_edge(random));
    proof_operand *s = proof_place_vector(session->arena, "s", n, proof_any_edge(random));
    proof_fill(o, random, values);
    proof_fill(s, random, values);
    proof_case_images(session);
    row_case c = {.kernel = kernel, .n = n, .o = o->data, .s = s->data};
    c.a = proof_value(random, PROOF_SPECIALS);
    c.b = proof_value(random, PROOF_SPECIALS);
    for (int64_t i = 0; i < n; i++)
        ((float *)o->image)[i] = fmaf(c.a, ((float *)o->image)[i], c.b * ((float *)s->image)[i]);
    proof_case_label(session, "merge n %lld, a %g, b %g, %s", (long long)n, (double)c.a, (double)c.b,
                     proof_values_name[values]);
    proof_case_end(session, run_merge, &c);
}

static void rows_of(proof_session *session, const gml_attention_row_f32 *kernel, proof_random *random)
{
    const int64_t repeats = session->options->thorough ? 50 : 1;
    for (int64_t repeat = 0; repeat < repeats; repeat++)
        for (int64_t keys = 1; keys <= GML_KB0; keys++) {
            for (int options = 0; options < CHOICES; options++)
                if (proof_sampled(session, random, 2))
                    one_weighing(session, kernel, keys, options, random);
            one_merge(session, kernel, keys, random);
        }
}

void proof_kernels_attention(proof_session *session, const gml_kernel_set *set)
{
    proof_random random = proof_random_seeded(session->options->seed, 5);
    for (int i = 0; i < set->n_attention_f32; i++)
        if (proof_kernel_begin(session, set->attention_f32[i].name))
            steps_of(session, &set->attention_f32[i], &random);
    if (proof_kernel_begin(session, set->attention_row_f32->name)) {
        rows_of(session, set->attention_row_f32, &random);
        proof_few_attention(session, set->attention_row_f32, &random);
    }
}
