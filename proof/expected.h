/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SHA-256 of the numbered list (cases.h), as the specification gives it: the same for every instruction
 * set, number of threads and machine. `gemmule check` prints the value that belongs here.
 */
#ifndef GML_PROOF_EXPECTED_H
#define GML_PROOF_EXPECTED_H

#define PROOF_EXPECTED_HASH "f8841bbb316ecd3b952c138b9ff54ad10f0bc29fb7661ebc56d3b70935d11399"

#endif
