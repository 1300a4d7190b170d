/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/core/attention_rows.h"
#include "src/core/exponentials.h"
#include "src/core/integers.h"
#include <math.h>
#include <string.h>

#define JOINED 16 /* rows whose factors are computed at a time */

gml_rows_task gml_rows_task_of(const gml_attention_view *view, int64_t batch, int64_t kv_head, int64_t row,
                               int64_t rows)
{
    const gml_attention_problem *p = view->problem;
    gml_rows_task task = {.view = view,
                          .problem = p,
                          .keys = gml_attention_keys_of(view->set, p, batch),
                          .group = p->heads / p->kv_heads,
                          .kv_head = kv_head,
                          .row = row,
                          .rows = rows};
    task.some = (gml_key_range){task.keys.length, 0};
    task.all = (gml_key_range){0, task.keys.length};
    for (int64_t i = 0, n; i < rows; i += n) {
        const int64_t query = gml_rows_query(&task, i);
        n = min64(rows - i, p->q_len - query);
        const gml_key_range first = gml_attention_window(&task.keys, query),
                            last = gml_attention_window(&task.keys, query + n - 1);
        task.some = (gml_key_range){min64(task.some.from, first.from), max64(task.some.to, last.to)};
        task.all = (gml_key_range){max64(task.all.from, last.from), min64(task.all.to, first.to)};
    }
    if (task.some.from >= task.some.to)
        task.some = (gml_key_range){0, 0};
    const int64_t from = task.keys.prefix > 0 ? 0 : task.some.from / GML_KB0;
    task.blocks = (gml_key_range){from, ceil_div(max64(task.some.to, task.keys.prefix), GML_KB0)};
    return task;
}

bool gml_rows_meet(const gml_rows_task *task, int64_t number, gml_rows_keys *keys)
{
    const gml_key_range range = gml_attention_in_block(&task->keys, task->some, number * GML_KB0);
    *keys = (gml_rows_keys){.j = number * GML_KB0 + range.from, .n = range.to - range.from};
    return range.from < range.to;
}

gml_rows_state gml_rows_from(const gml_rows_task *task, const gml_rows_state *state, int64_t i)
{
    return (gml_rows_state){.o = state->o + i * task->problem->v_head_dim,
                            .m = state->m + i,
                            .l = state->l + i,
                            .masked = state->masked + i};
}

void gml_rows_clear(const gml_rows_task *task, const gml_rows_state *state, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        state->m[i] = -INFINITY;
        state->l[i] = 0.0f;
        state->masked[i] = false;
    }
    memset(state->o, 0, (size_t)(count * task->problem->v_head_dim) * sizeof(float));
}

/* Whether all rows see all of the keys, by what is known without looking at each. */
static bool all_seen(const gml_rows_task *task, const gml_rows_keys *keys)
{
    if (task->problem->keep || task->keys.q_document)
        return false;
    return keys->j + keys->n <= task->keys.prefix ||
           (task->all.from <= keys->j && keys->j + keys->n <= task->all.to);
}

static const float *bias_of(const gml_rows_task *task, int64_t head, int64_t query, const gml_rows_keys *keys,
                            float *gathered)
{
    const gml_attention_problem *p = task->problem;
    if (!p->bias)
        return NULL;
    const float *bias = p->bias + gml_attention_at(p->bias_stride, task->keys.batch, head, query) +
                        keys->j * p->bias_stride[3];
    if (p->bias_stride[3] == 1)
        return bias;
    for (int64_t j = 0; j < keys->n; j++)
        gathered[j] = bias[j * p->bias_stride[3]];
    return gathered;
}

