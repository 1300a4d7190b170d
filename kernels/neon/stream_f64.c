/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f64: the functions of stream.inc.
 */
#include "kernels/neon/f64.h"

#define ROWS gml_gemm_rows_f64_neon
#define DOTS gml_gemm_dots_f64_neon
#define UPDATE gml_gemm_update_f64_neon
#include "kernels/neon/stream.inc"
