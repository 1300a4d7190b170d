/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans in words. The planner is the one that calls use; the texts say what a number takes of the resource that
 * bounds it, from the plan and the machine, and repeat none of the model's own fractions.
 */
#include "cli/cli.h"
#include "cli/explain.h"
#include "kernels/arithmetic.h"
#include "src/api/trace.h"
#include "src/core/softmax.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(explain_report *out, const char *name, int64_t value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(explain_report *out, const char *name, int64_t value, const char *format, ...)
{
    explain_row *row = &out->row[out->rows++];
    va_list list;
    row->name = name;
    row->value = value;
    va_start(list, format);
    vsnprintf(row->bound, sizeof row->bound, format, list);
    va_end(list);
}

static int64_t ceil_div(int64_t x, int64_t y)
{
    return x / y + (x % y != 0);
}

/* "384 KiB, 19 % of L2 (2 MiB)", or "384 KiB" where the cache is unknown. */
static const char *share_of(char *text, size_t size, double bytes, const char *cache, int64_t capacity)
{
    char need[CLI_BYTES], whole[CLI_BYTES];
    cli_bytes(need, (int64_t)bytes);
    if (capacity > 0)
        snprintf(text, size, "%s, %.0f %% of %s (%s)", need, 100.0 * bytes / (double)capacity, cache,
                 cli_bytes(whole, capacity));
    else
        snprintf(text, size, "%s; %s is unknown", need, cache);
    return text;
}

/* Row-major operands, B transposed where asked for. */
static gml_gemm_args gemm_args(const explain_setting *with, const int64_t *sizes)
{
    const int64_t m = sizes[0], n = sizes[1], k = sizes[2];
    gml_gemm_args args = {.type = with->type && !strcmp(with->type, "f64") ? GML_F64 : GML_F32};
    args.m = m, args.n = n, args.k = k;
    args.alpha = 1.0;
    args.rs_a = k, args.cs_a = 1;
    args.rs_b = with->trans_b ? 1 : n, args.cs_b = with->trans_b ? k : 1;
    args.rs_c = n, args.cs_c = 1;
    return args;
}

static void add_packing(explain_report *out, const char *name, bool packed, const char *operand, int64_t uses)
{
    if (packed)
        add(out, name, 1, "%s is copied into the order of the kernel; %" PRId64 " tiles use each element",
            operand, uses);
    else
        add(out, name, 0, "%s is read where it stands; %" PRId64 " tile%s use%s each element", operand, uses,
            uses == 1 ? "" : "s", uses == 1 ? "s" : "");
}

/* The numbers of the paths, for the product that is executed: m x n, maybe the transposed one. */
static void add_panels(const explain_setting *with, const gml_gemm_plan *plan, int64_t m, int64_t n,
                       int64_t k, explain_report *out)
{
    const int64_t mr = plan->kernel->mr, nr = plan->kernel->nr, depth = plan->kernels->kc0;
    const double element = plan->kernels->element, slice = (double)(depth * nr) * element;
    const int64_t tiles_m = ceil_div(m, mr), tiles_n = ceil_div(n, nr);
    const bool small = slice <= (double)with->cache.l1d;
    char text[96];
    add_packing(out, "pack_a", plan->pack_a, plan->transpose ? "B" : "A", tiles_n);
    add_packing(out, "pack_b", plan->pack_b, plan->transpose ? "A" : "B", tiles_m);
    add(out, "stream_c", plan->stream_c,
        plan->stream_c ? "memory: C is written past the caches, which it exceeds"
                       : "C is written through the caches");
    add(out, "kc", plan->kc, "%s: a slice of B, %" PRId64 " x nr, is %s; a multiple of KC0",
        small ? "L1d" : "L2", depth,
        share_of(text, sizeof text, slice, small ? "L1d" : "L2", small ? with->cache.l1d : with->cache.l2));
    add(out, "mc", plan->mc, "L2: a block of A, mc x %" PRId64 ", is %s; a multiple of mr", depth,
        share_of(text, sizeof text, (double)(plan->mc * depth) * element, "L2", with->cache.l2));
    add(out, "nc", plan->nc, "L3: a panel of B, kc x nc, is %s; a multiple of nr",
        share_of(text, sizeof text, (double)(plan->kc * plan->nc) * element, "the L3 of all threads",
                 with->cache.l3 * out->threads));
    add(out, "grid_m", plan->grid_m, "cores: %" PRId64 " tiles along m, %" PRId64 " for the busiest thread",
        tiles_m, ceil_div(tiles_m, plan->grid_m));
    add(out, "grid_n", plan->grid_n, "cores: %" PRId64 " tiles along n, %" PRId64 " for the busiest thread",
        tiles_n, ceil_div(tiles_n, plan->grid_n));
    add(out, "blocks", ceil_div(k, depth),
        "the contract: chains of KC0 = %" PRId64 " products, added in ascending order", depth);
}

