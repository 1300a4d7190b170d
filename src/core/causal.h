/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Causality, the same for softmax and attention: row i sees column j where j <= i + offset.
 */
#ifndef GML_CORE_CAUSAL_H
#define GML_CORE_CAUSAL_H

#include <gemmule/softmax.h>
#include <stdint.h>

/* How many columns, from the first, a row sees. causal is GML_CAUSAL_NONE or GML_CAUSAL_OFFSET. */
static inline int64_t gml_causal_visible(int32_t causal, int64_t offset, int64_t row, int64_t cols)
{
    if (causal == GML_CAUSAL_NONE)
        return cols;
    int64_t end;
    if (__builtin_add_overflow(row + 1, offset, &end))
        return cols; /* rows are not negative, so only upwards */
    return end < 0 ? 0 : end < cols ? end : cols;
}

/* The offset that an alignment stands for. */
static inline int64_t gml_causal_offset(int32_t causal, int64_t offset, int64_t rows, int64_t cols)
{
    return causal == GML_CAUSAL_BOTTOM_RIGHT ? cols - rows : causal == GML_CAUSAL_OFFSET ? offset : 0;
}

#endif
