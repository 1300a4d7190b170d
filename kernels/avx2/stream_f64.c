/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f64: the functions of stream.inc.
 */
#include "kernels/avx2/f64.h"

#define ROWS   gml_gemm_rows_f64_avx2
#define DOTS   gml_gemm_dots_f64_avx2
#define UPDATE gml_gemm_update_f64_avx2
#include "kernels/avx2/stream.inc"
