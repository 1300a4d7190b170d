/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of GEMM: orientation, path, tile, packing, blocks and threads. Every number names the resource
 * that bounds it; the fractions leave room for what else passes through a cache at the same time.
 */
#include "kernels/arithmetic.h"
#include "src/core/runtime.h"
#include "src/plan/key.h"
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

/* Rows up to which B is streamed past sums, and not cut into blocks: where B is contiguous along n; where it has to be
 * transposed, which is done again for every few rows; and where C would be contiguous if it were not seen this way. */
#define STREAM_ROWS        32
#define STREAM_DOTS        16
#define STREAM_DOTS_TURNED 8

#define STREAM_WIDTH 128 /* extents of B from which it is large */
#define FEW_ROWS     4   /* more are blocks where B fits into L2 */

#define FEW_SLICES 8 /* of B: more hide what an edge of n costs */

/* Products up to which a block of C is written, or read and written, more than computed. */
#define RANK_K      48
#define RANK_K_READ 64

/* Products, less than which take less time than what passes by from memory, if that is so many times L2; and bytes of a
 * tile's rows that prefetchers bring in whole pairs of lines. */
#define PASSING_K   32
#define PASSING_L2  4
#define PASSING_ROW 256

/* Rows, in tiles, from which packing B pays: each packed element is used by so many tiles. */
#define PACK_TILES      6
#define COLLISION_TILES 3 /* where rows of B collide in L1 */

#define FEW_TILES 2 /* of C for each thread: fewer do not share it evenly */

/* A problem as the model sees it: oriented, and with what is known of it. */
typedef struct problem {
    const gml_gemm_args *args;
    const gml_choice *choice;
    int64_t m, n, k;
    int64_t element;
    int64_t products; /* m * n * k, saturated                             */
    bool b_rows;      /* B is contiguous along n                          */
    gml_cache_budget cache;
} problem;

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

/* The tile of least cost, of those that have the rows and columns wanted (0: any); NULL where there are none. */
static const gml_gemm_kernel *cheapest_tile(const gml_gemm_kernels *kernels, int64_t m, int64_t n, int64_t mr,
                                            int64_t nr)
{
    const gml_gemm_kernel *best = NULL;
    double least = 0;
    for (const gml_gemm_kernel *tile = kernels->tiles; tile < kernels->tiles + kernels->n_tiles; tile++) {
        if ((mr && tile->mr != mr) || (nr && tile->nr != nr))
            continue;
        const double cost = tile_cost(tile, kernels->lanes, m, n);
        /* Of few slices of B a narrow one is slow to come from memory: a tile that leaves none wins a near tie. */
        const bool even = best && n < FEW_SLICES * best->nr && n % best->nr != 0 && n % tile->nr == 0;
        if (!best || cost < (even ? 1.0 : 0.98) * least)
            best = tile, least = cost;
    }
    return best;
}

const gml_gemm_kernel *gml_model_tile(const gml_gemm_kernels *kernels, int64_t m, int64_t n)
{
    return cheapest_tile(kernels, m, n, 0, 0);
}

/* The tile where C or B passes by from memory and there is little to compute: rows of both are then fetched best in runs of
 * whole pairs of lines; what such a tile loads more is free. NULL where that is not so, or no tile has such rows. */
static const gml_gemm_kernel *passing_tile(const gml_gemm_kernels *kernels, const problem *p,
                                           const gml_cache_budget *cache)
{
    const int64_t l3 = cache->l3 ? cache->l3 : 8 * cache->l2;
    const bool c_passes = p->args->beta != 0.0 && saturated(saturated(p->m, p->n), p->element) > l3;
    const bool b_passes =
        p->m <= STREAM_ROWS && saturated(saturated(p->k, p->n), p->element) > PASSING_L2 * cache->l2;
    if (p->k >= PASSING_K || !p->b_rows || !(c_passes || b_passes))
        return NULL;
    return cheapest_tile(kernels, p->m, p->n, 0, PASSING_ROW / p->element);
}

static const gml_gemm_kernel *choose_tile(const gml_gemm_kernels *kernels, const problem *p,
                                          const gml_cache_budget *cache)
{
    const gml_gemm_packed *packed = p->args->packed_a ? p->args->packed_a : p->args->packed_b;
    if (packed)
        return packed->kernel;
    const int64_t mr = wanted(p->choice, GML_CHOOSE_MR, 0), nr = wanted(p->choice, GML_CHOOSE_NR, 0);
    const gml_gemm_kernel *passing = mr || nr ? NULL : passing_tile(kernels, p, cache);
    const gml_gemm_kernel *tile = passing ? passing : cheapest_tile(kernels, p->m, p->n, mr, nr);
    return tile ? tile : gml_model_tile(kernels, p->m, p->n);
}