static void add_stream(const explain_setting *with, const gml_gemm_plan *plan, int64_t m, int64_t n,
                       int64_t k, explain_report *out)
{
    const double element = plan->kernels->element;
    char text[96];
    add(out, "mc", plan->mc, "rows of sums at a time, of %" PRId64, m);
    add(out, "nc", plan->nc, "L1d: sums, mc x nc, are %s; a multiple of the lanes",
        share_of(text, sizeof text, (double)(plan->mc * plan->nc) * element, "L1d", with->cache.l1d));
    add(out, "grid_n", plan->grid_n, "memory: %s, %s, passes by once; %" PRId64 " columns for a thread",
        plan->transpose ? "A" : "B",
        share_of(text, sizeof text, (double)n * (double)k * element, "the L3 of all threads",
                 with->cache.l3 * out->threads),
        ceil_div(n, plan->grid_n));
    add(out, "blocks", ceil_div(k, plan->kernels->kc0),
        "the contract: chains of KC0 = %d products, added in ascending order", plan->kernels->kc0);
}

static void add_split(const explain_setting *with, const gml_gemm_plan *plan, int64_t m, int64_t n, int64_t k,
                      explain_report *out)
{
    const gml_gemm_kernel *kernel = plan->kernel;
    const int64_t depth = plan->kernels->kc0;
    char text[96];
    add_packing(out, "pack_a", plan->pack_a, plan->transpose ? "B" : "A", ceil_div(n, kernel->nr));
    add_packing(out, "pack_b", plan->pack_b, plan->transpose ? "A" : "B", ceil_div(m, kernel->mr));
    add(out, "mc", plan->mc, "rows of C at a time, of %" PRId64 "; a multiple of mr", m);
    add(out, "nc", plan->nc, "columns of C at a time, of %" PRId64 "; a multiple of nr", n);
    add(out, "kc", plan->kc, "L2: sums of a share, kc / KC0 of mc x nc, are %s; a multiple of KC0",
        share_of(text, sizeof text,
                 (double)(plan->kc / depth) * (double)(plan->mc * plan->nc) * plan->kernels->element, "L2",
                 with->cache.l2));
    add(out, "grid_n", plan->grid_n,
        "cores: along k, %" PRId64 " blocks of KC0 = %" PRId64 " products, added in order",
        ceil_div(k, depth), depth);
}

void explain_gemm(const explain_setting *with, const int64_t *sizes, explain_report *out)
{
    const gml_gemm_args args = gemm_args(with, sizes);
    gml_gemm_plan plan;
    gml_plan_gemm(&with->planner, &args, 1, (int32_t)with->threads, &plan, &out->origin);
    const gml_gemm_kernel *kernel = plan.kernel;
    const int64_t vectors = kernel->nr / plan.kernels->lanes;
    const int64_t m = plan.transpose ? args.n : args.m, n = plan.transpose ? args.m : args.n;
    char text[GML_TRACE_KERNEL];
    snprintf(out->name, sizeof out->name, "%s", gml_trace_kernel(text, with->set, &args, &plan));
    out->kernel = out->name;
    out->path = gml_gemm_path_name(plan.path);
    out->small = gml_gemm_is_small(&args);
    out->threads = plan.grid_m * plan.grid_n * plan.grid_batch;
    out->own = gml_gemm_scratch_thread(&plan);
    out->shared = gml_gemm_scratch(&plan) - (size_t)out->threads * out->own;
    gml_gemm_plan_check(&plan, with->set, out->refused, sizeof out->refused);

    add(out, "transpose", plan.transpose, "%s",
        plan.transpose ? "C^T = B^T * A^T is formed; m and n, A and B change places"
                       : "C = A * B is formed as it stands");
    if (plan.path != GML_GEMM_STREAM) {
        add(out, "mr", kernel->mr, "registers: %d of %d hold the tile and its operands", kernel->registers,
            with->set->registers);
        add(out, "nr", kernel->nr,
            "registers: %" PRId64 " vectors of %d; %d loads for %" PRId64 " FMAs a step", vectors,
            plan.kernels->lanes, kernel->loads, kernel->mr * vectors);
    }
    switch (plan.path) {
    case GML_GEMM_STREAM:
        add_stream(with, &plan, m, n, args.k, out);
        break;
    case GML_GEMM_SPLIT:
        add_split(with, &plan, m, n, args.k, out);
        break;
    default:
        add_panels(with, &plan, m, n, args.k, out);
    }
}

