/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/api/check.h"
#include "src/api/status.h"
#include "src/core/runtime.h"
#include <gemmule/softmax.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *stride_name(const gml_tensor *tensor, int d)
{
    const char *name = tensor->stride_names;
    while (d--)
        name += strlen(name) + 1;
    return name;
}

bool gml_tensor_empty(const gml_tensor *tensor)
{
    for (int d = 0; d < tensor->rank; d++)
        if (tensor->extent[d] == 0)
            return true;
    return false;
}

/* Elements from the first to the last, both included; -1 when that overflows. */
static int64_t span_of(const gml_tensor *tensor)
{
    int64_t span = 1, step;
    for (int d = 0; d < tensor->rank; d++)
        if (__builtin_mul_overflow(tensor->extent[d] - 1, tensor->stride[d], &step) ||
            __builtin_add_overflow(span, step, &span))
            return -1;
    return span;
}

size_t gml_tensor_bytes(const gml_tensor *tensor)
{
    return (size_t)span_of(tensor) * tensor->element;
}

gml_status gml_check_range(const char *function, const char *name, int64_t value, int64_t low, int64_t high)
{
    if (value < low)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %s is %" PRId64 ", must be at least %" PRId64, function, name,
                        value, low);
    if (value > high)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %s is %" PRId64 ", must be at most %" PRId64, function, name,
                        value, high);
    return GML_OK;
}

gml_status gml_check_tensor(const char *function, const gml_tensor *tensor)
{
    for (int d = 0; d < tensor->rank; d++)
        if (tensor->stride[d] < 0)
            return gml_fail(GML_ERR_ARGUMENT, "%s: %s is %" PRId64 ", must not be negative", function,
                            stride_name(tensor, d), tensor->stride[d]);
    if (gml_tensor_empty(tensor))
        return GML_OK;
    if (!tensor->data)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %s is NULL, but its extents describe elements", function,
                        tensor->name);
    const int64_t span = span_of(tensor);
    int64_t bytes;
    uintptr_t end;
    if (span < 0 || __builtin_mul_overflow(span, (int64_t)tensor->element, &bytes) ||
        __builtin_add_overflow((uintptr_t)tensor->data, (uintptr_t)bytes, &end))
        return gml_fail(GML_ERR_ARGUMENT, "%s: the extents and strides of %s exceed the address space",
                        function, tensor->name);
    return GML_OK;
}

gml_status gml_check_distinct(const char *function, const gml_tensor *tensor)
{
    int order[GML_MAX_RANK], n = 0;
    for (int d = 0; d < tensor->rank; d++) {
        if (tensor->extent[d] == 0)
            return GML_OK;
        if (tensor->extent[d] == 1)
            continue;
        int at = n++;
        for (; at > 0 && tensor->stride[order[at - 1]] >= tensor->stride[d]; at--)
            order[at] = order[at - 1];
        order[at] = d;
    }
    int64_t spanned = 1;
    for (int i = 0; i < n; i++) {
        const int d = order[i];
        if (tensor->stride[d] < spanned)
            return gml_fail(GML_ERR_ARGUMENT,
                            "%s: %s is %" PRId64 ", must be at least %" PRId64
                            ", which the smaller strides of %s span",
                            function, stride_name(tensor, d), tensor->stride[d], spanned, tensor->name);
        spanned += (tensor->extent[d] - 1) * tensor->stride[d];
    }
    return GML_OK;
}

gml_status gml_check_stride(const char *function, const gml_tensor *tensor, int d, int64_t least)
{
    if (gml_tensor_empty(tensor) || tensor->extent[d] == 1 || tensor->stride[d] >= least)
        return GML_OK;
    return gml_fail(GML_ERR_ARGUMENT,
                    "%s: %s is %" PRId64 ", must be at least %" PRId64 ", the extent of a row of %s",
                    function, stride_name(tensor, d), tensor->stride[d], least, tensor->name);
}

/* Every element of the span belongs to the tensor. */
static bool dense(const gml_tensor *tensor)
{
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++)
        if (__builtin_mul_overflow(count, tensor->extent[d], &count))
            return false;
    return count == span_of(tensor);
}

/* Whether index vectors x of out and y of in exist with equal addresses, for equal strides. `delta` is the distance
 * from out to in in elements. Dimensions are taken from the largest stride down; the rest of delta must be within
 * what the smaller ones can reach, which leaves two quotients to try. */
static bool meets(const gml_tensor *out, const gml_tensor *in, const int *order, int n, int64_t delta)
{
    if (n == 0)
        return delta == 0;
    const int d = order[0];
    const int64_t stride = out->stride[d];
    if (stride == 0)
        return meets(out, in, order + 1, n - 1, delta);
    for (int64_t q = delta / stride - 1; q <= delta / stride + 1; q++)
        if (q < out->extent[d] && -q < in->extent[d] && meets(out, in, order + 1, n - 1, delta - q * stride))
            return true;
    return false;
}

static bool equal_strides(const gml_tensor *x, const gml_tensor *y)
{
    if (x->rank != y->rank || x->element != y->element)
        return false;
    for (int d = 0; d < x->rank; d++)
        if (x->stride[d] != y->stride[d])
            return false;
    return true;
}

gml_status gml_check_overlap(const char *function, const gml_tensor *out, const gml_tensor *in)
{
    if (gml_tensor_empty(out) || gml_tensor_empty(in))
        return GML_OK;
    const uintptr_t o = (uintptr_t)out->data, i = (uintptr_t)in->data;
    if (gml_apart(out->data, gml_tensor_bytes(out), in->data, gml_tensor_bytes(in)))
        return GML_OK;
    bool overlap = o == i || (dense(out) && dense(in));
    if (!overlap && equal_strides(out, in) && (o - i) % out->element == 0) {
        int order[GML_MAX_RANK];
        for (int d = 0, at; d < out->rank; d++) {
            for (at = d; at > 0 && out->stride[order[at - 1]] < out->stride[d]; at--)
                order[at] = order[at - 1];
            order[at] = d;
        }
        overlap = meets(out, in, order, out->rank, ((intptr_t)i - (intptr_t)o) / (intptr_t)out->element);
    }
    if (overlap)
        return gml_fail(GML_ERR_OVERLAP, "%s: %s overlaps %s", function, out->name, in->name);
    return GML_OK;
}

gml_status gml_check_knobs(const char *function, float scale, int32_t causal, int64_t causal_offset,
                           int32_t threads, int32_t reserved)
{
    if (!isfinite(scale))
        return gml_fail(GML_ERR_ARGUMENT, "%s: scale is %g, must be finite", function, (double)scale);
    if (causal < GML_CAUSAL_NONE || causal > GML_CAUSAL_OFFSET)
        return gml_fail(GML_ERR_ARGUMENT, "%s: causal is %d, must be a gml_causal, 0 to 3", function, causal);
    if (causal != GML_CAUSAL_OFFSET && causal_offset != 0)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: causal_offset is %" PRId64 ", must be 0 unless causal is GML_CAUSAL_OFFSET",
                        function, causal_offset);
    GML_TRY(gml_check_range(function, "threads", threads, 0, GML_MAX_THREADS));
    if (reserved != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: reserved is %d, must be 0", function, reserved);
    return GML_OK;
}

gml_status gml_check_softcap(const char *function, float softcap)
{
    if (softcap == 0.0f || (softcap >= 0x1p-100f && softcap <= 0x1p100f))
        return GML_OK;
    return gml_fail(GML_ERR_ARGUMENT, "%s: softcap is %g, must be 0, or in [2^-100, 2^100]", function,
                    (double)softcap);
}
