/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GML_CORE_SOFTMAX_H
#define GML_CORE_SOFTMAX_H

#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <gemmule/softmax.h>

/* Runs a checked problem (scale not 0, causal resolved to GML_CAUSAL_NONE or GML_CAUSAL_OFFSET). */
void gml_softmax_run_f32(gml_runtime *runtime, const gml_softmax_plan *plan,
                         const gml_softmax_problem *problem);

#endif
