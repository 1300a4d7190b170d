/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What every refused call has in common: a status, a sentence, and not a byte touched.
 */
#ifndef GML_TESTS_REFUSAL_H
#define GML_TESTS_REFUSAL_H

#include "tests/suite.h"
#include <gemmule/gemmule.h>
#include <string.h>

/* All operands lie in here, and nowhere in here may a refused call write. */
static float memory[4096], before[4096];

static inline void fill(void)
{
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        memory[i] = (float)i;
    memcpy(before, memory, sizeof memory);
}

static inline void expect_refusal(gml_status status, gml_status expected, const char *sentence)
{
    char said[512];
    ck_assert_uint_eq(gml_last_error(said, sizeof said), strlen(said));
    ck_assert_str_eq(said, sentence);
    ck_assert_str_eq(gml_status_name(status), gml_status_name(expected));
    ck_assert_mem_eq(memory, before, sizeof memory);
}

#endif
