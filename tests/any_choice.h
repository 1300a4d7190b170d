/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choices for tests: as text says, and any.
 */
#ifndef GML_TESTS_ANY_CHOICE_H
#define GML_TESTS_ANY_CHOICE_H

#include "proof/generate.h"
#include "src/plan/choice.h"
#include <check.h>
#include <string.h>

static inline gml_choice read_choice(gml_operation operation, const char *text)
{
    gml_choice choice;
    ck_assert_msg(gml_choice_read(operation, text, strlen(text), &choice), "%s", text);
    return choice;
}

/* Any values in range, some parameters unset. */
static inline gml_choice any_choice(gml_operation operation, proof_random *random)
{
    gml_choice choice = {.value = {0}};
    const gml_parameter *p = gml_parameters(operation, NULL);
    for (int i = 0; p[i].name; i++) {
        int32_t most = p[i].most;
        for (int32_t n = 0; p[i].names && p[i].names[n]; n++)
            most = n + 1;
        if (proof_once_in(random, 2))
            choice.value[i] = (int32_t)proof_log_between(random, 1, most);
    }
    return choice;
}

#endif
