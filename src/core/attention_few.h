/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries: a task on its way past its blocks of keys.
 */
#ifndef GML_CORE_ATTENTION_FEW_H
#define GML_CORE_ATTENTION_FEW_H

#include "src/core/attention_rows.h"

typedef struct gml_few_state {
    float *q; /* panels of scaled queries */
    gml_rows_state rows;
} gml_few_state;

/* Results of blocks that wait for their merge. */
typedef struct gml_few_held {
    float *s;       /* [blocks][rows][v_head_dim] */
    float *m, *l;   /* [blocks][rows]             */
    int32_t *count; /* blocks that were held      */
} gml_few_held;

typedef struct gml_few_scratch {
    float *t;     /* [rows][span][KB0], products, then exponentials */
    float *s;     /* [rows][v_head_dim], values of a block          */
    float *m, *l; /* [span][rows], of the blocks                    */
    float *bias;  /* [KB0]                                          */
} gml_few_scratch;

/* Loads the queries, scaled, and clears the state. */
void gml_few_begin(const gml_rows_task *task, const gml_few_state *state);

/* The blocks first <= b < end of a task, K of `span` of which is read before V: into the state, or, where `held` is not
 * NULL, held. */
void gml_few_blocks(const gml_rows_task *task, int64_t span, const gml_few_state *state, const gml_few_scratch *scratch,
                    int64_t first, int64_t end, const gml_few_held *held);

/* Finishes and writes row i. */
void gml_few_end(const gml_rows_task *task, const gml_few_state *state, int64_t i);

/* Rows of scores are not a multiple of a page apart: they would crowd into few sets of L1. */
static inline int64_t gml_few_score_stride(int64_t span)
{
    return span * GML_KB0 + GML_ALIGNMENT / (int64_t)sizeof(float);
}

#endif
