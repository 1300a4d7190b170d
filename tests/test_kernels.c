/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every kernel of every table against the formulas of kernels/kernel.h; and the harness against subjects that
 * do what no kernel may.
 */
#include "proof/arena.h"
#include "proof/compare.h"
#include "proof/proof.h"
#include "proof/trap.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

START_TEST(every_kernel_is_right)
{
    static proof_report report;
    proof_options options = PROOF_OPTIONS_INIT;
    options.parts = PROOF_KERNELS;
    options.findings = stderr;
    const bool fine = proof_run(&options, &report);
    ck_assert_str_eq(report.error, "");
    int executed = 0, skipped = 0;
    for (int i = 0; i < report.kernels; i++) {
        const proof_kernel *kernel = &report.kernel[i];
        executed += kernel->cases > 0;
        skipped += !kernel->available;
        if (!kernel->available)
            printf("skipped, this CPU cannot run it: %s\n", kernel->name);
        ck_assert_msg(!kernel->available || kernel->cases > 0, "%s was not executed", kernel->name);
        ck_assert_msg(kernel->failures == 0, "%s failed %lld of %lld cases", kernel->name,
                      (long long)kernel->failures, (long long)kernel->cases);
    }
    printf("%d kernels executed, %d skipped\n", executed, skipped);
    ck_assert(fine);
    ck_assert_int_gt(executed, 0);
}
END_TEST

typedef struct touch {
    volatile char *at;
    char seen;
} touch;

static void read_it(void *argument)
{
    touch *t = argument;
    t->seen = *t->at;
}

static void write_it(void *argument)
{
    touch *t = argument;
    *t->at = 1;
}

/* Places a 3 x 5 matrix of floats with gaps, runs body on its byte `offset`, and says what came of it. */
static bool survives(void (*body)(void *), ptrdiff_t offset, proof_edge edge, bool *same, char *text,
                     size_t size)
{
    proof_random random = proof_random_seeded(1, 1);
    proof_arena *arena = proof_arena_create();
    ck_assert_ptr_nonnull(arena);
    proof_arena_reset(arena);
    const proof_operand *x = proof_place_rows(arena, "x", 3, 5, 8, edge);
    proof_fill(x, &random, PROOF_UNIFORM);
    proof_take_images(arena);
    touch t = {(char *)x->data + offset, 0};
    proof_fault fault = {0, NULL};
    proof_trap_begin();
    const bool survived = proof_guarded(body, &t, "a test", &fault);
    proof_trap_end();
    if (!survived)
        proof_explain_address(arena, fault.address, text, size);
    else
        *same = proof_compare(arena, text, size);
    proof_arena_destroy(arena);
    return survived;
}

START_TEST(an_access_beyond_an_operand_is_named)
{
    const ptrdiff_t extent = (2 * 8 + 5) * (ptrdiff_t)sizeof(float);
    char text[256];
    bool same;
    ck_assert(!survives(read_it, extent, PROOF_AT_END, &same, text, sizeof text));
    ck_assert_str_eq(text, "0 bytes behind the end of the memory of x");
    ck_assert(!survives(write_it, extent + 60, PROOF_AT_END, &same, text, sizeof text));
    ck_assert_str_eq(text, "60 bytes behind the end of the memory of x");
    ck_assert(!survives(read_it, -1, PROOF_AT_START, &same, text, sizeof text));
    ck_assert_str_eq(text, "1 bytes before the memory of x");
    ck_assert(survives(read_it, extent - 1, PROOF_AT_END, &same, text, sizeof text) && same);
}
END_TEST

START_TEST(a_stray_write_is_seen)
{
    const ptrdiff_t row = 8 * (ptrdiff_t)sizeof(float), gap = 5 * (ptrdiff_t)sizeof(float);
    char text[256];
    bool same = true;
    ck_assert(survives(write_it, gap, PROOF_AT_END, &same, text, sizeof text) && !same);
    ck_assert_ptr_nonnull(strstr(text, "outside the elements of x"));
    ck_assert(survives(write_it, -1, PROOF_AT_END, &same, text, sizeof text) && !same);
    ck_assert(survives(write_it, 2 * row + gap, PROOF_AT_START, &same, text, sizeof text) && !same);
    ck_assert(survives(write_it, row + 4, PROOF_AT_END, &same, text, sizeof text) && !same);
    ck_assert_ptr_nonnull(strstr(text, "x[1][1] is 0x"));
}
END_TEST

/* Doubles are poisoned, filled and compared as such: every bit counts, but for the kind of a NaN. */
START_TEST(doubles_are_doubles)
{
    proof_random random = proof_random_seeded(2, 1);
    proof_arena *arena = proof_arena_create();
    char text[256];
    ck_assert_ptr_nonnull(arena);
    const proof_operand *x = proof_place_matrix(arena, "x", sizeof(double), 3, 5, 8, 1, PROOF_AT_END);
    double *data = x->data, *image = x->image;
    for (int i = 0; i < 21; i++) {
        const uint64_t bits = proof_bits_f64(data[i]);
        ck_assert(isnan(data[i]) && !(bits & UINT64_C(1) << 51)); /* signalling */
    }
    proof_fill(x, &random, PROOF_UNIFORM);
    int full = 0;
    for (int i = 0; i < 15; i++)
        full += (double)(float)data[i / 5 * 8 + i % 5] != data[i / 5 * 8 + i % 5];
    ck_assert_int_gt(full, 10);
    ck_assert(isnan(data[5]));

    data[2] = proof_from_bits_f64(UINT64_C(0x7ff8000000000001));
    proof_take_images(arena);
    data[2] = proof_from_bits_f64(UINT64_C(0xfff8000000000000));
    ck_assert(proof_compare(arena, text, sizeof text));
    data[9] = proof_from_bits_f64(proof_bits_f64(image[9]) ^ 1);
    ck_assert(!proof_compare(arena, text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "x[1][1] is 0x"));
    data[9] = image[9];
    data[5] = 1.0;
    ck_assert(!proof_compare(arena, text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "outside the elements of x"));
    proof_arena_destroy(arena);
}
END_TEST

int main(void)
{
    return suite_run("kernels", 600,
                     (const TTest *const[]){every_kernel_is_right, an_access_beyond_an_operand_is_named,
                                            a_stray_write_is_seen, doubles_are_doubles, NULL});
}
