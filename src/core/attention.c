/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention in tiles. The rows of all query heads that share a key head are taken as one sequence (grouped heads
 * share their pass over K and V) and cut into strips of bq; a task is a few strips of one key head:
 *
 *     for each block of KB0 keys that any strip of the task sees     K and V of the block stay in L2
 *       kernel: the block against each such strip                    its state stays in L1 and L2
 *
 * Workers draw tasks, those with most keys first. Scores exist for one block and one strip only, so scratch memory
 * does not grow with the number of keys. The plan decides strips and threads; the bits of a row depend on neither.
 */
#include "src/core/attention.h"
#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

typedef struct attention_run {
    gml_attention_view view;
    const gml_attention_plan *plan;
    int64_t group;         /* query heads of a key head                                 */
    int64_t rows;          /* group * q_len: row r is query r % q_len of head r / q_len */
    int64_t chunks, tasks; /* tasks of a key head, and in all                           */
    char *memory;
    size_t thread_bytes;
    _Atomic int64_t next;
} attention_run;

/* A strip and what the executor knows of it besides. */
typedef struct strip {
    int64_t row; /* its first                                              */
    int64_t queries;
    int64_t least, most; /* keys that its rows see by causality, minimum, maximum  */
    float *qt, *ot, *m, *l, *bias;
    int32_t *lo, *hi;
    bool masked; /* some key of some row was masked inside a block         */
} strip;

/* The rows from `row` on that lie in one head, at most n: for code that walks strides within a head. */
static int64_t rows_in_head(const attention_run *run, int64_t row, int64_t n)
{
    const int64_t q_len = run->view.problem->q_len;
    return min64(n, q_len - row % q_len);
}

static const float *query_of(const attention_run *run, int64_t batch, int64_t kv_head, int64_t row)
{
    const gml_attention_problem *p = run->view.problem;
    const int64_t head = kv_head * run->group + row / p->q_len;
    return p->q + batch * p->q_stride[0] + head * p->q_stride[1] + row % p->q_len * p->q_stride[2];
}

static void *carve(char **memory, int64_t floats)
{
    void *piece = *memory;
    *memory += ((size_t)floats * sizeof(float) + GML_ALIGNMENT - 1) / GML_ALIGNMENT * GML_ALIGNMENT;
    return piece;
}

/* Loads the queries of a strip, transposed and scaled, and clears its state. */
static void begin_strip(const attention_run *run, strip *s, int64_t batch, int64_t kv_head)
{
    const gml_attention_problem *p = run->view.problem;
    const int64_t bq = run->plan->kernel->bq;
    s->least = p->kv_len;
    s->most = 0;
    s->masked = false;
    for (int64_t i = 0, n; i < s->queries; i += n) {
        n = rows_in_head(run, s->row + i, s->queries - i);
        const bool last = i + n == s->queries;
        run->view.set->gemm_f32->pack(n, last ? bq - i : n, p->head_dim, query_of(run, batch, kv_head, s->row + i),
                                p->q_stride[2], 1, s->qt + i, bq);
        const int64_t query = (s->row + i) % p->q_len;
        s->least = min64(s->least, gml_attention_visible(p, query));
        s->most = max64(s->most, gml_attention_visible(p, query + n - 1));
    }
    for (int64_t i = 0; i < p->head_dim * bq; i++)
        s->qt[i] *= run->view.c;
    memset(s->ot, 0, (size_t)(p->v_head_dim * bq) * sizeof(float));
    for (int64_t i = 0; i < bq; i++) {
        s->m[i] = -INFINITY;
        s->l[i] = 0.0f;
    }
}

/* Bounds of the visible keys j0 .. j0 + keys for each row; false when all rows see all of them. */
static bool bound_keys(const attention_run *run, strip *s, int64_t j0, int64_t keys)
{
    const gml_attention_problem *p = run->view.problem;
    if (j0 + keys <= s->least)
        return false;
    for (int64_t i = 0; i < run->plan->kernel->bq; i++) {
        int64_t end = keys;
        if (i < s->queries)
            end = gml_attention_visible(p, (s->row + i) % p->q_len) - j0;
        s->lo[i] = 0;
        s->hi[i] = (int32_t)(end < 0 ? 0 : min64(end, keys));
    }
    return true;
}

