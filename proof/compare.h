/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Comparison of floats and doubles by their bits. The contract leaves sign and payload of a NaN open, so all NaNs of a
 * type are one value here.
 */
#ifndef GML_PROOF_COMPARE_H
#define GML_PROOF_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_NAN_BITS UINT32_C(0x7fc00000)
#define PROOF_NAN_BITS_F64 UINT64_C(0x7ff8000000000000)

uint32_t proof_bits(float x);
uint64_t proof_bits_f64(double x);
float proof_from_bits(uint32_t bits);
double proof_from_bits_f64(uint64_t bits);

/* The bits of x, those of every NaN replaced by PROOF_NAN_BITS or PROOF_NAN_BITS_F64. */
uint32_t proof_canonical(float x);
uint64_t proof_canonical_f64(double x);

/* The first of n elements in which x and y differ, or -1. */
int64_t proof_first_difference(int64_t n, const float *x, const float *y);

/* "is 0x3f800001 (1.00000012), must be 0x3f800000 (1)" */
void proof_describe_difference(char *text, size_t size, float is, float must);
void proof_describe_difference_f64(char *text, size_t size, double is, double must);

#endif
