/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/generate.h"
#include "proof/compare.h"
#include <float.h>
#include <math.h>

const char *const proof_values_name[PROOF_N_VALUES] = {"uniform", "integers", "spread",  "wide",
                                                       "extreme", "denormal", "specials"};

proof_random proof_random_seeded(uint64_t seed, uint64_t stream)
{
    proof_random random = {seed};
    random.state = proof_next(&random) ^ stream * UINT64_C(0xd1342543de82ef95);
    return random;
}

uint64_t proof_next(proof_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t proof_below(proof_random *random, int64_t n)
{
    return (int64_t)((proof_next(random) >> 1) % (uint64_t)n);
}

int64_t proof_between(proof_random *random, int64_t low, int64_t high)
{
    return low + proof_below(random, high - low + 1);
}

bool proof_once_in(proof_random *random, int64_t n)
{
    return proof_below(random, n) == 0;
}

int64_t proof_log_between(proof_random *random, int64_t low, int64_t high)
{
    int doublings = 0;
    while (doublings < 62 && (low + 1) << doublings <= high)
        doublings++;
    const int64_t reach = ((low + 1) << proof_between(random, 0, doublings)) - 1;
    return proof_between(random, low, reach < high ? reach : high);
}

int64_t proof_around(proof_random *random, int64_t unit, int64_t times)
{
    const int64_t beside =
        proof_once_in(random, 3) ? proof_between(random, -9, 9) : proof_between(random, -1, 1);
    const int64_t n = unit * proof_between(random, 1, times) + beside;
    return n < 1 ? 1 : n;
}

static float uniform(uint64_t bits)
{
    return (float)((int64_t)(bits >> 40) - (1 << 23)) * 0x1p-23f;
}

static float with_exponent(uint64_t bits, int64_t exponent)
{
    const uint32_t sign_and_mantissa = (uint32_t)(bits >> 32) & UINT32_C(0x807fffff);
    return proof_from_bits(sign_and_mantissa | (uint32_t)(exponent + 127) << 23);
}

float proof_special(proof_random *random)
{
    static const float special[] = {NAN,      INFINITY, -INFINITY, 0.0f,      -0.0f,     FLT_MAX,
                                    -FLT_MAX, FLT_MIN,  -FLT_MIN,  0x1p-149f, -0x1p-149f};
    return special[proof_below(random, (int64_t)(sizeof special / sizeof *special))];
}

float proof_value(proof_random *random, proof_values values)
{
    const uint64_t bits = proof_next(random);
    switch (values) {
    case PROOF_INTEGERS:
        return (float)((int64_t)(bits >> 33) % 17 - 8);
    case PROOF_SPREAD:
        return uniform(bits) * 32.0f;
    case PROOF_WIDE:
        return with_exponent(bits, proof_between(random, -40, 40));
    case PROOF_EXTREME:
        return with_exponent(bits, proof_between(random, -126, 127));
    case PROOF_DENORMAL:
        return with_exponent(bits, proof_between(random, -127, -124));
    case PROOF_SPECIALS:
        return bits % 64 == 0 ? proof_special(random) : uniform(bits);
    default: /* PROOF_UNIFORM */
        return uniform(bits);
    }
}

static double uniform_f64(uint64_t bits)
{
    return (double)((int64_t)(bits >> 11) - (INT64_C(1) << 52)) * 0x1p-52;
}

static double with_exponent_f64(uint64_t bits, int64_t exponent)
{
    return proof_from_bits_f64((bits & UINT64_C(0x800fffffffffffff)) | (uint64_t)(exponent + 1023) << 52);
}

double proof_special_f64(proof_random *random)
{
    static const double special[] = {NAN,     INFINITY, -INFINITY, 0.0,        -0.0,    DBL_MAX,  -DBL_MAX,
                                     DBL_MIN, -DBL_MIN, 0x1p-1074, -0x1p-1074, 0x1p128, 0x1p-149, -0x1p-150};
    return special[proof_below(random, (int64_t)(sizeof special / sizeof *special))];
}

double proof_value_f64(proof_random *random, proof_values values)
{
    const uint64_t bits = proof_next(random);
    switch (values) {
    case PROOF_INTEGERS:
        return (double)((int64_t)(bits >> 33) % 17 - 8);
    case PROOF_SPREAD:
        return uniform_f64(bits) * 32.0;
    case PROOF_WIDE:
        return with_exponent_f64(bits, proof_between(random, -300, 300));
    case PROOF_EXTREME:
        return with_exponent_f64(bits, proof_between(random, -1022, 1023));
    case PROOF_DENORMAL:
        return with_exponent_f64(bits, proof_between(random, -1023, -1020));
    case PROOF_SPECIALS:
        return bits % 64 == 0 ? proof_special_f64(random) : uniform_f64(bits);
    default: /* PROOF_UNIFORM */
        return uniform_f64(bits);
    }
}
