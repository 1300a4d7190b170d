/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of GEMM: orientation, path, tile, packing, blocks and threads. Every number names the resource
 * that bounds it; the fractions leave room for what else passes through a cache at the same time.
 */
#include "kernels/arithmetic.h"
#include "src/core/runtime.h"
#include "src/plan/model.h"
#include "src/plan/work.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define PRODUCTS_OF_THREAD (INT64_C(1) << 20)

/* Bytes below which one more thread that only reads costs more than it brings. */
#define BYTES_OF_THREAD (INT64_C(1) << 18)

/* What a load costs beside a fused multiply-add, when tiles are compared: both issue twice a cycle, but loads of
 * packed operands may wait for L2. */
#define LOAD_COST 0.25

/* Rows up to which B is streamed past sums, and not cut into blocks: where B is contiguous along n, and where it has to
 * be transposed, which is done again for every few rows. */
#define STREAM_ROWS 32
#define STREAM_DOTS 16

#define STREAM_WIDTH 128 /* extents of B from which it is large */
#define FEW_ROWS     4   /* more are blocks where B fits into L2 */

/* Products up to which a block of C is written, or read and written, more than computed. */
#define RANK_K      48
#define RANK_K_READ 64

/* Rows, in tiles, from which packing B pays: each packed element is used by so many tiles. */
#define PACK_TILES      6
#define COLLISION_TILES 3 /* where rows of B collide in L1 */

/* A problem as the model sees it: oriented, and with what is known of it. */
typedef struct problem {
    const gml_gemm_args *args;
    int64_t m, n, k;
    int64_t element;
    int64_t products; /* m * n * k, saturated                             */
    bool b_rows;      /* B is contiguous along n                          */
    gml_cache_budget cache;
} problem;

/* The multiple of `multiple` up to `limit` that cuts `extent` into equal pieces, so that none is a sliver. */
static int64_t even_block(int64_t extent, int64_t limit, int64_t multiple)
{
    const int64_t most = max64(limit / multiple, 1), units = ceil_div(extent, multiple);
    return ceil_div(units, ceil_div(units, most)) * multiple;
}

/* Issue slots of a k-step over the whole of C: products, and loads that are not free. */
static double tile_cost(const gml_gemm_kernel *kernel, int lanes, int64_t m, int64_t n)
{
    const double rows = (double)ceil_div(m, kernel->mr), mr = kernel->mr;
    const double full = (double)(n / kernel->nr), vectors = (double)kernel->nr / lanes;
    const double rest = (double)ceil_div(n % kernel->nr, lanes);
    double cost = full * (mr * vectors + LOAD_COST * (mr + vectors));
    if (rest > 0)
        cost += mr * rest + LOAD_COST * (mr + rest);
    return rows * cost;
}

const gml_gemm_kernel *gml_model_tile(const gml_gemm_kernels *kernels, int64_t m, int64_t n)
{
    const gml_gemm_kernel *best = kernels->tiles;
    for (int i = 1; i < kernels->n_tiles; i++)
        if (tile_cost(&kernels->tiles[i], kernels->lanes, m, n) <
            0.98 * tile_cost(best, kernels->lanes, m, n))
            best = &kernels->tiles[i];
    return best;
}

/* The grid whose busiest thread has the fewest tiles; on a tie the one that splits n, because threads with all rows
 * pack B alone, in one phase. */
static void choose_grid(gml_gemm_plan *plan, int64_t m, int64_t n, int32_t threads)
{
    const int64_t tiles_m = ceil_div(m, plan->kernel->mr), tiles_n = ceil_div(n, plan->kernel->nr);
    int64_t least = INT64_MAX;
    for (int32_t grid_m = 1; grid_m <= threads; grid_m++) {
        const int32_t grid_n = threads / grid_m;
        const int64_t busiest = ceil_div(tiles_m, grid_m) * ceil_div(tiles_n, grid_n);
        if (busiest < least) {
            least = busiest;
            plan->grid_m = grid_m;
            plan->grid_n = grid_n;
        }
    }
}

