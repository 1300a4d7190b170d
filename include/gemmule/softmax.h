/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fused softmax over the rows of a matrix: scale, bias, masks, exponential and normalisation.
 */
#ifndef GEMMULE_SOFTMAX_H
#define GEMMULE_SOFTMAX_H

#include <gemmule/context.h>
#include <gemmule/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Which keys (columns) a query (row) may see: row i sees column j where j <= i + offset.
 *   NONE          all of them
 *   BOTTOM_RIGHT  offset = columns - rows: the last row sees every column (FlashAttention 2.1 on,
 *                 the ONNX operator Attention): the alignment of decoding with a cache
 *   TOP_LEFT      offset = 0: the first row sees the first column only
 *   OFFSET        offset = causal_offset, any value; negative ones leave the first rows empty
 */
typedef enum gml_causal {
    GML_CAUSAL_NONE = 0,
    GML_CAUSAL_BOTTOM_RIGHT = 1,
    GML_CAUSAL_TOP_LEFT = 2,
    GML_CAUSAL_OFFSET = 3
} gml_causal;

/*
 * y[i][j] = exp(t[i][j] - max_j t[i][j]) / sum_j exp(t[i][j] - max_j t[i][j])
 * t[i][j] = scale * x[i][j] + bias[i][j], for the visible columns of row i; masked ones give 0.
 *
 * A column is masked by causality, by keep[i][j] == 0, or by a bias of exactly -infinity. A masked
 * element never influences its row, even when x holds NaN there. A row without any visible column is
 * all zeros, as is one whose visible elements are all -infinity. A visible NaN or +infinity makes its row
 * NaN, but for the columns that causality masks, which stay 0.
 *
 * Row i of X starts at x + i * x_stride; its columns are contiguous. Likewise y, bias and keep; a
 * bias_stride or keep_stride of 0 uses one row for all. y may be x (same pointer and stride); it must
 * not overlap any input otherwise. Gaps between rows are neither read nor written.
 */
typedef struct gml_softmax_problem {
    size_t size;            /* of this structure, set by GML_SOFTMAX_PROBLEM_INIT                 */
    int64_t rows;           /* >= 0                                                               */
    int64_t cols;           /* >= 0                                                               */
    const float *x;         /* [rows][cols]                                                       */
    int64_t x_stride;       /* >= cols, elements                                                  */
    float *y;               /* [rows][cols]                                                       */
    int64_t y_stride;       /* >= cols, elements                                                  */
    const float *bias;      /* [rows][cols], added after scaling; -infinity masks. NULL: none     */
    int64_t bias_stride;    /* 0 or >= cols, elements                                             */
    const uint8_t *keep;    /* [rows][cols], 0 masks, all else keeps. NULL: none                  */
    int64_t keep_stride;    /* 0 or >= cols, elements                                             */
    float scale;            /* finite; 0 stands for 1                                             */
    int32_t causal;         /* a gml_causal                                                       */
    int64_t causal_offset;  /* with GML_CAUSAL_OFFSET, otherwise 0                                */
    int32_t threads;        /* 0: as the context says; at most 1024                               */
    int32_t reserved;       /* 0                                                                  */
} gml_softmax_problem;

#define GML_SOFTMAX_PROBLEM_INIT \
    { sizeof(gml_softmax_problem), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0f, 0, 0, 0, 0 }

/*
 * Computes one problem. The bits of a row depend on that row alone.
 *
 *   GML_ERR_ARGUMENT    problem is NULL; a size is negative; a stride is too small; a pointer is NULL
 *                       where elements are described; scale is not finite; causal is no gml_causal;
 *                       threads is outside [0, 1024]; a reserved member is not 0
 *   GML_ERR_OVERLAP     y certainly shares elements with an input and is not x itself
 *   GML_ERR_DESCRIPTOR  size is 0, or larger than this version's and the tail is not zero
 */
GML_API gml_status gml_softmax_f32(gml_context *context, const gml_softmax_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
