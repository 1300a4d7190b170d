/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Properties that need no reference: what must have the same bits, or an exact value, whatever the kernels. Each
 * holds for every instruction set of this CPU, with two threads.
 */
#include "tests/properties.h"
#include <math.h>
#include <string.h>

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

int main(void)
{
    return properties_run("properties", (const TTest *const[]){gemm_scales_by_powers_of_two, gemm_of_slices,
                                                               gemm_of_integers_is_exact, gemm_transposed,
                                                               softmax_rows_sum_to_one,
                                                               softmax_of_rows_alone_and_shifted, NULL});
}
