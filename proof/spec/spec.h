/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The specification: each operation of docs/arithmetic.md as one plain C function, and the oracle that every
 * kernel, executor and plan is compared with by memcmp. No tiles, no packing, no threads; it includes the
 * public headers and kernels/arithmetic.h and shares no code with the library.
 *
 * Sections named in the comments are those of docs/arithmetic.md. The functions run in the environment that
 * its section Primitives asks for and are compiled with -ffp-contract=off: each fused multiply-add is spelled
 * as fmaf or fma, everything else is rounded where it is written. Problems have been checked by the caller.
 */
#ifndef GML_PROOF_SPEC_H
#define GML_PROOF_SPEC_H

#include <gemmule/attention.h>
#include <gemmule/softmax.h>
#include <stdint.h>

/* Sections exp2, exp (z <= 0 or NaN), tanh, and log2 (x positive and normal, +infinity or NaN). */
float spec_exp2_f32(float x);
float spec_exp_f32(float z);
float spec_tanh_f32(float x);
float spec_log2_f32(float x);

/* Section GEMM. The arguments are those of gml_gemm_f32 and gml_gemm_f64. */
void spec_gemm_f32(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t rs_a, int64_t cs_a,
                   const float *b, int64_t rs_b, int64_t cs_b, float beta, float *c, int64_t rs_c,
                   int64_t cs_c);
void spec_gemm_f64(int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t rs_a, int64_t cs_a,
                   const double *b, int64_t rs_b, int64_t cs_b, double beta, double *c, int64_t rs_c,
                   int64_t cs_c);

/* Section Epilogue, of a C that is otherwise complete; a bias is m, or n, elements, or NULL. activation is a
 * gml_activation, for double NONE or RELU. */
void spec_epilogue_f32(int64_t m, int64_t n, const float *bias_m, const float *bias_n, int32_t activation,
                       float *c, int64_t rs_c, int64_t cs_c);
void spec_epilogue_f64(int64_t m, int64_t n, const double *bias_m, const double *bias_n, int32_t activation,
                       double *c, int64_t rs_c, int64_t cs_c);
float spec_activation_f32(int32_t activation, float x);

/* Sections Softmax and Attention. The problems are those of gml_softmax_f32 and gml_attention_f32, with
 * every default (scale 0, causal alignments) still unresolved; y may be x, and o may be q. */
void spec_softmax_f32(const gml_softmax_problem *problem);
void spec_attention_f32(const gml_attention_problem *problem);

/* Section "Merging results". */
void spec_attention_merge_f32(const gml_attention_merge_problem *problem);

/* Section "Sums of exponentials", of n elements. */
float spec_sum_f32(int64_t n, const float *e);

#endif
