/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blocked GEMM loops (Goto and van de Geijn, ACM TOMS 34(3), 2008), with every packing optional:
 *
 *     for jc over n by nc                 columns of B and C: a packed panel of B stays in L3
 *       for pc over k by kc
 *         pack B[pc..][jc..]
 *         for ic over m by mc
 *           for each block of KC0 in kc   the contract's blocks, ascending
 *             pack A[ic..][block]         a packed block of A stays in L2
 *             the kernel's loops          a slice of B against all of the block of A; one chain of KC0 products an
 *                                         element, then one update of C
 *
 * Threads form a grid over C. Where they split m, they pack and then share each panel of B, in two phases; where they
 * split n alone, each has panels of its own, and all of it is one phase. Element (i, j) of C is updated by one thread,
 * in ascending order of blocks, whatever the plan.
 */
#include "src/core/gemm_paths.h"
#ifdef GML_TEST_DELAY
#include "src/core/delay.h"
#endif

/* A panel of B, packed or in place: columns jc .. jc + nc - 1, products pc .. pc + kc - 1. */
typedef struct panel {
    const gml_gemm_run_state *run;
    void *packed; /* [block][slice][depth][nr], where the plan packs */
    int64_t jc, pc, nc, kc;
    bool copies; /* the kernel packs */
} panel;

/* Columns before the first whole line of C, where its lines are to be streamed; none where they are more than a panel
 * has, whose lines are then not whole. */
static int64_t head_of(const gml_gemm_run_state *run)
{
    const int64_t beyond = (int64_t)((uintptr_t)run->args->c % GML_ALIGNMENT),
                  element = run->plan->kernels->element;
    if (!run->plan->stream_c || beyond % element != 0 || run->args->packed_b)
        return 0;
    const int64_t head = min64((GML_ALIGNMENT - beyond) % GML_ALIGNMENT / element, run->args->n);
    return head <= run->plan->nc ? head : 0;
}

/* Whether an address and the rows from it on begin with whole lines. */
static bool whole_lines(const gml_gemm_args *args, const void *c, int64_t element)
{
    return (uintptr_t)c % GML_ALIGNMENT == 0 && args->rs_c * element % GML_ALIGNMENT == 0;
}

static int64_t block_depth(const panel *p, int64_t block)
{
    return min64(p->run->plan->kernels->kc0, p->kc - block);
}

/* Slices first .. end - 1 of a panel. */
static void pack_slices(const panel *p, int64_t first, int64_t end)
{
    const gml_gemm_args *args = p->run->args;
    const gml_gemm_kernels *kernels = p->run->plan->kernels;
    const int64_t nr = p->run->plan->kernel->nr, slices = ceil_div(p->nc, nr);
    for (int64_t block = 0; block < p->kc; block += kernels->kc0) {
        const int64_t depth = block_depth(p, block);
        gml_gemm_pack_panels(
            kernels, min64(end * nr, p->nc) - first * nr, nr, depth,
            gml_at(kernels, args->b, (p->pc + block) * args->rs_b + (p->jc + first * nr) * args->cs_b),
            args->cs_b, args->rs_b, gml_to(kernels, p->packed, nr * (block * slices + first * depth)));
    }
}

/* Whether the kernel packs B beside its products, instead of a pass before them. */
static bool copies_b(const gml_gemm_run_state *run)
{
    return run->plan->pack_b && !run->args->packed_b && run->plan->kernel->copies_b && run->args->cs_b == 1 &&
           run->args->cs_c == 1;
}

/* Puts one block of B from the given slice on into x; `first` where it is the first to use this panel. */
static void place_b(const panel *p, int64_t block, int64_t slice, bool first, gml_gemm_block *x)
{
    const gml_gemm_args *args = p->run->args;
    const gml_gemm_kernels *kernels = p->run->plan->kernels;
    const int64_t nr = p->run->plan->kernel->nr;
    x->rs_b = nr;
    x->ps_b = nr * x->k;
    x->packed_b = NULL;
    if (args->packed_b) {
        x->rs_b = gml_gemm_packed_width(args->packed_b);
        x->ps_b = x->rs_b * x->k;
        x->b = gml_gemm_packed_at(args->packed_b, p->pc + block, x->k, p->jc / nr + slice);
    } else if (p->run->plan->pack_b) {
        void *packed = gml_to(kernels, p->packed, nr * (block * ceil_div(p->nc, nr) + slice * x->k));
        x->b = packed;
        if (!first || !p->copies)
            return;
        x->packed_b = packed;
    }
    if (!args->packed_b && (x->packed_b || !p->run->plan->pack_b)) {
        x->b = gml_at(kernels, args->b, (p->pc + block) * args->rs_b + p->jc + slice * nr);
        x->rs_b = args->rs_b;
        x->ps_b = nr;
    }
}

