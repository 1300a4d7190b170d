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
 * For each matrix of a batch, each row i of it, and the visible columns j:
 *
 *   t[j] = scale * x[i][j]
 *   t[j] = softcap * tanh(t[j] / softcap)         where softcap is not 0
 *   t[j] = t[j] - alibi[matrix] * |p - j|         where alibi is not NULL
 *   t[j] = t[j] + bias[i][j]                      where bias is not NULL
 *   lse[i]  = log(sum_j exp(t[j]) + exp(sinks[matrix]))
 *   y[i][j] = exp(t[j] - lse[i]);  with log: t[j] - lse[i]
 *
 * The row stands at p = i + offset among the columns, the offset being that of `causal` (with GML_CAUSAL_NONE that of
 * BOTTOM_RIGHT). A column is masked by causality, by keep[i][j] == 0, or by a bias of exactly -infinity; masked ones give
 * 0, with log -infinity. A masked element never influences its row, even when x holds NaN there. A row without any
 * visible column, or whose visible elements are all -infinity, is all zeros (-infinity) and has lse -infinity, or that
 * of the sink. A visible NaN or +infinity makes its row NaN, but for the columns that causality masks.
 *
 * Element (i, j) of matrix l is x[l * x_batch_stride + i * x_stride + j * x_col_stride]: rows with gaps, softmax over a
 * dimension that is not contiguous, and transposed results are one call. So for y, which may be x (same pointer and
 * strides) and must not overlap any input otherwise. bias and keep have contiguous columns; a stride of 0 uses one row,
 * or one matrix, for all. Gaps are neither read nor written.
 */
typedef struct gml_softmax_problem {
    size_t size;            /* of this structure, set by GML_SOFTMAX_PROBLEM_INIT                 */
    int64_t batch;          /* matrices, >= 0                                                     */
    int64_t rows;           /* >= 0                                                               */
    int64_t cols;           /* >= 0                                                               */
    const float *x;         /* [batch][rows][cols]                                                */
    int64_t x_stride;       /* of rows, elements                                                  */
    int64_t x_col_stride;   /* of columns; 0 stands for 1                                         */
    int64_t x_batch_stride; /* of matrices                                                        */
    float *y;               /* [batch][rows][cols], all distinct elements                         */
    int64_t y_stride;
    int64_t y_col_stride;
    int64_t y_batch_stride;
    const float *bias;      /* [batch][rows][cols], added to the scores; -infinity masks. NULL: none */
    int64_t bias_stride;    /* 0 or >= cols, elements                                             */
    int64_t bias_batch_stride;
    const uint8_t *keep;    /* [batch][rows][cols], 0 masks, all else keeps. NULL: none           */
    int64_t keep_stride;    /* 0 or >= cols, elements                                             */
    int64_t keep_batch_stride;
    float *lse;             /* [batch][rows], or NULL                                             */
    int64_t lse_stride;     /* of rows                                                            */
    int64_t lse_batch_stride;
    const float *alibi;     /* [batch], slopes; or NULL                                           */
    const float *sinks;     /* [batch], scores; -infinity for none; or NULL                       */
    int64_t causal_offset;  /* with GML_CAUSAL_OFFSET, otherwise 0                                */
    int32_t causal;         /* a gml_causal                                                       */
    float scale;            /* finite; 0 stands for 1                                             */
    float softcap;          /* in [2^-100, 2^100]; or 0 for none                                  */
    int32_t log;            /* 1: logarithms of the result; otherwise 0                           */
    int32_t threads;        /* 0: as the context says; at most 1024                               */
    int32_t reserved;       /* 0                                                                  */
} gml_softmax_problem;

/* batch 1 */
#define GML_SOFTMAX_PROBLEM_INIT                                                                  \
    {                                                                                             \
        sizeof(gml_softmax_problem), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  \
            0, 0, 0, 0, 0.0f, 0.0f, 0, 0, 0                                                       \
    }

/*
 * Computes one problem. The bits of a row depend on that row alone.
 *
 *   GML_ERR_ARGUMENT    problem is NULL; a size is negative; a stride is negative or too small; a pointer is NULL
 *                       where elements are described; scale or softcap is not finite; causal is no gml_causal;
 *                       threads is outside [0, 1024]; a reserved member is not 0
 *   GML_ERR_OVERLAP     y or lse certainly shares elements with an input or each other, and y is not x itself
 *   GML_ERR_DESCRIPTOR  size is 0, or larger than this version's and the tail is not zero
 */
GML_API gml_status gml_softmax_f32(gml_context *context, const gml_softmax_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
