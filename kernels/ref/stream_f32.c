/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f32: the functions of stream.inc.
 */
#include "kernels/ref/ref.h"

#define REAL   float
#define FMA    fmaf
#define ROWS   gml_gemm_rows_f32_ref
#define DOTS   gml_gemm_dots_f32_ref
#define UPDATE gml_gemm_update_f32_ref
#include "kernels/ref/stream.inc"
