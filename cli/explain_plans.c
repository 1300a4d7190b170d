/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans in words. The model is the one that calls use; the texts say what a number takes of the resource that
 * bounds it, from the plan and the machine, and repeat none of the model's own fractions.
 */
#include "cli/cli.h"
#include "cli/explain.h"
#include "kernels/arithmetic.h"
#include "src/plan/model.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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

void explain_gemm(const explain_setting *with, const int64_t *sizes, explain_report *out)
{
    const int64_t m = sizes[0], n = sizes[1], k = sizes[2];
    const gml_gemm_plan plan = gml_model_gemm(&with->machine, with->set, m, n, k, (int32_t)with->threads);
    const gml_gemm_kernel_f32 *kernel = plan.kernel;
    const int64_t mr = kernel->mr, nr = kernel->nr, lanes = with->set->lanes, depth = GML_KC0_F32;
    char text[96];
    out->kernel = kernel->name;
    out->threads = plan.grid_m * plan.grid_n;
    out->shared = gml_gemm_scratch_shared(&plan);
    out->own = gml_gemm_scratch_thread(&plan);
    gml_gemm_plan_check(&plan, with->set, out->refused, sizeof out->refused);

    add(out, "mr", mr, "registers: %d of %d hold the tile and its operands", kernel->registers,
        with->set->registers);
    add(out, "nr", nr, "registers: %" PRId64 " vectors of %" PRId64 "; %d loads for %" PRId64 " FMAs a step",
        nr / lanes, lanes, kernel->loads, mr * (nr / lanes));
    const double slice = (double)(depth * nr) * sizeof(float);
    const bool small = slice <= (double)with->cache.l1d;
    const char *level = small ? "L1d" : "L2";
    share_of(text, sizeof text, slice, level, small ? with->cache.l1d : with->cache.l2);
    add(out, "kc", plan.kc, "%s: a slice of B, %d x nr, is %s; a multiple of KC0 = %d", level, GML_KC0_F32,
        text, GML_KC0_F32);
    add(out, "mc", plan.mc, "L2: a block of A, mc x %" PRId64 ", is %s; a multiple of mr", depth,
        share_of(text, sizeof text, (double)(plan.mc * depth) * sizeof(float), "L2", with->cache.l2));
    add(out, "nc", plan.nc, "L3: the panel of B, kc x nc, is %s; a multiple of nr",
        share_of(text, sizeof text, (double)(plan.kc * plan.nc) * sizeof(float), "the L3 of all threads",
                 with->cache.l3 * out->threads));
    add(out, "grid_m", plan.grid_m, "cores: %" PRId64 " tiles along m, %" PRId64 " for the busiest thread",
        ceil_div(m, mr), ceil_div(ceil_div(m, mr), plan.grid_m));
    add(out, "grid_n", plan.grid_n, "cores: %" PRId64 " tiles along n, %" PRId64 " for the busiest thread",
        ceil_div(n, nr), ceil_div(ceil_div(n, nr), plan.grid_n));
    add(out, "panels", ceil_div(n, plan.nc) * ceil_div(k, plan.kc),
        "passes: %" PRId64 " along n by %" PRId64 " along k; packing B %s it", ceil_div(n, plan.nc),
        ceil_div(k, plan.kc), with->trans_b ? "transposes" : "copies");
}

void explain_softmax(const explain_setting *with, const int64_t *sizes, explain_report *out)
{
    const gml_softmax_problem problem = {.size = sizeof problem, .rows = sizes[0], .cols = sizes[1]};
    const gml_softmax_plan plan = gml_model_softmax(&with->machine, &problem, (int32_t)with->threads);
    char text[96];
    out->kernel = with->set->softmax_f32->name;
    out->threads = plan.threads;
    gml_softmax_plan_check(&plan, out->refused, sizeof out->refused);

    add(out, "rows", plan.rows, "the cost of handing out a task: %" PRId64 " exponentials each",
        plan.rows * problem.cols);
    add(out, "tasks", ceil_div(problem.rows, plan.rows), "drawn one by one by %d thread%s", plan.threads,
        plan.threads == 1 ? "" : "s");
    add(out, "segments", ceil_div(problem.cols, GML_RS0), "the contract: of a row, RS0 = %d columns each; %s",
        GML_RS0,
        share_of(text, sizeof text, (double)(problem.cols < GML_RS0 ? problem.cols : GML_RS0) * sizeof(float),
                 "L1d", with->cache.l1d));
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
    const gml_attention_plan plan =
        gml_model_attention(&with->machine, with->set, &problem, (int32_t)with->threads);
    const int64_t bq = plan.kernel->bq, rows = problem.heads / problem.kv_heads * problem.q_len;
    const int64_t strips = ceil_div(rows, bq), chunks = ceil_div(strips, plan.strips);
    const double block = (double)GML_KB0 * (double)(problem.head_dim + problem.v_head_dim) * sizeof(float);
    char text[96];
    out->kernel = plan.kernel->name;
    out->threads = plan.threads;
    out->own = gml_attention_scratch_thread(&plan, problem.head_dim, problem.v_head_dim);
    gml_attention_plan_check(&plan, with->set, problem.head_dim, problem.v_head_dim, out->refused,
                             sizeof out->refused);

    add(out, "bq", bq, "registers: %d of %d; queries of a strip, along the %d lanes", plan.kernel->registers,
        with->set->registers, with->set->lanes);
    add(out, "keys", GML_KB0, "the contract: a block of KB0 keys; its K and V are %s",
        share_of(text, sizeof text, block, "L2", with->cache.l2));
    add(out, "strips", plan.strips, "L2: strips that share a block of K and V; their state is %s",
        share_of(text, sizeof text, (double)out->own, "L2", with->cache.l2));
    add(out, "blocks", ceil_div(problem.kv_len, GML_KB0), "of keys, merged in ascending order%s",
        with->causal ? "; a strip skips those that causality hides from it" : "");
    add(out, "tasks", problem.batch * problem.kv_heads * chunks,
        "cores: %" PRId64 " for each of %" PRId64 " key heads, drawn by %d thread%s", chunks,
        problem.batch * problem.kv_heads, plan.threads, plan.threads == 1 ? "" : "s");
}
