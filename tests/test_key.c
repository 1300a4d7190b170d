/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys of problems: two views of one problem are one key, what a plan depends on is in it, and its text is read back, while
 * no other text is.
 */
#include "src/core/runtime.h"
#include "src/plan/key.h"
#include "tests/suite.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* C = A * B, all stored by rows, with gaps. */
static gml_gemm_args product(int64_t m, int64_t n, int64_t k)
{
    return (gml_gemm_args){.type = GML_F32,
                           .m = m,
                           .n = n,
                           .k = k,
                           .alpha = 1,
                           .rs_a = k + 3,
                           .cs_a = 1,
                           .rs_b = n + 5,
                           .cs_b = 1,
                           .rs_c = n + 7,
                           .cs_c = 1};
}

static void expect_text(const gml_key *key, const char *expected)
{
    char text[GML_KEY_TEXT];
    ck_assert_uint_eq(gml_key_write(key, text, sizeof text), strlen(expected));
    ck_assert_str_eq(text, expected);
}

static void expect_gemm(const gml_gemm_args *args, const char *expected)
{
    const gml_key key = gml_key_gemm(args, 1, 2);
    char text[GML_KEY_TEXT];
    gml_key_write(&key, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, " layout="));
    char *layout = strstr(text, " layout=") + 8;
    *strchr(layout, ' ') = '\0';
    ck_assert_str_eq(layout, expected);

    /* The other view of the problem. */
    const gml_gemm_args transposed = gml_gemm_transposed(args);
    const gml_key other = gml_key_gemm(&transposed, 1, 2);
    ck_assert(gml_key_equal(&key, &other));
    ck_assert(args->m * args->n == 1 || gml_key_transposes(args) != gml_key_transposes(&transposed));
}

START_TEST(layouts_of_gemm)
{
    gml_gemm_args args = product(4, 5, 6);
    expect_gemm(&args, "nn0");
    args.beta = -0.0;
    expect_gemm(&args, "nn0");
    args.beta = 1;
    expect_gemm(&args, "nn1");
    args.rs_a = 1, args.cs_a = 4;
    expect_gemm(&args, "tn1");
    args.rs_b = 1, args.cs_b = 6;
    expect_gemm(&args, "tt1");
    args.rs_a = 12, args.cs_a = 2;
    expect_gemm(&args, "st1");
    args.rs_b = 2, args.cs_b = 12;
    expect_gemm(&args, "ss1");
    args.rs_c = 10, args.cs_c = 2;
    expect_gemm(&args, "ss1s");
}
END_TEST

/* A dimension of one element has no stride to speak of. */
START_TEST(layouts_of_vectors)
{
    gml_gemm_args args = product(1, 5, 6);
    args.rs_a = args.rs_b = args.rs_c = 1;
    args.cs_b = 6;
    expect_gemm(&args, "nt0"); /* a row times a matrix by columns */
    args.cs_a = 9;
    expect_gemm(&args, "tt0"); /* the row of a matrix by columns */
    args.cs_c = 3;
    expect_gemm(&args, "tt0s");

    args =
        product(5, 1, 6); /* a matrix by rows times a column: by its transpose, a row times one by columns */
    args.cs_b = args.cs_c = args.rs_b = args.rs_c = 1;
    expect_gemm(&args, "nt0");
    ck_assert(gml_key_transposes(&args));
    const gml_key key = gml_key_gemm(&args, 7, 3);
    expect_text(&key, "op=gemm type=f32 layout=nt0 threads=3 m=1 n=5 k=6 batch=7");

    args = product(4, 5, 1); /* a column times a row */
    args.rs_a = 1, args.cs_a = 1, args.rs_b = 8;
    expect_gemm(&args, "nn0");
    args = product(1, 1, 6); /* a row times a column */
    expect_gemm(&args, "nn0");
    args.cs_a = 2, args.rs_b = 1;
    expect_gemm(&args, "nn0");
    args.cs_a = 3, args.rs_b = 2, args.rs_a = 2;
    expect_gemm(&args, "tn0");
}
END_TEST

/* What is packed tells the order that C is seen in. */
START_TEST(layouts_of_packed_operands)
{
    gml_gemm_packed packed = {.transpose = false, .of_b = true};
    gml_gemm_args args = product(4, 5, 6);
    args.packed_b = &packed;
    gml_key key = gml_key_gemm(&args, 1, 1);
    expect_text(&key, "op=gemm type=f32 layout=np0 threads=1 m=4 n=5 k=6 batch=1");
    packed.transpose = true;
    args.rs_c = 1, args.cs_c = 4;
    args.type = GML_F64;
    key = gml_key_gemm(&args, 1, 1);
    expect_text(&key, "op=gemm type=f64 layout=pt0 threads=1 m=5 n=4 k=6 batch=1");
    gml_gemm_packed both = packed;
    both.of_b = false;
    args.packed_a = &both;
    key = gml_key_gemm(&args, 1, 1);
    expect_text(&key, "op=gemm type=f64 layout=pp0 threads=1 m=5 n=4 k=6 batch=1");
}
END_TEST

