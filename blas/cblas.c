/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of C. Where integers have 64 bits, the reference BLAS (since LAPACK 3.11) and MKL append _64, and OpenBLAS
 * 64_. The OpenBLAS inside the wheels of NumPy has a prefix, too.
 */
#include "blas/gemm.h"
#include <gemmule/blas.h>
#include <gemmule/types.h>

#define REAL    float
#define TYPE    GML_F32
#define INTEGER int32_t
#define WIDE    false
#define GEMM    cblas_sgemm
#define BATCH   cblas_sgemm_batch_strided
#include "blas/cblas.inc"

#define REAL    double
#define TYPE    GML_F64
#define INTEGER int32_t
#define WIDE    false
#define GEMM    cblas_dgemm
#define BATCH   cblas_dgemm_batch_strided
#include "blas/cblas.inc"

#define REAL    float
#define TYPE    GML_F32
#define INTEGER int64_t
#define WIDE    true
#define GEMM    cblas_sgemm_64
#define BATCH   cblas_sgemm_batch_strided_64
#include "blas/cblas.inc"

#define REAL    double
#define TYPE    GML_F64
#define INTEGER int64_t
#define WIDE    true
#define GEMM    cblas_dgemm_64
#define BATCH   cblas_dgemm_batch_strided_64
#include "blas/cblas.inc"

#define REAL    float
#define TYPE    GML_F32
#define INTEGER int64_t
#define WIDE    true
#define GEMM    cblas_sgemm64_
#define BATCH   cblas_sgemm_batch_strided64_
#include "blas/cblas.inc"

#define REAL    double
#define TYPE    GML_F64
#define INTEGER int64_t
#define WIDE    true
#define GEMM    cblas_dgemm64_
#define BATCH   cblas_dgemm_batch_strided64_
#include "blas/cblas.inc"

#define REAL    float
#define TYPE    GML_F32
#define INTEGER int64_t
#define WIDE    true
#define GEMM    scipy_cblas_sgemm64_
#include "blas/cblas.inc"

#define REAL    double
#define TYPE    GML_F64
#define INTEGER int64_t
#define WIDE    true
#define GEMM    scipy_cblas_dgemm64_
#include "blas/cblas.inc"
