/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/core/attention_strip.h"
#include "src/core/exponentials.h"
#include "src/core/integers.h"
#include <math.h>
#include <string.h>

/* Rows of a strip that lie in one head, for code that walks strides within a head. */
typedef struct piece {
    int64_t i, n;        /* lanes i .. i + n */
    int64_t head, query; /* of the first     */
    int64_t width;       /* lanes up to the next piece, or to the end of the strip */
} piece;

/* The piece from lane i on. */
static piece piece_at(const gml_attention_task *task, const gml_strip *s, int64_t i)
{
    const int64_t q_len = task->view->problem->q_len, row = s->row + i;
    const int64_t n = min64(s->queries - i, q_len - row % q_len);
    return (piece){.i = i,
                   .n = n,
                   .head = task->kv_head * task->group + row / q_len,
                   .query = row % q_len,
                   .width = i + n == s->queries ? task->kernel->bq - i : n};
}

size_t gml_strip_place(gml_strip *s, int64_t bq, int64_t head_dim, int64_t v_head_dim, char *memory)
{
    size_t used = 0;
    s->qt = gml_scratch_carve(memory, &used, head_dim * bq);
    s->ot = gml_scratch_carve(memory, &used, v_head_dim * bq);
    s->bias = gml_scratch_carve(memory, &used, GML_KB0 * bq);
    s->m = gml_scratch_carve(memory, &used, bq);
    s->l = gml_scratch_carve(memory, &used, bq);
    s->slope = gml_scratch_carve(memory, &used, bq);
    s->position = gml_scratch_carve(memory, &used, bq);
    s->seen = gml_scratch_carve(memory, &used, GML_SEEN_WORDS * bq);
    s->kept = gml_scratch_carve(memory, &used, GML_KEPT_BLOCKS * GML_SEEN_WORDS * bq);
    return used;
}

/* The keys and documents that the strip's rows are about. */
static void look_at_rows(const gml_attention_task *task, gml_strip *s)
{
    const gml_attention_keys *keys = &task->keys;
    s->some = (gml_key_range){keys->length, 0};
    s->all = (gml_key_range){0, keys->length};
    s->least_document = INT32_MAX;
    s->most_document = INT32_MIN;
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        const gml_key_range first = gml_attention_window(keys, x.query),
                            last = gml_attention_window(keys, x.query + x.n - 1);
        s->some = (gml_key_range){min64(s->some.from, first.from), max64(s->some.to, last.to)};
        s->all = (gml_key_range){max64(s->all.from, last.from), min64(s->all.to, first.to)};
        for (int64_t r = 0; keys->q_document && r < x.n; r++) {
            const int32_t document = keys->q_document[x.query + r];
            s->least_document = document < s->least_document ? document : s->least_document;
            s->most_document = document > s->most_document ? document : s->most_document;
        }
        i += x.n;
    }
}

void gml_strip_begin(const gml_attention_task *task, gml_strip *s)
{
    const gml_attention_problem *p = task->view->problem;
    const int64_t bq = task->kernel->bq;
    _Alignas(GML_ALIGNMENT) float factor[GML_MAX_BQ];
    s->masked = false;
    s->kept_from = -1;
    look_at_rows(task, s);
    memset(s->slope, 0, (size_t)bq * sizeof *s->slope);
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        const float slope = gml_attention_slope(task->view, x.head);
        task->view->set->gemm_f32->pack(x.n, x.width, p->head_dim,
                                        p->q +
                                            gml_attention_at(p->q_stride, task->keys.batch, x.head, x.query),
                                        p->q_stride[2], 1, s->qt + i, bq);
        for (int64_t r = 0; r < x.n; r++)
            s->slope[i + r] = slope;
        i += x.n;
    }
    for (int64_t i = 0; i < bq; i++)
        factor[i] = task->view->c;
    task->view->set->attention_scale_f32(p->head_dim, bq, s->qt, factor, NULL);
    memset(s->ot, 0, (size_t)(p->v_head_dim * bq) * sizeof(float));
    for (int64_t i = 0; i < bq; i++) {
        s->m[i] = -INFINITY;
        s->l[i] = 0.0f;
    }
}

/* Of the keys of a block, those that rows may differ in. */
typedef enum gml_sight { SEES_NONE, SEES_SOME, SEES_ALL } gml_sight;

/* By documents alone, for the block's keys j .. j + n. */
static gml_sight sight_of_documents(const gml_attention_keys *keys, const gml_strip *s, int64_t j, int64_t n)
{
    if (!keys->q_document)
        return SEES_ALL;
    int32_t least = INT32_MAX, most = INT32_MIN;
    for (int64_t i = 0; i < n; i++) {
        const int32_t document = keys->kv_document[j + i];
        least = document < least ? document : least;
        most = document > most ? document : most;
    }
    if (most < s->least_document || least > s->most_document)
        return SEES_NONE;
    return least == most && s->least_document == s->most_document ? SEES_ALL : SEES_SOME;
}

