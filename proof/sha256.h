/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256 (FIPS 180-4).
 */
#ifndef GML_PROOF_SHA256_H
#define GML_PROOF_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct proof_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* taken so far */
    unsigned char block[64];
} proof_sha256;

void proof_sha256_begin(proof_sha256 *sha);
void proof_sha256_add(proof_sha256 *sha, const void *data, size_t bytes);

/* Writes 64 hexadecimal digits and a terminator. */
void proof_sha256_end(proof_sha256 *sha, char hex[65]);

#endif
