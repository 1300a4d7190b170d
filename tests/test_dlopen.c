/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The shared library is loaded, used and unloaded a thousand times: no crash, no hang, the same bits, and no memory
 * that grows. Loading changes no floating-point control bits.
 *
 *     test_dlopen LIBRARY
 */
#define _GNU_SOURCE
#include "tests/suite.h"
#include <dlfcn.h>
#include <fenv.h>
#include <gemmule/gemmule.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

enum { CYCLES = 1000, N = 96, K = 700 };

static const char *library;
static float a[N * K], b[K * N], c[N * N], expected[N * N];

typedef gml_status gemm_fn(gml_context *, int64_t, int64_t, int64_t, float, const float *, int64_t, int64_t,
                           const float *, int64_t, int64_t, float, float *, int64_t, int64_t);
typedef size_t last_error_fn(char *, size_t);

static void *symbol(void *handle, const char *name)
{
    void *address = dlsym(handle, name);
    ck_assert_msg(address != NULL, "%s", name);
    return address;
}

/* Loads, calls (once well and once not), unloads. */
static void cycle(void)
{
    fenv_t before, after;
    ck_assert_int_eq(fegetenv(&before), 0);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(handle != NULL, "%s", dlerror());
    ck_assert_int_eq(fegetenv(&after), 0);
    ck_assert_mem_eq(&before, &after, sizeof before);

    gemm_fn *gemm;
    last_error_fn *last_error;
    *(void **)&gemm = symbol(handle, "gml_gemm_f32");
    *(void **)&last_error = symbol(handle, "gml_last_error");
    memset(c, 0xff, sizeof c);
    ck_assert_int_eq(gemm(NULL, N, N, K, 1.0f, a, K, 1, b, N, 1, 0.0f, c, N, 1), GML_OK);
    ck_assert_mem_eq(c, expected, sizeof c);
    char sentence[128];
    ck_assert_int_eq(gemm(NULL, -1, N, K, 1.0f, a, K, 1, b, N, 1, 0.0f, c, N, 1), GML_ERR_ARGUMENT);
    ck_assert_uint_gt(last_error(sentence, sizeof sentence), 0);
    ck_assert_int_eq(dlclose(handle), 0);
}

static void *cycle_in_thread(void *argument)
{
    (void)argument;
    cycle();
    return NULL;
}

START_TEST(a_thousand_cycles)
{
    for (int i = 0; i < CYCLES / 10; i++)
        cycle();
    const size_t early = mallinfo2().uordblks;
    for (int i = CYCLES / 10; i < CYCLES; i++)
        cycle();
    const size_t late = mallinfo2().uordblks;
    ck_assert_msg(late <= early + (64u << 10), "%zu bytes in use after %d cycles, %zu after %d", early,
                  CYCLES / 10, late, CYCLES);
}
END_TEST

/* Threads that come and go with the library leave no destructor behind that points into it. */
START_TEST(cycles_in_threads)
{
    for (int i = 0; i < CYCLES / 10; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, cycle_in_thread, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    library = argv[1];
    for (int i = 0; i < N * K; i++) { /* small whole numbers: every sum is exact */
        a[i] = (float)(i % 7 - 3);
        b[i] = (float)(i % 5 - 2);
    }
    for (int i = 0; i < N; i++)
        for (int p = 0; p < K; p++)
            for (int j = 0; j < N; j++)
                expected[i * N + j] += a[i * K + p] * b[p * N + j];
    return suite_run("dlopen", 300, (const TTest *const[]){a_thousand_cycles, cycles_in_threads, NULL});
}
