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
 * For each batch entry b, query head h (using key head h' = h / (heads / kv_heads)) and query i, over the visible keys j:
 *
 *   t[j] = scale * sum_d q[b][h][i][d] * k[b][h'][j][d]
 *   t[j] = softcap * tanh(t[j] / softcap)                      where softcap is not 0
 *   t[j] = t[j] - alibi[h] * |p - j|                           where alibi is not NULL
 *   t[j] = t[j] + bias[b][h][i][j]                             where bias is not NULL
 *   o    = sum_j weights[j] * v[b][h'][j][:],  weights = softmax of t, and of sinks[h] as one more score, without a value
 *   lse  = log(sum_j exp(t[j]) + exp(sinks[h]))                (natural logarithm)
 *
 * Grouped-query and multi-query attention are kv_heads < heads; K and V are never copied for it. heads must be a
 * multiple of kv_heads.
 *
 * Visible keys. Batch entry b has keys 0 .. kv_lengths[b] - 1, or kv_len of them. Among them query i stands at
 * p = i + offset, the offset being that of `causal` (gml_causal; with GML_CAUSAL_NONE that of BOTTOM_RIGHT), where the
 * number of columns is that of the keys of b. The query sees key j
 *
 *   if  j < prefix[b],  or else all of
 *       j <= p                   where there is causality and window_right is 0
 *       j <  p + window_right    where window_right is not 0 (it replaces the bound of causality)
 *       j >  p - window_left     where window_left is not 0
 *   and q_document[b][i] == kv_document[b][j], keep[b][h][i][j] is not 0, and bias[b][h][i][j] is not -infinity,
 *       each where it is given
 *
 * so that windows count the query's own position: 1 is that key alone, 0 is unlimited. Blocks of keys that no query
 * sees by its lengths, prefix, windows, causality or documents are not computed. A masked key never influences a row,
 * even where its K or V holds NaN; its weight is 0. A query without visible keys, or whose scores are all -infinity,
 * gets zeros, and lse = -infinity, or sinks[h]. A NaN among the visible scores or for a sink, or a score of +infinity,
 * makes its row NaN; a visible NaN in V makes its column of o NaN, whatever its weight.
 *
 * Tensors have three strides in elements, [0] batch, [1] head, [2] token (query or key); the last dimension is
 * contiguous, that of K unless k_dim_stride says otherwise. So [batch, head, token, dim] and [batch, token, head, dim]
 * are one call. Input strides of batch and head may be 0 to broadcast; a token stride is at least the head dimension
 * where there are two tokens or more. The elements of an output must all be distinct. bias, keep and weights have four
 * strides: [0] batch, [1] query head, [2] query, [3] key; 0 broadcasts an input. No byte outside the described elements
 * is read or written.
 *
 * Outputs must not overlap each other or an input, but that o may be q itself (same pointer and strides, v_head_dim ==
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
    int64_t k_dim_stride;    /* of k's head_dim; 0 stands for 1. Else >= kv_len, and tokens are
                                contiguous (k_stride[2] is 1): a cache that stores K transposed   */
    const float *v;          /* [batch][kv_heads][kv_len][v_head_dim]                             */
    int64_t v_stride[3];
    float *o;                /* [batch][heads][q_len][v_head_dim]                                 */
    int64_t o_stride[3];
    float *lse;              /* [batch][heads][q_len], or NULL                                    */
    int64_t lse_stride[3];
    float *weights;          /* [batch][heads][q_len][kv_len], or NULL: for tests and teaching,
                                as it is what attention in tiles never forms                      */
    int64_t weights_stride[4];
    const float *bias;       /* [batch][heads][q_len][kv_len], added to the scores; or NULL       */
    int64_t bias_stride[4];  /* batch, head, query, key; 0 broadcasts                             */
    const uint8_t *keep;     /* [batch][heads][q_len][kv_len], 0 masks, all else keeps; or NULL   */
    int64_t keep_stride[4];  /* batch, head, query, key; 0 broadcasts                             */
    const int64_t *kv_lengths;  /* [batch], each in [0, kv_len]; or NULL: kv_len each             */
    const int64_t *prefix;      /* [batch], each >= 0; or NULL: 0 each                            */
    const int32_t *q_document;  /* [batch][q_len], or NULL; both or none                          */
    int64_t q_document_stride;  /* of the batch; 0 broadcasts                                     */
    const int32_t *kv_document; /* [batch][kv_len], or NULL                                       */
    int64_t kv_document_stride;
    const float *alibi;      /* [heads], slopes; or NULL                                          */
    const float *sinks;      /* [heads], scores; -infinity for none; or NULL                      */
    int64_t window_left;     /* >= 0: keys up to the query's own, 0 for all of them               */
    int64_t window_right;    /* >= 0: keys from the query's own on, 0 for all that causality lets */
    int64_t causal_offset;   /* with GML_CAUSAL_OFFSET, otherwise 0                               */
    int32_t causal;          /* a gml_causal; rows are queries, columns are keys                  */
    float scale;             /* finite; 0 stands for 1 / sqrt(head_dim)                           */
    float softcap;           /* in [2^-100, 2^100]; or 0 for none                                 */
    int32_t threads;         /* 0: as the context says; at most 1024                              */
} gml_attention_problem;

#define GML_ATTENTION_PROBLEM_INIT                                                                \
    {                                                                                             \
        sizeof(gml_attention_problem), 0, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0}, 0, {0, 0, 0}, 0, 0,     \
            {0, 0, 0}, 0, {0, 0, 0}, 0, {0, 0, 0}, 0, {0, 0, 0, 0}, 0, {0, 0, 0, 0}, 0,           \
            {0, 0, 0, 0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0f, 0.0f, 0                       \
    }

/*
 * Computes one problem. The bits of a row depend on that query, the keys and values it sees, and their
 * positions alone: not on the batch, the other queries, the head grouping or the number of threads. A
 * decoding step equals the same row of a prefill.
 *
 *   GML_ERR_ARGUMENT    problem is NULL; a size, length, prefix or window is out of its range; heads is not a
 *                       multiple of kv_heads; a stride is negative or too small; a pointer is NULL where elements
 *                       are described, or one of the documents is; scale or softcap is not finite; causal is no
 *                       gml_causal; threads is outside [0, 1024]
 *   GML_ERR_OVERLAP     an output certainly shares elements with an input or another output
 *   GML_ERR_DESCRIPTOR  size is 0, or larger than this version's and the tail is not zero
 */
GML_API gml_status gml_attention_f32(gml_context *context, const gml_attention_problem *problem);

/*
 * Merges results over parts of the keys into the result over all of them, as if they had been one sequence: shared
 * prefixes, caches in pieces, keys on several machines. Parts are merged in ascending order, so the bits depend on
 * their order and nothing else.
 *
 *   m = max lse_parts[p];  l = sum exp(lse_parts[p] - m)
 *   o = sum exp(lse_parts[p] - m) * o_parts[p] / l;  lse = m + log(l)
 *
 * A part whose lse is -infinity has no keys, and its o is not read. A row without any has zeros and lse -infinity.
 * Sinks are given to one part alone. Positions of a part that begins with key f count from there: causality, windows
 * and ALiBi take the offset of the whole less f, by GML_CAUSAL_OFFSET.
 * Strides count elements, [0] part, [1] batch, [2] head, [3] token; for o and lse as in gml_attention_problem. The
 * last dimension of o and of its parts is contiguous. Outputs overlap neither each other nor an input.
 */
typedef struct gml_attention_merge_problem {
    size_t size;             /* of this structure, set by GML_ATTENTION_MERGE_PROBLEM_INIT        */
    int64_t parts;           /* >= 0                                                              */
    int64_t batch, heads, q_len; /* >= 0                                                          */
    int64_t v_head_dim;      /* >= 1                                                              */
    const float *o_parts;    /* [parts][batch][heads][q_len][v_head_dim]                          */
    int64_t o_parts_stride[4];
    const float *lse_parts;  /* [parts][batch][heads][q_len]                                      */
    int64_t lse_parts_stride[4];
    float *o;                /* [batch][heads][q_len][v_head_dim]                                 */
    int64_t o_stride[3];
    float *lse;              /* [batch][heads][q_len], or NULL                                    */
    int64_t lse_stride[3];
    int32_t threads;         /* 0: as the context says; at most 1024                              */
    int32_t reserved;        /* 0                                                                 */
} gml_attention_merge_problem;

#define GML_ATTENTION_MERGE_PROBLEM_INIT                                                          \
    {                                                                                             \
        sizeof(gml_attention_merge_problem), 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}, 0, {0, 0, 0, 0}, 0,  \
            {0, 0, 0}, 0, {0, 0, 0}, 0, 0                                                         \
    }

/* Errors as those of gml_attention_f32. */
GML_API gml_status gml_attention_merge_f32(gml_context *context, const gml_attention_merge_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
