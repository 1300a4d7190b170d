/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random problems, by the public interface: a context that has wisdom and one that was told to forget it must give the
 * same bytes. Most problems lie in the cells of wisdom, so that they take plans from there; the others are anywhere.
 */
#include "bench/tuned.h"
#include "bench/tuning.h"
#include "src/plan/wisdom_files.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MOST ((int64_t)1 << 23) /* of all operands of a problem     */
#define PRODUCTS_MOST 3e8                /* some milliseconds; a few may take more */

typedef struct comparison {
    gml_context *with, *without;
    uint64_t state;
    float *memory, *result, *expected; /* ELEMENTS_MOST doubles each */
} comparison;

static uint64_t draw(comparison *c)
{
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return c->state * UINT64_C(2685821657736338717) >> 32;
}

static double uniform(comparison *c)
{
    return (double)draw(c) * 0x1p-32;
}

/* Near a size of wisdom, within a cell or so; or anywhere up to `most`. */
static int64_t draw_size(comparison *c, int64_t near, int64_t most)
{
    const double size =
        near > 0 ? (double)near * exp2(uniform(c) - 0.5) : exp2(uniform(c) * log2((double)most));
    return size < 1 ? 1 : (int64_t)(size + 0.5);
}

static int64_t elements_of(const gml_key *key, int64_t *result)
{
    const int64_t *s = key->size;
    switch (key->operation) {
    case GML_OPERATION_GEMM:
        *result = s[0] * s[1] * s[3];
        return (s[0] * s[2] + s[2] * s[1]) * s[3] + *result;
    case GML_OPERATION_SOFTMAX:
        *result = s[0] * s[1];
        return 2 * *result;
    default:
        *result = s[0] * s[1] * s[2] * s[5];
        return s[0] * (s[1] * s[2] * s[4] + s[3] * (s[4] + s[5])) + *result;
    }
}

static double products_of(const gml_key *key)
{
    const int64_t *s = key->size;
    const double all = (double)s[0] * (double)s[1];
    switch (key->operation) {
    case GML_OPERATION_GEMM:
        return all * (double)s[2] * (double)s[3];
    case GML_OPERATION_SOFTMAX:
        return 16 * all;
    default:
        return all * (double)s[2] * (double)s[3] * (double)(s[4] + s[5]);
    }
}

/* Layouts that the problems below can have. */
static const unsigned layouts[] = {GML_LAYOUT_A_COLUMNS | GML_LAYOUT_B_COLUMNS | GML_LAYOUT_READS_C,
                                   GML_LAYOUT_COLUMNS, GML_LAYOUT_CAUSAL | GML_LAYOUT_TOKENS};

static gml_key draw_key(comparison *c, const gml_wisdom_list *list, int32_t threads)
{
    static const int64_t most[GML_OPERATIONS][GML_KEY_SIZES] = {
        {4096, 4096, 4096, 8}, {8192, 65536}, {16, 8, 512, 4096, 192, 192}};
    for (;;) {
        gml_key key = {.threads = threads};
        const gml_wisdom_entry *entry = NULL;
        if (list->count && draw(c) % 4)
            entry = &list->entry[draw(c) % (uint64_t)list->count];
        if (entry && (entry->error || entry->key.layout & ~layouts[entry->key.operation]))
            continue;
        key.operation = entry ? entry->key.operation : (uint8_t)(draw(c) % GML_OPERATIONS);
        key.type = entry ? entry->key.type : (uint8_t)(key.operation || draw(c) % 2 ? GML_F32 : GML_F64);
        key.layout = entry ? entry->key.layout : (uint16_t)(draw(c) & layouts[key.operation]);
        key.threads = entry ? entry->key.threads : threads;
        const bool same = entry && draw(c) % 4 == 0; /* what was measured itself */
        for (int i = 0; i < GML_KEY_SIZES; i++)
            if (most[key.operation][i])
                key.size[i] = same ? entry->key.size[i]
                                   : draw_size(c, entry ? entry->key.size[i] : 0, most[key.operation][i]);
        int64_t result;
        if (elements_of(&key, &result) <= ELEMENTS_MOST && products_of(&key) <= PRODUCTS_MOST)
            return key;
    }
}

static void fill(comparison *c, void *memory, gml_type type, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double x = 2 * uniform(c) - 1;
        if (type == GML_F32)
            ((float *)memory)[i] = (float)x;
        else
            ((double *)memory)[i] = x;
    }
}

static void *after(void *memory, gml_type type, int64_t count)
{
    return (char *)memory + count * (type == GML_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double));
}

static gml_status run_gemm(gml_context *context, const gml_key *key, void *memory, void *out,
                           gml_explanation *why)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    const bool a_columns = key->layout & GML_LAYOUT_A_COLUMNS, b_columns = key->layout & GML_LAYOUT_B_COLUMNS;
    p.type = key->type;
    p.threads = key->threads;
    p.m = key->size[0], p.n = key->size[1], p.k = key->size[2], p.batch = key->size[3];
    p.beta = key->layout & GML_LAYOUT_READS_C ? 1 : 0;
    p.bs_a = p.m * p.k, p.bs_b = p.k * p.n, p.bs_c = p.m * p.n;
    p.a = memory;
    p.b = after(memory, (gml_type)key->type, p.bs_a * p.batch);
    p.c = out;
    p.rs_a = a_columns ? 1 : p.k, p.cs_a = a_columns ? p.m : 1;
    p.rs_b = b_columns ? 1 : p.n, p.cs_b = b_columns ? p.k : 1;
    p.rs_c = p.n, p.cs_c = 1;
    return why ? gml_explain_gemm(context, &p, why) : gml_gemm(context, &p);
}

