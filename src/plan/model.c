/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model. Every number names the resource that bounds it; the fractions leave room for what else
 * passes through a cache at the same time.
 */
#include "src/plan/model.h"
#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include "src/core/runtime.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define GML_PRODUCTS_OF_THREAD           (INT64_C(1) << 21) /* GEMM has two phases */
#define GML_ATTENTION_PRODUCTS_OF_THREAD (INT64_C(1) << 20) /* attention one, and exponentials besides */
#define GML_EXPONENTIALS_OF_THREAD       (INT64_C(1) << 15)

/* What a load costs beside a fused multiply-add, when tiles are compared: both issue twice a cycle, but loads of
 * packed operands may wait for L2. */
#define GML_LOAD_COST 0.25

#define GML_STRIPS 4 /* enough for K and V to come from L3 once for about 200 queries */

/* The multiple of `multiple` up to `limit` that cuts `extent` into equal pieces, so that none is a sliver. */
static int64_t even_block(int64_t extent, int64_t limit, int64_t multiple)
{
    const int64_t most = max64(limit / multiple, 1), units = ceil_div(extent, multiple);
    return ceil_div(units, ceil_div(units, most)) * multiple;
}

/* x * y, or INT64_MAX: estimates of work need no more. */
static int64_t saturated(int64_t x, int64_t y)
{
    int64_t product;
    return __builtin_mul_overflow(x, y, &product) ? INT64_MAX : product;
}

static int32_t threads_for(int64_t work, int64_t share, int32_t threads)
{
    return (int32_t)max64(1, min64(threads, work / share));
}

/* Issue slots of a k-step over the whole of C: products, and loads that are not free. */
static double tile_cost(const gml_gemm_kernel_f32 *kernel, int lanes, int64_t m, int64_t n)
{
    const double rows = (double)ceil_div(m, kernel->mr), mr = kernel->mr;
    const double full = (double)(n / kernel->nr), vectors = (double)kernel->nr / lanes;
    const double rest = (double)ceil_div(n % kernel->nr, lanes);
    double cost = full * (mr * vectors + GML_LOAD_COST * (mr + vectors));
    if (rest > 0)
        cost += mr * rest + GML_LOAD_COST * (mr + rest);
    return rows * cost;
}

static const gml_gemm_kernel_f32 *choose_tile(const gml_kernel_set *set, int64_t m, int64_t n)
{
    const gml_gemm_kernel_f32 *best = set->gemm_f32;
    for (int i = 1; i < set->n_gemm_f32; i++)
        if (tile_cost(&set->gemm_f32[i], set->lanes, m, n) < 0.98 * tile_cost(best, set->lanes, m, n))
            best = &set->gemm_f32[i];
    return best;
}

/* The grid whose busiest thread has the fewest tiles; on a tie the one that splits m, because threads that split
 * n pack the same rows of A. */
static void choose_grid(gml_gemm_plan *plan, int64_t m, int64_t n, int32_t threads)
{
    const int64_t tiles_m = ceil_div(m, plan->kernel->mr), tiles_n = ceil_div(n, plan->kernel->nr);
    int64_t least = INT64_MAX;
    for (int32_t grid_m = threads; grid_m >= 1; grid_m--) {
        const int32_t grid_n = threads / grid_m;
        const int64_t busiest = ceil_div(tiles_m, grid_m) * ceil_div(tiles_n, grid_n);
        if (busiest < least) {
            least = busiest;
            plan->grid_m = grid_m;
            plan->grid_n = grid_n;
        }
    }
}

gml_gemm_plan gml_model_gemm(const gml_machine *machine, const gml_kernel_set *set, int64_t m, int64_t n,
                             int64_t k, int32_t threads)
{
    threads = threads_for(saturated(saturated(m, n), k), GML_PRODUCTS_OF_THREAD, threads);
    const gml_cache_budget cache = gml_cache_budget_of(machine, threads);
    const int64_t row_bytes = GML_KC0_F32 * (int64_t)sizeof(float);
    gml_gemm_plan plan = {.kernel = choose_tile(set, m, n)};
    const int64_t mr = plan.kernel->mr, nr = plan.kernel->nr;
    choose_grid(&plan, m, n, threads);

    /* One block of the contract: a deeper slice of B would leave L2 while A streams past it. */
    plan.kc = GML_KC0_F32;

    /* A quarter of L2 for the block of A; the rest for two slices of B and for C. */
    const int64_t most_rows = min64(cache.l2 / 4, (int64_t)GML_SCRATCH_PER_THREAD / 2) / row_bytes;
    plan.mc = even_block(ceil_div(ceil_div(m, mr), plan.grid_m) * mr, most_rows, mr);

    /* Half of the threads' L3, where there is one; without, a panel long enough to pay for packing A again. */
    const int64_t panel = cache.l3 ? saturated(cache.l3 / 2, threads) : 8 * cache.l2;
    plan.nc = even_block(n, max64(min64(panel, (int64_t)GML_SCRATCH_SHARED / 4) / row_bytes, 8 * nr), nr);
    return plan;
}

gml_softmax_plan gml_model_softmax(const gml_machine *machine, const gml_softmax_problem *problem,
                                   int32_t threads)
{
    (void)machine;
    gml_softmax_plan plan;
    plan.rows = max64(1, GML_EXPONENTIALS_OF_THREAD / max64(problem->cols, 1));
    plan.threads = (int32_t)min64(
        threads_for(saturated(problem->rows, problem->cols), GML_EXPONENTIALS_OF_THREAD, threads),
        max64(1, ceil_div(problem->rows, plan.rows)));
    return plan;
}

/* The narrowest strip that holds all rows, for few queries; otherwise the best. */
static const gml_attention_kernel_f32 *choose_strip(const gml_kernel_set *set, int64_t rows)
{
    const gml_attention_kernel_f32 *best = set->attention_f32;
    for (int i = 1; i < set->n_attention_f32; i++)
        if (set->attention_f32[i].bq >= rows && set->attention_f32[i].bq < best->bq)
            best = &set->attention_f32[i];
    return best;
}

gml_attention_plan gml_model_attention(const gml_machine *machine, const gml_kernel_set *set,
                                       const gml_attention_problem *problem, int32_t threads)
{
    const int64_t dims = problem->head_dim + problem->v_head_dim;
    const int64_t rows = problem->heads / problem->kv_heads * problem->q_len;
    const int64_t sequences = saturated(problem->batch, problem->kv_heads);
    const int64_t products = saturated(saturated(saturated(sequences, rows), problem->kv_len), dims);
    threads = threads_for(products, GML_ATTENTION_PRODUCTS_OF_THREAD, threads);
    const gml_cache_budget cache = gml_cache_budget_of(machine, threads);
    gml_attention_plan plan = {.kernel = choose_strip(set, rows), .threads = threads, .strips = GML_STRIPS};

    /* Half of L2 for the strips, beside a block of K and V; and two tasks for each thread, to share them evenly. */
    const int64_t strips = ceil_div(rows, plan.kernel->bq);
    while (plan.strips > 1 && (gml_attention_scratch_thread(&plan, problem->head_dim, problem->v_head_dim) >
                                   (size_t)cache.l2 / 2 ||
                               saturated(sequences, ceil_div(strips, plan.strips)) < 2 * (int64_t)threads))
        plan.strips--;
    plan.threads = (int32_t)min64(threads, saturated(sequences, ceil_div(strips, plan.strips)));
    return plan;
}
