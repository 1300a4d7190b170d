/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blocked GEMM loops, once, portable (Goto and van de Geijn, ACM TOMS 34(3), 2008):
 *
 *     for jc over n by nc                 columns of B and C: the packed panel of B stays in L3
 *       for pc over k by kc
 *         pack B[pc..][jc..]              all threads, a phase of its own
 *         for each thread of the grid     its share of the rows and of the columns of the panel
 *           for ic over its rows by mc
 *             for each block of KC0 in kc   the contract's blocks, ascending
 *               pack A[ic..][block]       the packed block of A stays in L2
 *               for jr by nr              a slice of B streams from L2
 *                 for ir by mr            a slice of A streams through L1
 *                   tile                  one chain of KC0 products an element, then one update of C
 *
 * Element (i, j) of C is updated by one thread, in ascending order of blocks, whatever the plan.
 */
#include "src/core/gemm.h"
#include "kernels/arithmetic.h"
#include "src/core/integers.h"

/* Lines a tile asks for ahead of time: the next slice of B is spread over the tiles of this one. */
#define GML_AHEAD_FLOATS (GML_KC0_F32 / 4 * 16)

typedef struct gemm_run {
    const gml_gemm_plan *plan;
    const gml_gemm_args_f32 *args;
    gml_pack_f32_fn *pack;
    float *panel;        /* packed B: blocks of KC0, each [slice][block depth][nr]           */
    char *thread_memory; /* packed A and a tile of C, for each thread                        */
    size_t thread_bytes;
    int64_t jc, pc; /* origin of the panel                                              */
    int64_t nc, kc; /* its extents here, clipped                                        */
    int64_t slices; /* of nr columns in it                                              */
} gemm_run;

/* The first of `total` things that part `i` of `parts` owns; part `parts` gives the end. */
static int64_t share(int64_t total, int64_t i, int64_t parts)
{
    return total / parts * i + min64(total % parts, i);
}

static float *slice_of(const gemm_run *run, int64_t block, int64_t depth, int64_t slice)
{
    const int64_t nr = run->plan->kernel->nr;
    return run->panel + block * run->slices * nr + slice * nr * depth;
}

static void pack_b(void *argument, int64_t index)
{
    const gemm_run *run = argument;
    const gml_gemm_args_f32 *args = run->args;
    const int64_t nr = run->plan->kernel->nr;
    const int64_t parts = (int64_t)run->plan->grid_m * run->plan->grid_n;
    const int64_t end = share(run->slices, index + 1, parts);
    for (int64_t slice = share(run->slices, index, parts); slice < end; slice++) {
        const int64_t j = slice * nr;
        for (int64_t block = 0; block < run->kc; block += GML_KC0_F32) {
            const int64_t depth = min64(GML_KC0_F32, run->kc - block);
            const float *src = args->b + (run->pc + block) * args->rs_b + (run->jc + j) * args->cs_b;
            run->pack(min64(nr, run->nc - j), nr, depth, src, args->cs_b, args->rs_b,
                      slice_of(run, block, depth, slice), nr);
        }
    }
}

static void pack_a(const gemm_run *run, float *block_a, int64_t i0, int64_t rows, int64_t k0, int64_t depth)
{
    const gml_gemm_args_f32 *args = run->args;
    const int64_t mr = run->plan->kernel->mr;
    for (int64_t i = 0; i < rows; i += mr)
        run->pack(min64(mr, rows - i), mr, depth, args->a + (i0 + i) * args->rs_a + k0 * args->cs_a,
                  args->rs_a, args->cs_a, block_a + i * depth, mr);
}

/* C without a contiguous dimension passes through a tile that has one; copies change no bits. */
static void tile_through(const gemm_run *run, int64_t m, int64_t n, int64_t depth, const float *a,
                         const float *b, float beta, float *c, float *tile)
{
    const gml_gemm_args_f32 *args = run->args;
    const gml_gemm_kernel_f32 *kernel = run->plan->kernel;
    if (beta != 0.0f)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                tile[i * kernel->nr + j] = c[i * args->rs_c + j * args->cs_c];
    kernel->tile(m, n, depth, args->alpha, a, b, beta, tile, kernel->nr, b);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * args->rs_c + j * args->cs_c] = tile[i * kernel->nr + j];
}