/* Few rows against a B that is too large to be read twice, or that would have to be transposed. */
static void plan_stream(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const int64_t lanes = plan->kernels->lanes;
    plan->path = GML_GEMM_STREAM;
    plan->mc = p->m;
    plan->kc = plan->kernels->kc0;
    /* Sums in a quarter of L2: the kernels bring those they work on to L1. Long rows are what prefetchers follow. */
    plan->nc = even_block(p->n, max64(p->cache.l2 / 4 / (p->m * p->element), lanes), lanes);
    plan->grid_n = threads_for(saturated(saturated(p->n, p->k), p->element), BYTES_OF_THREAD, threads);
}

/* A C of few tiles: threads share k. */
static void plan_split(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const gml_gemm_kernel *kernel = plan->kernel;
    const int64_t kc0 = plan->kernels->kc0, blocks = ceil_div(p->k, kc0);
    plan->path = GML_GEMM_SPLIT;
    plan->grid_n = (int32_t)min64(threads, blocks);
    plan->mc = ceil_div(p->m, kernel->mr) * kernel->mr;
    plan->nc = ceil_div(p->n, kernel->nr) * kernel->nr;
    /* All of a thread's share at once, where the sums of its blocks fit into a part of L2. */
    const int64_t room = min64(p->cache.l2 / 4, (int64_t)GML_SCRATCH_PER_THREAD / 2);
    const int64_t most = max64(room / (plan->mc * plan->nc * p->element), 1);
    plan->kc = kc0 * min64(ceil_div(blocks, plan->grid_n), most);
}

/* Packing makes slices contiguous, at the price of a pass over the operand: worth it where tiles use an element often
 * enough, or where the matrix would thrash caches and pages. */
static void choose_packing(const problem *p, gml_gemm_plan *plan)
{
    const gml_gemm_kernel *kernel = plan->kernel;
    const gml_gemm_args *args = p->args;
    const int64_t kc = min64(p->k, plan->kernels->kc0);
    const int64_t tiles = ceil_div(p->m, kernel->mr);
    const bool collide = tiles >= COLLISION_TILES && gml_gemm_rows_collide(args->rs_b, kc, p->element);
    const bool large = tiles >= PACK_TILES && saturated(saturated(kc, p->n), p->element) > p->cache.l2 / 4;
    if (!args->packed_b)
        plan->pack_b = !p->b_rows || collide || large;
    if (!args->packed_a)
        plan->pack_a = args->cs_a != 1 && ceil_div(p->n, kernel->nr) >= PACK_TILES &&
                       saturated(saturated(kc, p->m), p->element) > p->cache.l2 / 4;
}

static void plan_panels(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const gml_gemm_kernel *kernel = plan->kernel;
    const int64_t mr = kernel->mr, nr = kernel->nr, kc0 = plan->kernels->kc0;
    const int64_t row_bytes = kc0 * p->element;
    plan->path = GML_GEMM_PANELS;
    choose_packing(p, plan);
    choose_grid(plan, p->m, p->n, threads);

    /* One block of the contract: a deeper slice of B would leave L2 while A streams past it. */
    plan->kc = kc0;

    /* Three eighths of L2 for the block of A; the rest for two slices of B and for C. */
    const int64_t most_rows = min64(p->cache.l2 * 3 / 8, (int64_t)GML_SCRATCH_PER_THREAD / 2) / row_bytes;
    plan->mc = even_block(ceil_div(ceil_div(p->m, mr), plan->grid_m) * mr, most_rows, mr);

    /* Half of the threads' L3, where there is one; without, a panel long enough to pay for packing A again. */
    const int64_t panel = p->cache.l3 ? p->cache.l3 / 2 : 8 * p->cache.l2;
    const int64_t columns = ceil_div(ceil_div(p->n, nr), plan->grid_m > 1 ? 1 : plan->grid_n) * nr;
    plan->nc = even_block(columns, max64(min64(panel, (int64_t)GML_SCRATCH_PANEL) / row_bytes, 8 * nr), nr);

    /* Rank-k updates: what stays in L2 is B, and C passes by, row after row, once. */
    if (p->k <= (p->args->beta == 0.0 ? RANK_K : RANK_K_READ) && p->n >= 8 * nr) {
        plan->mc = min64(plan->mc, 2 * mr);
        plan->nc = even_block(columns, min64(plan->nc, p->cache.l2 * 3 / 4 / (p->k * p->element)), nr);
    }

    /* A C beyond the caches that is written once and not read: its lines would be fetched to be overwritten. */
    const int64_t caches = p->cache.l3 ? p->cache.l3 : 8 * p->cache.l2;
    plan->stream_c = p->args->beta == 0.0 && p->k <= kc0 && p->args->cs_c == 1 &&
                     p->args->rs_c * p->element % GML_ALIGNMENT == 0 &&
                     saturated(saturated(p->m, p->n), p->element) / (plan->grid_m * plan->grid_n) > caches;

    /* One pass over A: slices of B are packed into L2 just before their only use. */
    if (plan->pack_b && p->m <= plan->mc && plan->grid_m == 1)
        plan->nc = min64(plan->nc, max64(p->cache.l2 / 2 / row_bytes / nr, 2) * nr);
}

