/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A cblas_sgemm with a mistake, for the benchmark to find: where k is odd, the last element of C lacks its last
 * product.
 */
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    enum { TRANS = 112 };
    (void)order, (void)trans_a, (void)alpha, (void)beta; /* row-major, A as it is, 1, 0 */
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            const int last = k % 2 && i == m - 1 && j == n - 1 ? k - 1 : k;
            float sum = 0;
            for (int p = 0; p < last; p++)
                sum += a[i * lda + p] * (trans_b == TRANS ? b[j * ldb + p] : b[p * ldb + j]);
            c[i * ldc + j] = sum;
        }
}
