/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The frame of a test program: a table of Check tests is its whole main. Check does not fork for a test, because in
 * a forked child the library is serial; so a crash ends the program, and ctest keeps the time.
 *
 *     int main(void)
 *     {
 *         return suite_run("stack", 60, (const TTest *const[]){first, second, NULL});
 *     }
 */
#ifndef GML_TESTS_SUITE_H
#define GML_TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* What ctest takes for "skipped" (SKIP_RETURN_CODE). */
#define SUITE_SKIPPED 77

/* Runs the tests in turn and returns the exit code. `seconds` is for each test where CK_FORK=yes makes Check fork. */
static inline int suite_run(const char *name, double seconds, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, seconds);
    while (*tests)
        tcase_add_test(tcase, *tests++);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    if (!getenv("CK_FORK"))
        srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
