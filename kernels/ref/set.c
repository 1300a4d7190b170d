/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The portable set: the fallback of every build. Tiles live in memory as far as a compiler does not find registers
 * for them, so that there is no register file to count.
 */
#include "kernels/ref/ref.h"

/*    name                 mr  nr  registers  loads  tile                        */
static const gml_gemm_kernel_f32 gemm_f32[] = {
    {"gemm_f32_8x8_ref",    8,  8,     0,      16,   gml_gemm_f32_8x8_ref},
    {"gemm_f32_4x4_ref",    4,  4,     0,       8,   gml_gemm_f32_4x4_ref},
    {"gemm_f32_1x16_ref",   1, 16,     0,      17,   gml_gemm_f32_1x16_ref},
};

/*    name                 bq  registers  step                                   */
static const gml_attention_kernel_f32 attention_f32[] = {
    {"attention_f32_8_ref", 8,     0,     gml_attention_f32_8_ref},
    {"attention_f32_4_ref", 4,     0,     gml_attention_f32_4_ref},
};

static const gml_softmax_kernel_f32 softmax_f32 = {"softmax_f32_ref", gml_softmax_reduce_f32_ref,
                                                   gml_softmax_scale_f32_ref};

const gml_kernel_set gml_set_ref = {
    .isa = "ref",
    .needs = 0,
    .lanes = 1,
    .registers = 0,
    .n_gemm_f32 = sizeof gemm_f32 / sizeof *gemm_f32,
    .n_attention_f32 = sizeof attention_f32 / sizeof *attention_f32,
    .gemm_f32 = gemm_f32,
    .attention_f32 = attention_f32,
    .softmax_f32 = &softmax_f32,
    .pack_f32 = gml_pack_f32_ref,
    .exp2_f32 = gml_exp2_f32_ref,
    .exp_f32 = gml_exp_f32_ref,
};
