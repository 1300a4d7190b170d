/* SPDX-License-Identifier: BSD-3-Clause */
#include <gemmule/blas.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const double a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {7, 8, 9, 10, 11, 12}, expected[4] = {58, 64, 139, 154};
    double c[4];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 2, 2, 3, 1.0, a, 3, b, 2, 0.0, c, 2);
    if (memcmp(c, expected, sizeof c) != 0)
        return 1;
    const int64_t m = 2, n = 2, k = 3, ld = 3;
    const double one = 1.0, zero = 0.0;
    dgemm_64_("T", "N", &m, &n, &k, &one, a, &ld, a, &ld, &zero, c, &m);
    puts("the matrix product under the names of the BLAS");
    return !(c[0] == 14 && c[1] == 32 && c[2] == 32 && c[3] == 77);
}