/* What a gathered tile of bias does to a block: nothing, something, or mask all of it, as far as keep tells. */
typedef enum tile_effect { TILE_PASSES, TILE_ADDS, TILE_MASKS_ALL } tile_effect;

_Static_assert(GML_ATTENTION_SCRATCH_F32(1) >= GML_KB0, "the kernel's scratch holds the rows of a mask");

/* A row of keep, with its bias if there is one, as a row of bias; returns how many of the keys are masked. The
 * contiguous case stands apart for the compiler's vectors. */
static int64_t keep_row(int64_t keys, const uint8_t *keep, int64_t keep_step, const float *bias,
                        int64_t bias_step, float *restrict row)
{
    int32_t kept = 0; /* of at most KB0 */
    if (keep_step == 1 && !bias) {
        for (int64_t j = 0; j < keys; j++) {
            row[j] = keep[j] ? 0.0f : -INFINITY;
            kept += keep[j] != 0;
        }
        return keys - kept;
    }
    for (int64_t j = 0; j < keys; j++) {
        const bool keeps = keep[j * keep_step] != 0;
        row[j] = !keeps ? -INFINITY : bias ? bias[j * bias_step] : 0.0f;
        kept += keeps;
    }
    return keys - kept;
}

/* Gathers bias and keep into the tile [keys][bq] of the strip, transposing them; keep by way of `rows`, [bq][KB0]. */
static tile_effect gather_bias(const attention_run *run, strip *s, int64_t batch, int64_t kv_head, int64_t j0,
                               int64_t keys, float *rows)
{
    const gml_attention_problem *p = run->view.problem;
    const int64_t bq = run->plan->kernel->bq;
    int64_t masked = 0;
    for (int64_t i = 0, n; i < s->queries; i += n) {
        n = rows_in_head(run, s->row + i, s->queries - i);
        const int64_t head = kv_head * run->group + (s->row + i) / p->q_len, query = (s->row + i) % p->q_len;
        const int64_t width = i + n == s->queries ? bq - i : n;
        const float *bias = !p->bias ? NULL
                                     : p->bias + batch * p->bias_stride[0] + head * p->bias_stride[1] +
                                           query * p->bias_stride[2] + j0 * p->bias_stride[3];
        if (!p->keep) {
            run->view.set->gemm_f32->pack(n, width, keys, bias, p->bias_stride[2], p->bias_stride[3], s->bias + i,
                                    bq);
            continue;
        }
        const uint8_t *keep = p->keep + batch * p->keep_stride[0] + head * p->keep_stride[1] +
                              query * p->keep_stride[2] + j0 * p->keep_stride[3];
        for (int64_t r = 0; r < n; r++)
            masked +=
                keep_row(keys, keep + r * p->keep_stride[2], p->keep_stride[3],
                         bias ? bias + r * p->bias_stride[2] : NULL, p->bias_stride[3], rows + r * GML_KB0);
        run->view.set->gemm_f32->pack(n, width, keys, rows, GML_KB0, 1, s->bias + i, bq);
    }
    if (masked == s->queries * keys)
        return TILE_MASKS_ALL;
    return p->bias || masked ? TILE_ADDS : TILE_PASSES;
}

/* ot / l, and zeros where l is 0; spoilt[i] is NaN where an element of row i came out non-finite. */
static void normalise(strip *s, int64_t bq, int64_t v_head_dim, float *restrict spoilt)
{
    float inverse[GML_MAX_BQ];
    for (int64_t i = 0; i < bq; i++) {
        inverse[i] = 1.0f / s->l[i];
        spoilt[i] = 0.0f;
    }
    for (int64_t d = 0; d < v_head_dim; d++) {
        float *restrict o = s->ot + d * bq;
        for (int64_t i = 0; i < bq; i++) {
            o[i] = o[i] * inverse[i] + 0.0f;
            spoilt[i] += o[i] * 0.0f;
        }
    }
    for (int64_t i = 0; i < s->queries; i++)
        if (s->l[i] == 0.0f) {
            spoilt[i] = 0.0f;
            for (int64_t d = 0; d < v_head_dim; d++)
                s->ot[d * bq + i] = 0.0f;
        }
}

