/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Properties of attention: what must have the same bits, whatever the kernels, paths and neighbours.
 */
#include "tests/attention_problem.h"
#include <float.h>

static uint8_t keep[LEN * LEN];
static float bias[LEN * LEN], other_weights[ROWS * LEN];

START_TEST(decoding_equals_prefill)
{
    use(_i);
    fill_attention(20);
    gml_attention_problem problem = attention(2);
    problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
    run(&problem);
    memcpy(p, o, sizeof o);
    memset(o, 0, sizeof o);
    for (int64_t i = 0; i < LEN; i += 7) { /* query i with the keys up to its own */
        problem.q_len = 1;
        problem.kv_len = i + 1;
        problem.q = q + i * DIM;
        problem.o = o + i * DIM;
        run(&problem);
        for (int64_t h = 0; h < BATCH * HEADS; h++)
            same(o + (h * LEN + i) * DIM, p + (h * LEN + i) * DIM, DIM, "decoded row");
    }
}
END_TEST

START_TEST(causality_equals_a_mask)
{
    use(_i);
    fill_attention(30);
    gml_attention_problem problem = attention(4);
    problem.causal = GML_CAUSAL_OFFSET;
    problem.causal_offset = -3; /* the first rows are empty */
    run(&problem);
    memcpy(p, o, sizeof o);
    problem.causal = GML_CAUSAL_NONE;
    problem.causal_offset = 0;
    for (int i = 0; i < LEN; i++)
        for (int j = 0; j < LEN; j++) {
            keep[i * LEN + j] = j <= i - 3;
            bias[i * LEN + j] = j <= i - 3 ? 0.0f : -INFINITY;
        }
    problem.keep = keep, problem.keep_stride[2] = LEN, problem.keep_stride[3] = 1;
    run(&problem);
    same(o, p, ALL, "boolean mask");
    problem.keep = NULL, problem.keep_stride[2] = problem.keep_stride[3] = 0;
    problem.bias = bias, problem.bias_stride[2] = LEN, problem.bias_stride[3] = 1;
    run(&problem);
    same(o, p, ALL, "additive mask");
}
END_TEST

START_TEST(grouped_heads_equal_repeated_keys)
{
    static float k_repeated[ALL], v_repeated[ALL];
    use(_i);
    fill_attention(40);
    gml_attention_problem problem = attention(2);
    run(&problem);
    memcpy(p, o, sizeof o);
    for (int64_t h = 0; h < BATCH * HEADS; h++) {
        memcpy(k_repeated + h * LEN * DIM, k + h / 2 * LEN * DIM, LEN * DIM * sizeof(float));
        memcpy(v_repeated + h * LEN * DIM, v + h / 2 * LEN * DIM, LEN * DIM * sizeof(float));
    }
    problem = attention(4);
    problem.k = k_repeated, problem.v = v_repeated;
    run(&problem);
    same(o, p, ALL, "repeated");
}
END_TEST

START_TEST(attention_of_slices)
{
    use(_i);
    fill_attention(50);
    gml_attention_problem problem = attention(4);
    run(&problem);
    memcpy(p, o, sizeof o);
    memset(o, 0, sizeof o);
    problem.batch = problem.heads = problem.kv_heads = 1; /* the last head, and a few queries of it */
    const int64_t head = (BATCH * HEADS - 1) * LEN * DIM, from = 33;
    problem.q_len = 50;
    problem.q = q + head + from * DIM, problem.k = k + head, problem.v = v + head, problem.o = o;
    run(&problem);
    same(o, p + head + from * DIM, 50 * DIM, "slice");
}
END_TEST

/* Scores are integers in base 2 and values small integers, so that every weight, product and sum is exact: then
 * the order of the keys, which otherwise decides the rounding, does not matter. */
START_TEST(keys_in_another_order)
{
    static float k_moved[ALL], v_moved[ALL];
    use(_i);
    memset(k, 0, sizeof k);
    memset(q, 0, sizeof q);
    fill(v, ALL, 60, PROOF_INTEGERS);
    proof_random random = proof_random_seeded(61, 1);
    for (int64_t i = 0; i < BATCH * HEADS * LEN; i++) {
        q[i * DIM + 5] = (float)proof_below(&random, 2);
        k[i * DIM + 5] = -(float)proof_below(&random, 5);
    }
    gml_attention_problem problem = attention(4);
    problem.scale = 0x1.62e43p-1f; /* ln 2: its product with log2 e rounds to 1 */
    give_lse(&problem, lse);
    run(&problem);
    memcpy(p, o, sizeof o);
    for (int64_t h = 0; h < BATCH * HEADS; h++)
        for (int64_t j = 0; j < LEN; j++) {
            const int64_t to = (j * 77 + 13) % LEN; /* 77 and 200 have no common divisor */
            memcpy(k_moved + (h * LEN + to) * DIM, k + (h * LEN + j) * DIM, DIM * sizeof(float));
            memcpy(v_moved + (h * LEN + to) * DIM, v + (h * LEN + j) * DIM, DIM * sizeof(float));
        }
    problem.k = k_moved, problem.v = v_moved;
    problem.lse = other_lse;
    run(&problem);
    same(o, p, ALL, "moved keys");
    same(other_lse, lse, ROWS, "logsumexp of moved keys");
}
END_TEST

