/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Properties that need no reference: what must have the same bits, or an exact value, whatever the kernels. Each
 * holds for every instruction set of this CPU, with two threads.
 */
#include "proof/compare.h"
#include "proof/generate.h"
#include "tests/suite.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <string.h>

static const char *isas[8]; /* the available ones; Check's loop index chooses */
static int n_isas;
static gml_context *context;

static void use(int i)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.isa = isas[i];
    options.threads = 2;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
}

static void close_context(void)
{
    gml_context_destroy(context);
    context = NULL;
}

static void fill(float *x, int64_t n, uint64_t seed, proof_values values)
{
    proof_random random = proof_random_seeded(seed, 99);
    for (int64_t i = 0; i < n; i++)
        x[i] = proof_value(&random, values);
}

static void same(const float *x, const float *y, int64_t n, const char *what)
{
    const int64_t at = proof_first_difference(n, x, y);
    ck_assert_msg(at < 0, "%s: element %lld is %a, must be %a", what, (long long)at,
                  (double)x[at < 0 ? 0 : at], (double)y[at < 0 ? 0 : at]);
}

/* Row-major, contiguous. */
static void gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                 float *c)
{
    ck_assert_int_eq(gml_gemm_f32(context, m, n, k, 1.0f, a, lda, 1, b, ldb, 1, 0.0f, c, n, 1), GML_OK);
}

enum { M = 67, N = 101, K = 1100 };
static float a[M * K], b[K * N], c[M * N], d[M * N];

START_TEST(gemm_scales_by_powers_of_two)
{
    use(_i);
    fill(a, M * K, 1, PROOF_UNIFORM);
    fill(b, K * N, 2, PROOF_UNIFORM);
    gemm(M, N, K, a, K, b, N, c);
    for (int i = 0; i < M * K; i++)
        a[i] *= 0x1p20f;
    for (int i = 0; i < K * N; i++)
        b[i] *= 0x1p-9f;
    gemm(M, N, K, a, K, b, N, d);
    for (int i = 0; i < M * N; i++)
        c[i] *= 0x1p11f;
    same(d, c, M * N, "scaled");
}
END_TEST

START_TEST(gemm_of_slices)
{
    static float part[M * N], expected[M * N];
    static const int64_t slices[][4] = {
        {0, 1, 0, N}, {0, M, 0, 1}, {5, 30, 7, 64}, {M - 1, 1, 0, N}, {3, 64, N - 5, 5}};
    use(_i);
    fill(a, M * K, 3, PROOF_WIDE);
    fill(b, K * N, 4, PROOF_WIDE);
    gemm(M, N, K, a, K, b, N, c);
    for (int s = 0; s < 5; s++) {
        const int64_t i0 = slices[s][0], m = slices[s][1], j0 = slices[s][2], n = slices[s][3];
        gemm(m, n, K, a + i0 * K, K, b + j0, N, part);
        for (int64_t i = 0; i < m; i++)
            memcpy(expected + i * n, c + (i0 + i) * N + j0, (size_t)n * sizeof(float));
        same(part, expected, m * n, "slice");
    }
}
END_TEST

START_TEST(gemm_of_integers_is_exact)
{
    use(_i);
    fill(a, M * K, 5, PROOF_INTEGERS);
    fill(b, K * N, 6, PROOF_INTEGERS);
    gemm(M, N, K, a, K, b, N, c);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            int64_t sum = 0;
            for (int p = 0; p < K; p++)
                sum += (int64_t)a[i * K + p] * (int64_t)b[p * N + j];
            ck_assert(c[i * N + j] == (float)sum);
        }
}
END_TEST

START_TEST(gemm_transposed)
{
    use(_i);
    fill(a, M * K, 7, PROOF_UNIFORM);
    fill(b, K * N, 8, PROOF_UNIFORM);
    gemm(M, N, K, a, K, b, N, c);
    /* C^T = B^T A^T, into the same storage order */
    ck_assert_int_eq(gml_gemm_f32(context, N, M, K, 1.0f, b, 1, N, a, 1, K, 0.0f, d, 1, N), GML_OK);
    same(d, c, M * N, "transposed");
}
END_TEST

enum { ROWS = 9, COLS = 5000 };
static float x[ROWS * COLS], y[ROWS * COLS], z[ROWS * COLS];

static void softmax(int64_t rows, const float *from, float *to)
{
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = rows;
    problem.cols = problem.x_stride = problem.y_stride = COLS;
    problem.x = from;
    problem.y = to;
    ck_assert_int_eq(gml_softmax_f32(context, &problem), GML_OK);
}

