/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/compare.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint32_t proof_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

uint64_t proof_bits_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

float proof_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double proof_from_bits_f64(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint32_t proof_canonical(float x)
{
    const uint32_t bits = proof_bits(x);
    return (bits & UINT32_C(0x7fffffff)) > UINT32_C(0x7f800000) ? PROOF_NAN_BITS : bits;
}

uint64_t proof_canonical_f64(double x)
{
    const uint64_t bits = proof_bits_f64(x);
    return (bits & UINT64_C(0x7fffffffffffffff)) > UINT64_C(0x7ff0000000000000) ? PROOF_NAN_BITS_F64 : bits;
}

int64_t proof_first_difference(int64_t n, const float *x, const float *y)
{
    if (n <= 0 || memcmp(x, y, (size_t)n * sizeof(float)) == 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (proof_canonical(x[i]) != proof_canonical(y[i]))
            return i;
    return -1;
}

void proof_describe_difference(char *text, size_t size, float is, float must)
{
    snprintf(text, size, "is 0x%08" PRIx32 " (%.9g), must be 0x%08" PRIx32 " (%.9g)", proof_bits(is),
             (double)is, proof_bits(must), (double)must);
}

void proof_describe_difference_f64(char *text, size_t size, double is, double must)
{
    snprintf(text, size, "is 0x%016" PRIx64 " (%.17g), must be 0x%016" PRIx64 " (%.17g)", proof_bits_f64(is),
             is, proof_bits_f64(must), must);
}
