/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention: softmax(scale * Q K^T + bias, masked) V, computed in tiles. The matrix of scores is never
 * stored; scratch memory does not grow with the number of keys.
 *
 * Source: Vaswani et al., "Attention Is All You Need", 2017; the tiling follows Milakov and Gimelshein,
 * "Online normalizer calculation for softmax", 2018, and Dao et al., "FlashAttention", 2022. Semantics
 * follow the ONNX operator Attention.
 */
#ifndef GEMMULE_ATTENTION_H
#define GEMMULE_ATTENTION_H

#include <gemmule/context.h>
#include <gemmule/softmax.h>
#include <gemmule/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * For each batch entry b, query head h (using key head h / (heads / kv_heads)) and query i:
 *
 *   t[j]   = scale * sum_d q[b][h][i][d] * k[b][h'][j][d] + bias[b][h][i][j]
 *   o      = sum_j softmax(t)[j] * v[b][h'][j][:]
 *   lse    = log sum_j exp(t[j])                             (natural logarithm)
 *
 * over the visible keys j. Grouped-query and multi-query attention are kv_heads < heads; K and V are
 * never copied for it. heads must be a multiple of kv_heads.
 *
 * Tensors have three strides in elements, [0] batch, [1] head, [2] token (query or key); the last
 * dimension is contiguous. So [batch, head, token, dim] and [batch, token, head, dim] are one call.
 * Input strides of batch and head may be 0 to broadcast; a token stride is at least the head
 * dimension where there are two tokens or more. The elements of o must all be distinct.
 *
 * bias and keep have four strides: [0] batch, [1] query head, [2] query, [3] key; 0 broadcasts. A bias
 * of exactly -infinity masks, and so does keep == 0. A masked key never influences a row, even where
 * its K or V holds NaN. A query without visible keys gets zeros, and lse = -infinity. A visible NaN, or
 * a score of +infinity, makes its row NaN. No byte outside the described elements is read or written.
 *
 * o must not overlap an input, unless it is q itself (same pointer and strides, v_head_dim ==
 * head_dim <= 4096).
 */
typedef struct gml_attention_problem {
    size_t size;             /* of this structure, set by GML_ATTENTION_PROBLEM_INIT              */
    int64_t batch;           /* >= 0                                                              */
    int64_t heads;           /* query heads, >= 0, a multiple of kv_heads                         */
    int64_t kv_heads;        /* key and value heads, >= 1 where heads is not 0                    */
    int64_t q_len;           /* queries, >= 0                                                     */
    int64_t kv_len;          /* keys, >= 0                                                        */
    int64_t head_dim;        /* of q and k, >= 1                                                  */
    int64_t v_head_dim;      /* of v and o, >= 1                                                  */
    const float *q;          /* [batch][heads][q_len][head_dim]                                   */
    int64_t q_stride[3];     /* batch, head, token; elements                                      */
    const float *k;          /* [batch][kv_heads][kv_len][head_dim]                               */
    int64_t k_stride[3];
    const float *v;          /* [batch][kv_heads][kv_len][v_head_dim]                             */
    int64_t v_stride[3];
    float *o;                /* [batch][heads][q_len][v_head_dim]                                 */
    int64_t o_stride[3];
    float *lse;              /* [batch][heads][q_len], or NULL                                    */
    int64_t lse_stride[3];
    const float *bias;       /* [batch][heads][q_len][kv_len], added to the scaled scores; or NULL */
    int64_t bias_stride[4];  /* batch, head, query, key; 0 broadcasts                             */
    const uint8_t *keep;     /* [batch][heads][q_len][kv_len], 0 masks, all else keeps; or NULL   */
    int64_t keep_stride[4];  /* batch, head, query, key; 0 broadcasts                             */
    float scale;             /* finite; 0 stands for 1 / sqrt(head_dim)                           */
    int32_t causal;          /* a gml_causal; rows are queries, columns are keys                  */
    int64_t causal_offset;   /* with GML_CAUSAL_OFFSET, otherwise 0                               */
    int32_t threads;         /* 0: as the context says; at most 1024                              */
    int32_t reserved;        /* 0                                                                 */
} gml_attention_problem;

#define GML_ATTENTION_PROBLEM_INIT                                                               \
    {                                                                                            \
        sizeof(gml_attention_problem), 0, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0}, 0, {0, 0, 0}, 0,       \
            {0, 0, 0}, 0, {0, 0, 0}, 0, {0, 0, 0}, 0, {0, 0, 0, 0}, 0, {0, 0, 0, 0}, 0.0f, 0, 0, \
            0, 0                                                                                 \
    }

/*
 * Computes one problem. The bits of a row depend on that query, the keys and values it sees, and their
 * positions alone: not on the batch, the other queries, the head grouping or the number of threads. A
 * decoding step equals the same row of a prefill.
 *
 *   GML_ERR_ARGUMENT    problem is NULL; a size is out of its range; heads is not a multiple of
 *                       kv_heads; a stride is negative or too small; a pointer is NULL where elements
 *                       are described; scale is not finite; causal is no gml_causal; threads is
 *                       outside [0, 1024]; a reserved member is not 0
 *   GML_ERR_OVERLAP     o or lse certainly shares elements with an input
 *   GML_ERR_DESCRIPTOR  size is 0, or larger than this version's and the tail is not zero
 */
GML_API gml_status gml_attention_f32(gml_context *context, const gml_attention_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
