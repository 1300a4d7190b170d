/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f32: the functions of stream.inc.
 */
#include "kernels/avx2/f32.h"

#define ROWS   gml_gemm_rows_f32_avx2
#define DOTS   gml_gemm_dots_f32_avx2
#define UPDATE gml_gemm_update_f32_avx2
#include "kernels/avx2/stream.inc"
