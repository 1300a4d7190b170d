/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM: from a plan and operands to the paths: orientation, memory, batches.
 */
#include "src/core/gemm.h"
#include "src/core/gemm_paths.h"

typedef struct gemm_batch_run {
    gml_gemm_run_state first; /* of thread 0, with the operands of product 0 */
    const gml_gemm_batch *batch;
} gemm_batch_run;

gml_gemm_args gml_gemm_transposed(const gml_gemm_args *args)
{
    gml_gemm_args to = *args;
    to.m = args->n, to.n = args->m;
    to.a = args->b, to.rs_a = args->cs_b, to.cs_a = args->rs_b;
    to.b = args->a, to.rs_b = args->cs_a, to.cs_b = args->rs_a;
    to.rs_c = args->cs_c, to.cs_c = args->rs_c;
    to.packed_a = args->packed_b, to.packed_b = args->packed_a;
    to.epilogue.bias_m = args->epilogue.bias_n, to.epilogue.bias_n = args->epilogue.bias_m;
    to.epilogue.m_first = !args->epilogue.m_first;
    return to;
}

void gml_gemm_parallel(const gml_gemm_run_state *run, gml_parallel_body_fn *body, void *argument)
{
    const int32_t threads = run->plan->grid_m * run->plan->grid_n;
    if (run->runtime)
        gml_parallel(run->runtime, threads, body, argument);
    else
        body(argument, 0);
}

static void run_path(const gml_gemm_run_state *run)
{
    const gml_gemm_args *args = run->args;
    if (args->k == 0 || args->alpha == 0.0) {
        gml_gemm_scale(run->plan->kernels, args);
        return;
    }
    switch (run->plan->path) {
    case GML_GEMM_STREAM:
        gml_gemm_stream(run);
        return;
    case GML_GEMM_SPLIT:
        gml_gemm_split(run);
        return;
    default:
        gml_gemm_panels(run);
    }
}

/* The operands of product l. */
static inline gml_gemm_args product(const gml_gemm_args *args, const gml_gemm_batch *batch, int64_t l,
                                    const gml_gemm_kernels *kernels)
{
    gml_gemm_args to = *args;
    if (args->a || batch->a_list)
        to.a = batch->a_list ? batch->a_list[l] : gml_at(kernels, args->a, l * batch->bs_a);
    if (args->b || batch->b_list)
        to.b = batch->b_list ? batch->b_list[l] : gml_at(kernels, args->b, l * batch->bs_b);
    to.c = batch->c_list ? batch->c_list[l] : gml_to(kernels, args->c, l * batch->bs_c);
    return to;
}

static gml_gemm_batch batch_transposed(const gml_gemm_batch *batch)
{
    gml_gemm_batch to = *batch;
    to.bs_a = batch->bs_b, to.bs_b = batch->bs_a;
    to.a_list = batch->b_list, to.b_list = batch->a_list;
    return to;
}

static void run_products(void *argument, int64_t index)
{
    const gemm_batch_run *all = argument;
    const int32_t threads = all->first.plan->grid_batch;
    gml_gemm_run_state run = all->first;
    run.panels += (size_t)index * run.panel_bytes;
    run.threads += (size_t)index * run.thread_bytes;
    const int64_t end = gml_share(all->batch->count, index + 1, threads);
    gml_gemm_direct direct = {.call = NULL};
    if (!all->first.args->packed_a &&
        !all->first.args->packed_b) /* these tell the orientation of the caller's C */
        direct = gml_gemm_prepare(run.plan->kernels, all->first.args);
    for (int64_t l = gml_share(all->batch->count, index, threads); l < end; l++) {
        const gml_gemm_args args = product(all->first.args, all->batch, l, run.plan->kernels);
        run.args = &args;
        if (direct.call)
            gml_gemm_call_direct(&direct, args.a, args.b, args.c);
        else
            run_path(&run);
    }
}

static void run_with(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args *args,
                     const gml_gemm_batch *batch, gml_scratch scratch)
{
    char none; /* stands for memory that no path asks for, as NULL + 0 is undefined */
    const size_t panel = gml_gemm_scratch_panel(plan), thread = gml_gemm_scratch_thread(plan);
    const size_t threads = (size_t)plan->grid_m * (size_t)plan->grid_n * (size_t)plan->grid_batch;
    gml_gemm_run_state run = {.runtime = runtime,
                              .plan = plan,
                              .args = args,
                              .threads = scratch.data ? scratch.data : &none,
                              .panel_bytes = panel,
                              .thread_bytes = thread};
    run.panels = panel ? run.threads + threads * thread : &none;
    if (!batch) {
        run_path(&run);
        return;
    }
    gemm_batch_run all = {.first = run, .batch = batch};
    if (threads == 1 || plan->grid_batch > 1) {
        all.first.runtime = NULL;
        gml_parallel(runtime, plan->grid_batch, run_products, &all);
    } else {
        run_products(&all, 0);
    }
}

static gml_gemm_plan alone(const gml_gemm_plan *plan)
{
    gml_gemm_plan one = *plan;
    one.grid_m = one.grid_n = one.grid_batch = 1;
    return one;
}

typedef struct plain_run {
    const gml_kernel_set *set;
    const gml_gemm_args *args;
    const gml_gemm_batch *batch;
} plain_run;

static void run_plain(void *argument, int64_t index)
{
    const plain_run *run = argument;
    (void)index;
    if (!run->batch) {
        gml_gemm_plain(run->set, run->args);
        return;
    }
    for (int64_t l = 0; l < run->batch->count; l++) {
        const gml_gemm_args args =
            product(run->args, run->batch, l, gml_gemm_kernels_of(run->set, run->args->type));
        gml_gemm_plain(run->set, &args);
    }
}

void gml_gemm_run(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args *args,
                  const gml_gemm_batch *batch)
{
    gml_gemm_args transposed;
    gml_gemm_batch exchanged;
    gml_gemm_plan one;
    if (plan && plan->transpose) {
        transposed = gml_gemm_transposed(args);
        args = &transposed;
        if (batch) {
            exchanged = batch_transposed(batch);
            batch = &exchanged;
        }
    }
    if (plan) {
        size_t bytes = gml_gemm_scratch(plan);
        gml_scratch scratch = {0};
        if (bytes)
            scratch = gml_scratch_take(runtime, bytes);
        if (bytes && !scratch.data && plan->grid_m * plan->grid_n * plan->grid_batch > 1) {
            one = alone(plan);
            plan = &one;
            bytes = gml_gemm_scratch(plan);
            scratch = gml_scratch_take(runtime, bytes);
        }
        if (!bytes || scratch.data) {
            run_with(runtime, plan, args, batch, scratch);
            gml_scratch_give(runtime, scratch);
            return;
        }
    }
    plain_run run = {.set = runtime->set, .args = args, .batch = batch};
    gml_parallel(runtime, 1, run_plain, &run);
}
