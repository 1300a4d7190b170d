/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbered list: cases 1 to proof_case_count(), the same for ever, on every machine. One SHA-256 is
 * formed over them, in ascending order: for each case its number in 32 bits, and the elements of its result in
 * the 32 or 64 bits of their type; the lower bytes first, every NaN as 0x7fc00000 or 0x7ff8000000000000.
 *
 * What changes a case (the tables here, the generators, the constants of kernels/arithmetic.h) changes the
 * hash: expected.h then takes the value of the specification, which `gemmule check` prints.
 */
#ifndef GML_PROOF_CASES_H
#define GML_PROOF_CASES_H

#include "proof/operations.h"

int32_t proof_case_count(void);

/* Runs the list with a subject (NULL: the specification) and forms the hash. */
void proof_fixed_cases(proof_session *session, const proof_subject *subject, char hex[65]);

#endif
