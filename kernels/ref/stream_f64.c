/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f64: the functions of stream.inc.
 */
#include "kernels/ref/ref.h"

#define REAL   double
#define FMA    fma
#define ROWS   gml_gemm_rows_f64_ref
#define DOTS   gml_gemm_dots_f64_ref
#define UPDATE gml_gemm_update_f64_ref
#include "kernels/ref/stream.inc"
