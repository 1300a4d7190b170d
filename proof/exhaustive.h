/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All arguments of the exponentials, on all CPUs this process may use. Minutes.
 */
#ifndef GML_PROOF_EXHAUSTIVE_H
#define GML_PROOF_EXHAUSTIVE_H

#include "proof/session.h"

/* map against formula for all 2^32 arguments, or for the 2^31 with the sign bit set. */
void proof_exhaust(proof_session *session, gml_map_f32_fn *map, float (*formula)(float), bool negative);

#endif
