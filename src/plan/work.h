/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Amounts of work, and the threads that they pay for.
 */
#ifndef GML_PLAN_WORK_H
#define GML_PLAN_WORK_H

#include "src/core/integers.h"

/* x * y, or INT64_MAX: estimates of work need no more. */
static inline int64_t saturated(int64_t x, int64_t y)
{
    int64_t product;
    return __builtin_mul_overflow(x, y, &product) ? INT64_MAX : product;
}

/* Of at most `threads`, as many as have `share` each. */
static inline int32_t threads_for(int64_t work, int64_t share, int32_t threads)
{
    return (int32_t)max64(1, min64(threads, work / share));
}

#endif
