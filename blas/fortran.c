/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of Fortran. Where integers have 64 bits they end in _64_, with the reference BLAS and with OpenBLAS; what
 * error handlers are told stays the same.
 */
#include "blas/gemm.h"
#include <gemmule/blas.h>
#include <gemmule/types.h>

#define REAL       float
#define TYPE       GML_F32
#define INTEGER    int32_t
#define WIDE       false
#define GEMM       sgemm_
#define GEMM_NAME  "SGEMM "
#define BATCH      sgemm_batch_strided_
#define BATCH_NAME "SGEMM_BATCH_STRIDED "
#include "blas/fortran.inc"

#define REAL       double
#define TYPE       GML_F64
#define INTEGER    int32_t
#define WIDE       false
#define GEMM       dgemm_
#define GEMM_NAME  "DGEMM "
#define BATCH      dgemm_batch_strided_
#define BATCH_NAME "DGEMM_BATCH_STRIDED "
#include "blas/fortran.inc"

#define REAL       float
#define TYPE       GML_F32
#define INTEGER    int64_t
#define WIDE       true
#define GEMM       sgemm_64_
#define GEMM_NAME  "SGEMM "
#define BATCH      sgemm_batch_strided_64_
#define BATCH_NAME "SGEMM_BATCH_STRIDED "
#include "blas/fortran.inc"

#define REAL       double
#define TYPE       GML_F64
#define INTEGER    int64_t
#define WIDE       true
#define GEMM       dgemm_64_
#define GEMM_NAME  "DGEMM "
#define BATCH      dgemm_batch_strided_64_
#define BATCH_NAME "DGEMM_BATCH_STRIDED "
#include "blas/fortran.inc"
