/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GML_CORE_SOFTMAX_H
#define GML_CORE_SOFTMAX_H

#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <gemmule/softmax.h>

/* What the defaults of a checked problem stand for: scale not 0, column strides not 0, causal GML_CAUSAL_NONE or
 * GML_CAUSAL_OFFSET, causal_offset that of the rows' positions in either case; matrices that lie one behind the other,
 * and do not differ, become one. */
gml_softmax_problem gml_softmax_resolve(const gml_softmax_problem *problem);

/* Whether columns are contiguous in x and y of a resolved problem. */
bool gml_softmax_contiguous(const gml_softmax_problem *problem);

/* Runs a resolved problem by any plan that passes gml_softmax_plan_check. Never fails: where memory for scratch cannot
 * be had, there are slower ways. */
void gml_softmax_run_f32(gml_runtime *runtime, const gml_softmax_plan *plan,
                         const gml_softmax_problem *problem);

#endif
