/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Merging by evidence, by cases that were computed by hand. x is the log of a gain, h half of its interval.
 */
#include "tests/suite.h"
#include "tune/store_files.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static gml_wisdom_list from, to;

static gml_wisdom_entry *entry(int number, int choice, const char *run, double x, double h)
{
    gml_wisdom_entry new = {
        .machine = 1, .isa = "ref", .revision = 2, .samples = 40, .scope = GML_SCOPE_CELL};
    snprintf(new.run, sizeof new.run, "%s", run);
    new.key =
        (gml_key){.operation = GML_OPERATION_GEMM, .type = GML_F32, .threads = 1, .size = {number, 2, 3, 1}};
    new.choice.value[GML_CHOOSE_NC] = choice;
    new.gain = exp(x);
    new.low = exp(x - h);
    new.high = exp(x + h);
    ck_assert(tune_list_add(&from, &new));
    return &from.entry[from.count - 1];
}

static void merge(int count)
{
    gml_wisdom_list_free(&to);
    ck_assert(tune_merge(&from, &to));
    ck_assert_int_eq(to.count, count);
}

static void is(int i, int choice, const char *run, double x, double h, int samples)
{
    const gml_wisdom_entry *e = &to.entry[i];
    ck_assert_int_eq(e->choice.value[GML_CHOOSE_NC], choice);
    ck_assert_str_eq(e->run, run);
    ck_assert_double_eq_tol(log(e->gain), x, 1e-7);
    ck_assert_double_eq_tol(log(e->low), x - h, 1e-7);
    ck_assert_double_eq_tol(log(e->high), x + h, 1e-7);
    ck_assert_int_eq(e->samples, samples);
}

static void begin(void)
{
    gml_wisdom_list_free(&from);
    gml_wisdom_list_free(&to);
}

START_TEST(one_choice_is_pooled)
{
    begin();
    merge(0);
    entry(1, 8, "a", 0.10, 0.02);
    merge(1);
    is(0, 8, "a", 0.10, 0.02, 40);

    /* weights 1 / 0.02^2 = 2500, 1 / 0.04^2 = 625: x = (250 + 68.75) / 3125, h = 1 / sqrt(3125) */
    entry(1, 8, "b", 0.11, 0.04);
    merge(1);
    is(0, 8, "b", 0.102, 0.017888544, 80);

    /* the same measurement once more, by way of an import: no new evidence */
    gml_wisdom_entry copy = from.entry[1];
    snprintf(copy.run, sizeof copy.run, "c");
    ck_assert(tune_list_add(&from, &copy));
    merge(1);
    is(0, 8, "c", 0.102, 0.017888544, 80);
    const gml_wisdom_list once = to; /* and merging what was merged changes nothing */
    to = (gml_wisdom_list){.entry = NULL};
    ck_assert(tune_merge(&once, &to));
    is(0, 8, "c", 0.102, 0.017888544, 80);
    ck_assert_int_eq(to.entry[0].scope, GML_SCOPE_CELL);
    free(once.entry);
}
END_TEST

START_TEST(runs_that_differ_widen_the_interval)
{
    begin();
    /* x = (250 + 81.25) / 3125 = 0.106; chi^2 = 1.96^2 * (0.3^2 + 0.6^2) = 1.728657, its root 1.314784 */
    entry(1, 8, "a", 0.10, 0.02);
    entry(1, 8, "b", 0.13, 0.04)->scope = GML_SCOPE_EXACT;
    merge(1);
    is(0, 8, "b", 0.106, 0.017888544 * 1.314784, 80);
    ck_assert_int_eq(to.entry[0].scope, GML_SCOPE_EXACT);

    /* x = 0.1, chi^2 = 2 * (0.09 / 0.02 * 1.96)^2 = 155.58: h = 0.02 / sqrt(2) * 12.4732 > x, nothing is proven */
    begin();
    entry(1, 8, "a", 0.19, 0.02);
    entry(1, 8, "b", 0.01, 0.02);
    merge(1);
    is(0, 0, "b", 0, 0, 80);
    ck_assert_int_eq(to.entry[0].scope, GML_SCOPE_EXACT);

    /* an interval without width is not believed: weights 1 / 0.0005^2 and 1 / 0.001^2 */
    begin();
    entry(1, 8, "a", 0.1000, 0);
    entry(1, 8, "b", 0.1005, 0.001);
    merge(1);
    is(0, 8, "b", 0.1001, 0.000447214, 80);
}
END_TEST