START_TEST(keys_of_softmax)
{
    float x[6], y[6], bias[6], slope[1];
    const uint8_t keep[6] = {0};
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.batch = 3, p.rows = 2, p.cols = 5;
    p.x = x, p.y = y;
    p.x_col_stride = p.y_col_stride = 1;
    gml_key key = gml_key_softmax(&p, 4);
    expect_text(&key, "op=softmax type=f32 layout=- threads=4 rows=6 cols=5");
    p.y = x;
    key = gml_key_softmax(&p, 4);
    expect_text(&key, "op=softmax type=f32 layout=i threads=4 rows=6 cols=5");
    p.y_col_stride = 2;
    key = gml_key_softmax(&p, 4);
    expect_text(&key, "op=softmax type=f32 layout=ic threads=4 rows=6 cols=5");
    for (int i = 0; i < 5; i++) {
        p.bias = i == 0 ? bias : NULL;
        p.keep = i == 1 ? keep : NULL;
        p.alibi = i == 2 ? slope : NULL;
        p.softcap = i == 3 ? 30 : 0;
        p.causal = i == 4 ? GML_CAUSAL_OFFSET : GML_CAUSAL_NONE;
        key = gml_key_softmax(&p, 4);
        expect_text(&key, "op=softmax type=f32 layout=imc threads=4 rows=6 cols=5");
    }
    p.batch = p.rows = INT64_C(1) << 40;
    ck_assert_int_eq(gml_key_softmax(&p, 4).size[0], INT64_MAX);
}
END_TEST

static uint16_t layout_of(const gml_attention_problem *p)
{
    return gml_key_attention(p, 1).layout;
}

START_TEST(keys_of_attention)
{
    static float scores[1];
    static const uint8_t keep[1];
    static const int64_t lengths[1];
    static const int32_t documents[1];
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 3, p.heads = 8, p.kv_heads = 2, p.q_len = 5, p.kv_len = 7, p.head_dim = 64, p.v_head_dim = 32;
    p.k_stride[2] = 64;
    const gml_attention_problem plain = p;
    gml_key key = gml_key_attention(&p, 2);
    expect_text(&key,
                "op=attention type=f32 layout=- threads=2 sequences=6 group=4 q_len=5 kv_len=7 head_dim=64 "
                "v_head_dim=32");
    p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_CAUSAL);
    p.window_left = 9;
    ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_CAUSAL | GML_LAYOUT_SPARSE);
    for (int i = 0; i < 4; i++) {
        p = plain;
        p.window_right = i == 0;
        p.kv_lengths = i == 1 ? lengths : NULL;
        p.prefix = i == 2 ? lengths : NULL;
        p.q_document = p.kv_document = i == 3 ? documents : NULL;
        ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_SPARSE);
        p = plain;
        p.bias = i == 0 ? scores : NULL;
        p.keep = i == 1 ? keep : NULL;
        p.alibi = i == 2 ? scores : NULL;
        p.softcap = i == 3 ? 30 : 0;
        ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_SCORES);
    }
    p = plain;
    p.k_stride[2] = 128;
    ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_TOKENS);
    p.k_dim_stride = 1;
    ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_TOKENS);
    p.kv_len = 1;
    ck_assert_uint_eq(layout_of(&p), 0);
    p.k_dim_stride = 7, p.k_stride[2] = 1, p.kv_len = 7;
    ck_assert_uint_eq(layout_of(&p), GML_LAYOUT_K_COLUMNS);
    p.weights = scores;
    p.causal = GML_CAUSAL_BOTTOM_RIGHT, p.softcap = 1, p.window_left = 1;
    key = gml_key_attention(&p, 1);
    expect_text(
        &key, "op=attention type=f32 layout=csbkw threads=1 sequences=6 group=4 q_len=5 kv_len=7 head_dim=64 "
              "v_head_dim=32");
    p.batch = p.kv_heads = p.heads = INT64_C(1) << 40;
    ck_assert_int_eq(gml_key_attention(&p, 1).size[0], INT64_MAX);
    ck_assert_int_eq(gml_key_attention(&p, 1).size[1], 1);
}
END_TEST

