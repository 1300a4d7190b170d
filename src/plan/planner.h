/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a problem to its plan: wisdom where there is some, and the model, which makes the plan in either case.
 */
#ifndef GML_PLAN_PLANNER_H
#define GML_PLAN_PLANNER_H

#include "src/plan/model.h"
#include "src/plan/wisdom.h"

typedef struct gml_planner {
    const gml_machine *machine;
    const gml_kernel_set *set;
    const gml_wisdom *wisdom; /* of this machine and set; or NULL */
} gml_planner;

/* Why a plan is as it is. */
typedef struct gml_origin {
    gml_source source;
    gml_choice choice;             /* all zeros for the model's      */
    const gml_wisdom_entry *entry; /* what it rests on, or NULL      */
    bool refused;                  /* there was a choice, but its plan did not pass */
} gml_origin;

/* "model", "measured", "cell", "predicted" */
const char *gml_source_name(gml_source source);

/* Plans that pass the check: where that of a choice does not, the model's own is tried. false where none does. origin may
 * be NULL. Arguments as those of the model. */
bool gml_plan_gemm(const gml_planner *with, const gml_gemm_args *args, int64_t batch, int32_t threads,
                   gml_gemm_plan *plan, gml_origin *origin);

/* The plan whose kernel an operand is packed for, of which only sizes, type and the strides of C are known; so that A and B
 * packed for one problem have one kernel. What was measured with B packed comes before what was measured without. */
gml_gemm_plan gml_plan_packing(const gml_planner *with, const gml_gemm_args *args, int32_t threads);

bool gml_plan_softmax(const gml_planner *with, const gml_softmax_problem *problem, int32_t threads,
                      gml_softmax_plan *plan, gml_origin *origin);
bool gml_plan_attention(const gml_planner *with, const gml_attention_problem *problem, int32_t threads,
                        gml_attention_plan *plan, gml_origin *origin);

#endif
