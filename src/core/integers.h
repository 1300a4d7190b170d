/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Extents and their pieces.
 */
#ifndef GML_CORE_INTEGERS_H
#define GML_CORE_INTEGERS_H

#include <stdint.h>

static inline int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static inline int64_t max64(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

/* How many pieces of y cover x, for x >= 0 and y > 0. */
static inline int64_t ceil_div(int64_t x, int64_t y)
{
    return x / y + (x % y != 0);
}

/* The sum, or the nearest there is. */
static inline int64_t saturated_sum(int64_t x, int64_t y)
{
    int64_t sum;
    if (__builtin_add_overflow(x, y, &sum))
        return y < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* The first of `total` things that part `i` of `parts` owns; part `parts` gives the end. */
static inline int64_t gml_share(int64_t total, int64_t i, int64_t parts)
{
    return total / parts * i + min64(total % parts, i);
}

#endif
