/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small products. The specification is the dearest part of a case: one chain after the other, so the products of a case
 * are bounded, and a case that crosses blocks along k is narrow.
 */
#include "src/core/integers.h"
#include "tune/verify.h"
#include <stdio.h>

#define SHARERS 3 /* threads along one dimension: one in the middle */
#define BATCH   3

#define SHORT_CHAIN 8

#define PRODUCTS (INT64_C(1) << 17) /* of a case, at most: about a third of a millisecond */

static void name(tune_trial *trial, const gml_gemm_plan *plan)
{
    snprintf(trial->session.subject, sizeof trial->session.subject,
             "%s, %s%s%s%s%s, mc %lld, kc %lld, nc %lld, grid %dx%dx%d", plan->kernel->name,
             gml_gemm_path_name(plan->path), plan->transpose ? ", transposed" : "",
             plan->pack_a ? ", pack a" : "", plan->pack_b ? ", pack b" : "",
             plan->stream_c ? ", stream c" : "", (long long)plan->mc, (long long)plan->kc,
             (long long)plan->nc, (int)plan->grid_m, (int)plan->grid_n, (int)plan->grid_batch);
}

/* A product of m x n x k, as the plan sees it. */
static void try_one(tune_trial *trial, const tune_problem *problem, const gml_gemm_plan *plan, int64_t batch,
                    int64_t m, int64_t n, int64_t k)
{
    const unsigned layout = problem->key.layout;
    const int64_t number = trial->cases++, gap = number % 2 ? 3 : 0;
    /* A single row or column is contiguous in any sense, and a plan may rest on it. */
    m = problem->key.size[plan->transpose] == 1 ? 1 : m;
    n = problem->key.size[!plan->transpose] == 1 ? 1 : n;
    n = max64(1, min64(n, PRODUCTS / (k * batch)));
    m = max64(1, min64(m, PRODUCTS / (k * batch * n)));
    const proof_gemm g = {
        .type = (gml_type)problem->key.type,
        .m = plan->transpose ? n : m,
        .n = plan->transpose ? m : n,
        .k = k,
        .alpha = number % 2 ? 1.0 : -2.5,
        .beta = layout & GML_LAYOUT_READS_C ? (number % 2 ? 0.75 : 1.0) : 0.0,
        .a = {layout & GML_LAYOUT_A_COLUMNS, layout & GML_LAYOUT_A_STRIDED ? 2 : 1, gap, false},
        .b = {layout & GML_LAYOUT_B_COLUMNS, layout & GML_LAYOUT_B_STRIDED ? 2 : 1, gap, false},
        .c = {false, layout & GML_LAYOUT_C_STRIDED ? 2 : 1, gap, plan->stream_c},
        .batch = batch,
        .packed_a = layout & GML_LAYOUT_PACKED_A,
        .packed_b = layout & GML_LAYOUT_PACKED_B,
        .bias_m = number % 4 == 1,
        .bias_n = number % 4 == 1,
        .activation = number % 3 == 1 ? GML_ACTIVATION_RELU : GML_ACTIVATION_NONE,
        /* In a long chain one NaN or infinity would hide all else. */
        .values = number % 2 && k <= SHORT_CHAIN ? PROOF_SPECIALS : PROOF_UNIFORM,
        .seed = (uint64_t)number};
    trial->subject.gemm = plan;
    name(trial, plan);
    proof_gemm_case(&trial->session, &trial->subject, &g, NULL);
}

/* At most so many units of a length. */
static int64_t cut(int64_t length, int64_t unit, int64_t most)
{
    return min64(length, unit * most);
}

void tune_try_gemm(tune_trial *trial, const tune_problem *problem, const gml_gemm_plan *plan)
{
    const bool stream = plan->path == GML_GEMM_STREAM, split = plan->path == GML_GEMM_SPLIT;
    const int64_t mr = stream ? 1 : plan->kernel->mr, nr = stream ? plan->kernels->lanes : plan->kernel->nr;
    const int64_t kc0 = plan->kernels->kc0;
    gml_gemm_plan small = *plan;
    small.mc = cut(plan->mc, mr, 2);
    small.nc = cut(plan->nc, nr, 2);
    small.kc = cut(plan->kc, kc0, split ? 1 : 2);
    small.grid_m = (int32_t)min64(plan->grid_m, SHARERS);
    small.grid_n = (int32_t)min64(plan->grid_n, SHARERS);
    small.grid_batch = (int32_t)min64(plan->grid_batch, 2);

    /* Tiles, one row and column less, and more. */
    try_one(trial, problem, plan, 1, mr, nr, 7);
    try_one(trial, problem, plan, 1, mr + 1, nr - 1, 8);
    try_one(trial, problem, plan, 1, max64(mr - 1, 1), nr + 1, 1);
    /* Blocks and threads along m and n. */
    try_one(trial, problem, &small, 1, small.mc * small.grid_m + mr + 1, nr + 1, 7);
    try_one(trial, problem, &small, 1, mr + 1, small.nc * small.grid_n + nr - 1, 7);
    try_one(trial, problem, &small, 1, small.mc * 2 + 1, small.nc * 2 + 1, 5);
    /* Blocks along k. */
    const int64_t step = split ? small.grid_n * kc0 : kc0;
    try_one(trial, problem, &small, 1, mr + 1, nr / 2 + 1, kc0);
    try_one(trial, problem, &small, 1, mr + 1, 5, step + 1);
    try_one(trial, problem, &small, 1, 2, 3, max64(2 * small.kc, step) + kc0 - 1);
    /* The little products of a batch take no notice of most of a plan, but only those. */
    if (problem->gemm.batch.count > 1) {
        try_one(trial, problem, &small, BATCH, mr + 1, nr + 1, 7);
        try_one(trial, problem, &small, BATCH, mr + 1, 5, kc0 + 1);
    }
}
