/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where an illegal argument is reported.
 */
#ifndef GML_BLAS_XERBLA_H
#define GML_BLAS_XERBLA_H

#include "blas/gemm.h"

/* position: of the argument in the routine's list, from 1. sentence: what a handler of C prints beside, or "". */
void gml_blas_report(const gml_blas_routine *routine, bool row_major, int position, const char *sentence);

#endif
