/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A call from a constructor: of an object this program is linked to, before main, and of the same code inside
 * dlopen, where the loader's lock is held. The alarm turns a deadlock into a failure.
 *
 *     test_constructor PLUGIN
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/suite.h"
#include <dlfcn.h>
#include <unistd.h>

const float *constructor_result(void);
static const float expected[4] = {19, 22, 43, 50};
static const char *plugin;

START_TEST(before_main)
{
    ck_assert_mem_eq(constructor_result(), expected, sizeof expected);
}
END_TEST

START_TEST(inside_dlopen)
{
    alarm(30);
    void *handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(handle != NULL, "%s", dlerror());
    const float *(*result)(void);
    *(void **)&result = dlsym(handle, "constructor_result");
    ck_assert(result && result != constructor_result);
    ck_assert_mem_eq(result(), expected, sizeof expected);
    ck_assert_int_eq(dlclose(handle), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    plugin = argv[1];
    return suite_run("constructor", 60, (const TTest *const[]){before_main, inside_dlopen, NULL});
}