/* Reads the strip's rows of `keep`, a few blocks from key j0 on. */
static void read_kept(const gml_attention_task *task, gml_strip *s, int64_t j0)
{
    const int64_t end = min64(j0 + GML_KEPT_BLOCKS * GML_KB0, task->keys.length);
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        for (int64_t r = 0; r < x.n; r++) {
            uint32_t *words = s->kept + (i + r) * GML_KEPT_BLOCKS * GML_SEEN_WORDS;
            for (int64_t j = j0; j < end; j += GML_KB0, words += GML_SEEN_WORDS)
                gml_attention_kept(&task->keys, x.head, x.query + r, j, min64(GML_KB0, end - j), words);
        }
        i += x.n;
    }
    s->kept_from = j0;
}

/* The bits of each row, transposed; what all rows make of the keys from .. to. */
static gml_sight gather_seen(const gml_attention_task *task, gml_strip *s, int64_t j0, int64_t from,
                             int64_t to)
{
    const int64_t bq = task->kernel->bq;
    const bool keep = task->view->problem->keep;
    uint32_t whole[GML_SEEN_WORDS], some = 0, missing = 0;
    gml_attention_range_bits(from, to, whole);
    if (keep && (s->kept_from < 0 || j0 < s->kept_from || j0 >= s->kept_from + GML_KEPT_BLOCKS * GML_KB0))
        read_kept(task, s, j0);
    const uint32_t *kept = s->kept + (j0 - s->kept_from) / GML_KB0 * GML_SEEN_WORDS;
    memset(s->seen, 0, (size_t)(GML_SEEN_WORDS * bq) * sizeof *s->seen);
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        for (int64_t r = 0; r < x.n; r++) {
            uint32_t words[GML_SEEN_WORDS];
            gml_attention_structure(&task->keys, x.query + r, j0, to, words);
            for (int w = 0; w < GML_SEEN_WORDS; w++) {
                if (keep)
                    words[w] &= kept[(i + r) * GML_KEPT_BLOCKS * GML_SEEN_WORDS + w];
                s->seen[w * bq + i + r] = words[w];
                some |= words[w];
                missing |= whole[w] & ~words[w];
            }
        }
        i += x.n;
    }
    return !some ? SEES_NONE : missing ? SEES_SOME : SEES_ALL;
}

static void gather_bias(const gml_attention_task *task, gml_strip *s, int64_t j0, int64_t from, int64_t to)
{
    const gml_attention_problem *p = task->view->problem;
    const int64_t bq = task->kernel->bq;
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        const float *bias = p->bias + gml_attention_at(p->bias_stride, task->keys.batch, x.head, x.query) +
                            (j0 + from) * p->bias_stride[3];
        task->view->set->gemm_f32->pack(x.n, x.width, to - from, bias, p->bias_stride[2], p->bias_stride[3],
                                        s->bias + from * bq + i, bq);
        i += x.n;
    }
}

static void gather_positions(const gml_attention_task *task, gml_strip *s, int64_t j0)
{
    memset(s->position, 0, (size_t)task->kernel->bq * sizeof *s->position);
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        for (int64_t r = 0; r < x.n; r++)
            s->position[i + r] = gml_attention_position(&task->keys, x.query + r, j0);
        i += x.n;
    }
}

bool gml_strip_meet(const gml_attention_task *task, gml_strip *s, int64_t j0, gml_attention_strip_f32 *met)
{
    const gml_attention_problem *p = task->view->problem;
    const gml_attention_keys *keys = &task->keys;
    const gml_key_range range = gml_attention_in_block(keys, s->some, j0);
    const int64_t from = range.from, to = range.to;
    if (from >= to)
        return false;

    const gml_sight documents = sight_of_documents(keys, s, j0 + from, to - from);
    if (documents == SEES_NONE)
        return false;
    gml_sight sight = SEES_ALL;
    if (p->keep || documents == SEES_SOME ||
        (j0 + to > keys->prefix && (j0 + from < s->all.from || j0 + to > s->all.to)))
        sight = gather_seen(task, s, j0, from, to);
    if (sight == SEES_NONE)
        return false;
    *met = (gml_attention_strip_f32){
        .queries = s->queries, .from = from, .to = to, .qt = s->qt, .ot = s->ot, .m = s->m, .l = s->l};
    if (sight == SEES_SOME)
        met->seen = s->seen;
    if (p->bias) {
        gather_bias(task, s, j0, from, to);
        met->bias = s->bias;
    }
    if (p->alibi) {
        gather_positions(task, s, j0);
        met->slope = s->slope;
        met->position = s->position;
    }
    s->masked |= sight == SEES_SOME || p->bias;
    return true;
}