/* Whether m rows of A are few for a B of k x n, which is contiguous along n or not. */
static bool streams(int64_t m, int64_t n, int64_t k, bool b_rows, int64_t element, int64_t l2)
{
    if (m > (b_rows ? STREAM_ROWS : STREAM_DOTS) || n < STREAM_WIDTH)
        return false;
    return m <= FEW_ROWS || (k >= STREAM_WIDTH && saturated(saturated(n, k), element) > l2);
}

/* Whether C^T = B^T * A^T is the better way to see the problem. */
static bool choose_orientation(const gml_gemm_args *args, int64_t element, int64_t l2)
{
    if (args->packed_a)
        return args->packed_a->transpose;
    if (args->packed_b)
        return args->packed_b->transpose;
    if (args->n < args->m && streams(args->n, args->m, args->k, args->rs_a == 1, element, l2))
        return true;
    if (args->m <= args->n && streams(args->m, args->n, args->k, args->cs_b == 1, element, l2))
        return false;
    return args->n != 1 && args->cs_c != 1 && (args->rs_c == 1 || args->m == 1);
}

gml_gemm_plan gml_model_gemm(const gml_machine *machine, const gml_kernel_set *set, const gml_gemm_args *args,
                             int64_t batch, int32_t threads)
{
    gml_gemm_plan plan = {
        .kernels = gml_gemm_kernels_of(set, args->type), .grid_m = 1, .grid_n = 1, .grid_batch = 1};
    const int64_t l2 = gml_cache_budget_of(machine, 1).l2;
    plan.transpose = choose_orientation(args, plan.kernels->element, l2);
    const gml_gemm_args oriented = plan.transpose ? gml_gemm_transposed(args) : *args;
    problem p = {.args = &oriented, .m = oriented.m, .n = oriented.n, .k = oriented.k};
    p.element = plan.kernels->element;
    p.products = saturated(saturated(p.m, p.n), p.k);
    p.b_rows = p.n == 1 || oriented.cs_b == 1;

    const gml_gemm_packed *packed = oriented.packed_a ? oriented.packed_a : oriented.packed_b;
    plan.kernel = packed ? packed->kernel : gml_model_tile(plan.kernels, p.m, p.n);
    const bool stream = !packed && p.m <= p.n && streams(p.m, p.n, p.k, p.b_rows, p.element, l2);
    if (batch > 1) {
        const int32_t most = threads_for(saturated(p.products, batch), PRODUCTS_OF_THREAD, threads);
        if (most > 1 && batch >= most) {
            plan.grid_batch = most;
            threads = 1;
        }
    }
    p.cache = gml_cache_budget_of(machine, plan.grid_batch > 1 ? plan.grid_batch : threads);
    if (stream) {
        plan_stream(&p, threads, &plan);
        return plan;
    }
    threads = threads_for(p.products, PRODUCTS_OF_THREAD, threads);
    const int64_t tiles = ceil_div(p.m, plan.kernel->mr) * ceil_div(p.n, plan.kernel->nr);
    if (threads > 1 && tiles < 2 * (int64_t)threads && p.k >= 2 * threads * plan.kernels->kc0) {
        choose_packing(&p, &plan);
        plan_split(&p, threads, &plan);
    } else {
        plan_panels(&p, threads, &plan);
    }
    return plan;
}
