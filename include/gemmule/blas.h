/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The matrix product under the names of the BLAS: the interface of libgemmule_blas, which is loaded or linked in front
 * of a BLAS and takes its products over (docs/blas.md). A program that already calls a BLAS needs no other header; this
 * one is for those that have none. It may follow a cblas.h, whose types it then uses; gemmule.h does not include it.
 *
 *     C = alpha * op(A) * op(B) + beta * C        op(X) = X or its transpose; op(A) is m x k, op(B) k x n
 *
 * As Dongarra et al., ACM TOMS 16(1), 1990 define it, and the BLAS Technical Forum its interface in C. The corner cases
 * are those of gml_gemm_f32 (gemm.h); so are the bits. Matrices that follow each other at equal distances are one call,
 * _batch_strided, as in MKL, NVPL and OpenBLAS: product l is that of a + l * stridea, b + l * strideb and
 * c + l * stridec. stridea and strideb may be 0, one matrix for all; the C_l must not share elements.
 *
 * An illegal argument leaves C as it was and is reported to the error handler of the process, with its position in the
 * list: xerbla_ (Fortran's names, "DGEMM ") or cblas_xerbla ("cblas_dgemm"), for integers of 64 bits xerbla_64_ or
 * cblas_xerbla_64. Where there is none, a sentence goes to stderr, and the call returns.
 *
 * C must not share elements with A or B. Where that is certain all the same, A and B are read before C is written.
 */
#ifndef GEMMULE_BLAS_H
#define GEMMULE_BLAS_H

#include <gemmule/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(CBLAS_H) && !defined(__MKL_CBLAS_H__)
typedef enum CBLAS_LAYOUT { CblasRowMajor = 101, CblasColMajor = 102 } CBLAS_LAYOUT;
typedef enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112, CblasConjTrans = 113 } CBLAS_TRANSPOSE;
#endif

/* For C. */
GML_API void cblas_sgemm(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int32_t m, int32_t n,
                         int32_t k, float alpha, const float *a, int32_t lda, const float *b, int32_t ldb,
                         float beta, float *c, int32_t ldc);
GML_API void cblas_sgemm_batch_strided(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                       int32_t m, int32_t n, int32_t k, float alpha, const float *a, int32_t lda,
                                       int32_t stridea, const float *b, int32_t ldb, int32_t strideb, float beta,
                                       float *c, int32_t ldc, int32_t stridec, int32_t batch_size);
GML_API void cblas_dgemm(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int32_t m, int32_t n,
                         int32_t k, double alpha, const double *a, int32_t lda, const double *b, int32_t ldb,
                         double beta, double *c, int32_t ldc);
GML_API void cblas_dgemm_batch_strided(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                       int32_t m, int32_t n, int32_t k, double alpha, const double *a, int32_t lda,
                                       int32_t stridea, const double *b, int32_t ldb, int32_t strideb, double beta,
                                       double *c, int32_t ldc, int32_t stridec, int32_t batch_size);

/* For Fortran. transa and transb are one letter each: N, or T or C, in either case. The lengths that a compiler of
 * Fortran passes behind the arguments are not read; C need not pass them. */
GML_API void sgemm_(const char *transa, const char *transb, const int32_t *m, const int32_t *n, const int32_t *k,
                    const float *alpha, const float *a, const int32_t *lda, const float *b, const int32_t *ldb,
                    const float *beta, float *c, const int32_t *ldc);
GML_API void sgemm_batch_strided_(const char *transa, const char *transb, const int32_t *m, const int32_t *n,
                                  const int32_t *k, const float *alpha, const float *a, const int32_t *lda,
                                  const int32_t *stridea, const float *b, const int32_t *ldb, const int32_t *strideb,
                                  const float *beta, float *c, const int32_t *ldc, const int32_t *stridec,
                                  const int32_t *batch_size);
GML_API void dgemm_(const char *transa, const char *transb, const int32_t *m, const int32_t *n, const int32_t *k,
                    const double *alpha, const double *a, const int32_t *lda, const double *b, const int32_t *ldb,
                    const double *beta, double *c, const int32_t *ldc);