/* Where there is no sink nothing changes: its factor is 0, that of the rest 1. */
static void join_sinks(const gml_attention_task *task, gml_strip *s)
{
    const gml_attention_problem *p = task->view->problem;
    const int64_t bq = task->kernel->bq;
    _Alignas(GML_ALIGNMENT) float a[GML_MAX_BQ] = {0};
    float b[GML_MAX_BQ] = {0};
    for (int64_t i = 0; i < bq; i++) {
        const int64_t row = s->row + (i < s->queries ? i : 0);
        const float sink = gml_attention_sink(task->view, task->kv_head * task->group + row / p->q_len);
        const float top = (sink > s->m[i] ? sink : s->m[i]) + 0.0f;
        a[i] = s->m[i] - finite_or_zero(top);
        b[i] = sink - finite_or_zero(top);
        s->m[i] = top;
    }
    task->view->set->exp2_f32(bq, a, a);
    task->view->set->exp2_f32(bq, b, b);
    for (int64_t i = 0; i < bq; i++)
        s->l[i] = fmaf(a[i], s->l[i], b[i]);
    task->view->set->attention_scale_f32(p->v_head_dim, bq, s->ot, a, NULL);
}

/* ot / l, and zeros where l is 0; spoilt[i] is NaN where an element of row i came out non-finite. */
static void normalise(const gml_attention_task *task, gml_strip *s, float *spoilt)
{
    const int64_t bq = task->kernel->bq, v_head_dim = task->view->problem->v_head_dim;
    _Alignas(GML_ALIGNMENT) float inverse[GML_MAX_BQ];
    for (int64_t i = 0; i < bq; i++)
        inverse[i] = 1.0f / s->l[i];
    task->view->set->attention_scale_f32(v_head_dim, bq, s->ot, inverse, spoilt);
    for (int64_t i = 0; i < s->queries; i++)
        if (s->l[i] == 0.0f) {
            spoilt[i] = 0.0f;
            for (int64_t d = 0; d < v_head_dim; d++)
                s->ot[d * bq + i] = 0.0f;
        }
}

void gml_strip_end(const gml_attention_task *task, gml_strip *s)
{
    const gml_attention_problem *p = task->view->problem;
    const int64_t bq = task->kernel->bq;
    _Alignas(GML_ALIGNMENT) float spoilt[GML_MAX_BQ];
    if (p->sinks)
        join_sinks(task, s);
    normalise(task, s, spoilt);
    for (int64_t i = 0; i < s->queries;) {
        const piece x = piece_at(task, s, i);
        float *o = p->o + gml_attention_at(p->o_stride, task->keys.batch, x.head, x.query);
        task->view->set->gemm_f32->pack(p->v_head_dim, p->v_head_dim, x.n, s->ot + i, bq, 1, o,
                                        x.n > 1 ? p->o_stride[2] : p->v_head_dim);
        for (int64_t r = 0; r < x.n; r++) {
            const float l = s->l[i + r];
            if (s->masked && isnan(spoilt[i + r]) && !isnan(l))
                gml_attention_plain_f32(task->view, &task->keys, x.head, x.query + r, s->qt + i + r, bq, 1.0f,
                                        false, o + r * p->o_stride[2]);
            if (p->lse)
                p->lse[gml_attention_at(p->lse_stride, task->keys.batch, x.head, x.query + r)] =
                    gml_attention_logsumexp(s->m[i + r], l);
        }
        i += x.n;
    }
}

void gml_strip_weights(const gml_attention_task *task, const gml_strip *s, int64_t j0,
                       const gml_attention_strip_f32 *met, const float *e)
{
    const gml_attention_problem *p = task->view->problem;
    const int64_t bq = task->kernel->bq;
    float w[GML_MAX_BQ];
    for (int64_t i = 0; i < s->queries; i++)
        w[i] = met->m[i] - finite_or_zero(s->m[i]);
    task->view->set->exp2_f32(s->queries, w, w);
    for (int64_t i = 0; i < s->queries; i++) {
        const int64_t row = s->row + i;
        const int64_t head = task->kv_head * task->group + row / p->q_len;
        float *weights = p->weights +
                         gml_attention_at(p->weights_stride, task->keys.batch, head, row % p->q_len) +
                         j0 * p->weights_stride[3];
        w[i] *= 1.0f / s->l[i];
        for (int64_t j = met->from; j < met->to; j++) {
            const bool hidden = (met->seen && !(met->seen[j / 32 * bq + i] >> j % 32 & 1)) ||
                                (met->bias && met->bias[j * bq + i] == -INFINITY) || s->l[i] == 0.0f;
            weights[j * p->weights_stride[3]] = hidden ? 0.0f : e[j * bq + i] * w[i];
        }
    }
}
