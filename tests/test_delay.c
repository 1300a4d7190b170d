/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel that is slower by intent (src/core/delay.h), which tests of a gate are made with: the executor of panels is
 * compiled here with GML_TEST_DELAY, and linked before the library's. It calls the f32 kernel through the delay, gives
 * the same bits, and takes as much longer as it says: in the least of many measurements, since what else a machine does
 * only makes them longer.
 */
#include "proof/spec/spec.h"
#include "src/core/delay.h"
#include "tests/suite.h"
#include <gemmule/gemm.h>
#include <string.h>
#include <time.h>

/* Calls of the executor are counted on their way (-Wl,--wrap). */
void __real_gml_delay_block(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                            const gml_gemm_block *block);
void __wrap_gml_delay_block(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                            const gml_gemm_block *block);
static int delayed;

void __wrap_gml_delay_block(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                            const gml_gemm_block *block)
{
    delayed++;
    __real_gml_delay_block(kernels, kernel, block);
}

enum { n = 256 };

START_TEST(same_bits)
{
    static float a[n * n], b[n * n], c[n * n], expected[n * n];
    for (int i = 0; i < n * n; i++) {
        a[i] = (float)(i * 37 % 101) / 64.0f - 0.7f;
        b[i] = (float)(i * 61 % 97) / 32.0f - 1.3f;
    }
    spec_gemm_f32(n, n, n, 1.0f, a, n, 1, b, n, 1, 0.0f, expected, n, 1);
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    gml_context *context;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
    ck_assert_int_eq(gml_gemm_f32(context, n, n, n, 1.0f, a, n, 1, b, n, 1, 0.0f, c, n, 1), GML_OK);
    gml_context_destroy(context);
    ck_assert_int_eq(memcmp(c, expected, sizeof c), 0);
    ck_assert_int_gt(delayed, 0);
}
END_TEST

/* A kernel that takes a while, and says how long. */
static double spent;
static int blocks;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void work(const gml_gemm_block *block)
{
    const double begin = now();
    double end = begin;
    while (end - begin < 1e-6 * (double)block->k)
        end = now();
    spent += end - begin;
    blocks++;
}

/* By what factor `calls` calls of so many microseconds take longer than their kernels. */
static double factor(int64_t microseconds, int calls, int16_t element)
{
    const gml_gemm_kernels kernels = {.element = element};
    const gml_gemm_kernel kernel = {.block = work};
    const gml_gemm_block block = {.k = microseconds};
    spent = 0.0;
    blocks = 0;
    const double begin = now();
    for (int i = 0; i < calls; i++)
        __real_gml_delay_block(&kernels, &kernel, &block);
    const double passed = now() - begin;
    ck_assert_int_eq(blocks, calls);
    return passed / spent;
}

static double least_factor(int64_t microseconds, int calls, int16_t element)
{
    double least = factor(microseconds, calls, element);
    for (int i = 1; i < 20; i++) {
        const double other = factor(microseconds, calls, element);
        least = other < least ? other : least;
    }
    return least;
}

START_TEST(as_much_slower)
{
    for (int64_t microseconds = 5; microseconds <= 200; microseconds *= 6) {
        const double least = least_factor(microseconds, (int)(2000 / microseconds), sizeof(float));
        ck_assert_double_ge(least, 1 + 0.9 * GML_TEST_DELAY / 100);
        ck_assert_double_le(least, 1 + 1.2 * GML_TEST_DELAY / 100);
    }
}
END_TEST

START_TEST(f64_is_not)
{
    ck_assert_double_le(least_factor(100, 20, sizeof(double)), 1 + 0.1 * GML_TEST_DELAY / 100);
}
END_TEST

int main(void)
{
    return suite_run("delay", 60, (const TTest *const[]){same_bits, as_much_slower, f64_is_not, NULL});
}
