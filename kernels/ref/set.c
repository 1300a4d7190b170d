/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of the portable kernels. No registers are counted: the compiler finds what the CPU has, and
 * the rest of a tile lives in the first-level cache.
 */
#include "kernels/ref/ref.h"

static const gml_gemm_kernel tiles_f32[] = {
    /* name                  mr  nr  registers loads  block                  copies_b */
    {"gemm_f32_8x8_ref",      8,  8, 0,        16,    gml_gemm_f32_8x8_ref,  false},
    {"gemm_f32_4x4_ref",      4,  4, 0,         8,    gml_gemm_f32_4x4_ref,  false},
    {"gemm_f32_1x16_ref",     1, 16, 0,        17,    gml_gemm_f32_1x16_ref, false},
};

static const gml_gemm_kernels gemm_f32 = {
    .type = "f32",
    .element = sizeof(float),
    .lanes = 1,
    .kc0 = GML_KC0_F32,
    .n_tiles = sizeof tiles_f32 / sizeof *tiles_f32,
    .tiles = tiles_f32,
    .rows = gml_gemm_rows_f32_ref,
    .dots = gml_gemm_dots_f32_ref,
    .update = gml_gemm_update_f32_ref,
    .finish = gml_gemm_finish_f32_ref,
    .pack = gml_pack_f32_ref,
};

static const gml_gemm_kernel tiles_f64[] = {
    /* name                  mr  nr  registers loads  block                  copies_b */
    {"gemm_f64_4x8_ref",      4,  8, 0,        12,    gml_gemm_f64_4x8_ref,  false},
    {"gemm_f64_1x8_ref",      1,  8, 0,         9,    gml_gemm_f64_1x8_ref,  false},
};

static const gml_gemm_kernels gemm_f64 = {
    .type = "f64",
    .element = sizeof(double),
    .lanes = 1,
    .kc0 = GML_KC0_F64,
    .n_tiles = sizeof tiles_f64 / sizeof *tiles_f64,
    .tiles = tiles_f64,
    .rows = gml_gemm_rows_f64_ref,
    .dots = gml_gemm_dots_f64_ref,
    .update = gml_gemm_update_f64_ref,
    .finish = gml_gemm_finish_f64_ref,
    .pack = gml_pack_f64_ref,
};

static const gml_attention_kernel_f32 attention_f32[] = {
    /* name                  bq  registers  step                     */
    {"attention_f32_8_ref",   8, 0,         gml_attention_f32_8_ref},
    {"attention_f32_4_ref",   4, 0,         gml_attention_f32_4_ref},
};

static const gml_attention_row_f32 attention_row_f32 = {
    "attention_row_f32_ref",       gml_attention_products_f32_ref, gml_attention_weigh_f32_ref,
    gml_attention_values_f32_ref, gml_attention_merge_f32_ref,
};

static const gml_softmax_kernel_f32 softmax_f32 = {
    .name = "softmax_f32_ref",
    .reduce = gml_softmax_reduce_f32_ref,
    .scale = gml_softmax_scale_f32_ref,
    .log = gml_softmax_log_f32_ref,
    .step = gml_softmax_step_f32_ref,
    .rows = gml_softmax_rows_f32_ref,
    .fence = gml_softmax_fence_ref,
};

const gml_kernel_set gml_set_ref = {
    .isa = "ref",
    .needs = 0,
    .lanes = 1,
    .registers = 0,
    .n_attention_f32 = sizeof attention_f32 / sizeof *attention_f32,
    .gemm_f32 = &gemm_f32,
    .gemm_f64 = &gemm_f64,
    .attention_f32 = attention_f32,
    .attention_scale_f32 = gml_attention_scale_f32_ref,
    .attention_keep = gml_attention_keep_ref,
    .attention_row_f32 = &attention_row_f32,
    .softmax_f32 = &softmax_f32,
    .exp2_f32 = gml_exp2_f32_ref,
    .exp_f32 = gml_exp_f32_ref,
};