void explain_softmax(const explain_setting *with, const int64_t *sizes, explain_report *out)
{
    static const float elsewhere; /* not in place */
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = sizes[0];
    problem.cols = problem.x_stride = problem.y_stride = sizes[1];
    problem.x = &elsewhere;
    problem = gml_softmax_resolve(&problem);
    gml_softmax_plan plan;
    gml_plan_softmax(&with->planner, &problem, (int32_t)with->threads, &plan, &out->origin);
    char text[96];
    out->kernel = with->set->softmax_f32->name;
    out->threads = plan.threads;
    out->own = gml_softmax_scratch_thread(&plan);
    gml_softmax_plan_check(&plan, out->refused, sizeof out->refused);

    add(out, "rows", plan.rows, "the cost of handing out a task: %" PRId64 " exponentials each",
        plan.rows * problem.cols);
    add(out, "tasks", ceil_div(problem.rows, plan.rows), "drawn one by one by %d thread%s", plan.threads,
        plan.threads == 1 ? "" : "s");
    add(out, "split", plan.split, "%s",
        plan.split ? "threads share each row by its segments: there are too few rows"
                   : "a row has one thread");
    add(out, "stream", plan.stream, "%s",
        plan.stream ? "L3: results are larger, and written past the caches"
                    : "L3: results stay in the caches");
    add(out, "segments", ceil_div(problem.cols, GML_RS0), "the contract: of a row, RS0 = %d columns each; %s",
        GML_RS0,
        share_of(text, sizeof text, (double)(problem.cols < GML_RS0 ? problem.cols : GML_RS0) * sizeof(float),
                 "L1d", with->cache.l1d));
}

/* The path of many queries. */
static void add_tiles(const explain_setting *with, const gml_attention_problem *problem,
                      const gml_attention_plan *plan, explain_report *out)
{
    const int64_t bq = plan->kernel->bq, rows = problem->heads / problem->kv_heads * problem->q_len;
    const int64_t chunks = ceil_div(ceil_div(rows, bq), plan->strips);
    const double block = (double)GML_KB0 * (double)(problem->head_dim + problem->v_head_dim) * sizeof(float);
    char text[96];
    add(out, "bq", bq, "registers: %d of %d; queries of a strip, along the %d lanes", plan->kernel->registers,
        with->set->registers, with->set->lanes);
    add(out, "keys", GML_KB0, "the contract: a block of KB0 keys; its K and V are %s",
        share_of(text, sizeof text, block, "L2", with->cache.l2));
    add(out, "strips", plan->strips, "L2: strips that share a block of K and V; their state is %s",
        share_of(text, sizeof text, (double)out->own, "L2", with->cache.l2));
    add(out, "blocks", ceil_div(problem->kv_len, GML_KB0), "of keys, merged in ascending order%s",
        with->causal ? "; a strip skips those that causality hides from it" : "");
    add(out, "tasks", problem->batch * problem->kv_heads * chunks,
        "cores: %" PRId64 " for each of %" PRId64 " key heads, drawn by %d thread%s", chunks,
        problem->batch * problem->kv_heads, plan->threads, plan->threads == 1 ? "" : "s");
}

