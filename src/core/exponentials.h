/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What executors do to maxima and sums of exponentials themselves, as docs/arithmetic.md defines it: once a row or a
 * block, so scalar.
 */
#ifndef GML_CORE_EXPONENTIALS_H
#define GML_CORE_EXPONENTIALS_H

#include "kernels/arithmetic.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

/* m, or 0 where it is -infinity: what is subtracted before an exponential. */
static inline float finite_or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

/* log2 of a sum of exponentials. */
static inline float gml_log2f(float x)
{
    if (!(x < INFINITY))
        return x; /* NaN and infinity */
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t exponent = (bits - GML_LOG2_SPLIT) >> 23;
    const int32_t mantissa = bits - (int32_t)((uint32_t)exponent << 23);
    float f;
    memcpy(&f, &mantissa, sizeof f);
    const float u = f - 1.0f, s = u / (2.0f + u), z = s * s;
    float q = GML_LOG2_C7;
    q = fmaf(q, z, GML_LOG2_C5);
    q = fmaf(q, z, GML_LOG2_C3);
    q = fmaf(q, z, GML_LOG2_C1);
    return fmaf(s, q, (float)exponent);
}

#endif
