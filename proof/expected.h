/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SHA-256 of the numbered list (cases.h), as the specification gives it: the same for every instruction
 * set, number of threads and machine. `gemmule check` prints the value that belongs here.
 */
#ifndef GML_PROOF_EXPECTED_H
#define GML_PROOF_EXPECTED_H

#define PROOF_EXPECTED_HASH "e5c9b61170b7ef179a763e5e3aca6cca9b21e905b8443ed3c2546068895efdd7"

#endif