START_TEST(softmax_rows_sum_to_one)
{
    use(_i);
    fill(x, ROWS * COLS, 9, PROOF_SPREAD);
    softmax(ROWS, x, y);
    for (int i = 0; i < ROWS; i++) {
        double sum = 0.0;
        for (int j = 0; j < COLS; j++)
            sum += (double)y[i * COLS + j];
        ck_assert(fabs(sum - 1.0) < 2e-6);
    }
}
END_TEST

START_TEST(softmax_of_rows_alone_and_shifted)
{
    use(_i);
    fill(x, ROWS * COLS, 10, PROOF_INTEGERS);
    softmax(ROWS, x, y);
    for (int i = 0; i < ROWS; i++)
        softmax(1, x + i * COLS, z + i * COLS);
    same(z, y, ROWS * COLS, "rows alone");
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] += 1000.0f; /* exact, and so are the differences to the maximum */
    softmax(ROWS, x, z);
    same(z, y, ROWS * COLS, "shifted");
}
END_TEST

enum { BATCH = 2, HEADS = 4, LEN = 200, DIM = 40, ALL = BATCH * HEADS * LEN * DIM };
static float q[ALL], k[ALL], v[ALL], o[ALL], p[ALL], lse[BATCH * HEADS * LEN];

static gml_attention_problem attention(int64_t kv_heads)
{
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    const int64_t q_stride[3] = {HEADS * LEN * DIM, LEN * DIM, DIM},
                  kv_stride[3] = {kv_heads * LEN * DIM, LEN * DIM, DIM};
    problem.batch = BATCH, problem.heads = HEADS, problem.kv_heads = kv_heads;
    problem.q_len = problem.kv_len = LEN;
    problem.head_dim = problem.v_head_dim = DIM;
    problem.q = q, problem.k = k, problem.v = v, problem.o = o;
    memcpy(problem.q_stride, q_stride, sizeof q_stride);
    memcpy(problem.o_stride, q_stride, sizeof q_stride);
    memcpy(problem.k_stride, kv_stride, sizeof kv_stride);
    memcpy(problem.v_stride, kv_stride, sizeof kv_stride);
    return problem;
}

static void run(const gml_attention_problem *problem)
{
    ck_assert_int_eq(gml_attention_f32(context, problem), GML_OK);
}

static void fill_attention(uint64_t seed)
{
    fill(q, ALL, seed, PROOF_SPREAD);
    fill(k, ALL, seed + 1, PROOF_UNIFORM);
    fill(v, ALL, seed + 2, PROOF_UNIFORM);
}

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
    static uint8_t keep[LEN * LEN];
    static float bias[LEN * LEN];
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
    problem.lse = lse;
    problem.lse_stride[0] = HEADS * LEN, problem.lse_stride[1] = LEN, problem.lse_stride[2] = 1;
    run(&problem);
    memcpy(p, o, sizeof o);
    for (int64_t h = 0; h < BATCH * HEADS; h++)
        for (int64_t j = 0; j < LEN; j++) {
            const int64_t to = (j * 77 + 13) % LEN; /* 77 and 200 have no common divisor */
            memcpy(k_moved + (h * LEN + to) * DIM, k + (h * LEN + j) * DIM, DIM * sizeof(float));
            memcpy(v_moved + (h * LEN + to) * DIM, v + (h * LEN + j) * DIM, DIM * sizeof(float));
        }
    problem.k = k_moved, problem.v = v_moved;
    static float lse_moved[BATCH * HEADS * LEN];
    problem.lse = lse_moved;
    run(&problem);
    same(o, p, ALL, "moved keys");
    same(lse_moved, lse, BATCH * HEADS * LEN, "logsumexp of moved keys");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gemm_scales_by_powers_of_two,
                                  gemm_of_slices,
                                  gemm_of_integers_is_exact,
                                  gemm_transposed,
                                  softmax_rows_sum_to_one,
                                  softmax_of_rows_alone_and_shifted,
                                  decoding_equals_prefill,
                                  causality_equals_a_mask,
                                  grouped_heads_equal_repeated_keys,
                                  attention_of_slices,
                                  keys_in_another_order};
    for (int32_t i = 0; gml_isa_name(i) && n_isas < 8; i++)
        if (gml_isa_available(gml_isa_name(i)))
            isas[n_isas++] = gml_isa_name(i);

    Suite *suite = suite_create("properties");
    TCase *tcase = tcase_create("properties");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, NULL, close_context);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(tcase, tests[i], 0, n_isas);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
