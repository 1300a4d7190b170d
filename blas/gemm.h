/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the entry points of the BLAS (fortran.inc, cblas.inc) share: a call whose integers are widened and whose scalars
 * are double, whatever its name was, and the functions that check and compute it.
 */
#ifndef GML_BLAS_GEMM_H
#define GML_BLAS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* An entry point. */
typedef struct gml_blas_routine {
    const char *label; /* the symbol that was called, for traces: "dgemm_"       */
    const char *name;  /* what error handlers are told: "DGEMM ", "cblas_dgemm"  */
    int32_t type;      /* gml_type                                               */
    bool cblas;        /* of C: the layout is its first argument                 */
    bool wide;         /* its integers have 64 bits                              */
    bool batch;        /* _batch_strided: a stride after each leading dimension  */
} gml_blas_routine;

/* C_l = alpha * op(A_l) * op(B_l) + beta * C_l for 0 <= l < batch, with op(A) of m x k and op(B) of k x n. */
typedef struct gml_blas_call {
    bool row_major, transa, transb; /* set by the functions below */
    int64_t m, n, k;
    double alpha, beta;
    const void *a, *b;
    void *c;
    int64_t lda, ldb, ldc;
    int64_t stridea, strideb, stridec;
    int64_t batch;
} gml_blas_call;

/* transa, transb: one letter each, as Fortran passes them. */
void gml_blas_fortran(const gml_blas_routine *routine, const char *transa, const char *transb, gml_blas_call *call);

/* layout, transa, transb: values of the enumerations in gemmule/blas.h, or whatever else a program may pass. */
void gml_blas_cblas(const gml_blas_routine *routine, int layout, int transa, int transb, gml_blas_call *call);

#endif
