/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The descriptors of attention and of merging: what is refused, with its sentence and not a byte touched, and what looks
 * bad and is legal.
 */
#include "tests/refusal.h"
#include <limits.h>
#include <math.h>
#include <stdint.h>

static float *const a = memory, *const b = memory + 1024, *const c = memory + 2048, *const d = memory + 3072;

enum { HEADS = 4, KV_HEADS = 2, Q = 3, KV = 5, DIM = 4, V_DIM = 2 };

static gml_attention_problem good_attention(void)
{
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1;
    p.heads = HEADS;
    p.kv_heads = KV_HEADS;
    p.q_len = Q;
    p.kv_len = KV;
    p.head_dim = DIM;
    p.v_head_dim = V_DIM;
    p.q = a;
    p.q_stride[0] = HEADS * Q * DIM, p.q_stride[1] = Q * DIM, p.q_stride[2] = DIM;
    p.k = b;
    p.k_stride[0] = KV_HEADS * KV * DIM, p.k_stride[1] = KV * DIM, p.k_stride[2] = DIM;
    p.v = b + 256;
    p.v_stride[0] = KV_HEADS * KV * V_DIM, p.v_stride[1] = KV * V_DIM, p.v_stride[2] = V_DIM;
    p.o = c;
    p.o_stride[0] = HEADS * Q * V_DIM, p.o_stride[1] = Q * V_DIM, p.o_stride[2] = V_DIM;
    return p;
}

