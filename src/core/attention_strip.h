/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A strip: up to bq rows of one key head on their way past the blocks of keys, queries along the lanes. The rows of all
 * query heads that share a key head are one sequence: row r is query r % q_len of the group's head r / q_len.
 */
#ifndef GML_CORE_ATTENTION_STRIP_H
#define GML_CORE_ATTENTION_STRIP_H

#include "src/core/attention.h"

/* What the strips of a task have in common. */
typedef struct gml_attention_task {
    const gml_attention_view *view;
    const gml_attention_kernel_f32 *kernel;
    gml_attention_keys keys;  /* of the batch entry                       */
    int64_t kv_head, group;   /* group: query heads of a key head         */
} gml_attention_task;

typedef struct gml_strip {
    int64_t row, queries;         /* the first one, and their number                      */
    gml_key_range some, all;      /* keys in the window of some row, of every row         */
    int32_t least_document, most_document;
    bool masked;                  /* a key that a row does not see was among those computed */
    float *qt, *ot, *m, *l, *bias, *slope;
    int32_t *position;
    uint32_t *seen;
    uint32_t *kept;               /* [bq][KEPT_BLOCKS][SEEN_WORDS]: what `keep` makes of the keys from kept_from on: */
    int64_t kept_from;            /* rows of it lie far apart, so that a piece of each is read at a time             */
} gml_strip;

#define GML_KEPT_BLOCKS 8

/* Places of a strip's arrays, for a kernel of bq queries, and how many bytes they take; memory may be NULL, to count. */
size_t gml_strip_place(gml_strip *strip, int64_t bq, int64_t head_dim, int64_t v_head_dim, char *memory);

/* Loads the queries of the strip's rows, transposed and scaled, and clears its state. */
void gml_strip_begin(const gml_attention_task *task, gml_strip *strip);

/* What the kernel is told of the strip and the block of keys from j0 on; false when no row sees any of them. */
bool gml_strip_meet(const gml_attention_task *task, gml_strip *strip, int64_t j0, gml_attention_strip_f32 *to);

/* Joins the sinks, normalises, writes the rows and their logsumexps, and recomputes those that masked keys spoilt. */
void gml_strip_end(const gml_attention_task *task, gml_strip *strip);

/* The weights of one block of keys, after gml_strip_end: e are the exponentials of `met`, whose state was of its own. */
void gml_strip_weights(const gml_attention_task *task, const gml_strip *strip, int64_t j0,
                       const gml_attention_strip_f32 *met, const float *e);

#endif
