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

#endif
