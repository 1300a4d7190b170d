/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SHA-256 of the numbered list (cases.h), as the specification gives it: the same for every instruction
 * set, number of threads and machine. `gemmule check` prints the value that belongs here.
 */
#ifndef GML_PROOF_EXPECTED_H
#define GML_PROOF_EXPECTED_H

#define PROOF_EXPECTED_HASH "25dae86638e2e12ea2cab881bc99cef713b4ac164ffed6512532e46824eee0cd"

#endif
