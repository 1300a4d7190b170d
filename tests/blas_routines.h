/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table of all routines of libgemmule_blas that makes them one: each is called with the same structure of arguments.
 */
#ifndef GML_TESTS_BLAS_ROUTINES_H
#define GML_TESTS_BLAS_ROUTINES_H

#include <gemmule/blas.h>
#include <stdbool.h>
#include <stdint.h>

/* A call of any of the routines. */
typedef struct arguments {
    int64_t layout, transa, transb; /* those of C; Fortran's letters follow from them */
    int64_t m, n, k, lda, stridea, ldb, strideb, ldc, stridec, batch_size;
    double alpha, beta;
    const void *a, *b;
    void *c;
} arguments;

/* In either case, by turns. */
static inline char letter(int64_t transpose)
{
    static unsigned turn;
    const bool small = turn++ % 3 == 0;
    switch (transpose) {
    case CblasNoTrans:
        return small ? 'n' : 'N';
    case CblasTrans:
        return small ? 't' : 'T';
    case CblasConjTrans:
        return small ? 'c' : 'C';
    default:
        return 'R';
    }
}

/* Calls of C and Fortran, without and with batches. */
#define CALL_C(ROUTINE, REAL, INT)                                                                           \
    ROUTINE((CBLAS_LAYOUT)x->layout, (CBLAS_TRANSPOSE)x->transa, (CBLAS_TRANSPOSE)x->transb, (INT)x->m,      \
            (INT)x->n, (INT)x->k, (REAL)x->alpha, x->a, (INT)x->lda, x->b, (INT)x->ldb, (REAL)x->beta, x->c, \
            (INT)x->ldc)
#define CALL_CB(ROUTINE, REAL, INT)                                                                          \
    ROUTINE((CBLAS_LAYOUT)x->layout, (CBLAS_TRANSPOSE)x->transa, (CBLAS_TRANSPOSE)x->transb, (INT)x->m,      \
            (INT)x->n, (INT)x->k, (REAL)x->alpha, x->a, (INT)x->lda, (INT)x->stridea, x->b, (INT)x->ldb,     \
            (INT)x->strideb, (REAL)x->beta, x->c, (INT)x->ldc, (INT)x->stridec, (INT)x->batch_size)
#define PLACE(T, V)                                                                                          \
    &(const T)                                                                                               \
    {                                                                                                        \
        (T)(V)                                                                                               \
    }
#define CALL_F(ROUTINE, REAL, INT)                                                                           \
    ROUTINE(PLACE(char, letter(x->transa)), PLACE(char, letter(x->transb)), PLACE(INT, x->m),                \
            PLACE(INT, x->n), PLACE(INT, x->k), PLACE(REAL, x->alpha), x->a, PLACE(INT, x->lda), x->b,       \
            PLACE(INT, x->ldb), PLACE(REAL, x->beta), x->c, PLACE(INT, x->ldc))
#define CALL_FB(ROUTINE, REAL, INT)                                                                          \
    ROUTINE(PLACE(char, letter(x->transa)), PLACE(char, letter(x->transb)), PLACE(INT, x->m),                \
            PLACE(INT, x->n), PLACE(INT, x->k), PLACE(REAL, x->alpha), x->a, PLACE(INT, x->lda),             \
            PLACE(INT, x->stridea), x->b, PLACE(INT, x->ldb), PLACE(INT, x->strideb), PLACE(REAL, x->beta),  \
            x->c, PLACE(INT, x->ldc), PLACE(INT, x->stridec), PLACE(INT, x->batch_size))

/* How it is called, the symbol, what handlers are told, the element, the bits of an integer. */
#define ROUTINES(X)                                                                                          \
    X(C, cblas_sgemm, "cblas_sgemm", float, 32)                                                              \
    X(C, cblas_dgemm, "cblas_dgemm", double, 32)                                                             \
    X(C, cblas_sgemm_64, "cblas_sgemm_64", float, 64)                                                        \
    X(C, cblas_dgemm_64, "cblas_dgemm_64", double, 64)                                                       \
    X(C, cblas_sgemm64_, "cblas_sgemm64_", float, 64)                                                        \
    X(C, cblas_dgemm64_, "cblas_dgemm64_", double, 64)                                                       \
    X(C, scipy_cblas_sgemm64_, "scipy_cblas_sgemm64_", float, 64)                                            \
    X(C, scipy_cblas_dgemm64_, "scipy_cblas_dgemm64_", double, 64)                                           \
    X(CB, cblas_sgemm_batch_strided, "cblas_sgemm_batch_strided", float, 32)                                 \
    X(CB, cblas_dgemm_batch_strided, "cblas_dgemm_batch_strided", double, 32)                                \
    X(CB, cblas_sgemm_batch_strided_64, "cblas_sgemm_batch_strided_64", float, 64)                           \
    X(CB, cblas_dgemm_batch_strided_64, "cblas_dgemm_batch_strided_64", double, 64)                          \
    X(CB, cblas_sgemm_batch_strided64_, "cblas_sgemm_batch_strided64_", float, 64)                           \
    X(CB, cblas_dgemm_batch_strided64_, "cblas_dgemm_batch_strided64_", double, 64)                          \
    X(F, sgemm_, "SGEMM ", float, 32)                                                                        \
    X(F, dgemm_, "DGEMM ", double, 32)                                                                       \
    X(F, sgemm_64_, "SGEMM ", float, 64)                                                                     \
    X(F, dgemm_64_, "DGEMM ", double, 64)                                                                    \
    X(FB, sgemm_batch_strided_, "SGEMM_BATCH_STRIDED ", float, 32)                                           \
    X(FB, dgemm_batch_strided_, "DGEMM_BATCH_STRIDED ", double, 32)                                          \
    X(FB, sgemm_batch_strided_64_, "SGEMM_BATCH_STRIDED ", float, 64)                                        \
    X(FB, dgemm_batch_strided_64_, "DGEMM_BATCH_STRIDED ", double, 64)

#define THUNK(KIND, ROUTINE, NAME, REAL, BITS)                                                               \
    static void call_##ROUTINE(const arguments *x)                                                           \
    {                                                                                                        \
        CALL_##KIND(ROUTINE, REAL, int##BITS##_t);                                                           \
    }
ROUTINES(THUNK)

typedef struct routine {
    const char *name;
    bool cblas, batch, f64, wide;
    void (*call)(const arguments *x);
} routine;

#define ROW(KIND, ROUTINE, NAME, REAL, BITS)                                                                 \
    {NAME, #KIND[0] == 'C', sizeof #KIND == 3, sizeof(REAL) == 8, (BITS) == 64, call_##ROUTINE},
static const routine routines[] = {ROUTINES(ROW)};
static const routine *const end = routines + sizeof routines / sizeof *routines;

#endif
