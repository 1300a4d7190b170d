/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Problems of softmax and attention, read from their descriptors and checked: what a call and its explanation share.
 * Sentences begin with the name of the call.
 */
#ifndef GML_API_PROBLEMS_H
#define GML_API_PROBLEMS_H

#include <gemmule/attention.h>
#include <gemmule/softmax.h>
#include <stdbool.h>

gml_status gml_softmax_read(gml_softmax_problem *p, const gml_softmax_problem *problem);
gml_status gml_attention_read(gml_attention_problem *p, const gml_attention_problem *problem);

static inline bool gml_softmax_empty(const gml_softmax_problem *p)
{
    return p->batch == 0 || p->rows == 0 || (p->cols == 0 && !p->lse);
}

static inline bool gml_attention_empty(const gml_attention_problem *p)
{
    return p->batch == 0 || p->heads == 0 || p->q_len == 0;
}

#endif
