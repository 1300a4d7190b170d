/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention by rows, keys along the lanes: what the paths of few queries and of blocks share. The rows of all query heads
 * that share a key head are one sequence: row r is query r % q_len of the group's head r / q_len. A task is a few of them
 * on their way past blocks of keys.
 */
#ifndef GML_CORE_ATTENTION_ROWS_H
#define GML_CORE_ATTENTION_ROWS_H

#include "src/core/attention.h"

typedef struct gml_rows_task {
    const gml_attention_view *view;
    const gml_attention_problem *problem;
    gml_attention_keys keys;    /* of the batch entry                                  */
    int64_t group;              /* query heads of a key head                           */
    int64_t kv_head, row, rows; /* its first row, and their number                     */
    gml_key_range some, all;    /* keys in the window of some row, of every row        */
    gml_key_range blocks;       /* of KB0 keys; the first and the last have keys that windows or prefix show */
} gml_rows_task;

/* The running state of rows. */
typedef struct gml_rows_state {
    float *o;     /* [rows][v_head_dim], the output so far                               */
    float *m, *l; /* [rows], maximum and sum so far                                      */
    bool *masked; /* [rows]: a key that the row does not see was among those computed    */
} gml_rows_state;

/* The state from row i on. */
gml_rows_state gml_rows_from(const gml_rows_task *task, const gml_rows_state *state, int64_t i);

/* Keys of a block that windows and prefix show to some row: the first, a multiple of SUM_LANES, and their number. */
typedef struct gml_rows_keys {
    int64_t j, n;
} gml_rows_keys;

/* Rows row .. row + rows of the sequence of a key head of a batch entry. */
gml_rows_task gml_rows_task_of(const gml_attention_view *view, int64_t batch, int64_t kv_head, int64_t row, int64_t rows);

/* The keys of block `number`; false when there are none. */
bool gml_rows_meet(const gml_rows_task *task, int64_t number, gml_rows_keys *keys);

/* State before the first block. */
void gml_rows_clear(const gml_rows_task *task, const gml_rows_state *state, int64_t count);

/* The products t of rows first .. first + count become exponentials, m, l and masked get what concerns them: all three
 * and t begin at row `first`. `gathered` are KB0 floats. A row that sees no key gets zeros and an m of -infinity; false
 * when no row sees any. */
bool gml_rows_weigh(const gml_rows_task *task, const gml_rows_keys *keys, int64_t first, int64_t count, float *t,
                    int64_t t_stride, float *gathered, float *m, float *l, bool *masked);

/* Merges the results of a block, s being [count][v_head_dim], into as many rows of state. */
void gml_rows_join(const gml_rows_task *task, const gml_rows_state *state, int64_t count, const float *m, const float *l,
                   const float *s);

/* Joins the sink, normalises, writes row i of the task and its logsumexp, and recomputes it where masked keys spoilt it.
 * The state begins at row i; its o may be where the row is written. Element d of its scaled query is q[d * q_step]. */
void gml_rows_end(const gml_rows_task *task, const gml_rows_state *state, int64_t i, const float *q, int64_t q_step);

static inline int64_t gml_rows_head(const gml_rows_task *task, int64_t i)
{
    return task->kv_head * task->group + (task->row + i) / task->problem->q_len;
}

static inline int64_t gml_rows_query(const gml_rows_task *task, int64_t i)
{
    return (task->row + i) % task->problem->q_len;
}

static inline const float *gml_rows_q(const gml_rows_task *task, int64_t i)
{
    const gml_attention_problem *p = task->problem;
    return p->q + gml_attention_at(p->q_stride, task->keys.batch, gml_rows_head(task, i), gml_rows_query(task, i));
}

static inline float *gml_rows_o(const gml_rows_task *task, int64_t i)
{
    const gml_attention_problem *p = task->problem;
    return p->o + gml_attention_at(p->o_stride, task->keys.batch, gml_rows_head(task, i), gml_rows_query(task, i));
}

static inline const float *gml_rows_k(const gml_rows_task *task, int64_t j)
{
    const gml_attention_problem *p = task->problem;
    return p->k + gml_attention_at(p->k_stride, task->keys.batch, task->kv_head, j);
}

static inline const float *gml_rows_v(const gml_rows_task *task, int64_t j)
{
    const gml_attention_problem *p = task->problem;
    return p->v + gml_attention_at(p->v_stride, task->keys.batch, task->kv_head, j);
}

#endif
