/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Status, descriptors, info and the list of kernel sets: the sentence of a thread, the rules of sizes, and what the
 * library says of itself.
 */
#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include "src/api/descriptor.h"
#include "src/api/status.h"
#include "src/core/select.h"
#include "tests/suite.h"
#include <gemmule/info.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

START_TEST(descriptors_are_copied_by_their_size)
{
    struct {
        size_t size;
        int32_t first, second;
    } from = {.size = 12, .first = 1, .second = 2}, to = {.size = 99, .first = 99, .second = 99};
    ck_assert_int_eq(gml_descriptor_read(&to, sizeof to, &from, "f"), GML_OK);
    ck_assert_uint_eq(to.size, sizeof to);
    ck_assert_int_eq(to.first, 1);
    ck_assert_int_eq(to.second, 0);
    from.size = 8;
    ck_assert_int_eq(gml_descriptor_read(&to, sizeof to, &from, "f"), GML_OK);
    ck_assert_int_eq(to.first, 0);

    to.first = 5;
    from.size = 3;
    ck_assert_int_eq(gml_descriptor_read(&to, sizeof to, &from, "f"), GML_ERR_DESCRIPTOR);
    ck_assert_int_eq(gml_descriptor_read(&to, sizeof to, NULL, "f"), GML_ERR_ARGUMENT);
    ck_assert_int_eq(to.first, 5);
    char sentence[64];
    gml_last_error(sentence, sizeof sentence);
    ck_assert_str_eq(sentence, "f: problem is NULL");
}
END_TEST

/* Status. */

static void *fail_elsewhere(void *sentence)
{
    ck_assert_uint_eq(gml_last_error(NULL, 0), 0); /* nothing has failed in this thread */
    gml_fail(GML_ERR_ARGUMENT, "elsewhere");
    gml_last_error(sentence, 16);
    return NULL;
}

START_TEST(a_sentence_belongs_to_its_thread)
{
    char here[16], there[16];
    ck_assert_int_eq(gml_fail(GML_ERR_OVERLAP, "here %d", 1), GML_ERR_OVERLAP);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, there), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(gml_last_error(here, sizeof here), 6);
    ck_assert_str_eq(here, "here 1");
    ck_assert_str_eq(there, "elsewhere");

    memset(here, 'x', sizeof here);
    ck_assert_uint_eq(gml_last_error(here, 4), 6);
    ck_assert_mem_eq(here, "her\0xx", 6);
    ck_assert_uint_eq(gml_last_error(here, 1), 6);
    ck_assert_mem_eq(here, "\0er\0xx", 6);
    ck_assert_uint_eq(gml_last_error(NULL, 0), 6);

    gml_context *context;
    ck_assert_int_eq(gml_context_create(&context, NULL), GML_OK); /* a call that succeeds keeps it */
    gml_context_destroy(context);
    gml_last_error(here, sizeof here);
    ck_assert_str_eq(here, "here 1");

    gml_fail(GML_ERR_ARGUMENT, "%01000d", 7);
    ck_assert_uint_eq(gml_last_error(NULL, 0), 255);
}
END_TEST

START_TEST(statuses_have_names)
{
    static const char *const names[] = {"GML_OK",          "GML_ERR_ARGUMENT",
                                        "GML_ERR_OVERLAP", "GML_ERR_DESCRIPTOR",
                                        "GML_ERR_ISA",     "GML_ERR_MEMORY"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        ck_assert_str_eq(gml_status_name((gml_status)i), names[i]);
    ck_assert_str_eq(gml_status_name((gml_status)6), "unknown status");
}
END_TEST

/* Info. */

START_TEST(info)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", GML_VERSION_MAJOR, GML_VERSION_MINOR, GML_VERSION_PATCH);
    ck_assert_str_eq(gml_version(), version);
    ck_assert_ptr_nonnull(strstr(gml_compiler(), ", ")); /* name and version, build type, flags */
    ck_assert_ptr_null(strchr(gml_compiler(), '/'));     /* and nothing of the machine that compiled it */
    ck_assert_int_eq(gml_arithmetic_revision(), GML_ARITHMETIC_REVISION);

    int32_t n = 0;
    for (; gml_isa_name(n); n++)
        ck_assert_ptr_eq(gml_set_by_name(gml_isa_name(n)), gml_sets()[n]);
    ck_assert_ptr_null(gml_sets()[n]);
    ck_assert_str_eq(gml_isa_name(n - 1), "ref");
    ck_assert_ptr_null(gml_isa_name(-1));
    ck_assert_ptr_null(gml_isa_name(INT32_MIN));
    ck_assert_ptr_null(gml_isa_name(INT32_MAX));
    ck_assert_int_eq(gml_isa_available("ref"), 1);
    ck_assert_int_eq(gml_isa_available("avx9"), 0);
    ck_assert_int_eq(gml_isa_available(""), 0);
    ck_assert_int_eq(gml_isa_available(NULL), 0);

    ck_assert_int_eq(gml_isa_available(gml_context_isa(NULL)), 1);
    ck_assert_int_ge(gml_context_threads(NULL), 1);
    ck_assert_int_ge(gml_context_scratch(NULL), 0);
}
END_TEST

START_TEST(selection)
{
    const gml_kernel_set *const *sets = gml_sets();
    int n = 0;
    while (sets[n])
        n++;
    const gml_kernel_set *ref = sets[n - 1];
    ck_assert_str_eq(ref->isa, "ref");
    ck_assert_uint_eq(ref->needs, 0);
    ck_assert_ptr_eq(gml_set_by_name("no such set"), NULL);
    ck_assert_ptr_eq(gml_set_by_name(""), NULL);
    for (int i = 0; i < n; i++) {
        ck_assert_ptr_eq(gml_set_by_name(sets[i]->isa), sets[i]);
        ck_assert_ptr_eq(gml_set_select(UINT64_MAX, sets[i]), sets[i]);
        ck_assert_ptr_eq(gml_set_select(0, sets[i]), ref);
        for (int b = 0; b < 64; b++) /* each feature it needs is needed */
            if (sets[i]->needs >> b & 1)
                ck_assert_ptr_ne(gml_set_select(~(UINT64_C(1) << b), sets[i]), sets[i]);
    }
    ck_assert_ptr_eq(gml_set_select(UINT64_MAX, NULL), sets[0]);
    ck_assert_ptr_eq(gml_set_select(0, NULL), ref);
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("status", 60, (const TTest *const[]){
        descriptors_are_copied_by_their_size,
        a_sentence_belongs_to_its_thread,
        statuses_have_names,
        info,
        selection,
        NULL,
    });
    /* clang-format on */
}