#define ATTENTION_REFUSES(member, value, status, text)                                                       \
    do {                                                                                                     \
        gml_attention_problem bad = good_attention();                                                        \
        bad.member = value;                                                                                  \
        expect_refusal(gml_attention_f32(NULL, &bad), GML_ERR_##status, "gml_attention_f32: " text);         \
    } while (0)

START_TEST(attention_refuses)
{
    fill();
    expect_refusal(gml_attention_f32(NULL, NULL), GML_ERR_ARGUMENT, "gml_attention_f32: problem is NULL");
    ATTENTION_REFUSES(batch, -1, ARGUMENT, "batch is -1, must be at least 0");
    ATTENTION_REFUSES(heads, -4, ARGUMENT, "heads is -4, must be at least 0");
    ATTENTION_REFUSES(kv_heads, 0, ARGUMENT, "kv_heads is 0, must be at least 1");
    ATTENTION_REFUSES(kv_heads, 3, ARGUMENT, "heads is 4, must be a multiple of kv_heads = 3");
    ATTENTION_REFUSES(q_len, -1, ARGUMENT, "q_len is -1, must be at least 0");
    ATTENTION_REFUSES(kv_len, -1, ARGUMENT, "kv_len is -1, must be at least 0");
    ATTENTION_REFUSES(head_dim, 0, ARGUMENT, "head_dim is 0, must be at least 1");
    ATTENTION_REFUSES(v_head_dim, 0, ARGUMENT, "v_head_dim is 0, must be at least 1");
    ATTENTION_REFUSES(q, NULL, ARGUMENT, "q is NULL, but its extents describe elements");
    ATTENTION_REFUSES(k, NULL, ARGUMENT, "k is NULL, but its extents describe elements");
    ATTENTION_REFUSES(v, NULL, ARGUMENT, "v is NULL, but its extents describe elements");
    ATTENTION_REFUSES(o, NULL, ARGUMENT, "o is NULL, but its extents describe elements");
    ATTENTION_REFUSES(q_stride[2], 3, ARGUMENT,
                      "q_stride[2] is 3, must be at least 4, the extent of a row of q");
    ATTENTION_REFUSES(k_stride[2], 0, ARGUMENT,
                      "k_stride[2] is 0, must be at least 4, the extent of a row of k");
    ATTENTION_REFUSES(v_stride[2], 1, ARGUMENT,
                      "v_stride[2] is 1, must be at least 2, the extent of a row of v");
    ATTENTION_REFUSES(k_stride[1], -1, ARGUMENT, "k_stride[1] is -1, must not be negative");
    ATTENTION_REFUSES(o_stride[1], 5, ARGUMENT,
                      "o_stride[1] is 5, must be at least 6, which the smaller strides of o span");
    ATTENTION_REFUSES(o_stride[2], 1, ARGUMENT,
                      "o_stride[2] is 1, must be at least 2, which the smaller strides of o span");
    ATTENTION_REFUSES(q_stride[1], INT64_MAX, ARGUMENT,
                      "the extents and strides of q exceed the address space");
    ATTENTION_REFUSES(kv_len, INT64_MAX / 8, ARGUMENT,
                      "the extents and strides of k exceed the address space");
    ATTENTION_REFUSES(scale, -INFINITY, ARGUMENT, "scale is -inf, must be finite");
    ATTENTION_REFUSES(causal, 9, ARGUMENT, "causal is 9, must be a gml_causal, 0 to 3");
    ATTENTION_REFUSES(causal_offset, -1, ARGUMENT,
                      "causal_offset is -1, must be 0 unless causal is GML_CAUSAL_OFFSET");
    ATTENTION_REFUSES(threads, INT_MIN, ARGUMENT, "threads is -2147483648, must be at least 0");
    ATTENTION_REFUSES(window_left, -1, ARGUMENT, "window_left is -1, must be at least 0");
    ATTENTION_REFUSES(window_right, INT64_MIN, ARGUMENT,
                      "window_right is -9223372036854775808, must be at least 0");
    ATTENTION_REFUSES(softcap, -1.0f, ARGUMENT, "softcap is -1, must be 0, or in [2^-100, 2^100]");
    ATTENTION_REFUSES(softcap, 0x1p-101f, ARGUMENT,
                      "softcap is 3.9443e-31, must be 0, or in [2^-100, 2^100]");
    ATTENTION_REFUSES(softcap, 0x1.000002p100f, ARGUMENT,
                      "softcap is 1.26765e+30, must be 0, or in [2^-100, 2^100]");
    ATTENTION_REFUSES(softcap, INFINITY, ARGUMENT, "softcap is inf, must be 0, or in [2^-100, 2^100]");
    ATTENTION_REFUSES(softcap, NAN, ARGUMENT, "softcap is nan, must be 0, or in [2^-100, 2^100]");
    ATTENTION_REFUSES(k_dim_stride, -1, ARGUMENT, "k_dim_stride is -1, must not be negative");
    ATTENTION_REFUSES(k_dim_stride, KV, ARGUMENT,
                      "k_stride[2] is 4, must be 1 where k_dim_stride is not (it is 5)");
    ATTENTION_REFUSES(o, memory, OVERLAP, "o overlaps q"); /* not in place: the dimensions differ */
    ATTENTION_REFUSES(o, memory + 1024 + 8, OVERLAP, "o overlaps k");
    ATTENTION_REFUSES(o, memory + 1024 + 256, OVERLAP, "o overlaps v");
    ATTENTION_REFUSES(bias, memory + 2048, OVERLAP, "o overlaps bias");
    ATTENTION_REFUSES(keep, (const uint8_t *)(memory + 2048), OVERLAP, "o overlaps keep");
}
END_TEST

static gml_attention_problem with_weights(float *weights)
{
    gml_attention_problem p = good_attention();
    p.weights = weights;
    p.weights_stride[0] = HEADS * Q * KV, p.weights_stride[1] = Q * KV;
    p.weights_stride[2] = KV, p.weights_stride[3] = 1;
    return p;
}

static gml_attention_problem with_lse(float *lse)
{
    gml_attention_problem p = good_attention();
    p.lse = lse;
    p.lse_stride[0] = HEADS * Q, p.lse_stride[1] = Q, p.lse_stride[2] = 1;
    return p;
}

static void refuse_attention(gml_attention_problem p, gml_status status, const char *sentence)
{
    expect_refusal(gml_attention_f32(NULL, &p), status, sentence);
}

START_TEST(outputs_are_refused)
{
    fill();
    refuse_attention(with_weights(c), GML_ERR_OVERLAP, "gml_attention_f32: o overlaps weights");
    refuse_attention(with_weights(a), GML_ERR_OVERLAP, "gml_attention_f32: weights overlaps q");
    refuse_attention(with_weights(b + 30), GML_ERR_OVERLAP, "gml_attention_f32: weights overlaps k");
    gml_attention_problem p = with_weights(d);
    p.weights_stride[3] = 0;
    refuse_attention(
        p, GML_ERR_ARGUMENT,
        "gml_attention_f32: weights_stride[3] is 0, must be at least 1, which the smaller strides of "
        "weights span");
    p.weights_stride[3] = 1;
    p.weights_stride[1] = KV; /* two heads in one row */
    refuse_attention(
        p, GML_ERR_ARGUMENT,
        "gml_attention_f32: weights_stride[1] is 5, must be at least 15, which the smaller strides of "
        "weights span");
    p.weights_stride[1] = -1;
    refuse_attention(p, GML_ERR_ARGUMENT, "gml_attention_f32: weights_stride[1] is -1, must not be negative");
    p = with_weights(d);
    p.lse = d;
    p.lse_stride[1] = Q, p.lse_stride[2] = 1;
    refuse_attention(p, GML_ERR_OVERLAP, "gml_attention_f32: lse overlaps weights");

    refuse_attention(with_lse(c), GML_ERR_OVERLAP, "gml_attention_f32: o overlaps lse");
    refuse_attention(with_lse(a), GML_ERR_OVERLAP, "gml_attention_f32: lse overlaps q");
    p = with_lse(d);
    p.lse_stride[1] = 0;
    refuse_attention(
        p, GML_ERR_ARGUMENT,
        "gml_attention_f32: lse_stride[1] is 0, must be at least 1, which the smaller strides of lse "
        "span");
}
END_TEST

START_TEST(transposed_keys_are_refused)
{
    fill();
    gml_attention_problem p = good_attention();
    p.k_stride[2] = 1;
    p.k_dim_stride = KV - 1;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: k_dim_stride is 4, must be at least 5, the extent of a row of k");
    p.k_dim_stride = 1; /* the same as 0 */
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: k_stride[2] is 1, must be at least 4, the extent of a row of k");
    p.k_dim_stride = INT64_MAX / 8;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: the extents and strides of k exceed the address space");
}
END_TEST

/* Arrays of the batch and of the heads. */
START_TEST(arrays_are_refused)
{
    static const int64_t long_one[4] = {0, KV, 2, KV + 1}, negative[4] = {1, -2, 0, 1};
    static const int32_t documents[4 * KV];
    fill();
    gml_attention_problem p = good_attention();
    p.batch = 4;
    p.kv_lengths = long_one;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: kv_lengths[3] is 6, must be in [0, kv_len = 5]");
    p.kv_lengths = negative;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: kv_lengths[1] is -2, must be in [0, kv_len = 5]");
    p.kv_lengths = NULL;
    p.prefix = negative;
    refuse_attention(p, GML_ERR_ARGUMENT, "gml_attention_f32: prefix[1] is -2, must not be negative");

    p = good_attention();
    p.q_document = documents;
    refuse_attention(p, GML_ERR_ARGUMENT, "gml_attention_f32: kv_document is NULL, but q_document is not");
    p.q_document = NULL, p.kv_document = documents;
    refuse_attention(p, GML_ERR_ARGUMENT, "gml_attention_f32: q_document is NULL, but kv_document is not");
    p.q_document = documents;
    p.q_document_stride = -1;
    refuse_attention(p, GML_ERR_ARGUMENT, "gml_attention_f32: q_document_stride is -1, must not be negative");
    p.q_document_stride = 0;
    p.kv_document_stride = -KV;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: kv_document_stride is -5, must not be negative");
    p.kv_document_stride = INT64_MAX / 2;
    p.batch = 4;
    refuse_attention(p, GML_ERR_ARGUMENT,
                     "gml_attention_f32: the extents and strides of kv_document exceed the address space");

    ATTENTION_REFUSES(kv_lengths, (const int64_t *)(const void *)c, OVERLAP, "o overlaps kv_lengths");
    ATTENTION_REFUSES(prefix, (const int64_t *)(const void *)c, OVERLAP, "o overlaps prefix");
    ATTENTION_REFUSES(alibi, c, OVERLAP, "o overlaps alibi");
    ATTENTION_REFUSES(sinks, c + 3, OVERLAP, "o overlaps sinks");
    p = good_attention();
    p.q_document = documents;
    p.kv_document = (const int32_t *)(const void *)(c + 1);
    refuse_attention(p, GML_ERR_OVERLAP, "gml_attention_f32: o overlaps kv_document");
}
END_TEST

START_TEST(attention_accepts)
{
    fill();
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.head_dim = p.v_head_dim = 1;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK); /* nothing of nothing */
    ck_assert_mem_eq(memory, before, sizeof memory);

    p = good_attention();
    p.kv_len = 0; /* no keys: zeros, and k and v may be anything */
    p.k = p.v = NULL;
    p.lse = d;
    p.lse_stride[0] = HEADS * Q, p.lse_stride[1] = Q, p.lse_stride[2] = 1;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);
    for (int i = 0; i < HEADS * Q * V_DIM; i++)
        ck_assert(p.o[i] == 0.0f && !signbit(p.o[i]));
    for (int i = 0; i < HEADS * Q; i++)
        ck_assert(p.lse[i] == -INFINITY);

    p = good_attention();
    p.k_stride[0] = p.k_stride[1] = p.v_stride[0] = p.v_stride[1] = 0; /* broadcast */
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);

    p = good_attention();
    p.v = p.k; /* inputs may share elements */
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);

    p = good_attention();
    p.v_head_dim = DIM;
    p.v_stride[0] = KV_HEADS * KV * DIM, p.v_stride[1] = KV * DIM, p.v_stride[2] = DIM;
    p.o = a; /* in place */
    memcpy(p.o_stride, p.q_stride, sizeof p.o_stride);
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);
}
END_TEST

