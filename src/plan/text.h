/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pieces of hostile text, and the numbers in them. Nothing here depends on the locale, and a number is what its writer
 * makes: no sign, no blanks, no zeros in front.
 */
#ifndef GML_PLAN_TEXT_H
#define GML_PLAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct gml_span {
    const char *text; /* not terminated */
    size_t length;
} gml_span;

static inline bool gml_span_is(gml_span span, const char *word)
{
    return strlen(word) == span.length && memcmp(span.text, word, span.length) == 0;
}

/* What comes before the first `end`, or all; `rest` is left behind it. */
static inline gml_span gml_span_until(gml_span *rest, char end)
{
    const char *at = rest->length ? memchr(rest->text, end, rest->length) : NULL;
    const gml_span head = {rest->text, at ? (size_t)(at - rest->text) : rest->length};
    const size_t used = head.length + (at != NULL);
    *rest = (gml_span){rest->text + used, rest->length - used};
    return head;
}

/* A whole number in [low, high], high < 10^18. */
static inline bool gml_span_integer(gml_span span, int64_t low, int64_t high, int64_t *number)
{
    int64_t value = 0;
    if (span.length == 0 || span.length > 18 || (span.length > 1 && span.text[0] == '0'))
        return false;
    for (size_t i = 0; i < span.length; i++) {
        const unsigned digit = (unsigned)(unsigned char)span.text[i] - '0';
        if (digit > 9)
            return false;
        value = 10 * value + (int64_t)digit;
    }
    *number = value;
    return value >= low && value <= high;
}

#endif
