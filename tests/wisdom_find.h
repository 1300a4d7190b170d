/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables of wisdom for tests, and what they are expected to say.
 */
#ifndef GML_TESTS_WISDOM_FIND_H
#define GML_TESTS_WISDOM_FIND_H

#include "tests/wisdom_entries.h"
#include <check.h>

static inline gml_wisdom *build(gml_wisdom_entry *entry, int64_t count)
{
    const gml_wisdom_list list = {.entry = entry, .count = count, .room = count};
    gml_wisdom *wisdom = gml_wisdom_build(&list);
    ck_assert_ptr_nonnull(wisdom);
    ck_assert_int_eq(gml_wisdom_entries(wisdom)->count, count);
    return wisdom;
}

/* `nc` is that of the choice expected, 0 for the model's; entry its place in the list, -1 for none. */
static inline void expect(const gml_wisdom *wisdom, int64_t m, int64_t n, int64_t k, gml_source source, int32_t nc,
                   int entry)
{
    const gml_wisdom_entry query = entries_gemm(m, n, k, 0, 1, GML_SCOPE_EXACT), *found = &query;
    gml_source from = (gml_source)-1;
    const gml_choice *choice = gml_wisdom_find(wisdom, &query.key, &from, &found);
    ck_assert_msg(from == source, "%d x %d x %d: source %d, not %d", (int)m, (int)n, (int)k, (int)from,
                  (int)source);
    ck_assert_int_eq(choice ? choice->value[GML_CHOOSE_NC] : 0, nc);
    ck_assert(nc || !choice);
    ck_assert_ptr_eq(found, entry < 0 ? NULL : gml_wisdom_entries(wisdom)->entry + entry);
    ck_assert_ptr_eq(gml_wisdom_find(wisdom, &query.key, &from, NULL), choice);
}

#endif
