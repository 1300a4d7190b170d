/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of the AVX-512 kernels.
 */
#include "kernels/avx512/avx512.h"

static const gml_gemm_kernel tiles_f32[] = {
    /* name                     mr  nr  registers loads  block                      copies_b */
    {"gemm_f32_8x48_avx512",     8, 48, 28,       11,    gml_gemm_f32_8x48_avx512,  true},
    {"gemm_f32_6x64_avx512",     6, 64, 29,       10,    gml_gemm_f32_6x64_avx512,  true},
    {"gemm_f32_14x32_avx512",   14, 32, 31,       16,    gml_gemm_f32_14x32_avx512, true},
};

static const gml_gemm_kernels gemm_f32 = {
    .type = "f32",
    .element = sizeof(float),
    .lanes = AVX512_LANES,
    .kc0 = GML_KC0_F32,
    .n_tiles = sizeof tiles_f32 / sizeof *tiles_f32,
    .tiles = tiles_f32,
    .rows = gml_gemm_rows_f32_avx512,
    .dots = gml_gemm_dots_f32_avx512,
    .update = gml_gemm_update_f32_avx512,
    .finish = gml_gemm_finish_f32_avx512,
    .pack = gml_pack_f32_avx512,
};

static const gml_gemm_kernel tiles_f64[] = {
    /* name                     mr  nr  registers loads  block                      copies_b */
    {"gemm_f64_8x24_avx512",     8, 24, 28,       11,    gml_gemm_f64_8x24_avx512,  true},
    {"gemm_f64_6x32_avx512",     6, 32, 29,       10,    gml_gemm_f64_6x32_avx512,  true},
    {"gemm_f64_14x16_avx512",   14, 16, 31,       16,    gml_gemm_f64_14x16_avx512, true},
};

static const gml_gemm_kernels gemm_f64 = {
    .type = "f64",
    .element = sizeof(double),
    .lanes = AVX512_LANES / 2,
    .kc0 = GML_KC0_F64,
    .n_tiles = sizeof tiles_f64 / sizeof *tiles_f64,
    .tiles = tiles_f64,
    .rows = gml_gemm_rows_f64_avx512,
    .dots = gml_gemm_dots_f64_avx512,
    .update = gml_gemm_update_f64_avx512,
    .finish = gml_gemm_finish_f64_avx512,
    .pack = gml_pack_f64_avx512,
};

static const gml_attention_kernel_f32 attention_f32[] = {
    /* name                     bq  registers  step                        */
    {"attention_f32_48_avx512", 48, 28,        gml_attention_f32_48_avx512},
    {"attention_f32_32_avx512", 32, 19,        gml_attention_f32_32_avx512},
};

static const gml_attention_row_f32 attention_row_f32 = {
    "attention_row_f32_avx512",       gml_attention_products_f32_avx512, gml_attention_weigh_f32_avx512,
    gml_attention_values_f32_avx512, gml_attention_merge_f32_avx512,
};

static const gml_softmax_kernel_f32 softmax_f32 = {
    .name = "softmax_f32_avx512",
    .reduce = gml_softmax_reduce_f32_avx512,
    .scale = gml_softmax_scale_f32_avx512,
    .log = gml_softmax_log_f32_avx512,
    .step = gml_softmax_step_f32_avx512,
    .rows = gml_softmax_rows_f32_avx512,
    .fence = gml_softmax_fence_avx512,
};

const gml_kernel_set gml_set_avx512 = {
    .isa = "avx512",
    .needs = GML_CPU_AVX512F | GML_CPU_AVX512DQ | GML_CPU_AVX512BW | GML_CPU_AVX512VL | GML_CPU_AVX2 | GML_CPU_FMA,
    .lanes = AVX512_LANES,
    .registers = 32,
    .n_attention_f32 = sizeof attention_f32 / sizeof *attention_f32,
    .gemm_f32 = &gemm_f32,
    .gemm_f64 = &gemm_f64,
    .attention_f32 = attention_f32,
    .attention_scale_f32 = gml_attention_scale_f32_avx512,
    .attention_keep = gml_attention_keep_avx512,
    .attention_row_f32 = &attention_row_f32,
    .softmax_f32 = &softmax_f32,
    .exp2_f32 = gml_exp2_f32_avx512,
    .exp_f32 = gml_exp_f32_avx512,
};
