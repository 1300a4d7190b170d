/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The constants of docs/arithmetic.md: data only. Kernels and specification share this file and nothing
 * else. Changing a value changes results: raise GML_ARITHMETIC_REVISION and record it in CHANGELOG.md.
 */
#ifndef GML_ARITHMETIC_H
#define GML_ARITHMETIC_H

#define GML_ARITHMETIC_REVISION 1

/* Order of summation. */
#define GML_KC0_F32 512   /* GEMM: products in one chain along k                               */
#define GML_KC0_F64 512   /* the same for double                                               */
#define GML_KB0 128       /* attention: keys of a block, reduced alone                         */
#define GML_RS0 4096      /* softmax: columns of a segment, reduced alone                      */
#define GML_SUM_LANES 16  /* virtual lanes of a sum of exponentials                            */

/* Unit conversions, rounded to nearest. */
#define GML_LOG2E_F64 0x1.71547652b82fep+0  /* log2 e, double: folded into the scale of queries   */
#define GML_LOG2E 0x1.715476p+0f            /* log2 e, float                                      */
#define GML_LOG2E_LO 0x1.4ae0cp-26f         /* log2 e - GML_LOG2E                                 */
#define GML_LN2 0x1.62e430p-1f              /* ln 2, float                                        */

/* 2^r on [-1/2, 1/2]: 1 + r * (C1 + r * (C2 + ... + r * C6)). */
#define GML_EXP2_C1 0x1.62e43p-1f
#define GML_EXP2_C2 0x1.ebfbdcp-3f
#define GML_EXP2_C3 0x1.c6af6cp-5f
#define GML_EXP2_C4 0x1.3b2ddcp-7f
#define GML_EXP2_C5 0x1.5f0a6ep-10f
#define GML_EXP2_C6 0x1.411238p-13f

/* Arguments below these give +0: far below what any sum can feel, and high enough that neither an exponential
 * nor its product with a row's factor is denormal (docs/arithmetic.md, "Why"). */
#define GML_EXP2_LOW -100.0f
#define GML_EXP_LOW -69.0f

/* log2 of (1 + s) / (1 - s), odd in s. The exponent of x is that of bits(x) - GML_LOG2_SPLIT, arithmetic
 * shift right by 23; the mantissa in [sqrt(1/2), sqrt(2)) has the bits of x minus that exponent << 23. */
#define GML_LOG2_SPLIT 0x3f3504f3
#define GML_LOG2_C1 0x1.715476p+1f
#define GML_LOG2_C3 0x1.ec73b2p-1f
#define GML_LOG2_C5 0x1.26366cp-1f
#define GML_LOG2_C7 0x1.ec68f2p-2f

/* tanh below SPLIT: x + x * z * (C3 + z * (C5 + ... + z * C11)), z = x * x; relative error of the formula 4.4e-9. */
#define GML_TANH_SPLIT 0.625f
#define GML_TANH_C3 -0x1.555532p-2f
#define GML_TANH_C5 0x1.110726p-3f
#define GML_TANH_C7 -0x1.b83c5ap-5f
#define GML_TANH_C9 0x1.52269ep-6f
#define GML_TANH_C11 -0x1.75e1d4p-8f

/* Distances of ALiBi beyond this one count as this one. */
#define GML_ALIBI_FAR (INT64_C(1) << 30)

/* The tail of the normal distribution at a >= 0: exp(-a^2 / 2) * t * (C1 + t * (C2 + ... + t * C8)), t = 1 / (1 + P * a);
 * relative error of the formula 1.5e-7. */
#define GML_GELU_P 0x1.333334p-2f
#define GML_GELU_C1 0x1.ea006ap-4f
#define GML_GELU_C2 0x1.ee9bb8p-4f
#define GML_GELU_C3 0x1.993eccp-4f
#define GML_GELU_C4 0x1.074b80p-3f
#define GML_GELU_C5 -0x1.b7c84ep-5f
#define GML_GELU_C6 0x1.a69d24p-3f
#define GML_GELU_C7 -0x1.41f402p-3f
#define GML_GELU_C8 0x1.243fc8p-5f

/* GELU's form with tanh is x * sigmoid(C1 * x + C3 * x^3): C1 is 2 * sqrt(2 / pi), C3 0.044715 times that. */
#define GML_GELU_TANH_C1 0x1.988454p+0f
#define GML_GELU_TANH_C3 0x1.2444f2p-4f

#endif
