/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a query sees (section "Visible keys" of docs/arithmetic.md), in the three forms that executors need: a range of
 * keys, to skip blocks; a bit for each key of a block, for kernels; and the scores' other arguments.
 */
#ifndef GML_CORE_ATTENTION_KEYS_H
#define GML_CORE_ATTENTION_KEYS_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <gemmule/attention.h>

/* The keys of a batch entry. */
typedef struct gml_attention_keys {
    const gml_kernel_set *set;
    const gml_attention_problem *problem;
    int64_t batch;
    int64_t length;                         /* keys                                             */
    int64_t prefix;                         /* of them, seen by all queries: at most length     */
    int64_t offset;                         /* from a query to its position                     */
    int64_t left, right;                    /* windows; 0: unlimited                            */
    const int32_t *q_document, *kv_document; /* or NULL                                          */
} gml_attention_keys;

gml_attention_keys gml_attention_keys_of(const gml_kernel_set *set, const gml_attention_problem *problem,
                                         int64_t batch);

/* Keys from <= j < to; empty where from == to. */
typedef struct gml_key_range {
    int64_t from, to;
} gml_key_range;

/* The keys that windows and causality let a query see, besides the prefix: 0 <= from <= to <= length. Neither bound
 * ever falls from one query to the next. */
gml_key_range gml_attention_window(const gml_attention_keys *keys, int64_t query);

/* The keys of the block from j0 on, counted from there, that are in the prefix or in `some`, the windows of a few queries:
 * from a multiple of SUM_LANES on, as the lanes of a sum are counted from the block's first key. */
gml_key_range gml_attention_in_block(const gml_attention_keys *keys, gml_key_range some, int64_t j0);

/* The position of a query counted from key j, within what a kernel takes. */
int32_t gml_attention_position(const gml_attention_keys *keys, int64_t query, int64_t j);

/* Bit j % 32 of words[j / 32] says whether the query sees key j0 + j, j < n <= KB0: by its window, the prefix and its
 * document; by `keep`, which there must be; by all of these, but not by its bias. Other bits are 0. `see` is false when
 * no bit is set. */
void gml_attention_structure(const gml_attention_keys *keys, int64_t query, int64_t j0, int64_t n,
                             uint32_t words[GML_SEEN_WORDS]);
void gml_attention_kept(const gml_attention_keys *keys, int64_t head, int64_t query, int64_t j0, int64_t n,
                        uint32_t words[GML_SEEN_WORDS]);
bool gml_attention_see(const gml_attention_keys *keys, int64_t head, int64_t query, int64_t j0, int64_t n,
                       uint32_t words[GML_SEEN_WORDS]);

/* The bits of keys from <= j < to. */
void gml_attention_range_bits(int64_t from, int64_t to, uint32_t words[GML_SEEN_WORDS]);

/* An address of a tensor with strides of batch, head and query. */
static inline int64_t gml_attention_at(const int64_t *stride, int64_t batch, int64_t head, int64_t token)
{
    return batch * stride[0] + head * stride[1] + token * stride[2];
}

#endif