/* Normalises a strip, writes its rows and logsumexps, and recomputes those that masked keys made non-finite. */
static void end_strip(const attention_run *run, strip *s, int64_t batch, int64_t kv_head)
{
    const gml_attention_problem *p = run->view.problem;
    const int64_t bq = run->plan->kernel->bq;
    float spoilt[GML_MAX_BQ];
    normalise(s, bq, p->v_head_dim, spoilt);
    for (int64_t i = 0, n; i < s->queries; i += n) {
        n = rows_in_head(run, s->row + i, s->queries - i);
        const int64_t head = kv_head * run->group + (s->row + i) / p->q_len, query = (s->row + i) % p->q_len;
        float *o = p->o + batch * p->o_stride[0] + head * p->o_stride[1] + query * p->o_stride[2];
        run->view.set->gemm_f32->pack(p->v_head_dim, p->v_head_dim, n, s->ot + i, bq, 1, o,
                                n > 1 ? p->o_stride[2] : p->v_head_dim);
        float *lse = p->lse ? p->lse + batch * p->lse_stride[0] + head * p->lse_stride[1] : NULL;
        for (int64_t r = 0; r < n; r++) {
            const float l = s->l[i + r];
            if (s->masked && isnan(spoilt[i + r]) && !isnan(l))
                gml_attention_row_f32(&run->view, batch, head, query + r, s->qt + i + r, bq, 1.0f,
                                      o + r * p->o_stride[2], NULL);
            if (lse)
                lse[(query + r) * p->lse_stride[2]] = gml_attention_logsumexp(s->m[i + r], l);
        }
    }
}

/* What the kernel is told of a strip that meets the keys j0 .. j0 + keys; false when keep masks all of them. */
static bool meet(const attention_run *run, strip *s, int64_t batch, int64_t kv_head, int64_t j0, int64_t keys,
                 float *rows, gml_attention_strip_f32 *to)
{
    const gml_attention_problem *p = run->view.problem;
    const bool bounded = bound_keys(run, s, j0, keys);
    const tile_effect effect =
        p->bias || p->keep ? gather_bias(run, s, batch, kv_head, j0, keys, rows) : TILE_PASSES;
    if (effect == TILE_MASKS_ALL)
        return false;
    s->masked |= bounded || effect == TILE_ADDS;
    *to = (gml_attention_strip_f32){.queries = s->queries, .qt = s->qt, .ot = s->ot, .m = s->m, .l = s->l};
    if (bounded) {
        to->lo = s->lo;
        to->hi = s->hi;
    }
    if (effect == TILE_ADDS)
        to->bias = s->bias;
    return true;
}