/* One query of one head of one batch entry, as a problem of its own. */
static gml_attention_problem alone(const gml_attention_problem *whole, int64_t b, int64_t h, int64_t i)
{
    gml_attention_problem one = *whole;
    const int64_t group = whole->heads / whole->kv_heads;
    one.batch = one.heads = one.kv_heads = one.q_len = 1;
    one.q += b * one.q_stride[0] + h * one.q_stride[1] + i * one.q_stride[2];
    one.k += b * one.k_stride[0] + h / group * one.k_stride[1];
    one.v += b * one.v_stride[0] + h / group * one.v_stride[1];
    one.o += b * one.o_stride[0] + h * one.o_stride[1] + i * one.o_stride[2];
    one.lse += b * one.lse_stride[0] + h * one.lse_stride[1] + i * one.lse_stride[2];
    one.weights += b * one.weights_stride[0] + h * one.weights_stride[1] + i * one.weights_stride[2];
    one.kv_lengths += b, one.prefix += b;
    one.q_document += b * one.q_document_stride + i;
    one.kv_document += b * one.kv_document_stride;
    one.alibi += h, one.sinks += h;
    one.causal = GML_CAUSAL_OFFSET; /* top-left, from the query that is now the first */
    one.causal_offset = i;
    return one;
}

START_TEST(rows_alone_have_the_same_bits)
{
    use(_i);
    fill_attention(70);
    gml_attention_problem problem = with_options();
    run(&problem);
    memcpy(p, o, sizeof o);
    memset(o, 0, sizeof o);
    problem.lse = other_lse, problem.weights = other_weights;
    for (int64_t r = 0; r < ROWS; r += 3) {
        gml_attention_problem one = alone(&problem, r / LEN / HEADS, r / LEN % HEADS, r % LEN);
        one.threads = 1 + (int32_t)(r % 2);
        run(&one);
        same(o + r * DIM, p + r * DIM, DIM, "row alone");
        same(other_lse + r, lse + r, 1, "logsumexp of a row alone");
        same(other_weights + r * LEN, weights + r * LEN, LEN, "weights of a row alone");
    }
}
END_TEST

/* So many queries at a time as a speculative decoder has them, all heads of a group together. */
START_TEST(few_queries_equal_prefill)
{
    use(_i);
    fill_attention(80);
    gml_attention_problem problem = attention(1);
    problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
    problem.window_left = 150;
    problem.softcap = 30.0f;
    problem.alibi = slopes, problem.sinks = sinks;
    run(&problem);
    memcpy(p, o, sizeof o);
    memset(o, 0, sizeof o);
    for (int64_t n = 1, i = 0; n <= 8; n++, i += 24) {
        problem.q_len = n;
        problem.kv_len = i + n;
        problem.q = q + i * DIM;
        problem.o = o + i * DIM;
        run(&problem);
        for (int64_t h = 0; h < BATCH * HEADS; h++)
            same(o + (h * LEN + i) * DIM, p + (h * LEN + i) * DIM, n * DIM, "rows of few queries");
    }
}
END_TEST

/* Runs a problem and expects its bits when `keep` stands for whatever it masks. */
static void expect_mask(gml_attention_problem structure, bool (*sees)(int64_t i, int64_t j), const char *what)
{
    gml_attention_problem masked = attention(structure.kv_heads);
    give_lse(&structure, lse);
    give_lse(&masked, other_lse);
    give_weights(&structure, weights);
    give_weights(&masked, other_weights);
    run(&structure);
    memcpy(p, o, sizeof o);
    for (int64_t i = 0; i < LEN; i++)
        for (int64_t j = 0; j < LEN; j++)
            keep[i * LEN + j] = sees(i, j);
    masked.keep = keep, masked.keep_stride[2] = LEN, masked.keep_stride[3] = 1;
    run(&masked);
    same(o, p, ALL, what);
    same(other_lse, lse, ROWS, what);
    same(other_weights, weights, ROWS * LEN, what);
}

static bool in_window(int64_t i, int64_t j)
{
    return j > i - 30 && j < i + 5;
}

static bool in_wide_window(int64_t i, int64_t j)
{
    return j > i - 140 && j <= i;
}

