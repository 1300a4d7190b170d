/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A program that was written for a BLAS and knows nothing of Gemmule; blas-link.sh links it with libgemmule_blas.
 *
 *     blas-program right      products, and with WITH_BLAS a routine that only the BLAS has
 *     blas-program wrong      illegal arguments, which are reported; with WITH_HANDLER by the handler below
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void dgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
            const double *beta, double *c, const int *ldc, size_t, size_t);
void cblas_dgemm(int layout, int transa, int transb, int m, int n, int k, double alpha, const double *a,
                 int lda, const double *b, int ldb, double beta, double *c, int ldc);

#ifdef WITH_BLAS
double ddot_(const int *n, const double *x, const int *incx, const double *y, const int *incy);
#endif

#ifdef WITH_HANDLER
void xerbla_(const char *name, const int *info, size_t length);
void xerbla_(const char *name, const int *info, size_t length)
{
    printf("the program's handler: %.*s, %d\n", (int)length, name, *info);
}
#endif

static const double a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8}, one = 1, zero = 0;
static double c[4];
static const int two = 2;

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "wrong") == 0) {
        const int less = 1;
        dgemm_("n", "T", &two, &two, &two, &one, a, &two, b, &two, &zero, c, &less, 1, 1);
#ifndef WITH_HANDLER
        cblas_dgemm(101, 111, 111, 2, -1, 2, 1, a, 2, b, 2, 0, c, 2);
        cblas_dgemm(0, 111, 111, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2);
#endif
        puts(c[0] == 0 ? "returned, and C is as it was" : "C was touched");
        return 0;
    }
    dgemm_("N", "t", &two, &two, &two, &one, a, &two, b, &two, &zero, c, &two, 1, 1);
    printf("%g %g %g %g\n", c[0], c[1], c[2], c[3]);
    cblas_dgemm(101, 111, 111, 2, 2, 2, 1, a, 2, b, 2, 1, c, 2);
    printf("%g %g %g %g\n", c[0], c[1], c[2], c[3]);
#ifdef WITH_BLAS
    const int four = 4, step = 1;
    printf("%g\n", ddot_(&four, a, &step, b, &step));
#endif
    return 0;
}
