/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GEMM tiles of the portable set. A compiler may vectorise them along a row; the 1 x 16 tile wastes nothing on
 * single rows.
 */
#include "kernels/ref/ref.h"

#define TILE gml_gemm_f32_8x8_ref
#define MR 8
#define NR 8
#include "kernels/ref/gemm_f32.inc"

#define TILE gml_gemm_f32_4x4_ref
#define MR 4
#define NR 4
#include "kernels/ref/gemm_f32.inc"

#define TILE gml_gemm_f32_1x16_ref
#define MR 1
#define NR 16
#include "kernels/ref/gemm_f32.inc"