/* Each bit of each member tells keys apart, and their hashes. */
START_TEST(equality_and_hash)
{
    const gml_key key = {.operation = GML_OPERATION_ATTENTION,
                         .type = 1,
                         .layout = 5,
                         .threads = 3,
                         .size = {1, 2, 3, 4, 5, 6}};
    const gml_key same = key;
    ck_assert(gml_key_equal(&key, &same));
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        gml_key other = key;
        ((unsigned char *)&other)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert(!gml_key_equal(&key, &other));
        ck_assert_uint_ne(gml_key_hash(&key), gml_key_hash(&other));
    }

    /* Sizes of everyday life do not meet: 2^18 hashes in as many places, of which random ones would leave 37 % free. */
    enum { SIDE = 64, PLACES = SIDE * SIDE * SIDE };
    static bool taken[PLACES];
    int used = 0;
    for (int i = 0; i < PLACES; i++) {
        const gml_key k = {.type = GML_F32,
                           .threads = 2,
                           .size = {1 + i % SIDE, 64 + 64 * (i / SIDE % SIDE), 16 * (i / SIDE / SIDE), 1}};
        bool *place = &taken[gml_key_hash(&k) % PLACES];
        used += !*place;
        *place = true;
    }
    ck_assert_int_gt(used, PLACES / 100 * 62);
}
END_TEST

/* The nearest integer to the logarithm; every border up to 2^31 from both sides. */
START_TEST(cells)
{
    ck_assert_int_eq(gml_key_log2(0), -1);
    ck_assert_int_eq(gml_key_log2(1), 0);
    ck_assert_int_eq(gml_key_log2(2), 1);
    ck_assert_int_eq(gml_key_log2(3), 2); /* 1.58 */
    ck_assert_int_eq(gml_key_log2(5), 2); /* 2.32 */
    ck_assert_int_eq(gml_key_log2(6), 3); /* 2.58 */
    ck_assert_int_eq(gml_key_log2(11), 3);
    ck_assert_int_eq(gml_key_log2(12), 4); /* 3.58 */
    ck_assert_int_eq(gml_key_log2(90), 6); /* 2^6.5 is 90.51 */
    ck_assert_int_eq(gml_key_log2(91), 7);
    for (int64_t size = 1; size < 100000; size++)
        ck_assert_int_eq(gml_key_log2(size), lround(log2((double)size)));
    for (int i = 0; i < 31; i++) { /* the first size with size^2 >= 2^(2 i + 1), by halving */
        int64_t below = 0, border = INT64_C(2) << i;
        while (border - below > 1) {
            const int64_t middle = (below + border) / 2;
            *(middle * middle < INT64_C(2) << 2 * i ? &below : &border) = middle;
        }
        ck_assert_int_eq(gml_key_log2(below), i);
        ck_assert_int_eq(gml_key_log2(border), i + 1);
    }
    ck_assert_int_eq(gml_key_log2(INT64_C(1) << 61), 61);
    ck_assert_int_eq(gml_key_log2(INT64_C(1) << 62), 62);
    ck_assert_int_eq(gml_key_log2(INT64_MAX), GML_CELL_MOST);

    const gml_key key = {.operation = GML_OPERATION_ATTENTION,
                         .type = GML_F32,
                         .layout = 9,
                         .threads = 7,
                         .size = {1, 0, 90, 91, INT64_MAX, 4096}};
    const gml_key cell = gml_key_cell(&key), expected = {.operation = GML_OPERATION_ATTENTION,
                                                         .type = GML_F32,
                                                         .layout = 9,
                                                         .threads = 7,
                                                         .size = {0, -1, 6, 7, GML_CELL_MOST, 12}};
    ck_assert(gml_key_equal(&cell, &expected));
}
END_TEST

static bool reads(const char *text, gml_key *key)
{
    /* Not terminated, and at the end of its memory: a sanitizer would tell. */
    const size_t length = strlen(text);
    char *copy = malloc(length + (length == 0));
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, length);
    const bool read = gml_key_read(copy, length, key);
    free(copy);
    return read;
}

static uint64_t state = 1;

static uint64_t any(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 20) % below;
}

