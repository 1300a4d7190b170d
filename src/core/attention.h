/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The executor of attention.
 */
#ifndef GML_CORE_ATTENTION_H
#define GML_CORE_ATTENTION_H

#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <gemmule/attention.h>

/* Runs a checked problem whose scale is not 0, whose causal is GML_CAUSAL_NONE or GML_CAUSAL_OFFSET, and which has
 * queries. When scratch memory for all threads cannot be had, one thread runs the plan; when none can, or plan is NULL,
 * every row runs by gml_attention_row_f32. */
void gml_attention_run_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                           const gml_attention_problem *problem);

/* The largest head_dim with which o may be q: a row path's copy of a query is on the stack. */
#define GML_IN_PLACE_HEAD_DIM 4096

/* What the executor and the row path have in common: the problem, its kernels, and log2 e times its scale. */
typedef struct gml_attention_view {
    const gml_kernel_set *set;
    const gml_attention_problem *problem;
    float c;
} gml_attention_view;

/* The number of keys that causality lets a query see: the first so many. */
int64_t gml_attention_visible(const gml_attention_problem *problem, int64_t query);

/* log(sum of exponentials) of a row, from its maximum in base 2 and its sum; -infinity when it is empty. */
float gml_attention_logsumexp(float m, float l);

/*
 * One row, with true skips of masked keys and no scratch memory: for rows whose tiles came out non-finite while
 * some of their keys were masked, and for want of memory. Element d of the scaled query is q[d * q_step] * factor:
 * factor is view->c, or 1 where q is scaled already. o gets v_head_dim elements and must not be q; *lse, if not NULL,
 * the logsumexp.
 */
void gml_attention_row_f32(const gml_attention_view *view, int64_t batch, int64_t head, int64_t query,
                           const float *q, int64_t q_step, float factor, float *o, float *lse);

#endif
