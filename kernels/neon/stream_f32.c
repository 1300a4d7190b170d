/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f32: the functions of stream.inc.
 */
#include "kernels/neon/f32.h"

#define ROWS gml_gemm_rows_f32_neon
#define DOTS gml_gemm_dots_f32_neon
#define UPDATE gml_gemm_update_f32_neon
#include "kernels/neon/stream.inc"
