/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of the NEON kernels.
 */
#include "kernels/neon/neon.h"

static const gml_gemm_kernel tiles_f32[] = {
    /* name                  mr  nr  registers loads  block                   copies_b */
    {"gemm_f32_8x12_neon",    8, 12, 29,        5,    gml_gemm_f32_8x12_neon, false},
    {"gemm_f32_6x16_neon",    6, 16, 30,        6,    gml_gemm_f32_6x16_neon, false},
    {"gemm_f32_12x8_neon",   12,  8, 29,        5,    gml_gemm_f32_12x8_neon, false},
    {"gemm_f32_4x20_neon",    4, 20, 26,        6,    gml_gemm_f32_4x20_neon, false},
};

static const gml_gemm_kernels gemm_f32 = {
    .type = "f32",
    .element = sizeof(float),
    .lanes = NEON_LANES,
    .kc0 = GML_KC0_F32,
    .n_tiles = sizeof tiles_f32 / sizeof *tiles_f32,
    .tiles = tiles_f32,
    .rows = gml_gemm_rows_f32_neon,
    .dots = gml_gemm_dots_f32_neon,
    .update = gml_gemm_update_f32_neon,
    .finish = gml_gemm_finish_f32_neon,
    .pack = gml_pack_f32_neon,
};

static const gml_gemm_kernel tiles_f64[] = {
    /* name                  mr  nr  registers loads  block                   copies_b */
    {"gemm_f64_8x6_neon",     8,  6, 31,        7,    gml_gemm_f64_8x6_neon,  false},
    {"gemm_f64_6x8_neon",     6,  8, 31,        7,    gml_gemm_f64_6x8_neon,  false},
    {"gemm_f64_4x10_neon",    4, 10, 27,        7,    gml_gemm_f64_4x10_neon, false},
};

static const gml_gemm_kernels gemm_f64 = {
    .type = "f64",
    .element = sizeof(double),
    .lanes = NEON_LANES / 2,
    .kc0 = GML_KC0_F64,
    .n_tiles = sizeof tiles_f64 / sizeof *tiles_f64,
    .tiles = tiles_f64,
    .rows = gml_gemm_rows_f64_neon,
    .dots = gml_gemm_dots_f64_neon,
    .update = gml_gemm_update_f64_neon,
    .finish = gml_gemm_finish_f64_neon,
    .pack = gml_pack_f64_neon,
};

static const gml_attention_kernel_f32 attention_f32[] = {
    /* name                   bq  registers  step                      */
    {"attention_f32_24_neon", 24, 29,        gml_attention_f32_24_neon},
    {"attention_f32_8_neon",   8, 26,        gml_attention_f32_8_neon},
    {"attention_f32_4_neon",   4, 17,        gml_attention_f32_4_neon},
};

static const gml_attention_row_f32 attention_row_f32 = {
    "attention_row_f32_neon",       gml_attention_products_f32_neon, gml_attention_weigh_f32_neon,
    gml_attention_values_f32_neon, gml_attention_merge_f32_neon,
};

static const gml_softmax_kernel_f32 softmax_f32 = {
    .name = "softmax_f32_neon",
    .reduce = gml_softmax_reduce_f32_neon,
    .scale = gml_softmax_scale_f32_neon,
    .log = gml_softmax_log_f32_neon,
    .step = gml_softmax_step_f32_neon,
    .rows = gml_softmax_rows_f32_neon,
    .fence = gml_softmax_fence_neon,
};

const gml_kernel_set gml_set_neon = {
    .isa = "neon",
    .needs = GML_CPU_NEON,
    .lanes = NEON_LANES,
    .registers = 32,
    .n_attention_f32 = sizeof attention_f32 / sizeof *attention_f32,
    .gemm_f32 = &gemm_f32,
    .gemm_f64 = &gemm_f64,
    .attention_f32 = attention_f32,
    .attention_scale_f32 = gml_attention_scale_f32_neon,
    .attention_keep = gml_attention_keep_neon,
    .attention_row_f32 = &attention_row_f32,
    .softmax_f32 = &softmax_f32,
    .exp2_f32 = gml_exp2_f32_neon,
    .exp_f32 = gml_exp_f32_neon,
};
