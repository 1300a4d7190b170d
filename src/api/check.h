/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checks of arguments: each returns GML_OK or fails with a sentence that names the function, the argument and its
 * value. Nothing is touched before all checks of a call have passed.
 */
#ifndef GML_API_CHECK_H
#define GML_API_CHECK_H

#include <gemmule/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GML_MAX_RANK 5

/* The elements data[sum of index[d] * stride[d]], 0 <= index[d] < extent[d], of `element` bytes. */
typedef struct gml_tensor {
    const char *name;            /* "b", for sentences                                   */
    const char *stride_names;    /* "rs_b\0cs_b\0": one for each dimension               */
    const void *data;
    int rank;
    size_t element;
    int64_t extent[GML_MAX_RANK];
    int64_t stride[GML_MAX_RANK];
} gml_tensor;

bool gml_tensor_empty(const gml_tensor *tensor);

/* From the first to the last element of a tensor that has passed gml_check_tensor and is not empty. */
size_t gml_tensor_bytes(const gml_tensor *tensor);

/* Whether two address ranges are disjoint; neither is empty. */
static inline bool gml_apart(const void *x, size_t x_bytes, const void *y, size_t y_bytes)
{
    return (uintptr_t)y - (uintptr_t)x >= x_bytes && (uintptr_t)x - (uintptr_t)y >= y_bytes;
}

/* A size or count in [low, high]. */
gml_status gml_check_range(const char *function, const char *name, int64_t value, int64_t low, int64_t high);

/* Neither NULL where there are elements, nor a negative stride, nor a span beyond the address space. */
gml_status gml_check_tensor(const char *function, const gml_tensor *tensor);

/* No two elements coincide: sorted by stride, each dimension steps over what the smaller ones span. */
gml_status gml_check_distinct(const char *function, const gml_tensor *tensor);

/* The stride of dimension d is at least `least`, when its extent is more than 1. */
gml_status gml_check_stride(const char *function, const gml_tensor *tensor, int d, int64_t least);

/* Fails when out and in are certain to share an element; passes when it would take a search to know. */
gml_status gml_check_overlap(const char *function, const gml_tensor *out, const gml_tensor *in);

/* The knobs that softmax and attention have in common. */
gml_status gml_check_knobs(const char *function, float scale, int32_t causal, int64_t causal_offset,
                           int32_t threads, int32_t reserved);

/* 0, or a finite number whose inverse is one, too. */
gml_status gml_check_softcap(const char *function, float softcap);

/* Passes on the first failure: GML_TRY(gml_check_...). */
#define GML_TRY(call)                      \
    do {                                   \
        const gml_status status_ = (call); \
        if (status_ != GML_OK)             \
            return status_;                \
    } while (0)

#endif
