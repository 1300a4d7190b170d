/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the model share: amounts of work and the threads that they pay for, pieces of an extent, and the
 * values of a choice.
 */
#ifndef GML_PLAN_WORK_H
#define GML_PLAN_WORK_H

#include "src/core/integers.h"
#include "src/plan/choice.h"

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

/* The multiple of `multiple` up to `limit` that cuts `extent` into equal pieces, so that none is a sliver. */
static inline int64_t even_block(int64_t extent, int64_t limit, int64_t multiple)
{
    const int64_t most = max64(limit / multiple, 1), units = ceil_div(extent, multiple);
    return (units <= most ? units : ceil_div(units, ceil_div(units, most))) * multiple;
}

/* The choice that leaves all to the model. */
static inline const gml_choice *choice_or_none(const gml_choice *choice)
{
    static const gml_choice none = {.value = {0}};
    return choice ? choice : &none;
}

/* What a choice says, and `otherwise` where it leaves that to the model. */
static inline int64_t wanted(const gml_choice *choice, int which, int64_t otherwise)
{
    return choice->value[which] > 0 ? choice->value[which] : otherwise;
}

static inline bool wanted_flag(const gml_choice *choice, int which, bool otherwise)
{
    return choice->value[which] > 0 ? choice->value[which] == GML_YES : otherwise;
}

/* Of at most `threads`, as many as are wanted, or as have `share` of the work each. */
static inline int32_t wanted_threads(const gml_choice *choice, int which, int64_t work, int64_t share, int32_t threads)
{
    return choice->value[which] > 0 ? (int32_t)min64(choice->value[which], threads)
                                    : threads_for(work, share, threads);
}

#endif