/* The ends of all ranges, and what nothing depends on. */
START_TEST(options_accept)
{
    static const int64_t lengths[4] = {0, KV, 1, 2}, far[4] = {INT64_MAX, 0, INT64_MAX, KV},
                         wrong[4] = {-1, 99, 7, 8};
    static const int32_t documents[4 * KV] = {INT32_MIN, INT32_MAX};
    fill();
    gml_attention_problem p = with_weights(d);
    p.batch = 4;
    p.kv_lengths = lengths;
    p.prefix = far;
    p.q_document = p.kv_document = documents;
    p.kv_document_stride = KV;
    p.window_left = p.window_right = INT64_MAX;
    p.softcap = 0x1p-100f;
    p.causal = GML_CAUSAL_OFFSET;
    p.causal_offset = INT64_MIN;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);
    p.causal_offset = INT64_MAX;
    p.softcap = 0x1p100f;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);

    p = good_attention();
    p.k_stride[2] = 1;
    p.k_dim_stride = KV;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);
    p.kv_len = 1; /* the stride of one token means nothing */
    p.k_stride[2] = 0;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);

    p = with_weights(NULL);
    p.kv_len = 0;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);

    /* Without queries nothing is read. */
    fill();
    p = good_attention();
    p.q_len = 0;
    p.batch = 4;
    p.kv_lengths = p.prefix = wrong;
    ck_assert_int_eq(gml_attention_f32(NULL, &p), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);
}
END_TEST

