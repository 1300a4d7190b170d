/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Strides beyond 32 bits: a few elements, gigabytes apart, in address space that is reserved but not there. The bits
 * are those of the same elements side by side, on each instruction set.
 */
#define _DEFAULT_SOURCE
#include "tests/suite.h"
#include <gemmule/gemmule.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { ROWS = 3, DIM = 5 };
#define FAR ((INT64_C(1) << 31) + 1) /* elements between rows: 8 GB, and an index that 32 bits cannot hold */

/* ROWS rows of DIM elements, once FAR apart and once side by side, with the same values. */
typedef struct matrix {
    float *far, near[ROWS * DIM];
} matrix;

static const size_t span = (size_t)FAR * ROWS * sizeof(float);

static void make(matrix *x, int seed)
{
    x->far = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(x->far, MAP_FAILED);
    for (int i = 0; i < ROWS * DIM; i++) {
        x->near[i] = (float)((i * 37 + seed * 11) % 23 - 11) / 8.0f;
        x->far[i / DIM * FAR + i % DIM] = x->near[i];
    }
}

static void compare_and_free(matrix *x, const char *operation, const char *isa)
{
    for (int i = 0; i < ROWS; i++)
        ck_assert_msg(!memcmp(x->far + i * FAR, x->near + i * DIM, DIM * sizeof(float)), "%s on %s: row %d",
                      operation, isa, i);
    ck_assert_int_eq(munmap(x->far, span), 0);
}

static void gemm(gml_context *context, const char *isa)
{
    matrix a, b, c;
    make(&a, 1);
    make(&b, 2);
    make(&c, 3);
    /* A * B^T, once with far rows and once with far columns. */
    ck_assert_int_eq(
        gml_gemm_f32(context, ROWS, ROWS, DIM, 1.5f, a.far, FAR, 1, b.far, 1, FAR, 0.5f, c.far, FAR, 1),
        GML_OK);
    ck_assert_int_eq(
        gml_gemm_f32(context, ROWS, ROWS, DIM, 1.5f, a.near, DIM, 1, b.near, 1, DIM, 0.5f, c.near, DIM, 1),
        GML_OK);
    ck_assert_int_eq(
        gml_gemm_f32(context, DIM, ROWS, DIM, 1.0f, a.far, 1, 1 + DIM, b.far, 1, FAR, 1.0f, c.far, 1, FAR),
        GML_OK);
    ck_assert_int_eq(
        gml_gemm_f32(context, DIM, ROWS, DIM, 1.0f, a.far, 1, 1 + DIM, b.near, 1, DIM, 1.0f, c.near, 1, DIM),
        GML_OK);
    compare_and_free(&a, "gemm", isa);
    compare_and_free(&b, "gemm", isa);
    compare_and_free(&c, "gemm", isa);
}

static void softmax(gml_context *context, const char *isa)
{
    matrix x, y;
    make(&x, 4);
    make(&y, 5);
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = ROWS;
    p.cols = DIM;
    p.x = x.far;
    p.y = y.far;
    p.x_stride = p.y_stride = FAR;
    ck_assert_int_eq(gml_softmax_f32(context, &p), GML_OK);
    p.x = x.near;
    p.y = y.near;
    p.x_stride = p.y_stride = DIM;
    ck_assert_int_eq(gml_softmax_f32(context, &p), GML_OK);
    compare_and_free(&x, "softmax", isa);
    compare_and_free(&y, "softmax", isa);
}

static void attention(gml_context *context, const char *isa)
{
    matrix q, k, v, o;
    make(&q, 6);
    make(&k, 7);
    make(&v, 8);
    make(&o, 9);
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = p.heads = p.kv_heads = 1;
    p.q_len = p.kv_len = ROWS;
    p.head_dim = p.v_head_dim = DIM;
    p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    p.q = q.far;
    p.k = k.far;
    p.v = v.far;
    p.o = o.far;
    p.q_stride[2] = p.k_stride[2] = p.v_stride[2] = p.o_stride[2] = FAR;
    ck_assert_int_eq(gml_attention_f32(context, &p), GML_OK);
    p.q = q.near;
    p.k = k.near;
    p.v = v.near;
    p.o = o.near;
    p.q_stride[2] = p.k_stride[2] = p.v_stride[2] = p.o_stride[2] = DIM;
    ck_assert_int_eq(gml_attention_f32(context, &p), GML_OK);
    compare_and_free(&q, "attention", isa);
    compare_and_free(&k, "attention", isa);
    compare_and_free(&v, "attention", isa);
    compare_and_free(&o, "attention", isa);
}

/* K and the weights with contiguous keys, and dimensions or queries far apart. */
static void attention_transposed(gml_context *context, const char *isa)
{
    matrix k, weights;
    float q[ROWS * ROWS], v[DIM * ROWS], o[ROWS * ROWS], o_near[ROWS * ROWS];
    make(&k, 1);
    make(&weights, 2);
    for (int i = 0; i < ROWS * ROWS; i++)
        q[i] = k.near[i];
    for (int i = 0; i < DIM * ROWS; i++)
        v[i] = weights.near[i];
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = p.heads = p.kv_heads = 1;
    p.q_len = p.head_dim = p.v_head_dim = ROWS;
    p.kv_len = DIM;
    p.q = q, p.v = v;
    p.q_stride[2] = p.v_stride[2] = p.o_stride[2] = ROWS;
    p.k_stride[2] = p.weights_stride[3] = 1;
    p.window_left = 3;
    p.k = k.far, p.o = o, p.weights = weights.far;
    p.k_dim_stride = p.weights_stride[2] = FAR;
    ck_assert_int_eq(gml_attention_f32(context, &p), GML_OK);
    p.k = k.near, p.o = o_near, p.weights = weights.near;
    p.k_dim_stride = p.weights_stride[2] = DIM;
    ck_assert_int_eq(gml_attention_f32(context, &p), GML_OK);
    ck_assert_mem_eq(o, o_near, sizeof o);
    compare_and_free(&k, "attention, transposed", isa);
    compare_and_free(&weights, "attention, transposed", isa);
}

START_TEST(strides_beyond_32_bits)
{
    const char *isa;
    for (int32_t i = 0; (isa = gml_isa_name(i)); i++) {
        if (!gml_isa_available(isa))
            continue;
        gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
        options.isa = isa;
        gml_context *context;
        ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
        gemm(context, isa);
        softmax(context, isa);
        attention(context, isa);
        attention_transposed(context, isa);
        gml_context_destroy(context);
    }
}
END_TEST

int main(void)
{
    return suite_run("address", 60, (const TTest *const[]){strides_beyond_32_bits, NULL});
}
