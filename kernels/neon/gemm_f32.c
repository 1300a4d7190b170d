#include "kernels/neon/neon.h"

#define TILE gml_gemm_f32_8x12_neon
#define MR 8
#define NV 3
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_6x16_neon
#define MR 6
#define NV 4
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_12x8_neon
#define MR 12
#define NV 2
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_4x20_neon
#define MR 4
#define NV 5
#include "kernels/neon/gemm_f32.inc"