/* Merging */

enum { PARTS = 3 };

static gml_attention_merge_problem good_merge(void)
{
    gml_attention_merge_problem p = GML_ATTENTION_MERGE_PROBLEM_INIT;
    p.parts = PARTS, p.batch = 1, p.heads = HEADS, p.q_len = Q, p.v_head_dim = V_DIM;
    p.o_parts = a;
    p.o_parts_stride[0] = p.o_parts_stride[1] = HEADS * Q * V_DIM;
    p.o_parts_stride[2] = Q * V_DIM, p.o_parts_stride[3] = V_DIM;
    p.lse_parts = b;
    p.lse_parts_stride[0] = p.lse_parts_stride[1] = HEADS * Q;
    p.lse_parts_stride[2] = Q, p.lse_parts_stride[3] = 1;
    p.o = c;
    p.o_stride[0] = HEADS * Q * V_DIM, p.o_stride[1] = Q * V_DIM, p.o_stride[2] = V_DIM;
    p.lse = d;
    p.lse_stride[0] = HEADS * Q, p.lse_stride[1] = Q, p.lse_stride[2] = 1;
    return p;
}

#define MERGE_REFUSES(member, value, status, text)                                                           \
    do {                                                                                                     \
        gml_attention_merge_problem p = good_merge();                                                        \
        p.member = value;                                                                                    \
        expect_refusal(gml_attention_merge_f32(NULL, &p), GML_ERR_##status,                                  \
                       "gml_attention_merge_f32: " text);                                                    \
    } while (0)

