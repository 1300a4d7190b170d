/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers and classes of values, the same on every machine: integers from SplitMix64 (Steele, Lea
 * and Flood, OOPSLA 2014), and floats and doubles made from them by exact operations only.
 */
#ifndef GML_PROOF_GENERATE_H
#define GML_PROOF_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct proof_random {
    uint64_t state;
} proof_random;

/* A generator for piece `stream` of something seeded with `seed`. */
proof_random proof_random_seeded(uint64_t seed, uint64_t stream);
uint64_t proof_next(proof_random *random);

/* In [0, n), n > 0; in [low, high]; true once in n times. */
int64_t proof_below(proof_random *random, int64_t n);
int64_t proof_between(proof_random *random, int64_t low, int64_t high);
bool proof_once_in(proof_random *random, int64_t n);

/* In [low, high], small values about as likely as large ones. */
int64_t proof_log_between(proof_random *random, int64_t low, int64_t high);

/* Near a multiple of `unit` up to `times` times it: at it, one beside it, or a little further away; >= 1. */
int64_t proof_around(proof_random *random, int64_t unit, int64_t times);

/* A double has a full mantissa wherever a float has one: what is rounded to float on its way shows. */
typedef enum proof_values {
    PROOF_UNIFORM,  /* multiples of 2^-23, or for doubles 2^-52, in [-1, 1)                     */
    PROOF_INTEGERS, /* -8 .. 8: products and sums are exact                                     */
    PROOF_SPREAD,   /* uniform in [-32, 32): scores that differ                                 */
    PROOF_WIDE,     /* exponents -40 .. 40, for doubles -300 .. 300                             */
    PROOF_EXTREME,  /* any exponent: sums overflow                                              */
    PROOF_DENORMAL, /* denormals and the smallest normals                                       */
    PROOF_SPECIALS, /* uniform, with NaN, infinities, zeros, huge and tiny ones here and there  */
    PROOF_N_VALUES
} proof_values;

extern const char *const proof_values_name[PROOF_N_VALUES];

float proof_value(proof_random *random, proof_values values);
double proof_value_f64(proof_random *random, proof_values values);

/* One of NaN, +-infinity, +-0, and the largest and smallest numbers. */
float proof_special(proof_random *random);
double proof_special_f64(proof_random *random);

#endif
