/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of the AVX2 kernels.
 */
#include "kernels/avx2/avx2.h"

static const gml_gemm_kernel tiles_f32[] = {
    /* name                   mr  nr  registers loads  block                    copies_b */
    {"gemm_f32_6x16_avx2",     6, 16, 15,        8,    gml_gemm_f32_6x16_avx2,  true},
    {"gemm_f32_4x24_avx2",     4, 24, 16,        7,    gml_gemm_f32_4x24_avx2,  true},
    {"gemm_f32_12x8_avx2",    12,  8, 14,       13,    gml_gemm_f32_12x8_avx2,  true},
};

static const gml_gemm_kernels gemm_f32 = {
    .type = "f32",
    .element = sizeof(float),
    .lanes = AVX2_LANES,
    .kc0 = GML_KC0_F32,
    .n_tiles = sizeof tiles_f32 / sizeof *tiles_f32,
    .tiles = tiles_f32,
    .rows = gml_gemm_rows_f32_avx2,
    .dots = gml_gemm_dots_f32_avx2,
    .update = gml_gemm_update_f32_avx2,
    .finish = gml_gemm_finish_f32_avx2,
    .pack = gml_pack_f32_avx2,
};

static const gml_gemm_kernel tiles_f64[] = {
    /* name                   mr  nr  registers loads  block                    copies_b */
    {"gemm_f64_6x8_avx2",      6,  8, 15,        8,    gml_gemm_f64_6x8_avx2,   true},
    {"gemm_f64_4x12_avx2",     4, 12, 16,        7,    gml_gemm_f64_4x12_avx2,  true},
    {"gemm_f64_12x4_avx2",    12,  4, 14,       13,    gml_gemm_f64_12x4_avx2,  true},
};

static const gml_gemm_kernels gemm_f64 = {
    .type = "f64",
    .element = sizeof(double),
    .lanes = AVX2_LANES / 2,
    .kc0 = GML_KC0_F64,
    .n_tiles = sizeof tiles_f64 / sizeof *tiles_f64,
    .tiles = tiles_f64,
    .rows = gml_gemm_rows_f64_avx2,
    .dots = gml_gemm_dots_f64_avx2,
    .update = gml_gemm_update_f64_avx2,
    .finish = gml_gemm_finish_f64_avx2,
    .pack = gml_pack_f64_avx2,
};

static const gml_attention_kernel_f32 attention_f32[] = {
    /* name                   bq  registers  step                      */
    {"attention_f32_24_avx2", 24, 16,        gml_attention_f32_24_avx2},
    {"attention_f32_16_avx2", 16, 15,        gml_attention_f32_16_avx2},
    {"attention_f32_8_avx2",   8, 10,        gml_attention_f32_8_avx2},
};

static const gml_attention_row_f32 attention_row_f32 = {
    "attention_row_f32_avx2",       gml_attention_products_f32_avx2, gml_attention_weigh_f32_avx2,
    gml_attention_values_f32_avx2, gml_attention_merge_f32_avx2,
};

static const gml_softmax_kernel_f32 softmax_f32 = {
    .name = "softmax_f32_avx2",
    .reduce = gml_softmax_reduce_f32_avx2,
    .scale = gml_softmax_scale_f32_avx2,
    .log = gml_softmax_log_f32_avx2,
    .step = gml_softmax_step_f32_avx2,
    .rows = gml_softmax_rows_f32_avx2,
    .fence = gml_softmax_fence_avx2,
};

const gml_kernel_set gml_set_avx2 = {
    .isa = "avx2",
    .needs = GML_CPU_AVX2 | GML_CPU_FMA,
    .lanes = AVX2_LANES,
    .registers = 16,
    .n_attention_f32 = sizeof attention_f32 / sizeof *attention_f32,
    .gemm_f32 = &gemm_f32,
    .gemm_f64 = &gemm_f64,
    .attention_f32 = attention_f32,
    .attention_scale_f32 = gml_attention_scale_f32_avx2,
    .attention_keep = gml_attention_keep_avx2,
    .attention_row_f32 = &attention_row_f32,
    .softmax_f32 = &softmax_f32,
    .exp2_f32 = gml_exp2_f32_avx2,
    .exp_f32 = gml_exp_f32_avx2,
};