/* The grid whose busiest thread has the fewest tiles; on a tie the one that splits n, because threads with all rows
 * pack B alone, in one phase. */
static void choose_grid(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const int64_t tiles_m = ceil_div(p->m, plan->kernel->mr), tiles_n = ceil_div(p->n, plan->kernel->nr);
    const int64_t along_m = min64(wanted(p->choice, GML_CHOOSE_GRID_M, 0), min64(threads, tiles_m));
    if (along_m > 0) {
        plan->grid_m = (int32_t)along_m;
        plan->grid_n = (int32_t)min64(threads / along_m, tiles_n);
        return;
    }
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
    const int64_t lanes = plan->kernels->lanes, sums = (int64_t)GML_SCRATCH_PER_THREAD / p->element;
    plan->path = GML_GEMM_STREAM;
    plan->kc = plan->kernels->kc0;
    plan->mc = even_block(p->m, min64(wanted(p->choice, GML_CHOOSE_MC, STREAM_ROWS), sums / lanes), 1);
    /* Sums in a quarter of L2: the kernels bring those they work on to L1. Long rows are what prefetchers follow. */
    const int64_t most = wanted(p->choice, GML_CHOOSE_NC, p->cache.l2 / 4 / (plan->mc * p->element));
    plan->nc = even_block(p->n, max64(min64(most, sums / plan->mc), lanes), lanes);
    plan->grid_n = wanted_threads(p->choice, GML_CHOOSE_THREADS, saturated(saturated(p->n, p->k), p->element),
                                  BYTES_OF_THREAD, threads);
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
    const bool jumps = args->cs_a != 1 && ceil_div(p->n, kernel->nr) >= PACK_TILES &&
                       saturated(saturated(kc, p->m), p->element) > p->cache.l2 / 4;
    if (!args->packed_b)
        plan->pack_b = !p->b_rows || wanted_flag(p->choice, GML_CHOOSE_PACK_B, collide || large);
    if (!args->packed_a)
        plan->pack_a = wanted_flag(p->choice, GML_CHOOSE_PACK_A, jumps);
}

/* Whether C has so few tiles that threads do not share it evenly. */
static bool few_tiles(const problem *p, const gml_gemm_kernel *kernel, int32_t threads)
{
    return ceil_div(p->m, kernel->mr) * ceil_div(p->n, kernel->nr) < FEW_TILES * (int64_t)threads;
}

/* Threads share k: all of a C of few tiles at once; of a larger one, as much as has its sums in a part of L2. */
static void plan_split(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const gml_gemm_kernel *kernel = plan->kernel;
    const int64_t kc0 = plan->kernels->kc0, blocks = ceil_div(p->k, kc0);
    /* Of scratch memory, in elements: half for sums, half for a block of A. */
    const int64_t bound = (int64_t)GML_SCRATCH_PER_THREAD / 2 / p->element;
    const int64_t room = min64(p->cache.l2 / 4 / p->element, bound);
    const int64_t whole = few_tiles(p, kernel, threads) ? bound : room;
    plan->path = GML_GEMM_SPLIT;
    choose_packing(p, plan);
    plan->grid_n = (int32_t)min64(threads, blocks);
    const int64_t most_columns = plan->pack_b ? (int64_t)GML_SCRATCH_PANEL / p->element / kc0 : bound;
    const int64_t columns = wanted(p->choice, GML_CHOOSE_NC, whole / kernel->mr);
    plan->nc = even_block(p->n, min64(columns, min64(bound / kernel->mr, most_columns)), kernel->nr);
    const int64_t most_rows = plan->pack_a ? bound / kc0 : bound;
    const int64_t rows = wanted(p->choice, GML_CHOOSE_MC, whole / plan->nc);
    plan->mc = even_block(p->m, min64(rows, min64(bound / plan->nc, most_rows)), kernel->mr);
    /* All of a thread's share at once, where the sums of its blocks fit into a part of L2. */
    const int64_t share = ceil_div(blocks, plan->grid_n) * kc0, sums = plan->mc * plan->nc;
    const int64_t most_depth = min64(bound / sums * kc0, GML_BLOCK_LIMIT);
    if (p->choice->value[GML_CHOOSE_KC] > 0)
        plan->kc = even_block(share, min64(p->choice->value[GML_CHOOSE_KC], most_depth), kc0);
    else
        plan->kc = min64(share, min64(max64(room / sums, 1) * kc0, most_depth));
}

