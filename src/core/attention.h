/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The executors of attention: tiles (attention_tiles.c), few queries (attention_few.c), blocks of scores
 * (attention_blocks.c), and one row at a time without memory (attention_plain.c). The bits are the same.
 */
#ifndef GML_CORE_ATTENTION_H
#define GML_CORE_ATTENTION_H

#include "src/core/attention_keys.h"
#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <gemmule/attention.h>

/* Runs a checked problem whose scale is not 0 and which has queries. When scratch memory for all threads cannot be had,
 * one thread runs the plan; when none can, or plan is NULL, every row runs by gml_attention_plain_f32. */
void gml_attention_run_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                           const gml_attention_problem *problem);

/* Runs a checked merge that has rows, on up to so many threads. */
void gml_attention_merge_run_f32(gml_runtime *runtime, int32_t threads, const gml_attention_merge_problem *problem);

/* The largest head_dim with which o may be q: a plain row's copy of a query is on the stack. */
#define GML_IN_PLACE_HEAD_DIM 4096

/* What the executors have in common: the problem, its kernels, and its factors in base 2. */
typedef struct gml_attention_view {
    const gml_kernel_set *set;
    const gml_attention_problem *problem;
    float c;                /* log2 e times the scale */
    float cap, inverse_cap; /* softcap, or 0          */
} gml_attention_view;

gml_attention_view gml_attention_view_of(const gml_kernel_set *set, const gml_attention_problem *problem);

/* The slope of ALiBi and the sink of a head, in base 2: 0 and -infinity where there are none. */
float gml_attention_slope(const gml_attention_view *view, int64_t head);
float gml_attention_sink(const gml_attention_view *view, int64_t head);

/* log(sum of exponentials) of a row, from its maximum in base 2 and its sum; -infinity when it is empty. */
float gml_attention_logsumexp(float m, float l);

/* The paths by memory: thread_bytes of scratch for each thread. */
void gml_attention_tiles_f32(gml_runtime *runtime, const gml_attention_plan *plan, const gml_attention_view *view,
                             int32_t threads, void *memory, size_t thread_bytes);
void gml_attention_few_f32(gml_runtime *runtime, const gml_attention_plan *plan, const gml_attention_view *view,
                           int32_t threads, void *memory, size_t thread_bytes);
void gml_attention_blocks_f32(gml_runtime *runtime, const gml_attention_plan *plan, const gml_attention_view *view,
                              int32_t threads, void *memory, size_t thread_bytes);

/*
 * One row, with true skips of masked keys and no scratch memory: for rows whose tiles came out non-finite while
 * some of their keys were masked, and for want of memory. Element d of the scaled query is q[d * q_step] * factor:
 * factor is view->c, or 1 where q is scaled already. o gets v_head_dim elements and must not be q; lse and weights are
 * written at their places in the problem, if `all` is asked for and they are there.
 */
void gml_attention_plain_f32(const gml_attention_view *view, const gml_attention_keys *keys, int64_t head,
                             int64_t query, const float *q, int64_t q_step, float factor, bool all, float *o);

#endif
