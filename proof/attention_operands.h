/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The operands of a case of attention: where they lie, and what is in them.
 */
#ifndef GML_PROOF_ATTENTION_OPERANDS_H
#define GML_PROOF_ATTENTION_OPERANDS_H

#include "proof/operations.h"
#include <gemmule/attention.h>

/* NULL where the case has none; o may be q. */
typedef struct proof_attention_operands {
    proof_operand *q, *k, *v, *o, *lse, *weights, *bias, *keep;
    proof_operand *lengths, *prefix, *q_document, *kv_document, *alibi, *sinks;
} proof_attention_operands;

/* Places and fills them, and sets everything of the problem but its pointers. */
proof_attention_operands proof_attention_place(proof_session *session, const proof_attention *a,
                                               gml_attention_problem *problem, proof_random *random);

/* Sets the pointers, to the data or to the images. */
void proof_attention_point(gml_attention_problem *problem, const proof_attention_operands *x, bool images);

#endif
