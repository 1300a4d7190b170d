/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small softmaxes and attentions.
 */
#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include "src/core/softmax.h"
#include "tune/verify.h"
#include <stdio.h>

#define SHARERS   3 /* threads: one in the middle                                    */
#define OPTIONS   (GML_LAYOUT_SPARSE | GML_LAYOUT_SCORES)
#define SHORT_ROW 64 /* in longer ones a NaN or an infinity would hide all else       */

static void try_softmax(tune_trial *trial, const tune_problem *problem, const gml_softmax_plan *plan,
                        int64_t rows, int64_t cols)
{
    const unsigned layout = problem->key.layout;
    const int64_t number = trial->cases++;
    const bool masked = layout & GML_LAYOUT_MASKED;
    const proof_axis axis = layout & GML_LAYOUT_COLUMNS ? PROOF_BY_COLUMNS : PROOF_BY_ROWS;
    const proof_softmax s = {.batch = 1,
                             .rows = rows,
                             .cols = cols,
                             .gap = number % 2 ? 3 : 0,
                             .x_axis = axis,
                             .y_axis = axis,
                             .in_place = layout & GML_LAYOUT_IN_PLACE,
                             .lse = number % 2,
                             .bias = masked && number % 3 != 1,
                             .bias_broadcast = number % 2,
                             .causal = masked && number % 3 == 1 ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE,
                             .masked = 7,
                             .scale = number % 2 ? 0.125f : 0.0f,
                             .values = number % 2 && cols < SHORT_ROW ? PROOF_SPECIALS : PROOF_SPREAD,
                             .seed = (uint64_t)number};
    /* Scratch that held a row, or the width of a block, holds those of this problem. */
    gml_softmax_plan fitting = *plan;
    const bool contiguous = !(layout & GML_LAYOUT_COLUMNS);
    const int64_t width = contiguous ? problem->softmax.cols : min64(problem->softmax.cols, GML_RS0);
    if (plan->block_rows > 0 && plan->block_cols >= width)
        fitting.block_cols = contiguous ? cols : min64(cols, GML_RS0);
    trial->subject.softmax = &fitting;
    snprintf(trial->session.subject, sizeof trial->session.subject,
             "%s%s%s, rows of a task %lld, block %lld x %lld, threads %d",
             trial->subject.runtime->set->softmax_f32->name, fitting.split ? ", split" : "",
             fitting.stream ? ", stream" : "", (long long)fitting.rows, (long long)fitting.block_rows,
             (long long)fitting.block_cols, (int)fitting.threads);
    proof_softmax_case(&trial->session, &trial->subject, &s, NULL);
}

void tune_try_softmax(tune_trial *trial, const tune_problem *problem, const gml_softmax_plan *plan)
{
    gml_softmax_plan small = *plan;
    small.threads = (int32_t)min64(plan->threads, SHARERS);
    small.rows = min64(plan->rows, 4);
    small.block_rows = min64(plan->block_rows, 16);
    if (problem->softmax.cols > GML_RS0) {
        try_softmax(trial, problem, plan, 1, 3 * GML_RS0 - 5);
        try_softmax(trial, problem, &small, small.rows + 1, GML_RS0 + 17);
        try_softmax(trial, problem, &small, 2, GML_RS0 + 1);
        return;
    }
    const int64_t rows = small.rows * small.threads + 1;
    try_softmax(trial, problem, plan, 5, 37);
    try_softmax(trial, problem, plan, 1, problem->softmax.cols);
    try_softmax(trial, problem, &small, rows, 33);
    try_softmax(trial, problem, &small, rows, GML_SUM_LANES - 1);
    try_softmax(trial, problem, &small, small.block_rows ? 2 * small.block_rows + 1 : rows, 130);
}

static void name(tune_trial *trial, const gml_attention_plan *plan)
{
    char *to = trial->session.subject;
    const size_t size = sizeof trial->session.subject;
    switch (plan->path) {
    case GML_ATTENTION_TILES:
        snprintf(to, size, "%s, strips %d%s, threads %d", plan->kernel->name, (int)plan->strips,
                 plan->pack_k ? ", pack k" : "", (int)plan->threads);
        return;
    case GML_ATTENTION_FEW:
        snprintf(to, size, "few, rows %d, span %d, split %d, hold %d, threads %d", (int)plan->rows,
                 (int)plan->span, (int)plan->split, (int)plan->hold, (int)plan->threads);
        return;
    case GML_ATTENTION_BLOCKS:
        snprintf(to, size, "%s, %s, rows %d, step %d, threads %d", plan->products->name, plan->values->name,
                 (int)plan->rows, (int)plan->step, (int)plan->threads);
    }
}