/* Puts one block of A, x->m rows from row i, into x, packed to `memory` first where the plan packs. */
static void place_a(const panel *p, int64_t block, int64_t i, void *memory, gml_gemm_block *x)
{
    const gml_gemm_args *args = p->run->args;
    const gml_gemm_kernels *kernels = p->run->plan->kernels;
    const int64_t mr = p->run->plan->kernel->mr;
    x->rs_a = 1;
    x->cs_a = mr;
    x->ps_a = mr * x->k;
    if (args->packed_a) {
        x->cs_a = gml_gemm_packed_width(args->packed_a);
        x->ps_a = x->cs_a * x->k;
        x->a = gml_gemm_packed_at(args->packed_a, p->pc + block, x->k, i / mr);
        return;
    }
    const void *a = gml_at(kernels, args->a, i * args->rs_a + (p->pc + block) * args->cs_a);
    if (p->run->plan->pack_a) {
        gml_gemm_pack_panels(kernels, x->m, mr, x->k, a, args->rs_a, args->cs_a, memory);
        x->a = memory;
    } else {
        x->a = a;
        x->rs_a = args->rs_a;
        x->cs_a = args->cs_a;
        x->ps_a = mr * args->rs_a;
    }
}

/* C without a contiguous dimension: each tile of sums is formed on the stack, and C updated element by element. */
static void run_tiles(const panel *p, const gml_gemm_block *x, void *c)
{
    _Alignas(GML_ALIGNMENT) char sums[GML_TILE_BYTES];
    const gml_gemm_args *args = p->run->args;
    const gml_gemm_kernels *kernels = p->run->plan->kernels;
    const gml_gemm_kernel *kernel = p->run->plan->kernel;
    gml_gemm_block tile = *x;
    tile.c = sums;
    tile.rs_c = kernel->nr;
    tile.alpha = 1.0;
    tile.beta = 0.0;
    tile.epilogue = NULL;
    for (int64_t j = 0; j < x->n; j += kernel->nr)
        for (int64_t i = 0; i < x->m; i += kernel->mr) {
            tile.m = min64(kernel->mr, x->m - i);
            tile.n = min64(kernel->nr, x->n - j);
            tile.a = gml_at(kernels, x->a, i / kernel->mr * x->ps_a);
            tile.b = gml_at(kernels, x->b, j / kernel->nr * x->ps_b);
            kernel->block(&tile);
            kernels->update(tile.m, tile.n, x->alpha, sums, kernel->nr, x->beta,
                            gml_to(kernels, c, i * args->rs_c + j * args->cs_c), args->rs_c, args->cs_c);
        }
    if (x->epilogue)
        kernels->finish(x->epilogue, x->m, x->n, c, args->rs_c, args->cs_c);
}

/* Rows first_row .. end_row - 1 against slices first .. end - 1 of a panel. */
static void multiply(const panel *p, int64_t first_row, int64_t end_row, int64_t first, int64_t end,
                     void *memory)
{
    const gml_gemm_args *args = p->run->args;
    const gml_gemm_plan *plan = p->run->plan;
    const int64_t nr = plan->kernel->nr, j = p->jc + first * nr;
    gml_gemm_block x = {.n = min64(end * nr, p->nc) - first * nr, .rs_c = args->rs_c, .alpha = args->alpha};
    for (int64_t i = first_row; i < end_row; i += plan->mc) {
        x.m = min64(plan->mc, end_row - i);
        void *c = gml_to(plan->kernels, args->c, i * args->rs_c + j * args->cs_c);
        for (int64_t block = 0; block < p->kc; block += plan->kernels->kc0) {
            x.k = block_depth(p, block);
            x.beta = p->pc + block == 0 ? args->beta : 1.0;
            place_b(p, block, first, i == first_row, &x);
            place_a(p, block, i, memory, &x);
            gml_gemm_epilogue epilogue;
            x.epilogue = NULL;
            if (p->pc + block + x.k == args->k && gml_gemm_has_epilogue(&args->epilogue)) {
                epilogue = gml_gemm_epilogue_at(plan->kernels, &args->epilogue, i, j);
                x.epilogue = &epilogue;
            }
            x.c = c;
            x.stream_c = plan->stream_c && !x.epilogue && whole_lines(args, c, plan->kernels->element);
            if (args->cs_c == 1)
#ifdef GML_TEST_DELAY
                gml_delay_block(plan->kernels, plan->kernel, &x);
#else
                plan->kernel->block(&x);
#endif
            else
                run_tiles(p, &x, c);
        }
    }
}