GML_API void dgemm_batch_strided_(const char *transa, const char *transb, const int32_t *m, const int32_t *n,
                                  const int32_t *k, const double *alpha, const double *a, const int32_t *lda,
                                  const int32_t *stridea, const double *b, const int32_t *ldb, const int32_t *strideb,
                                  const double *beta, double *c, const int32_t *ldc, const int32_t *stridec,
                                  const int32_t *batch_size);

/* With integers of 64 bits: as the reference BLAS and MKL name them, */
GML_API void cblas_sgemm_64(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int64_t m, int64_t n,
                            int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                            float beta, float *c, int64_t ldc);
GML_API void cblas_sgemm_batch_strided_64(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                          int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                                          int64_t stridea, const float *b, int64_t ldb, int64_t strideb, float beta,
                                          float *c, int64_t ldc, int64_t stridec, int64_t batch_size);
GML_API void cblas_dgemm_64(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int64_t m, int64_t n,
                            int64_t k, double alpha, const double *a, int64_t lda, const double *b, int64_t ldb,
                            double beta, double *c, int64_t ldc);
GML_API void cblas_dgemm_batch_strided_64(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                          int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                                          int64_t stridea, const double *b, int64_t ldb, int64_t strideb, double beta,
                                          double *c, int64_t ldc, int64_t stridec, int64_t batch_size);
GML_API void sgemm_64_(const char *transa, const char *transb, const int64_t *m, const int64_t *n, const int64_t *k,
                       const float *alpha, const float *a, const int64_t *lda, const float *b, const int64_t *ldb,
                       const float *beta, float *c, const int64_t *ldc);
GML_API void sgemm_batch_strided_64_(const char *transa, const char *transb, const int64_t *m, const int64_t *n,
                                     const int64_t *k, const float *alpha, const float *a, const int64_t *lda,
                                     const int64_t *stridea, const float *b, const int64_t *ldb, const int64_t *strideb,
                                     const float *beta, float *c, const int64_t *ldc, const int64_t *stridec,
                                     const int64_t *batch_size);
GML_API void dgemm_64_(const char *transa, const char *transb, const int64_t *m, const int64_t *n, const int64_t *k,
                       const double *alpha, const double *a, const int64_t *lda, const double *b, const int64_t *ldb,
                       const double *beta, double *c, const int64_t *ldc);
GML_API void dgemm_batch_strided_64_(const char *transa, const char *transb, const int64_t *m, const int64_t *n,
                                     const int64_t *k, const double *alpha, const double *a, const int64_t *lda,
                                     const int64_t *stridea, const double *b, const int64_t *ldb,
                                     const int64_t *strideb, const double *beta, double *c, const int64_t *ldc,
                                     const int64_t *stridec, const int64_t *batch_size);

/* and as OpenBLAS does. */
GML_API void cblas_sgemm64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int64_t m, int64_t n,
                            int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                            float beta, float *c, int64_t ldc);
GML_API void cblas_sgemm_batch_strided64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                          int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                                          int64_t stridea, const float *b, int64_t ldb, int64_t strideb, float beta,
                                          float *c, int64_t ldc, int64_t stridec, int64_t batch_size);
GML_API void cblas_dgemm64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb, int64_t m, int64_t n,
                            int64_t k, double alpha, const double *a, int64_t lda, const double *b, int64_t ldb,
                            double beta, double *c, int64_t ldc);
GML_API void cblas_dgemm_batch_strided64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                          int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
                                          int64_t stridea, const double *b, int64_t ldb, int64_t strideb, double beta,
                                          double *c, int64_t ldc, int64_t stridec, int64_t batch_size);

/* The OpenBLAS in the wheels of NumPy, by whose names those are taken over, too. */
GML_API void scipy_cblas_sgemm64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                  int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                                  int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                                  int64_t ldc);
GML_API void scipy_cblas_dgemm64_(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE transa, CBLAS_TRANSPOSE transb,
                                  int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                                  int64_t lda, const double *b, int64_t ldb, double beta, double *c,
                                  int64_t ldc);

#ifdef __cplusplus
}
#endif

#endif