static gml_status run_softmax(gml_context *context, const gml_key *key, void *memory, void *out,
                              gml_explanation *why)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    const bool columns = key->layout & GML_LAYOUT_COLUMNS;
    p.rows = key->size[0], p.cols = key->size[1];
    p.x = memory, p.y = out;
    p.x_stride = p.y_stride = columns ? 1 : p.cols;
    p.x_col_stride = p.y_col_stride = columns ? p.rows : 1;
    p.threads = key->threads;
    return why ? gml_explain_softmax_f32(context, &p, why) : gml_softmax_f32(context, &p);
}

static gml_status run_attention(gml_context *context, const gml_key *key, void *memory, void *out,
                                gml_explanation *why)
{
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    const bool tokens = key->layout & GML_LAYOUT_TOKENS;
    p.batch = 1, p.kv_heads = key->size[0], p.heads = key->size[0] * key->size[1];
    p.q_len = key->size[2], p.kv_len = key->size[3], p.head_dim = key->size[4], p.v_head_dim = key->size[5];
    p.q = memory;
    p.k = p.q + p.heads * p.q_len * p.head_dim;
    p.v = p.k + p.kv_heads * p.kv_len * p.head_dim;
    p.o = out;
    p.q_stride[1] = p.q_len * p.head_dim, p.q_stride[2] = p.head_dim;
    p.k_stride[1] = tokens ? p.head_dim : p.kv_len * p.head_dim;
    p.k_stride[2] = tokens ? p.kv_heads * p.head_dim : p.head_dim;
    p.v_stride[1] = tokens ? p.v_head_dim : p.kv_len * p.v_head_dim;
    p.v_stride[2] = tokens ? p.kv_heads * p.v_head_dim : p.v_head_dim;
    p.o_stride[1] = p.q_len * p.v_head_dim, p.o_stride[2] = p.v_head_dim;
    p.causal = key->layout & GML_LAYOUT_CAUSAL ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE;
    p.threads = key->threads;
    return why ? gml_explain_attention_f32(context, &p, why) : gml_attention_f32(context, &p);
}

/* Computes, or explains where `why` is not NULL. */
static gml_status run(gml_context *context, const gml_key *key, void *memory, void *out, gml_explanation *why)
{
    switch (key->operation) {
    case GML_OPERATION_GEMM:
        return run_gemm(context, key, memory, out, why);
    case GML_OPERATION_SOFTMAX:
        return run_softmax(context, key, memory, out, why);
    default:
        return run_attention(context, key, memory, out, why);
    }
}

/* 1 where the results differ, -1 where a call failed. */
static int compare(comparison *c, const gml_key *key, bool *took)
{
    const gml_type type = (gml_type)key->type;
    const size_t element = type == GML_F32 ? sizeof(float) : sizeof(double);
    int64_t outputs;
    const int64_t inputs = elements_of(key, &outputs) - outputs;
    gml_explanation why = GML_EXPLANATION_INIT;
    fill(c, c->memory, type, inputs);
    fill(c, c->result, type, outputs);
    memcpy(c->expected, c->result, (size_t)outputs * element);
    if (run(c->with, key, c->memory, c->result, &why) != GML_OK ||
        run(c->with, key, c->memory, c->result, NULL) != GML_OK ||
        run(c->without, key, c->memory, c->expected, NULL) != GML_OK)
        return -1;
    *took =
        why.source == GML_PLAN_MEASURED || why.source == GML_PLAN_CELL || why.source == GML_PLAN_PREDICTED;
    return memcmp(c->result, c->expected, (size_t)outputs * element) != 0;
}

static gml_context *create(const tuned_options *options)
{
    gml_context_options with = GML_CONTEXT_OPTIONS_INIT;
    gml_context *context;
    with.threads = options->threads;
    with.isa = options->isa;
    return gml_context_create(&context, &with) == GML_OK ? context : NULL;
}

int64_t tuned_compare(const tuned_options *options, int64_t problems, int64_t *took, char *sentence,
                      size_t size)
{
    const size_t bytes = (size_t)ELEMENTS_MOST * sizeof(double);
    comparison c = {.with = create(options),
                    .without = create(options),
                    .state = options->seed * 2 + 1,
                    .memory = malloc(bytes),
                    .result = malloc(bytes),
                    .expected = malloc(bytes)};
    int64_t different = -1;
    gml_wisdom_list list = {0};
    *took = 0;
    if (c.with && c.without && c.memory && c.result && c.expected && gml_wisdom_forget(c.without) == GML_OK) {
        char text[GML_FINGERPRINT_TEXT];
        gml_wisdom_loaded loaded = {0};
        const gml_wisdom_filter filter = {.machine = gml_fingerprint(&c.with->machine, text),
                                          .set = c.with->runtime.set};
        gml_wisdom_search(&list, &filter, &loaded, NULL);
        different = 0;
        for (int64_t i = 0; i < problems && different >= 0; i++) {
            const gml_key key = draw_key(&c, &list, options->threads);
            bool from_wisdom = false;
            const int result = compare(&c, &key, &from_wisdom);
            if (result != 0) {
                char key_text[GML_KEY_TEXT];
                gml_key_write(&key, key_text, sizeof key_text);
                fprintf(stderr, "%s: %s\n", key_text, result < 0 ? "not computed" : "other bytes");
            }
            different = result < 0 ? -1 : different + result;
            *took += from_wisdom;
        }
    }
    if (different < 0)
        gml_last_error(sentence, size);
    gml_wisdom_list_free(&list);
    gml_context_destroy(c.with);
    gml_context_destroy(c.without);
    free(c.memory), free(c.result), free(c.expected);
    return different;
}