/* The rows of thread `index` of the grid, in whole tiles. */
static void rows_of(const gml_gemm_run_state *run, int64_t index, int64_t *first, int64_t *end)
{
    const int64_t mr = run->plan->kernel->mr, tiles = ceil_div(run->args->m, mr);
    const int64_t index_m = index % run->plan->grid_m;
    *first = gml_share(tiles, index_m, run->plan->grid_m) * mr;
    *end = min64(gml_share(tiles, index_m + 1, run->plan->grid_m) * mr, run->args->m);
}

static void *memory_of(const gml_gemm_run_state *run, int64_t index)
{
    return run->threads + (size_t)index * run->thread_bytes;
}

/* Two phases for each panel: packing and multiplying. */
static void shared_pack(void *argument, int64_t index)
{
    const panel *p = argument;
    const int64_t slices = ceil_div(p->nc, p->run->plan->kernel->nr);
    const int64_t threads = (int64_t)p->run->plan->grid_m * p->run->plan->grid_n;
    pack_slices(p, gml_share(slices, index, threads), gml_share(slices, index + 1, threads));
}

static void shared_multiply(void *argument, int64_t index)
{
    const panel *p = argument;
    const gml_gemm_plan *plan = p->run->plan;
    const int64_t slices = ceil_div(p->nc, plan->kernel->nr), index_n = index / plan->grid_m;
    const int64_t first = gml_share(slices, index_n, plan->grid_n);
    const int64_t end = gml_share(slices, index_n + 1, plan->grid_n);
    int64_t first_row, end_row;
    rows_of(p->run, index, &first_row, &end_row);
    if (first < end)
        multiply(p, first_row, end_row, first, end, memory_of(p->run, index));
}

/* One phase: a thread's columns by panels of its own, or in place. */
static void own_panels(void *argument, int64_t index)
{
    const gml_gemm_run_state *run = argument;
    const gml_gemm_plan *plan = run->plan;
    const gml_gemm_args *args = run->args;
    const int64_t nr = plan->kernel->nr, head = head_of(run), tiles = ceil_div(args->n - head, nr);
    const int64_t index_n = index / plan->grid_m;
    const int64_t first = index_n == 0 ? 0 : head + gml_share(tiles, index_n, plan->grid_n) * nr;
    const int64_t end = min64(head + gml_share(tiles, index_n + 1, plan->grid_n) * nr, args->n);
    int64_t first_row, end_row;
    rows_of(run, index, &first_row, &end_row);
    panel p = {.run = run, .packed = run->panels + (size_t)index * run->panel_bytes, .copies = copies_b(run)};
    for (p.jc = first; p.jc < end; p.jc += p.nc) {
        p.nc = p.jc < head ? head : min64(plan->nc, end - p.jc);
        for (p.pc = 0; p.pc < args->k; p.pc += plan->kc) {
            p.kc = min64(plan->kc, args->k - p.pc);
            const int64_t slices = ceil_div(p.nc, nr);
            if (plan->pack_b && !args->packed_b && !p.copies)
                pack_slices(&p, 0, slices);
            multiply(&p, first_row, end_row, 0, slices, memory_of(run, index));
        }
    }
}

void gml_gemm_panels(const gml_gemm_run_state *run)
{
    const gml_gemm_plan *plan = run->plan;
    gml_gemm_run_state copy = *run;
    if (plan->grid_m == 1 || !plan->pack_b || run->args->packed_b) {
        gml_gemm_parallel(run, own_panels, &copy);
        return;
    }
    const int64_t head = head_of(run);
    panel p = {.run = run, .packed = run->panels};
    for (p.jc = 0; p.jc < run->args->n; p.jc += p.nc) {
        p.nc = p.jc < head ? head : min64(plan->nc, run->args->n - p.jc);
        for (p.pc = 0; p.pc < run->args->k; p.pc += plan->kc) {
            p.kc = min64(plan->kc, run->args->k - p.pc);
            gml_gemm_parallel(run, shared_pack, &p);
            gml_gemm_parallel(run, shared_multiply, &p);
        }
    }
}