/* The path of few queries. */
static void add_few(const explain_setting *with, const gml_attention_problem *problem,
                    const gml_attention_plan *plan, explain_report *out)
{
    const int64_t rows = problem->heads / problem->kv_heads * problem->q_len;
    char text[96];
    add(out, "rows", plan->rows,
        "queries that share a pass over K and V, of %" PRId64 " that have a key head", rows);
    add(out, "span", plan->span,
        "memory: blocks of %d keys that K is read for before V is; their scores are %s", GML_KB0,
        share_of(text, sizeof text, (double)plan->rows * plan->span * GML_KB0 * sizeof(float), "L2",
                 with->cache.l2));
    add(out, "split", plan->split, "%s",
        plan->split > 1 ? "cores: parts of the keys, as there are fewer key heads than threads"
                        : "cores: the keys of a task are not divided");
    add(out, "hold", plan->hold, "blocks whose results wait to be merged in ascending order%s",
        plan->split > 1 ? ", in each part" : ": none waits");
    add(out, "blocks", ceil_div(problem->kv_len, GML_KB0), "of keys, merged in ascending order");
    add(out, "tasks", problem->batch * problem->kv_heads * ceil_div(rows, plan->rows) * plan->split,
        "cores: drawn by %d thread%s", plan->threads, plan->threads == 1 ? "" : "s");
}

/* The path of blocks of scores. */
static void add_blocks(const explain_setting *with, const gml_attention_problem *problem,
                       const gml_attention_plan *plan, explain_report *out)
{
    const int64_t rows = problem->heads / problem->kv_heads * problem->q_len;
    const int64_t tasks = problem->batch * problem->kv_heads * ceil_div(rows, plan->rows);
    char text[96];
    add(out, "values", plan->values->nr, "columns of %s, the tile of exponentials times V",
        plan->values->name);
    add(out, "rows", plan->rows, "L2: of a task, of %" PRId64 " that have a key head; its memory is %s", rows,
        share_of(text, sizeof text, (double)out->own, "L2", with->cache.l2));
    add(out, "step", plan->step, "rows whose scores are computed at a time: %s",
        share_of(text, sizeof text, (double)plan->step * GML_KB0 * sizeof(float), "L2", with->cache.l2));
    add(out, "blocks", ceil_div(problem->kv_len, GML_KB0), "of keys, merged in ascending order");
    add(out, "tasks", tasks, "cores: drawn by %d thread%s", plan->threads, plan->threads == 1 ? "" : "s");
}

void explain_attention(const explain_setting *with, const int64_t *sizes, explain_report *out)
{
    gml_attention_problem problem = {.size = sizeof problem,
                                     .batch = sizes[0],
                                     .heads = sizes[1],
                                     .q_len = sizes[2],
                                     .kv_len = sizes[3],
                                     .head_dim = sizes[4]};
    problem.kv_heads = with->kv_heads ? with->kv_heads : problem.heads;
    problem.v_head_dim = with->v_head_dim ? with->v_head_dim : problem.head_dim;
    problem.causal = with->causal ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE;
    gml_attention_plan plan;
    gml_plan_attention(&with->planner, &problem, (int32_t)with->threads, &plan, &out->origin);
    const char *const kernels[GML_ATTENTION_PATHS] = {
        [GML_ATTENTION_TILES] = plan.kernel->name,
        [GML_ATTENTION_FEW] = with->set->attention_row_f32->name,
        [GML_ATTENTION_BLOCKS] = plan.path == GML_ATTENTION_BLOCKS ? plan.products->name : NULL};
    static void (*const add_path[GML_ATTENTION_PATHS])(const explain_setting *, const gml_attention_problem *,
                                                       const gml_attention_plan *,
                                                       explain_report *) = {add_tiles, add_few, add_blocks};
    out->path = gml_attention_path_name(plan.path);
    out->kernel = kernels[plan.path];
    out->threads = plan.threads;
    out->own = gml_attention_scratch_thread(&plan, problem.head_dim, problem.v_head_dim);
    gml_attention_plan_check(&plan, with->set, problem.head_dim, problem.v_head_dim, out->refused,
                             sizeof out->refused);

    add_path[plan.path](with, &problem, &plan, out);
}
