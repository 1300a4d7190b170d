/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/exhaustive.h"
#include "kernels/arithmetic.h"
#include "proof/compare.h"
#include "proof/spec/spec.h"
#include "src/core/cpu.h"
#include "src/core/runtime.h"
#include "src/core/select.h"
#include <gemmule/types.h>
#include <math.h>
#include <stdatomic.h>

#define CHUNK 4096 /* arguments of one call: three such arrays stay in L1 and L2 */
#define TASK  (1 << 24)

typedef struct exhaustion {
    gml_map_f32_fn *map;
    float (*formula)(float);
    uint32_t first;
    _Atomic int64_t wrong; /* arguments */
    _Atomic uint32_t example;
} exhaustion;

static void task(void *argument, int64_t index)
{
    exhaustion *e = argument;
    float x[CHUNK], y[CHUNK], expected[CHUNK];
    const uint32_t first = e->first + (uint32_t)index * TASK;
    for (uint32_t offset = 0; offset < TASK; offset += CHUNK) {
        for (uint32_t i = 0; i < CHUNK; i++) {
            x[i] = proof_from_bits(first + offset + i);
            expected[i] = e->formula(x[i]);
        }
        e->map(CHUNK, x, y);
        const int64_t at = proof_first_difference(CHUNK, y, expected);
        if (at >= 0) {
            atomic_fetch_add(&e->wrong, 1);
            atomic_store(&e->example, first + offset + (uint32_t)at);
        }
    }
}

void proof_exhaust(proof_session *session, gml_map_f32_fn *map, float (*formula)(float), bool negative)
{
    gml_machine machine;
    gml_machine_detect(&machine);
    const int32_t cpus = gml_machine_cpus(&machine);
    gml_runtime runtime = {.set = gml_set_by_name("ref"),
                           .threads = cpus,
                           .threads_asked = true,
                           .allocate = gml_default_allocate,
                           .release = gml_default_release};
    exhaustion e = {.map = map, .formula = formula, .first = negative ? UINT32_C(0x80000000) : 0};
    const int64_t tasks = negative ? 128 : 256;

    /* In portions, so that progress is seen. */
    for (int64_t done = 0; done < tasks; done += cpus) {
        const int64_t now = tasks - done < cpus ? tasks - done : cpus;
        gml_parallel(&runtime, (int32_t)now, task, &e);
        e.first += (uint32_t)now * TASK;
        proof_case_begin(session);
        proof_case_label(session, "all arguments below 0x%08x", (unsigned)e.first);
        proof_count(session);
    }
    if (e.wrong) {
        const float x = proof_from_bits(e.example), must = formula(x);
        float is;
        char text[128];
        map(1, &x, &is);
        proof_describe_difference(text, sizeof text, is, must);
        proof_fail(session, "of 0x%08x (%.9g) %s, and in %lld more blocks of arguments", (unsigned)e.example,
                   (double)x, text, (long long)(e.wrong - 1));
    }
}

/* |y - exact| in units of the last place of exact. The double is off by less than 2^-52 of itself, which is nothing
 * here. */
static double error_of(float y, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)y - exact) / ldexp(1.0, exponent - 24);
}

double proof_exp2_error(uint32_t first, uint32_t step, uint64_t count)
{
    double worst = 0.0;
    uint32_t bits = first;
    for (uint64_t i = 0; i < count; i++, bits += step) {
        const float x = proof_from_bits(bits);
        if (x >= GML_EXP2_LOW && x < 128.0f)
            worst = fmax(worst, error_of(spec_exp2_f32(x), exp2((double)x)));
    }
    return worst;
}

double proof_exp_error(uint32_t first, uint32_t step, uint64_t count)
{
    double worst = 0.0;
    uint32_t bits = first;
    for (uint64_t i = 0; i < count; i++, bits += step) {
        const float z = proof_from_bits(bits);
        if (z >= GML_EXP_LOW && z <= 0.0f)
            worst = fmax(worst, error_of(spec_exp_f32(z), exp((double)z)));
    }
    return worst;
}

double proof_tanh_error(uint32_t first, uint32_t step, uint64_t count)
{
    double worst = 0.0;
    uint32_t bits = first;
    for (uint64_t i = 0; i < count; i++, bits += step) {
        const float x = proof_from_bits(bits);
        if (isfinite(x) && x != 0.0f)
            worst = fmax(worst, error_of(spec_tanh_f32(x), tanh((double)x)));
    }
    return worst;
}

/* The functions that the activations stand for. Their negative tails are formed without a difference. */
static double exact_activation(int32_t activation, double x)
{
    static const double root_half = 0.70710678118654752440, root_two_over_pi = 0.79788456080286535588;
    switch (activation) {
    case GML_ACTIVATION_RELU:
        return x > 0.0 ? x : 0.0;
    case GML_ACTIVATION_GELU_ERF:
        return 0.5 * x * erfc(-x * root_half);
    case GML_ACTIVATION_GELU_TANH:
        return x / (1.0 + exp(-2.0 * root_two_over_pi * (x + 0.044715 * x * x * x)));
    case GML_ACTIVATION_SILU:
        return x / (1.0 + exp(-x));
    default:
        return x;
    }
}

double proof_activation_error(int32_t activation, uint32_t first, uint32_t step, uint64_t count)
{
    double worst = 0.0;
    uint32_t bits = first;
    for (uint64_t i = 0; i < count; i++, bits += step) {
        const float x = proof_from_bits(bits);
        if (!isfinite(x))
            continue;
        const double exact = exact_activation(activation, (double)x);
        const double error = fabs((double)spec_activation_f32(activation, x) - exact);
        worst = fmax(worst, error / (0x1p-24 * fmax(fabs(exact), 0x1p-24)));
    }
    return worst;
}
