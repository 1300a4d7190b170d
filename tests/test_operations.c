/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole operations against the specification on each instruction set, with 1, 2 and 3 threads: the numbered
 * list with its hash, random problems through the public interface, and random problems through the executors
 * with plans that no model makes.
 */
#include "proof/expected.h"
#include "proof/proof.h"
#include "tests/suite.h"
#include <stdio.h>

static void prove(unsigned parts, int32_t threads, uint64_t seed, int64_t cases)
{
    static proof_report report;
    proof_options options = PROOF_OPTIONS_INIT;
    report = (proof_report){0};
    options.parts = parts;
    options.threads = threads;
    options.seed = seed;
    options.cases = cases;
    options.findings = stderr;
    const bool fine = proof_run(&options, &report);
    ck_assert_str_eq(report.error, "");
    ck_assert_int_gt(report.cases, 0);
    ck_assert_msg(fine, "%lld of %lld cases with %d threads and seed %llu failed", (long long)report.failures,
                  (long long)report.cases, (int)threads, (unsigned long long)seed);
}

START_TEST(the_specification_has_the_expected_hash)
{
    char hex[65];
    ck_assert(proof_specification_hash(hex));
    ck_assert_str_eq(hex, PROOF_EXPECTED_HASH);
}
END_TEST

START_TEST(the_numbered_list)
{
    for (int32_t threads = 1; threads <= 3; threads++)
        prove(PROOF_FIXED, threads, 1, 1);
}
END_TEST

START_TEST(random_problems)
{
    for (int32_t threads = 1; threads <= 3; threads++)
        prove(PROOF_RANDOM, threads, (uint64_t)(10 + threads), 120);
}
END_TEST

START_TEST(odd_plans)
{
    for (int32_t threads = 1; threads <= 3; threads++)
        prove(PROOF_PLANS, threads, (uint64_t)(20 + threads), 120);
}
END_TEST

int main(void)
{
    return suite_run("operations", 900,
                     (const TTest *const[]){the_specification_has_the_expected_hash, the_numbered_list,
                                            random_problems, odd_plans, NULL});
}
