/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the verification: small problems for a plan.
 */
#ifndef GML_TUNE_VERIFY_H
#define GML_TUNE_VERIFY_H

#include "proof/operations.h"
#include "tune/subject_parts.h"

/* A session of the harness, and whom it judges: the runtime of the small problems, with the plan of the moment. */
typedef struct tune_trial {
    proof_session session;
    proof_subject subject;
    int64_t cases;
} tune_trial;

/* Problems with the layout of `problem`, around the sizes that the plan is made of: by the plan as it is, and by the
 * same plan with blocks and threads so few that a small problem has several of each. */
void tune_try_gemm(tune_trial *trial, const tune_problem *problem, const gml_gemm_plan *plan);
void tune_try_softmax(tune_trial *trial, const tune_problem *problem, const gml_softmax_plan *plan);
void tune_try_attention(tune_trial *trial, const tune_problem *problem, const gml_attention_plan *plan);

#endif