/* One packed block of A against this thread's slices of one block of the panel. */
static void multiply(const gemm_run *run, const float *block_a, float *tile, int64_t i0, int64_t rows,
                     int64_t block, int64_t depth, int64_t first_slice, int64_t end_slice)
{
    const gml_gemm_args_f32 *args = run->args;
    const gml_gemm_kernel_f32 *kernel = run->plan->kernel;
    const int64_t mr = kernel->mr, nr = kernel->nr;
    const float beta = run->pc + block == 0 ? args->beta : 1.0f;
    for (int64_t slice = first_slice; slice < end_slice; slice++) {
        const int64_t j = slice * nr, n = min64(nr, run->nc - j);
        const float *b = slice_of(run, block, depth, slice);
        const float *next = slice + 1 < end_slice ? b + nr * depth : b;
        for (int64_t i = 0; i < rows; i += mr) {
            const int64_t m = min64(mr, rows - i);
            float *c = args->c + (i0 + i) * args->rs_c + (run->jc + j) * args->cs_c;
            if (args->cs_c == 1)
                kernel->tile(m, n, depth, args->alpha, block_a + i * depth, b, beta, c, args->rs_c,
                             next + min64(i / mr * GML_AHEAD_FLOATS, nr * depth));
            else
                tile_through(run, m, n, depth, block_a + i * depth, b, beta, c, tile);
        }
    }
}

static void compute(void *argument, int64_t index)
{
    const gemm_run *run = argument;
    const gml_gemm_plan *plan = run->plan;
    const int64_t mr = plan->kernel->mr;
    const int64_t index_m = index % plan->grid_m, index_n = index / plan->grid_m;
    const int64_t tiles_m = ceil_div(run->args->m, mr);
    const int64_t first_row = share(tiles_m, index_m, plan->grid_m) * mr;
    const int64_t end_row = min64(share(tiles_m, index_m + 1, plan->grid_m) * mr, run->args->m);
    const int64_t first_slice = share(run->slices, index_n, plan->grid_n);
    const int64_t end_slice = share(run->slices, index_n + 1, plan->grid_n);
    if (first_slice == end_slice)
        return;

    float *block_a = (float *)(run->thread_memory + (size_t)index * run->thread_bytes);
    float *tile = (float *)((char *)block_a + run->thread_bytes) - mr * plan->kernel->nr;
    for (int64_t i = first_row; i < end_row; i += plan->mc) {
        const int64_t rows = min64(plan->mc, end_row - i);
        for (int64_t block = 0; block < run->kc; block += GML_KC0_F32) {
            const int64_t depth = min64(GML_KC0_F32, run->kc - block);
            pack_a(run, block_a, i, rows, run->pc + block, depth);
            multiply(run, block_a, tile, i, rows, block, depth, first_slice, end_slice);
        }
    }
}

static void run_plain(void *argument, int64_t index)
{
    (void)index;
    gml_gemm_plain_f32(argument);
}

gml_gemm_args_f32 gml_gemm_normalise_f32(gml_gemm_args_f32 args)
{
    gml_gemm_args_f32 to = args;
    if (args.n != 1 && args.cs_c != 1 && (args.rs_c == 1 || args.m == 1)) {
        to.m = args.n, to.n = args.m;
        to.a = args.b, to.rs_a = args.cs_b, to.cs_a = args.rs_b;
        to.b = args.a, to.rs_b = args.cs_a, to.cs_b = args.rs_a;
        to.rs_c = args.cs_c, to.cs_c = args.rs_c;
    }
    if (to.n == 1)
        to.cs_c = 1;
    return to;
}

static void run_panels(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args_f32 *args,
                       gml_scratch scratch)
{
    const int32_t threads = plan->grid_m * plan->grid_n;
    const size_t shared = gml_gemm_scratch_shared(plan);
    gemm_run run = {.plan = plan,
                    .args = args,
                    .pack = runtime->set->pack_f32,
                    .panel = scratch.data,
                    .thread_memory = (char *)scratch.data + shared,
                    .thread_bytes = gml_gemm_scratch_thread(plan)};
    for (run.jc = 0; run.jc < args->n; run.jc += plan->nc) {
        run.nc = min64(plan->nc, args->n - run.jc);
        run.slices = ceil_div(run.nc, plan->kernel->nr);
        for (run.pc = 0; run.pc < args->k; run.pc += plan->kc) {
            run.kc = min64(plan->kc, args->k - run.pc);
            gml_parallel(runtime, threads, pack_b, &run);
            gml_parallel(runtime, threads, compute, &run);
        }
    }
}

void gml_gemm_run_f32(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args_f32 *args)
{
    if (plan && args->k > 0 && args->alpha != 0.0f) {
        gml_gemm_plan alone = *plan;
        alone.grid_m = alone.grid_n = 1;
        const size_t shared = gml_gemm_scratch_shared(plan), own = gml_gemm_scratch_thread(plan);
        const size_t threads = (size_t)plan->grid_m * (size_t)plan->grid_n;
        gml_scratch scratch = gml_scratch_take(runtime, shared + threads * own);
        if (!scratch.data && threads > 1) {
            scratch = gml_scratch_take(runtime, shared + own);
            plan = &alone;
        }
        if (scratch.data) {
            run_panels(runtime, plan, args, scratch);
            gml_scratch_give(runtime, scratch);
            return;
        }
    }
    gml_gemm_args_f32 copy = *args;
    gml_parallel(runtime, 1, run_plain, &copy);
}
