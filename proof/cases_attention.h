/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbered cases of attention and of merging: sizes with the usual masks, every option alone, each pair of options,
 * and all of them together.
 */
#ifndef GML_PROOF_CASES_ATTENTION_H
#define GML_PROOF_CASES_ATTENTION_H

#include "proof/operations.h"

enum { PROOF_ATTENTION_CASES = 352, PROOF_MERGE_CASES = 32 };

/* Case `index` of its list, counted from 0, and `number` of all. */
proof_attention proof_attention_numbered(int32_t index, int32_t number);
proof_merge proof_merge_numbered(int32_t index, int32_t number);

/* The class of values of a case: mostly usual ones. */
proof_values proof_values_of_case(int32_t number);

#endif
