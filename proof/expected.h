/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SHA-256 of the numbered list (cases.h), as the specification gives it: the same for every instruction
 * set, number of threads and machine. `gemmule check` prints the value that belongs here.
 */
#ifndef GML_PROOF_EXPECTED_H
#define GML_PROOF_EXPECTED_H

#define PROOF_EXPECTED_HASH "8ebb36893f81ef7ffcb02542618aafe0d4a3bcbc36a3c4d290c17a60fa189f21"

#endif
