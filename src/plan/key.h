/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys: what of a problem its plan depends on. Addresses, factors other than a beta of 0 and biases do not count; nor does
 * which of two equal views a caller took: a C that is stored by columns is its transpose, stored by rows.
 */
#ifndef GML_PLAN_KEY_H
#define GML_PLAN_KEY_H

#include "src/core/gemm.h"
#include "src/plan/choice.h"
#include "src/plan/text.h"
#include <gemmule/attention.h>
#include <gemmule/softmax.h>

#define GML_KEY_SIZES 6

/*
 * Sizes, in this order:
 *   gemm       m n k batch
 *   softmax    rows cols                       rows of all matrices
 *   attention  sequences group q_len kv_len head_dim v_head_dim
 *              sequences are batch * kv_heads, group is heads / kv_heads
 *
 * The layout is a set of the bits below.
 */
typedef struct gml_key {
    uint8_t operation; /* gml_operation */
    uint8_t type;      /* gml_type      */
    uint16_t layout;
    int32_t threads;   /* that the call may use at most */
    int64_t size[GML_KEY_SIZES];
} gml_key;

enum {
    GML_LAYOUT_A_COLUMNS = 1, /* A is contiguous along m; without, along k                    */
    GML_LAYOUT_A_STRIDED = 2, /* A is contiguous along neither                                */
    GML_LAYOUT_B_COLUMNS = 4, /* B is contiguous along k; without, along n                    */
    GML_LAYOUT_B_STRIDED = 8,
    GML_LAYOUT_PACKED_A = 16,
    GML_LAYOUT_PACKED_B = 32,
    GML_LAYOUT_READS_C = 64,    /* beta is not 0                                              */
    GML_LAYOUT_C_STRIDED = 128, /* C is contiguous along neither                              */

    GML_LAYOUT_IN_PLACE = 1,    /* softmax: y is x                                            */
    GML_LAYOUT_MASKED = 2,      /* it has a bias, keep, alibi, softcap or causality           */
    GML_LAYOUT_COLUMNS = 4,     /* columns are not contiguous                                 */

    GML_LAYOUT_CAUSAL = 1,      /* attention: causal                                          */
    GML_LAYOUT_SPARSE = 2,      /* it has a window, lengths, prefixes or documents            */
    GML_LAYOUT_SCORES = 4,      /* it has a bias, keep, alibi or softcap                      */
    GML_LAYOUT_TOKENS = 8,      /* tokens of K are not head_dim apart: heads lie between them */
    GML_LAYOUT_K_COLUMNS = 16,  /* K is transposed                                            */
    GML_LAYOUT_WEIGHTS = 32     /* weights are asked for                                      */
};

/* Of operands that passed their checks, with m, n, k > 0; of a resolved problem; of a problem with queries. */
gml_key gml_key_gemm(const gml_gemm_args *args, int64_t batch, int32_t threads);
gml_key gml_key_softmax(const gml_softmax_problem *problem, int32_t threads);
gml_key gml_key_attention(const gml_attention_problem *problem, int32_t threads);

/* Whether gml_key_gemm saw args transposed. */
bool gml_key_transposes(const gml_gemm_args *args);

/* All but the sizes, as a number. Put together from the members, as one load of them all would wait for their stores. */
static inline uint64_t gml_key_head(const gml_key *key)
{
    return (uint64_t)key->layout << 48 | (uint64_t)key->operation << 40 | (uint64_t)key->type << 32 |
           (uint32_t)key->threads;
}

bool gml_key_equal(const gml_key *x, const gml_key *y);
uint64_t gml_key_hash(const gml_key *key);

/* The cell of a key: each size s becomes the integer nearest to log2(s), half up: sizes from 2^(i - 1/2) to 2^(i + 1/2);
 * 0 stays 0 with its own cell, -1; from GML_CELL_MOST on there is one. All else is as it was. A cell is a key for
 * gml_key_equal and gml_key_hash. */
#define GML_CELL_MOST 62
gml_key gml_key_cell(const gml_key *key);

/* Of one size: its leading bit, and one more where what begins with that bit is above sqrt(2); no integer is on the border. */
static inline int64_t gml_key_log2(int64_t size)
{
    static const uint64_t sqrt2 = UINT64_C(0xb504f333f9de6484); /* floor(2^63 sqrt(2)) */
    const int zeros = __builtin_clzll((uint64_t)size | 1);
    const int64_t log = 63 - zeros + ((uint64_t)size << zeros > sqrt2) - (size == 0);
    return log < GML_CELL_MOST ? log : GML_CELL_MOST;
}
/*
 * As text, "op=gemm type=f32 layout=nt0 threads=2 m=1024 n=1024 k=64 batch=1". Layouts are, for
 *   gemm       A: n (rows), t (columns), s, p (packed); B the same; C: 0 (beta is 0) or 1, then s where it is strided
 *   softmax    a word of the letters i (in place), m (masked), c (columns); "-" for none
 *   attention  a word of the letters c s b t k w, for the six bits in their order; "-" for none
 * read takes keys of any order, each once, from `length` bytes of hostile text that hold nothing else; false where one is
 * missing, unknown or out of its range (sizes 0 .. 2^40, m n k batch rows cols from 1; threads 1 .. GML_MAX_THREADS).
 */
#define GML_KEY_TEXT 256
size_t gml_key_write(const gml_key *key, char *text, size_t size);
bool gml_key_read(const char *text, size_t length, gml_key *key);

/* The words of a key that stand alone elsewhere; false where they are unknown, or the operation has no such type. */
bool gml_key_read_operation(gml_span word, uint8_t *operation);
bool gml_key_read_type(gml_span word, uint8_t operation, uint8_t *type);

/* The names of the sizes of an operation, NULL behind the last. */
const char *const *gml_key_sizes(gml_operation operation);

#endif