/* All strips of a task against all blocks of keys that any of them sees. */
static void run_task(const attention_run *run, int64_t task, char *memory)
{
    const gml_attention_problem *p = run->view.problem;
    const gml_attention_kernel_f32 *kernel = run->plan->kernel;
    const int64_t bq = kernel->bq;
    const int64_t chunk = run->chunks - 1 - task % run->chunks; /* the last rows see the most keys */
    const int64_t kv_head = task / run->chunks % p->kv_heads, batch = task / run->chunks / p->kv_heads;
    const int64_t first = chunk * run->plan->strips * bq;

    strip strips[GML_MAX_STRIPS];
    int64_t count = 0, most = 0;
    for (int64_t row = first; row < run->rows && count < run->plan->strips; row += bq, count++) {
        strip *s = &strips[count];
        *s = (strip){.row = row, .queries = min64(bq, run->rows - row)};
        s->qt = carve(&memory, p->head_dim * bq);
        s->ot = carve(&memory, p->v_head_dim * bq);
        s->m = carve(&memory, bq);
        s->l = carve(&memory, bq);
        s->lo = carve(&memory, bq);
        s->hi = carve(&memory, bq);
        s->bias = carve(&memory, GML_KB0 * bq);
        begin_strip(run, s, batch, kv_head);
        most = max64(most, s->most);
    }

    float *scratch = (float *)memory; /* the kernel's; between its steps, for rows of masks */
    gml_attention_block_f32 block = {.head_dim = p->head_dim,
                                     .v_head_dim = p->v_head_dim,
                                     .k_stride = p->k_stride[2],
                                     .v_stride = p->v_stride[2]};
    const float *k = p->k + batch * p->k_stride[0] + kv_head * p->k_stride[1];
    const float *v = p->v + batch * p->v_stride[0] + kv_head * p->v_stride[1];
    for (int64_t j = 0; j < most; j += GML_KB0) {
        block.keys = min64(GML_KB0, p->kv_len - j);
        block.k = k + j * block.k_stride;
        block.v = v + j * block.v_stride;
        gml_attention_strip_f32 active[GML_MAX_STRIPS];
        int64_t n = 0;
        for (int64_t i = 0; i < count; i++) {
            gml_attention_block_f32 seen = block;
            seen.keys = min64(block.keys, strips[i].most - j);
            if (seen.keys <= 0 || !meet(run, &strips[i], batch, kv_head, j, seen.keys, scratch, &active[n]))
                continue;
            if (seen.keys == block.keys)
                n++;
            else /* no row of this strip sees the rest: it has a shorter block to itself */
                kernel->step(&seen, &active[n], 1, scratch);
        }
        if (n)
            kernel->step(&block, active, n, scratch);
    }
    for (int64_t i = 0; i < count; i++)
        end_strip(run, &strips[i], batch, kv_head);
}

static void worker(void *argument, int64_t index)
{
    attention_run *run = argument;
    for (int64_t task; (task = atomic_fetch_add(&run->next, 1)) < run->tasks;)
        run_task(run, task, run->memory + (size_t)index * run->thread_bytes);
}

/* The path without memory: rows instead of strips, drawn by a single worker. */
static void row_worker(void *argument, int64_t index)
{
    attention_run *run = argument;
    const gml_attention_problem *p = run->view.problem;
    (void)index;
    for (int64_t r = 0; r < p->batch * p->heads * p->q_len; r++) {
        const int64_t query = r % p->q_len, head = r / p->q_len % p->heads, batch = r / p->q_len / p->heads;
        const float *q = p->q + batch * p->q_stride[0] + head * p->q_stride[1] + query * p->q_stride[2];
        float *o = p->o + batch * p->o_stride[0] + head * p->o_stride[1] + query * p->o_stride[2];
        float *lse =
            !p->lse ? NULL
                    : p->lse + batch * p->lse_stride[0] + head * p->lse_stride[1] + query * p->lse_stride[2];
        float copy[GML_IN_PLACE_HEAD_DIM];
        if (p->o == p->q)
            q = memcpy(copy, q, (size_t)p->head_dim * sizeof(float));
        gml_attention_row_f32(&run->view, batch, head, query, q, 1, run->view.c, o, lse);
    }
}

void gml_attention_run_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                           const gml_attention_problem *problem)
{
    attention_run run = {.view = {.set = runtime->set, .problem = problem}, .plan = plan};
    run.view.c = (float)((double)problem->scale * GML_LOG2E_F64);
    int32_t threads = plan ? plan->threads : 0;
    gml_scratch scratch = {0};
    if (plan) {
        run.thread_bytes = gml_attention_scratch_thread(plan, problem->head_dim, problem->v_head_dim);
        scratch = gml_scratch_take(runtime, run.thread_bytes * (size_t)threads);
        if (!scratch.data && threads > 1) {
            threads = 1;
            scratch = gml_scratch_take(runtime, run.thread_bytes);
        }
    }
    if (!scratch.data) {
        gml_parallel(runtime, 1, row_worker, &run);
        return;
    }
    const int64_t rows_of_task = (int64_t)plan->strips * plan->kernel->bq;
    run.memory = scratch.data;
    run.group = problem->heads / problem->kv_heads;
    run.rows = run.group * problem->q_len;
    run.chunks = ceil_div(run.rows, rows_of_task);
    run.tasks = run.chunks * problem->kv_heads * problem->batch;
    gml_parallel(runtime, threads, worker, &run);
    gml_scratch_give(runtime, scratch);
}
