/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/core/attention_keys.h"
#include "src/core/integers.h"
#include <string.h>

_Static_assert(GML_KB0 % 64 == 0, "a block of keys is a whole number of pairs of words");

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return max64(low, min64(x, high));
}

gml_attention_keys gml_attention_keys_of(const gml_kernel_set *set, const gml_attention_problem *p,
                                         int64_t batch)
{
    gml_attention_keys keys = {.set = set,
                               .problem = p,
                               .batch = batch,
                               .length = p->kv_lengths ? p->kv_lengths[batch] : p->kv_len,
                               .left = p->window_left,
                               .right = p->window_right};
    if (p->prefix)
        keys.prefix = min64(p->prefix[batch], keys.length);
    if (p->causal != GML_CAUSAL_NONE && keys.right == 0)
        keys.right = 1;
    if (p->causal == GML_CAUSAL_OFFSET)
        keys.offset = p->causal_offset;
    else if (p->causal != GML_CAUSAL_TOP_LEFT)
        keys.offset = keys.length - p->q_len;
    if (p->q_document) {
        keys.q_document = p->q_document + batch * p->q_document_stride;
        keys.kv_document = p->kv_document + batch * p->kv_document_stride;
    }
    return keys;
}

gml_key_range gml_attention_window(const gml_attention_keys *keys, int64_t query)
{
    const int64_t position = saturated_sum(query, keys->offset);
    gml_key_range range = {0, keys->length};
    if (keys->right)
        range.to = clamp(saturated_sum(position, keys->right), 0, keys->length);
    if (keys->left)
        range.from = clamp(saturated_sum(query, saturated_sum(keys->offset, 1 - keys->left)), 0, range.to);
    return range;
}

gml_key_range gml_attention_in_block(const gml_attention_keys *keys, gml_key_range some, int64_t j0)
{
    const int64_t n = min64(GML_KB0, keys->length - j0), prefix = min64(keys->prefix - j0, n);
    gml_key_range range = {max64(some.from - j0, 0), min64(some.to - j0, n)};
    if (range.from >= range.to)
        range = (gml_key_range){0, 0};
    if (prefix > 0)
        range = (gml_key_range){0, max64(range.to, prefix)};
    range.from -= range.from % GML_SUM_LANES;
    return range;
}

int32_t gml_attention_position(const gml_attention_keys *keys, int64_t query, int64_t j)
{
    const int64_t far = GML_ALIBI_FAR + GML_KB0;
    return (int32_t)clamp(saturated_sum(saturated_sum(query, keys->offset), -j), -far, far);
}

/* The keys of a block as bits, as executors think of them. */
typedef struct block_bits {
    uint64_t half[GML_KB0 / 64];
} block_bits;

/* The lowest n bits, n of any size. */
static uint64_t lowest(int64_t n)
{
    return n >= 64 ? ~UINT64_C(0) : n > 0 ? (UINT64_C(1) << n) - 1 : 0;
}

/* Keys from <= j < to. */
static block_bits range_bits(int64_t from, int64_t to)
{
    block_bits bits;
    for (int h = 0; h < GML_KB0 / 64; h++)
        bits.half[h] = lowest(to - 64 * h) & ~lowest(from - 64 * h);
    return bits;
}

static void store_bits(block_bits bits, uint32_t words[GML_SEEN_WORDS])
{
    for (int h = 0; h < GML_KB0 / 64; h++) {
        words[2 * h] = (uint32_t)bits.half[h];
        words[2 * h + 1] = (uint32_t)(bits.half[h] >> 32);
    }
}

void gml_attention_range_bits(int64_t from, int64_t to, uint32_t words[GML_SEEN_WORDS])
{
    store_bits(range_bits(from, to), words);
}

static block_bits document_bits(int32_t document, const int32_t *documents, int64_t n)
{
    block_bits bits = {{0}};
    for (int64_t j = 0; j < n; j++)
        bits.half[j / 64] |= (uint64_t)(documents[j] == document) << j % 64;
    return bits;
}

static block_bits both(block_bits x, block_bits y)
{
    for (int h = 0; h < GML_KB0 / 64; h++)
        x.half[h] &= y.half[h];
    return x;
}

void gml_attention_structure(const gml_attention_keys *keys, int64_t query, int64_t j0, int64_t n,
                             uint32_t words[GML_SEEN_WORDS])
{
    const gml_key_range window = gml_attention_window(keys, query);
    n = min64(n, keys->length - j0);
    block_bits bits = range_bits(window.from - j0, min64(window.to - j0, n));
    if (keys->prefix > j0) {
        const block_bits prefix = range_bits(0, min64(keys->prefix - j0, n));
        for (int h = 0; h < GML_KB0 / 64; h++)
            bits.half[h] |= prefix.half[h];
    }
    if (keys->q_document)
        bits = both(bits, document_bits(keys->q_document[query], keys->kv_document + j0, n));
    store_bits(bits, words);
}

void gml_attention_kept(const gml_attention_keys *keys, int64_t head, int64_t query, int64_t j0, int64_t n,
                        uint32_t words[GML_SEEN_WORDS])
{
    const gml_attention_problem *p = keys->problem;
    const int64_t step = p->keep_stride[3];
    const uint8_t *keep = p->keep + gml_attention_at(p->keep_stride, keys->batch, head, query) + j0 * step;
    uint8_t gathered[GML_KB0];
    if (step != 1) {
        for (int64_t j = 0; j < n; j++)
            gathered[j] = keep[j * step];
        keep = gathered;
    }
    keys->set->attention_keep(n, keep, words);
}

bool gml_attention_see(const gml_attention_keys *keys, int64_t head, int64_t query, int64_t j0, int64_t n,
                       uint32_t words[GML_SEEN_WORDS])
{
    uint32_t kept[GML_SEEN_WORDS], some = 0;
    gml_attention_structure(keys, query, j0, n, words);
    if (keys->problem->keep)
        gml_attention_kept(keys, head, query, j0, min64(n, keys->length - j0), kept);
    for (int w = 0; w < GML_SEEN_WORDS; w++) {
        if (keys->problem->keep)
            words[w] &= kept[w];
        some |= words[w];
    }
    return some != 0;
}