START_TEST(of_different_choices_the_surer_stands)
{
    begin();
    entry(1, 8, "a", 0.10, 0.08);
    entry(1, 9, "b", 0.06, 0.01);
    merge(1);
    is(0, 9, "b", 0.06, 0.01, 40); /* 0.05 is above 0.02 */

    /* pooled, 8 is the surer: x = 0.1, h = 0.08 / sqrt(4) = 0.04 */
    entry(1, 8, "d", 0.10, 0.08)->samples = 41;
    entry(1, 8, "e", 0.10, 0.08)->samples = 42;
    entry(1, 8, "f", 0.10, 0.08)->samples = 43;
    merge(1);
    is(0, 8, "f", 0.10, 0.04, 40 + 41 + 42 + 43);

    begin(); /* equal: the first in the canonical order, whatever the order of the list */
    entry(1, 9, "a", 0.10, 0.01);
    entry(1, 8, "a", 0.10, 0.01);
    merge(1);
    is(0, 8, "a", 0.10, 0.01, 40);

    begin(); /* caches warm and rotated are not the same question */
    entry(1, 8, "a", 0.10, 0.02)->state = GML_STATE_WARM;
    entry(1, 8, "b", 0.10, 0.03)->state = GML_STATE_ROTATED;
    merge(1);
    is(0, 8, "a", 0.10, 0.02, 40);
}
END_TEST

START_TEST(proven_and_proven_to_lose_is_the_models)
{
    begin();
    entry(1, 8, "a", 0.10, 0.001); /* pooled it would still be a gain */
    entry(1, 8, "b", -0.10, 0.09);
    merge(1);
    is(0, 0, "b", 0, 0, 80);

    entry(1, 9, "c", 0.05, 0.01); /* which does not hold for another */
    merge(1);
    is(0, 9, "c", 0.05, 0.01, 40);
}
END_TEST

START_TEST(a_later_run_that_keeps_the_model)
{
    begin();
    entry(1, 0, "a", 0, 0);
    entry(1, 8, "b", 0.10, 0.01);
    merge(1);
    is(0, 8, "b", 0.10, 0.01, 40); /* an earlier one had not found it */
    entry(1, 0, "c", 0, 0);
    merge(1);
    is(0, 0, "c", 0, 0, 80); /* a later one takes it back */
    entry(1, 8, "d", 0.08, 0.01);
    merge(1);
    is(0, 8, "d", 0.08, 0.01, 40); /* and it is proven anew */
}
END_TEST

START_TEST(other_problems_are_apart)
{
    begin();
    entry(1, 8, "a", 0.1, 0.01);
    entry(2, 8, "a", 0.1, 0.01);
    entry(1, 8, "b", 0.1, 0.01)->machine = 7;
    entry(1, 8, "b", 0.1, 0.01)->revision = 7;
    entry(1, 8, "b", 0.1, 0.01)->isa = "avx2";
    entry(1, 8, "b", 0.1, 0.01)->key.threads = 2;
    entry(1, 8, "b", 0.1, 0.01)->key.layout = GML_LAYOUT_B_COLUMNS;
    entry(2, 9, "b", 0.3, 0.01);
    merge(7);
    is(0, 8, "a", 0.1, 0.01, 40); /* in the order in which they came */
    is(1, 9, "b", 0.3, 0.01, 40);
    ck_assert_uint_eq(to.entry[2].machine, 7);
    ck_assert_int_eq(to.entry[6].key.layout, GML_LAYOUT_B_COLUMNS);

    begin(); /* of errors of predictions the largest */
    for (int i = 0; i < 3; i++) {
        gml_wisdom_entry error = {.machine = 1, .isa = "ref", .error = true, .gain = i == 1 ? 0.5 : 0.25};
        ck_assert(tune_list_add(&from, &error));
    }
    merge(1);
    ck_assert(to.entry[0].error);
    ck_assert_double_eq(to.entry[0].gain, 0.5);
    begin();
}
END_TEST

int main(void)
{
    return suite_run(
        "merge", 60,
        (const TTest *const[]){one_choice_is_pooled, runs_that_differ_widen_the_interval,
                               of_different_choices_the_surer_stands, proven_and_proven_to_lose_is_the_models,
                               a_later_run_that_keeps_the_model, other_problems_are_apart, NULL});
}