static bool in_prefix(int64_t i, int64_t j)
{
    return j < 37 || j <= i - 60;
}

static bool in_document(int64_t i, int64_t j)
{
    return documents[i] == documents[j] && j <= i;
}

START_TEST(structure_equals_a_mask)
{
    static const int64_t prefixes[BATCH] = {37, 37};
    use(_i);
    fill_attention(90);
    gml_attention_problem problem = attention(2);
    problem.window_left = 30, problem.window_right = 5;
    expect_mask(problem, in_window, "windows");
    problem = attention(4);
    problem.window_left = 140, problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
    expect_mask(problem, in_wide_window, "a causal window");
    problem = attention(2);
    problem.causal = GML_CAUSAL_OFFSET, problem.causal_offset = -60;
    problem.prefix = prefixes;
    expect_mask(problem, in_prefix, "a prefix");
    for (int j = 0; j < LEN; j++)
        documents[j] = j / 33 - 2;
    problem = attention(1);
    problem.q_document = problem.kv_document = documents;
    problem.causal = GML_CAUSAL_TOP_LEFT;
    expect_mask(problem, in_document, "documents");
}
END_TEST

START_TEST(lengths_equal_shorter_keys)
{
    static const int64_t shorter[][BATCH] = {{129, 129}, {1, 1}, {LEN, LEN}, {0, 0}, {128, 128}};
    use(_i);
    fill_attention(100);
    for (int n = 0; n < 5; n++) {
        gml_attention_problem problem = attention(2);
        give_lse(&problem, lse);
        problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
        problem.alibi = slopes;
        problem.kv_lengths = shorter[n];
        run(&problem);
        memcpy(p, o, sizeof o);
        problem.kv_lengths = NULL;
        problem.kv_len = shorter[n][0];
        problem.lse = other_lse;
        run(&problem);
        same(o, p, ALL, "kv_lengths");
        same(other_lse, lse, ROWS, "logsumexps with kv_lengths");
    }
}
END_TEST

/* The largest finite number as a mask: its scores are -infinity. */
START_TEST(large_biases_mask)
{
    use(_i);
    fill_attention(110);
    gml_attention_problem problem = attention(4);
    give_lse(&problem, lse);
    problem.bias = bias, problem.bias_stride[2] = LEN, problem.bias_stride[3] = 1;
    for (int i = 0; i < LEN * LEN; i++)
        bias[i] = i / LEN < 3 || i % 7 < 2 ? -FLT_MAX : 0.25f;
    run(&problem);
    memcpy(p, o, sizeof o);
    for (int i = 0; i < LEN * LEN; i++)
        bias[i] = bias[i] < 0.0f ? -INFINITY : 0.25f;
    problem.lse = other_lse;
    run(&problem);
    same(o, p, ALL, "-FLT_MAX as a mask");
    same(other_lse, lse, ROWS, "logsumexps with -FLT_MAX as a mask");
}
END_TEST

START_TEST(nan_stays_where_it_is_seen)
{
    use(_i);
    fill_attention(120);
    gml_attention_problem problem = attention(4);
    problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
    problem.window_left = 40;
    run(&problem);
    memcpy(p, o, sizeof o);
    /* Key 100 of each head is seen by the queries 100 to 139. */
    for (int64_t h = 0; h < BATCH * HEADS; h++)
        k[(h * LEN + 100) * DIM + 7] = NAN;
    run(&problem);
    for (int64_t r = 0; r < ROWS; r++)
        if (r % LEN < 100 || r % LEN >= 140)
            same(o + r * DIM, p + r * DIM, DIM, "a row that does not see NaN");
        else
            for (int d = 0; d < DIM; d++)
                ck_assert(isnan(o[r * DIM + d]));
    fill_attention(120);
    for (int64_t h = 0; h < BATCH * HEADS; h++)
        v[(h * LEN + 100) * DIM + 7] = INFINITY;
    run(&problem);
    for (int64_t r = 0; r < ROWS; r++)
        for (int d = 0; d < DIM; d++)
            if (r % LEN < 100 || r % LEN >= 140 || d != 7)
                same(o + r * DIM + d, p + r * DIM + d, 1, "an element without infinity");
            else
                ck_assert(!isfinite(o[r * DIM + d]));
}
END_TEST

int main(void)
{
    return properties_run("attention_properties",
                          (const TTest *const[]){decoding_equals_prefill, causality_equals_a_mask,
                                                 grouped_heads_equal_repeated_keys, attention_of_slices,
                                                 keys_in_another_order, rows_alone_have_the_same_bits,
                                                 few_queries_equal_prefill, structure_equals_a_mask,
                                                 lengths_equal_shorter_keys, large_biases_mask,
                                                 nan_stays_where_it_is_seen, NULL});
}