/* Rank-k updates: what stays in L2 is B, and C passes by, row after row, once. */
static bool is_rank_k(const problem *p, int64_t nr)
{
    return p->k <= (p->args->beta == 0.0 ? RANK_K : RANK_K_READ) && p->n >= 8 * nr;
}

/* The blocks of A and panels of B of a thread that has so many rows and columns. */
static void choose_blocks(const problem *p, int64_t rows, int64_t columns, gml_gemm_plan *plan)
{
    const gml_choice *choice = p->choice;
    const int64_t mr = plan->kernel->mr, nr = plan->kernel->nr, kc0 = plan->kernels->kc0;
    const int64_t row_bytes = kc0 * p->element, scratch = (int64_t)GML_SCRATCH_PER_THREAD;
    const int64_t most_panel = plan->pack_b ? (int64_t)GML_SCRATCH_PANEL / p->element : INT64_MAX;

    /* One block of the contract: a deeper slice of B would leave L2 while A streams past it. */
    plan->kc = kc0;
    if (choice->value[GML_CHOOSE_KC] > 0)
        plan->kc = even_block(
            p->k, min64(choice->value[GML_CHOOSE_KC], min64(most_panel / nr, GML_BLOCK_LIMIT)), kc0);

    /* Three eighths of L2 for the block of A; the rest for two slices of B and for C. */
    const int64_t block = wanted(choice, GML_CHOOSE_MC, min64(p->cache.l2 * 3 / 8, scratch / 2) / row_bytes);
    plan->mc = even_block(rows, min64(block, plan->pack_a ? scratch / row_bytes : GML_BLOCK_LIMIT), mr);

    /* Half of the threads' L3, where there is one; without, a panel long enough to pay for packing A again. */
    const int64_t panel = min64(p->cache.l3 ? p->cache.l3 / 2 : 8 * p->cache.l2, (int64_t)GML_SCRATCH_PANEL);
    const int64_t most = wanted(choice, GML_CHOOSE_NC, max64(panel / row_bytes, 8 * nr));
    plan->nc = even_block(columns, min64(most, min64(most_panel / plan->kc, GML_BLOCK_LIMIT)), nr);

    if (is_rank_k(p, nr) && !choice->value[GML_CHOOSE_MC])
        plan->mc = min64(plan->mc, 2 * mr);
    if (is_rank_k(p, nr) && !choice->value[GML_CHOOSE_NC])
        plan->nc = even_block(columns, min64(plan->nc, p->cache.l2 * 3 / 4 / (p->k * p->element)), nr);

    /* One pass over A: slices of B are packed into L2 just before their only use. */
    if (plan->pack_b && p->m <= plan->mc && plan->grid_m == 1 && !choice->value[GML_CHOOSE_NC])
        plan->nc = min64(plan->nc, max64(p->cache.l2 / 2 / row_bytes / nr, 2) * nr);
}

/* Whether lines of C may be written past the caches, and a C beyond these is written once and not read: its lines would
 * be fetched to be overwritten. */
static bool streams_c(const problem *p, const gml_gemm_plan *plan)
{
    const int64_t caches = p->cache.l3 ? p->cache.l3 : 8 * p->cache.l2;
    if (p->args->beta != 0.0 || p->k > plan->kernels->kc0 || p->args->cs_c != 1 ||
        p->args->rs_c * p->element % GML_ALIGNMENT != 0)
        return false;
    return wanted_flag(p->choice, GML_CHOOSE_STREAM_C,
                       saturated(saturated(p->m, p->n), p->element) / (plan->grid_m * plan->grid_n) > caches);
}

static void plan_panels(const problem *p, int32_t threads, gml_gemm_plan *plan)
{
    const int64_t mr = plan->kernel->mr, nr = plan->kernel->nr;
    plan->path = GML_GEMM_PANELS;
    choose_packing(p, plan);
    choose_grid(p, threads, plan);
    /* Where threads split m, all of them share a panel. */
    const int64_t rows = ceil_div(ceil_div(p->m, mr), plan->grid_m) * mr;
    const int64_t columns = ceil_div(ceil_div(p->n, nr), plan->grid_m > 1 ? 1 : plan->grid_n) * nr;
    choose_blocks(p, rows, columns, plan);
    plan->stream_c = streams_c(p, plan);
}

/* Whether m rows of A are few for a B of k x n. B and C are contiguous along n or not. */
static bool streams(int64_t m, int64_t n, int64_t k, bool b_rows, bool c_rows, int64_t element, int64_t l2)
{
    const int64_t few = b_rows ? STREAM_ROWS : c_rows ? STREAM_DOTS : STREAM_DOTS_TURNED;
    if (m > few || n < STREAM_WIDTH)
        return false;
    return m <= FEW_ROWS || (k >= STREAM_WIDTH && saturated(saturated(n, k), element) > l2);
}

