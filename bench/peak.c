/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The machine's peaks. The FMA loops keep ten independent chains in named registers, more than latency times
 * throughput of any core in use; an empty asm statement makes each step opaque to the compiler. Reading adds
 * integers in eight independent sums, so that loads and not additions are the bound.
 */
#include "bench/peak.h"
#include <omp.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define STEPS 4096 /* between two looks at the clock: a few microseconds */

double peak_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define TEN(X)   X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define START(i) a##i = x;
#define STEP(i)                                                                                              \
    a##i = FMA(a##i, x, y);                                                                                  \
    __asm__ volatile("" : OPAQUE(a##i));

/* acc = acc * x + y in ten chains of the vector type that FMA and OPAQUE are defined for. */
#define PEAK_LOOP(function, attribute, vector, lanes, set1)                                                  \
    attribute static double function(double seconds)                                                         \
    {                                                                                                        \
        const vector x = set1(0.999f), y = set1(0.001f);                                                     \
        vector a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;                                                       \
        const double start = peak_now();                                                                     \
        double passed, steps = 0;                                                                            \
        TEN(START)                                                                                           \
        do {                                                                                                 \
            for (int step = 0; step < STEPS; step++) {                                                       \
                TEN(STEP)                                                                                    \
            }                                                                                                \
            steps += STEPS;                                                                                  \
            passed = peak_now() - start;                                                                     \
        } while (passed < seconds);                                                                          \
        return 2.0 * lanes * 10 * steps / passed;                                                            \
    }

#define SCALAR_SET1(x) (x)
#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f")))
#define AVX2   __attribute__((target("avx2,fma")))
#define SCALAR __attribute__((target("fma")))
#define OPAQUE "+v"
#define FMA    _mm512_fmadd_ps
PEAK_LOOP(fma_avx512_f32, AVX512, __m512, 16, _mm512_set1_ps)
#undef FMA
#define FMA _mm512_fmadd_pd
PEAK_LOOP(fma_avx512_f64, AVX512, __m512d, 8, _mm512_set1_pd)
#undef FMA
#undef OPAQUE
#define OPAQUE "+x"
#define FMA    _mm256_fmadd_ps
PEAK_LOOP(fma_avx2_f32, AVX2, __m256, 8, _mm256_set1_ps)
#undef FMA
#define FMA _mm256_fmadd_pd
PEAK_LOOP(fma_avx2_f64, AVX2, __m256d, 4, _mm256_set1_pd)
#undef FMA
#elif defined(__aarch64__)
#define SCALAR
#define OPAQUE       "+w"
#define FMA(a, x, y) vfmaq_f32(y, a, x)
PEAK_LOOP(fma_neon_f32, , float32x4_t, 4, vdupq_n_f32)
#undef FMA
#define FMA(a, x, y) vfmaq_f64(y, a, x)
PEAK_LOOP(fma_neon_f64, , float64x2_t, 2, vdupq_n_f64)
#undef FMA
#endif
#define FMA __builtin_fmaf
PEAK_LOOP(fma_ref_f32, SCALAR, float, 1, SCALAR_SET1)
#undef FMA
#define FMA __builtin_fma
PEAK_LOOP(fma_ref_f64, SCALAR, double, 1, SCALAR_SET1)

static const struct {
    const char *isa;
    double (*f32)(double seconds), (*f64)(double seconds);
} loops[] = {
#if defined(__x86_64__)
    {"avx512", fma_avx512_f32, fma_avx512_f64},
    {"avx2", fma_avx2_f32, fma_avx2_f64},
#elif defined(__aarch64__)
    {"neon", fma_neon_f32, fma_neon_f64},
#endif
    {"ref", fma_ref_f32, fma_ref_f64},
};

double peak_fma_f32(const char *isa, double seconds)
{
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        if (!strcmp(isa, loops[i].isa))
            return loops[i].f32(seconds);
    return 0;
}

double peak_fma_f64(const char *isa, double seconds)
{
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        if (!strcmp(isa, loops[i].isa))
            return loops[i].f64(seconds);
    return 0;
}

double peak_fma_f32_of(const char *isa, double seconds, int threads)
{
    double all = 0;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : all)
    for (int i = 0; i < threads; i++)
        all += peak_fma_f32(isa, seconds);
    return all;
}

static size_t part(size_t bytes, int i, int threads)
{
    return bytes / 512 * (size_t)i / (size_t)threads * 512;
}

/* The sum of all 32-bit words, so that the compiler can leave out no load. 16-byte vectors: two such loads a cycle
 * outrun the memory of any machine, and the library's own loads within caches are not measured here. */
typedef uint32_t quad __attribute__((vector_size(16), may_alias));

static uint32_t sum_words(const char *data, size_t bytes)
{
    quad sum[8] = {{0}};
    for (const char *end = data + bytes; data < end; data += sizeof sum)
        for (int i = 0; i < 8; i++)
            sum[i] += ((const quad *)data)[i];
    for (int i = 1; i < 8; i++)
        sum[0] += sum[i];
    return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

double peak_read(const void *data, size_t bytes, int threads)
{
    uint32_t all = 0;
    const double start = peak_now();
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : all)
    for (int i = 0; i < threads; i++)
        all += sum_words((const char *)data + part(bytes, i, threads),
                         part(bytes, i + 1, threads) - part(bytes, i, threads));
    const double passed = peak_now() - start;
    __asm__ volatile("" : : "r"(all));
    return (double)part(bytes, 1, 1) / passed;
}

/* Stores that do not read the lines that they overwrite, as whole lines are written: what a memcpy of the C library does
 * only from sizes on that it chooses, and with 32 bytes. */
#if defined(__x86_64__)
AVX512 static void stream_lines_avx512(char *to, const char *from, size_t bytes)
{
    for (const char *end = from + bytes; from < end; from += 64, to += 64)
        _mm512_stream_si512((void *)to, _mm512_load_si512((const void *)from));
    _mm_sfence();
}

static void stream_lines_sse2(char *to, const char *from, size_t bytes)
{
    for (const char *end = from + bytes; from < end; from += 16, to += 16)
        _mm_stream_si128((__m128i *)to, _mm_load_si128((const __m128i *)from));
    _mm_sfence();
}

static void stream_lines(char *to, const char *from, size_t bytes)
{
    (__builtin_cpu_supports("avx512f") ? stream_lines_avx512 : stream_lines_sse2)(to, from, bytes);
}
#else
static void stream_lines(char *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
#endif

double peak_copy(void *to, const void *from, size_t bytes, int threads)
{
    const double start = peak_now();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int i = 0; i < threads; i++)
        stream_lines((char *)to + part(bytes, i, threads), (const char *)from + part(bytes, i, threads),
                     part(bytes, i + 1, threads) - part(bytes, i, threads));
    return 2.0 * (double)part(bytes, 1, 1) / (peak_now() - start);
}