static gml_key any_key(void)
{
    static const uint16_t of_a[] = {0, GML_LAYOUT_A_COLUMNS, GML_LAYOUT_A_STRIDED, GML_LAYOUT_PACKED_A};
    static const uint16_t of_b[] = {0, GML_LAYOUT_B_COLUMNS, GML_LAYOUT_B_STRIDED, GML_LAYOUT_PACKED_B};
    gml_key key = {
        .operation = (uint8_t)any(GML_OPERATIONS), .type = GML_F32, .threads = 1 + (int32_t)any(1024)};
    key.layout = (uint16_t)any(key.operation == GML_OPERATION_SOFTMAX ? 8 : 64);
    if (key.operation == GML_OPERATION_GEMM) {
        key.type = (uint8_t)(1 + any(2));
        key.layout = (uint16_t)(of_a[any(4)] | of_b[any(4)] | any(2) * GML_LAYOUT_READS_C |
                                any(2) * GML_LAYOUT_C_STRIDED);
    }
    for (int i = 0; gml_key_sizes((gml_operation)key.operation)[i]; i++)
        key.size[i] = 1 + (int64_t)any(UINT64_C(1) << any(41));
    return key;
}

START_TEST(text_is_read_back)
{
    for (int round = 0; round < 20000; round++) {
        char text[GML_KEY_TEXT];
        const gml_key key = any_key();
        gml_key read;
        const size_t length = gml_key_write(&key, text, sizeof text);
        ck_assert_uint_eq(length, strlen(text));
        ck_assert_msg(reads(text, &read) && gml_key_equal(&key, &read), "%s", text);

        /* A room that is too small holds a beginning. */
        char small[GML_KEY_TEXT];
        const size_t room = (size_t)any(length + 1);
        memset(small, '#', sizeof small);
        ck_assert_uint_eq(gml_key_write(&key, small, room), length);
        ck_assert(room == 0 || (small[room - 1] == '\0' && memcmp(small, text, room - 1) == 0));
        ck_assert_int_eq(small[room], '#');
    }
}
END_TEST

START_TEST(text_in_any_order)
{
    gml_key key, other;
    ck_assert(reads("op=gemm type=f64 layout=ts1s threads=1024 m=1 n=2 k=1099511627776 batch=4", &key));
    ck_assert(reads("batch=4 k=1099511627776 n=2 m=1 threads=1024 layout=ts1s type=f64 op=gemm", &other));
    ck_assert(gml_key_equal(&key, &other));
    ck_assert_int_eq(key.size[2], INT64_C(1) << 40);
    ck_assert_uint_eq(key.layout, GML_LAYOUT_A_COLUMNS | GML_LAYOUT_B_STRIDED | GML_LAYOUT_READS_C |
                                      GML_LAYOUT_C_STRIDED);
    ck_assert(
        reads("op=attention type=f32 layout=csbtkw threads=1 sequences=0 group=0 q_len=0 kv_len=0 head_dim=0 "
              "v_head_dim=0",
              &key));
    ck_assert_uint_eq(key.layout, 63);
}
END_TEST

START_TEST(other_text_is_refused)
{
    static const char *const texts[] = {
        "",
        " ",
        "op=gemm",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4 ",
        " op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm  type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4\n",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 m=1 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4 cols=1",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 cols=1",
        "op=gemv type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4",
        "op= type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f16 layout=nn0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn2 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nx0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=xn0 threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0t threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0ss threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout= threads=2 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=0 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=1025 m=1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=0 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=3 batch=0",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=1099511627777 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1 n=2 k=18446744073709551617 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=-1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=+1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=01 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=1e3 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m=0x1 n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m= n=2 k=3 batch=4",
        "op=gemm type=f32 layout=nn0 threads=2 m n=2 k=3 batch=4",
        "m=1",
        "batch=4 m=1",
        "op=softmax type=f64 layout=- threads=1 rows=1 cols=1",
        "op=softmax type=f32 layout=mi threads=1 rows=1 cols=1",
        "op=softmax type=f32 layout=ii threads=1 rows=1 cols=1",
        "op=softmax type=f32 layout=i- threads=1 rows=1 cols=1",
        "op=softmax type=f32 layout= threads=1 rows=1 cols=1",
        "op=softmax type=f32 layout=- threads=1 rows=0 cols=1",
        "op=softmax type=f32 layout=- threads=1 rows=1 cols=1 x=1 x=1 x=1 x=1 x=1",
    };
    const gml_key before = any_key();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gml_key key = before;
        ck_assert_msg(!reads(texts[i], &key), "'%s'", texts[i]);
        ck_assert(gml_key_equal(&key, &before));
    }
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("key", 60, (const TTest *const[]){
        layouts_of_gemm,
        layouts_of_vectors,
        layouts_of_packed_operands,
        keys_of_softmax,
        keys_of_attention,
        equality_and_hash,
        cells,
        text_is_read_back,
        text_in_any_order,
        other_text_is_refused,
        NULL,
    });
    /* clang-format on */
}
