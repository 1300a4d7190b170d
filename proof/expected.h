/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SHA-256 of the numbered list (cases.h), as the specification gives it: the same for every instruction
 * set, number of threads and machine. `gemmule check` prints the value that belongs here.
 */
#ifndef GML_PROOF_EXPECTED_H
#define GML_PROOF_EXPECTED_H

#define PROOF_EXPECTED_HASH "c1687d417d0f1390eacd22d627b454e5393ac19532f3f86d529d005b9171f5fc"

#endif