START_TEST(merge_refuses)
{
    fill();
    expect_refusal(gml_attention_merge_f32(NULL, NULL), GML_ERR_ARGUMENT,
                   "gml_attention_merge_f32: problem is NULL");
    MERGE_REFUSES(size, 0, DESCRIPTOR, "size is 0, must be that of the structure, as its INIT macro sets");
    MERGE_REFUSES(parts, -1, ARGUMENT, "parts is -1, must be at least 0");
    MERGE_REFUSES(batch, -2, ARGUMENT, "batch is -2, must be at least 0");
    MERGE_REFUSES(heads, -3, ARGUMENT, "heads is -3, must be at least 0");
    MERGE_REFUSES(q_len, -4, ARGUMENT, "q_len is -4, must be at least 0");
    MERGE_REFUSES(v_head_dim, 0, ARGUMENT, "v_head_dim is 0, must be at least 1");
    MERGE_REFUSES(o_parts, NULL, ARGUMENT, "o_parts is NULL, but its extents describe elements");
    MERGE_REFUSES(lse_parts, NULL, ARGUMENT, "lse_parts is NULL, but its extents describe elements");
    MERGE_REFUSES(o, NULL, ARGUMENT, "o is NULL, but its extents describe elements");
    MERGE_REFUSES(o_parts_stride[0], -1, ARGUMENT, "o_parts_stride[0] is -1, must not be negative");
    MERGE_REFUSES(o_parts_stride[3], 1, ARGUMENT,
                  "o_parts_stride[3] is 1, must be at least 2, the extent of a row of o_parts");
    MERGE_REFUSES(lse_parts_stride[3], -1, ARGUMENT, "lse_parts_stride[3] is -1, must not be negative");
    MERGE_REFUSES(lse_parts_stride[0], INT64_MAX, ARGUMENT,
                  "the extents and strides of lse_parts exceed the address space");
    MERGE_REFUSES(o_stride[2], 1, ARGUMENT,
                  "o_stride[2] is 1, must be at least 2, which the smaller strides of o span");
    MERGE_REFUSES(lse_stride[1], 1, ARGUMENT,
                  "lse_stride[1] is 1, must be at least 3, which the smaller strides of lse span");
    MERGE_REFUSES(o, memory, OVERLAP, "o overlaps o_parts");
    MERGE_REFUSES(o, memory + 1024, OVERLAP, "o overlaps lse_parts");
    MERGE_REFUSES(lse, memory + 2048, OVERLAP, "o overlaps lse");
    MERGE_REFUSES(lse, memory, OVERLAP, "lse overlaps o_parts");
    MERGE_REFUSES(lse, memory + 1024, OVERLAP, "lse overlaps lse_parts");
    MERGE_REFUSES(threads, -1, ARGUMENT, "threads is -1, must be at least 0");
    MERGE_REFUSES(threads, 1025, ARGUMENT, "threads is 1025, must be at most 1024");
    MERGE_REFUSES(reserved, 1, ARGUMENT, "reserved is 1, must be 0");
}
END_TEST

START_TEST(merge_accepts)
{
    fill();
    gml_attention_merge_problem p = GML_ATTENTION_MERGE_PROBLEM_INIT;
    p.v_head_dim = 1;
    ck_assert_int_eq(gml_attention_merge_f32(NULL, &p), GML_OK); /* nothing of nothing */
    p.parts = 4;
    ck_assert_int_eq(gml_attention_merge_f32(NULL, &p), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);

    p = good_merge();
    p.parts = 0; /* no keys */
    p.o_parts = p.lse_parts = NULL;
    ck_assert_int_eq(gml_attention_merge_f32(NULL, &p), GML_OK);
    for (int i = 0; i < HEADS * Q * V_DIM; i++)
        ck_assert(p.o[i] == 0.0f && !signbit(p.o[i]));
    for (int i = 0; i < HEADS * Q; i++)
        ck_assert(p.lse[i] == -INFINITY);

    p = good_merge();
    p.lse = NULL;
    p.o_parts_stride[0] = p.lse_parts_stride[0] = 0; /* the same part again and again */
    ck_assert_int_eq(gml_attention_merge_f32(NULL, &p), GML_OK);
}
END_TEST

int main(void)
{
    return suite_run("attention_problem", 60,
                     (const TTest *const[]){attention_refuses, outputs_are_refused,
                                            transposed_keys_are_refused, arrays_are_refused,
                                            attention_accepts, options_accept, merge_refuses, merge_accepts,
                                            NULL});
}
