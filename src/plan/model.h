/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model: from cache sizes and a problem to a plan, without measuring. What a choice decides (choice.h) is
 * taken from there; NULL leaves all to the model.
 */
#ifndef GML_PLAN_MODEL_H
#define GML_PLAN_MODEL_H

#include "src/core/cpu.h"
#include "src/core/gemm.h"
#include "src/core/plan.h"
#include "src/plan/choice.h"
#include <gemmule/attention.h>
#include <gemmule/softmax.h>

/* m, n and k > 0 and `batch` products, >= 1; threads is the most to use. A packed operand of args decides kernel and
 * orientation. */
gml_gemm_plan gml_model_gemm(const gml_machine *machine, const gml_kernel_set *set, const gml_gemm_args *args,
                             int64_t batch, int32_t threads, const gml_choice *choice);
/* The tile that computes an m x n product with the least waste. */
const gml_gemm_kernel *gml_model_tile(const gml_gemm_kernels *kernels, int64_t m, int64_t n);
gml_softmax_plan gml_model_softmax(const gml_machine *machine, const gml_softmax_problem *problem,
                                   int32_t threads, const gml_choice *choice);
gml_attention_plan gml_model_attention(const gml_machine *machine, const gml_kernel_set *set,
                                       const gml_attention_problem *problem, int32_t threads,
                                       const gml_choice *choice);

#endif