/* The path that is wanted; -1 for none. */
static int64_t wanted_path(const gml_choice *choice)
{
    const int64_t path = wanted(choice, GML_CHOOSE_PATH, 0) - 1;
    return path < GML_GEMM_PATHS ? path : -1;
}

/* Whether C^T = B^T * A^T is the better way to see the problem. */
static bool choose_orientation(const gml_gemm_args *args, const gml_choice *choice, int64_t element,
                               int64_t l2)
{
    const int64_t path = wanted_path(choice);
    if (args->packed_a)
        return args->packed_a->transpose;
    if (args->packed_b)
        return args->packed_b->transpose;
    if (choice->value[GML_CHOOSE_TRANSPOSE] > 0)
        return (choice->value[GML_CHOOSE_TRANSPOSE] == GML_YES) != gml_key_transposes(args);
    if (path == GML_GEMM_STREAM)
        return args->n < args->m || (args->n == args->m && gml_key_transposes(args));
    if (path < 0 && args->n < args->m &&
        streams(args->n, args->m, args->k, args->rs_a == 1, args->rs_c == 1, element, l2))
        return true;
    if (path < 0 && args->m <= args->n &&
        streams(args->m, args->n, args->k, args->cs_b == 1, args->cs_c == 1, element, l2))
        return false;
    return args->n != 1 && args->cs_c != 1 && (args->rs_c == 1 || args->m == 1);
}

/* Whether threads had better share k: they have too few tiles of C, and enough of k. */
static bool pays_to_split(const problem *p, const gml_gemm_kernel *kernel, int64_t kc0, int32_t threads)
{
    return threads > 1 && few_tiles(p, kernel, threads) && p->k >= 2 * threads * kc0;
}

/* Threads share a batch that has a product for each of them, unless it is said how they share a product. */
static int32_t threads_of_batch(const problem *p, int64_t batch, int32_t threads)
{
    if (batch == 1 || p->choice->value[GML_CHOOSE_GRID_M] > 0)
        return 1;
    const int32_t most = wanted_threads(p->choice, GML_CHOOSE_THREADS, saturated(p->products, batch),
                                        PRODUCTS_OF_THREAD, threads);
    return batch >= most ? most : 1;
}

gml_gemm_plan gml_model_gemm(const gml_machine *machine, const gml_kernel_set *set, const gml_gemm_args *args,
                             int64_t batch, int32_t threads, const gml_choice *choice)
{
    choice = choice_or_none(choice);
    gml_gemm_plan plan = {
        .kernels = gml_gemm_kernels_of(set, args->type), .grid_m = 1, .grid_n = 1, .grid_batch = 1};
    const gml_cache_budget alone = gml_cache_budget_of(machine, 1);
    const int64_t l2 = alone.l2, element = plan.kernels->element;
    plan.transpose = choose_orientation(args, choice, element, l2);
    const gml_gemm_args oriented = plan.transpose ? gml_gemm_transposed(args) : *args;
    problem p = {.args = &oriented, .choice = choice, .m = oriented.m, .n = oriented.n, .k = oriented.k};
    p.element = element;
    p.products = saturated(saturated(p.m, p.n), p.k);
    p.b_rows = p.n == 1 || oriented.cs_b == 1;
    plan.kernel = choose_tile(plan.kernels, &p, &alone);

    plan.grid_batch = threads_of_batch(&p, batch, threads);
    if (plan.grid_batch > 1)
        threads = 1;
    p.cache = gml_cache_budget_of(machine, plan.grid_batch > 1 ? plan.grid_batch : threads);
    const int64_t path = wanted_path(choice);
    const bool packed = oriented.packed_a || oriented.packed_b;
    if (path == GML_GEMM_STREAM || (path < 0 && !packed && p.m <= p.n &&
                                    streams(p.m, p.n, p.k, p.b_rows, oriented.cs_c == 1, element, l2))) {
        plan_stream(&p, threads, &plan);
        return plan;
    }
    threads = wanted_threads(choice, GML_CHOOSE_THREADS, p.products, PRODUCTS_OF_THREAD, threads);
    if (path == GML_GEMM_SPLIT || (path < 0 && pays_to_split(&p, plan.kernel, plan.kernels->kc0, threads)))
        plan_split(&p, threads, &plan);
    else
        plan_panels(&p, threads, &plan);
    return plan;
}