/* What a layout says of scores and of keys that are left out may be any of several options: in turn. */
static void choose_options(proof_attention *a, unsigned layout, int64_t number)
{
    const bool sparse = layout & GML_LAYOUT_SPARSE, scores = layout & GML_LAYOUT_SCORES;
    a->causal = layout & GML_LAYOUT_CAUSAL ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE;
    if (sparse && number % 3 == 0) {
        a->window_left = max64(a->kv_len / 3, 1);
        a->window_right = a->causal ? 0 : a->window_left;
    }
    a->lengths = a->prefix = sparse && number % 3 == 1;
    a->documents = sparse && number % 3 == 2 ? PROOF_RUNS : PROOF_NO_DOCUMENTS;
    a->bias = scores && number % 4 != 1;
    a->bias_broadcast = 3;
    a->keep = scores && number % 4 == 3;
    a->alibi = scores && number % 4 == 1;
    a->softcap = scores && number % 4 == 1 ? 20.0f : 0.0f;
    a->masked = 9;
    a->dead = scores && number % 2;
    a->hot = (layout & (GML_LAYOUT_CAUSAL | GML_LAYOUT_SPARSE)) && number % 2;
}

/* `rows` queries of the heads that share keys, of `dim` dimensions. */
static void try_attention(tune_trial *trial, const tune_problem *problem, const gml_attention_plan *plan,
                          int64_t rows, int64_t keys, int64_t dim, int64_t v_dim)
{
    const gml_attention_problem *p = &problem->attention;
    const unsigned layout = problem->key.layout;
    const int64_t number = trial->cases++, kv_heads = min64(p->kv_heads, 2);
    /* Rows are the queries of a group: of few heads, but where each has only one. */
    const int64_t group = min64(p->heads / p->kv_heads, p->q_len == 1 ? rows : min64(rows, 3));
    proof_attention a = {.batch = 1,
                         .kv_heads = kv_heads,
                         .heads = kv_heads * group,
                         .q_len = p->q_len == 1 ? 1 : ceil_div(rows, group),
                         .kv_len = keys,
                         .head_dim = dim,
                         .v_head_dim = v_dim,
                         .token_major = layout & GML_LAYOUT_TOKENS,
                         .k_transposed = layout & GML_LAYOUT_K_COLUMNS,
                         .gap = number % 2 ? 3 : 0,
                         .lse = number % 2,
                         .sinks = number % 3 == 2,
                         .weights = layout & GML_LAYOUT_WEIGHTS,
                         .values = number % 2 ? PROOF_UNIFORM : PROOF_SPREAD,
                         .seed = (uint64_t)number};
    choose_options(&a, layout, number);
    trial->subject.attention = plan;
    name(trial, plan);
    proof_attention_case(&trial->session, &trial->subject, &a, NULL);
}

/* The same remainder of vectors, in few of them. */
static int64_t few_dims(int64_t dim)
{
    return dim <= 24 ? dim : 16 + dim % 16;
}

void tune_try_attention(tune_trial *trial, const tune_problem *problem, const gml_attention_plan *plan)
{
    const gml_attention_problem *p = &problem->attention;
    const int64_t dim = few_dims(p->head_dim), v_dim = few_dims(p->v_head_dim);
    gml_attention_plan small = *plan;
    small.threads = (int32_t)min64(plan->threads, SHARERS);
    small.strips = (int32_t)min64(plan->strips, 2);
    small.split = (int32_t)min64(plan->split, small.threads);
    small.span = (int32_t)min64(plan->span, 2);
    small.hold = (int32_t)min64(plan->hold, 1);
    const unsigned layout = problem->key.layout;
    int64_t rows = small.rows, keys = 2 * GML_KB0 + 1;
    switch (plan->path) {
    case GML_ATTENTION_TILES:
        rows = (int64_t)small.strips * small.kernel->bq;
        break;
    case GML_ATTENTION_FEW:
        keys = ((int64_t)small.split * small.hold + small.span) * GML_KB0 + 1;
        break;
    case GML_ATTENTION_BLOCKS:
        small.step = (int32_t)min64(plan->step, plan->products->mr + 1);
        small.rows = (int32_t)min64(plan->rows, 2 * (int64_t)small.step);
        rows = small.rows;
    }
    try_attention(trial, problem, plan, 3, 9, p->head_dim, p->v_head_dim);
    try_attention(trial, problem, plan, 5, GML_KB0 + 1, dim, v_dim);
    try_attention(trial, problem, &small, max64(rows - 1, 1), 21, dim, v_dim);
    try_attention(trial, problem, &small, rows + 1, 19, dim, v_dim);
    for (int i = 0; i < (layout & OPTIONS ? 4 : 1); i++) /* with each of the options */
        try_attention(trial, problem, &small, min64(rows + 1, 7), keys - i, dim, v_dim);
}
