/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What suites of properties have in common: each test holds for every instruction set of this CPU, which Check's loop
 * index chooses, with two threads.
 */
#ifndef GML_TESTS_PROPERTIES_H
#define GML_TESTS_PROPERTIES_H

#include "proof/compare.h"
#include "proof/generate.h"
#include "tests/suite.h"
#include <gemmule/gemmule.h>

static const char *isas[8]; /* the available ones; Check's loop index chooses */
static int n_isas;
static gml_context *context;

static inline void use(int i)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.isa = isas[i];
    options.threads = 2;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
}

static inline void close_context(void)
{
    gml_context_destroy(context);
    context = NULL;
}

static inline void fill(float *x, int64_t n, uint64_t seed, proof_values values)
{
    proof_random random = proof_random_seeded(seed, 99);
    for (int64_t i = 0; i < n; i++)
        x[i] = proof_value(&random, values);
}

static inline void same(const float *x, const float *y, int64_t n, const char *what)
{
    const int64_t at = proof_first_difference(n, x, y);
    ck_assert_msg(at < 0, "%s: element %lld is %a, must be %a", what, (long long)at,
                  (double)x[at < 0 ? 0 : at], (double)y[at < 0 ? 0 : at]);
}

static inline int properties_run(const char *name, const TTest *const *tests)
{
    for (int32_t i = 0; gml_isa_name(i) && n_isas < 8; i++)
        if (gml_isa_available(gml_isa_name(i)))
            isas[n_isas++] = gml_isa_name(i);
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, NULL, close_context);
    for (; *tests; tests++)
        tcase_add_loop_test(tcase, *tests, 0, n_isas);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    if (!getenv("CK_FORK"))
        srunner_set_fork_status(runner, CK_NOFORK); /* as in suite.h: a forked child has one thread */
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