bool gml_rows_weigh(const gml_rows_task *task, const gml_rows_keys *keys, int64_t first, int64_t count,
                    float *t, int64_t t_stride, float *gathered, float *m, float *l, bool *masked)
{
    const gml_attention_view *view = task->view;
    const bool all = all_seen(task, keys);
    gml_attention_scores_f32 scores = {.keys = keys->n, .cap = view->cap, .inverse_cap = view->inverse_cap};
    bool some = false;
    for (int64_t i = 0; i < count; i++, t += t_stride) {
        uint32_t seen[GML_SEEN_WORDS];
        const int64_t head = gml_rows_head(task, first + i), query = gml_rows_query(task, first + i);
        if (!all && !gml_attention_see(&task->keys, head, query, keys->j, keys->n, seen)) {
            memset(t, 0, (size_t)keys->n * sizeof(float));
            m[i] = -INFINITY;
            l[i] = 0.0f;
            masked[i] = true;
            continue;
        }
        const float slope = gml_attention_slope(view, head);
        scores.seen = all ? NULL : seen;
        scores.bias = bias_of(task, head, query, keys, gathered);
        scores.slope = task->problem->alibi ? &slope : NULL;
        scores.position = gml_attention_position(&task->keys, query, keys->j);
        view->set->attention_row_f32->weigh(&scores, t, &m[i], &l[i]);
        masked[i] |= !all || scores.bias;
        some = true;
    }
    return some;
}

/* The same for at most JOINED rows. */
static void join_some(const gml_rows_task *task, const gml_rows_state *state, int64_t count, const float *m,
                      const float *l, const float *s)
{
    const gml_kernel_set *set = task->view->set;
    const int64_t v_head_dim = task->problem->v_head_dim;
    float ab[2 * JOINED];
    for (int64_t i = 0; i < count; i++) {
        const float top = (m[i] > state->m[i] ? m[i] : state->m[i]) + 0.0f, z = finite_or_zero(top);
        ab[2 * i] = state->m[i] - z;
        ab[2 * i + 1] = m[i] - z;
        state->m[i] = top;
    }
    set->exp2_f32(2 * count, ab, ab);
    for (int64_t i = 0; i < count; i++) {
        state->l[i] = fmaf(ab[2 * i], state->l[i], ab[2 * i + 1] * l[i]);
        set->attention_row_f32->merge(v_head_dim, ab[2 * i], state->o + i * v_head_dim, ab[2 * i + 1],
                                      s + i * v_head_dim);
    }
}

void gml_rows_join(const gml_rows_task *task, const gml_rows_state *state, int64_t count, const float *m,
                   const float *l, const float *s)
{
    for (int64_t i = 0; i < count; i += JOINED) {
        const gml_rows_state from = gml_rows_from(task, state, i);
        join_some(task, &from, min64(JOINED, count - i), m + i, l + i, s + i * task->problem->v_head_dim);
    }
}

static bool all_finite(const float *x, int64_t n)
{
    uint32_t worst = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        worst |= (bits & UINT32_C(0x7f800000)) == UINT32_C(0x7f800000);
    }
    return !worst;
}

static void normalise(int64_t n, float inverse, const float *s, float *o)
{
    for (int64_t d = 0; d < n; d++)
        o[d] = s[d] * inverse + 0.0f;
}

void gml_rows_end(const gml_rows_task *task, const gml_rows_state *state, int64_t i, const float *q,
                  int64_t q_step)
{
    const gml_attention_view *view = task->view;
    const gml_attention_problem *p = task->problem;
    const int64_t head = gml_rows_head(task, i), query = gml_rows_query(task, i);
    const float sink = gml_attention_sink(view, head);
    float factor = 1.0f, m = *state->m, l = *state->l;
    if (p->sinks && sink != -INFINITY) {
        const float top = (sink > m ? sink : m) + 0.0f;
        float ab[2] = {m - finite_or_zero(top), sink - finite_or_zero(top)};
        view->set->exp2_f32(2, ab, ab);
        l = fmaf(ab[0], l, ab[1]);
        m = top;
        factor = ab[0];
    }
    if (factor != 1.0f)
        for (int64_t d = 0; d < p->v_head_dim; d++)
            state->o[d] *= factor;

    float *o = gml_rows_o(task, i);
    const float inverse = 1.0f / l;
    if (l == 0.0f)
        memset(o, 0, (size_t)p->v_head_dim * sizeof(float));
    else
        normalise(p->v_head_dim, inverse, state->o, o);
    if (*state->masked && !isnan(l) && !all_finite(o, p->v_head_dim))
        gml_attention_plain_f32(view, &task->keys, head, query, q, q_step, 1.0f, false, o);
    if (p->lse)
        p->lse[gml_attention_at(p->lse_stride, task->keys.batch, head, query)] =
            gml_attention_logsumexp(m, l);
}
