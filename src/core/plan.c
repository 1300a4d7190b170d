/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one check of capacity, multiples and legality that every plan passes, and the sizes of scratch memory.
 * Checks and executors share the same size functions, so that nothing can be planned that does not fit.
 */
#include "src/core/plan.h"
#include "kernels/arithmetic.h"
#include "src/core/runtime.h"
#include <stdarg.h>
#include <stdio.h>

static bool refuse(char *why, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool refuse(char *why, size_t size, const char *format, ...)
{
    if (size) {
        va_list list;
        va_start(list, format);
        vsnprintf(why, size, format, list);
        va_end(list);
    }
    return false;
}

static size_t round_up(size_t bytes)
{
    return (bytes + GML_ALIGNMENT - 1) / GML_ALIGNMENT * GML_ALIGNMENT;
}

const char *gml_gemm_path_name(gml_gemm_path path)
{
    static const char *const names[GML_GEMM_PATHS] = {"panels", "stream", "split"};
    return names[path];
}

const char *gml_attention_path_name(gml_attention_path path)
{
    static const char *const names[GML_ATTENTION_PATHS] = {"tiles", "few", "blocks"};
    return names[path];
}

static size_t elements(const gml_gemm_plan *plan, int64_t rows, int64_t columns)
{
    return round_up((size_t)rows * (size_t)columns * (size_t)plan->kernels->element);
}

size_t gml_gemm_scratch_panel(const gml_gemm_plan *plan)
{
    switch (plan->path) {
    case GML_GEMM_PANELS:
        return plan->pack_b ? elements(plan, plan->kc, plan->nc) : 0;
    case GML_GEMM_SPLIT:
        return plan->pack_b ? elements(plan, plan->kernels->kc0, plan->nc) : 0;
    default:
        return 0;
    }
}

size_t gml_gemm_scratch_thread(const gml_gemm_plan *plan)
{
    const size_t block = plan->pack_a ? elements(plan, plan->mc, plan->kernels->kc0) : 0;
    switch (plan->path) {
    case GML_GEMM_STREAM:
        return elements(plan, plan->mc, plan->nc);
    case GML_GEMM_SPLIT:
        return block + (size_t)(plan->kc / plan->kernels->kc0) * elements(plan, plan->mc, plan->nc);
    default:
        return block;
    }
}

size_t gml_gemm_scratch(const gml_gemm_plan *plan)
{
    const size_t threads = (size_t)plan->grid_m * (size_t)plan->grid_n * (size_t)plan->grid_batch;
    return threads * gml_gemm_scratch_thread(plan) +
           (plan->grid_m > 1 ? 1 : threads) * gml_gemm_scratch_panel(plan);
}

static bool check_block(const char *name, int64_t value, int64_t multiple, char *why, size_t size)
{
    if (value < 1 || value > GML_BLOCK_LIMIT || value % multiple)
        return refuse(why, size, "%s is %lld, must be a positive multiple of %lld up to %lld", name,
                      (long long)value, (long long)multiple, (long long)GML_BLOCK_LIMIT);
    return true;
}

static bool check_threads(int64_t threads, char *why, size_t size)
{
    if (threads < 1 || threads > GML_MAX_THREADS)
        return refuse(why, size, "the number of threads is %lld, must be 1 to %d", (long long)threads,
                      GML_MAX_THREADS);
    return true;
}

static bool check_grid(const gml_gemm_plan *plan, char *why, size_t size)
{
    if (plan->grid_m < 1 || plan->grid_n < 1 || plan->grid_batch < 1)
        return refuse(why, size, "the thread grid is %d x %d x %d, must be positive", plan->grid_m,
                      plan->grid_n, plan->grid_batch);
    if (plan->grid_batch > 1 && (plan->grid_m > 1 || plan->grid_n > 1))
        return refuse(why, size, "threads share both the batch (%d) and its products (%d x %d)",
                      plan->grid_batch, plan->grid_m, plan->grid_n);
    if (plan->path != GML_GEMM_PANELS && plan->grid_m > 1)
        return refuse(why, size, "grid_m is %d, must be 1 on the path %s", plan->grid_m,
                      gml_gemm_path_name(plan->path));
    if (plan->grid_m > GML_MAX_THREADS || plan->grid_n > GML_MAX_THREADS)
        return check_threads(GML_MAX_THREADS + 1, why, size);
    return check_threads((int64_t)plan->grid_m * plan->grid_n * plan->grid_batch, why, size);
}

bool gml_gemm_plan_check(const gml_gemm_plan *plan, const gml_kernel_set *set, char *why, size_t size)
{
    if (plan->kernels != set->gemm_f32 && plan->kernels != set->gemm_f64)
        return refuse(why, size, "the kernels are not those of the set %s", set->isa);
    const gml_gemm_kernel *tiles = plan->kernels->tiles;
    if (plan->kernel < tiles || plan->kernel >= tiles + plan->kernels->n_tiles)
        return refuse(why, size, "the kernel is no %s tile of the set %s", plan->kernels->type, set->isa);
    if ((int64_t)plan->kernel->mr * plan->kernel->nr * plan->kernels->element > GML_TILE_BYTES)
        return refuse(why, size, "the tile is %d x %d, may have %d bytes", plan->kernel->mr, plan->kernel->nr,
                      GML_TILE_BYTES);
    if (plan->path < GML_GEMM_PANELS || plan->path > GML_GEMM_SPLIT)
        return refuse(why, size, "the path is %d, must be 0 to %d", (int)plan->path, GML_GEMM_PATHS - 1);
    const bool stream = plan->path == GML_GEMM_STREAM;
    if (!check_block("mc", plan->mc, stream ? 1 : plan->kernel->mr, why, size) ||
        !check_block("kc", plan->kc, plan->kernels->kc0, why, size) ||
        !check_block("nc", plan->nc, stream ? plan->kernels->lanes : plan->kernel->nr, why, size) ||
        !check_grid(plan, why, size))
        return false;
    if ((plan->path == GML_GEMM_SPLIT && elements(plan, plan->mc, plan->nc) > GML_SCRATCH_PER_THREAD) ||
        gml_gemm_scratch_thread(plan) > GML_SCRATCH_PER_THREAD)
        return refuse(why, size, "mc %lld, kc %lld and nc %lld need more than %zu bytes for each thread",
                      (long long)plan->mc, (long long)plan->kc, (long long)plan->nc, GML_SCRATCH_PER_THREAD);
    if (gml_gemm_scratch_panel(plan) > GML_SCRATCH_PANEL)
        return refuse(why, size, "kc %lld by nc %lld needs more than %zu bytes", (long long)plan->kc,
                      (long long)plan->nc, GML_SCRATCH_PANEL);
    return true;
}

size_t gml_softmax_scratch_thread(const gml_softmax_plan *plan)
{
    return round_up((size_t)plan->block_rows * (size_t)plan->block_cols * sizeof(float));
}

bool gml_softmax_plan_check(const gml_softmax_plan *plan, char *why, size_t size)
{
    if (plan->rows < 1)
        return refuse(why, size, "the rows of a task are %lld, must be positive", (long long)plan->rows);
    if (plan->block_rows < 0 || plan->block_rows > GML_MAX_BLOCK_ROWS || plan->block_cols < 0 ||
        plan->block_cols > GML_BLOCK_LIMIT || gml_softmax_scratch_thread(plan) > GML_SCRATCH_PER_THREAD)
        return refuse(why, size, "blocks of %lld x %lld are of more than %d rows or %zu bytes",
                      (long long)plan->block_rows, (long long)plan->block_cols, GML_MAX_BLOCK_ROWS,
                      GML_SCRATCH_PER_THREAD);
    return check_threads(plan->threads, why, size);
}

size_t gml_attention_scratch_thread(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim)
{
    switch (plan->path) {
    case GML_ATTENTION_FEW:
        return gml_attention_few_scratch(plan, head_dim, v_head_dim);
    case GML_ATTENTION_BLOCKS:
        return gml_attention_blocks_scratch(plan, head_dim, v_head_dim);
    default:
        return gml_attention_tiles_scratch(plan, head_dim, v_head_dim);
    }
}

static bool check_count(const char *name, int64_t value, int64_t most, char *why, size_t size)
{
    if (value < 1 || value > most)
        return refuse(why, size, "%s is %lld, must be 1 to %lld", name, (long long)value, (long long)most);
    return true;
}

static bool check_few(const gml_attention_plan *plan, char *why, size_t size)
{
    return check_count("rows", plan->rows, GML_FEW_ROWS, why, size) &&
           check_count("span", plan->span, GML_FEW_SPAN, why, size) &&
           check_count("split", plan->split, plan->threads, why, size) &&
           (plan->split == 1 || check_count("hold", plan->hold, GML_BLOCK_LIMIT, why, size));
}

static bool is_tile(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel)
{
    return kernel >= kernels->tiles && kernel < kernels->tiles + kernels->n_tiles;
}

static bool check_blocks(const gml_attention_plan *plan, const gml_kernel_set *set, int64_t head_dim,
                         char *why, size_t size)
{
    if (!is_tile(set->gemm_f32, plan->products) || !is_tile(set->gemm_f32, plan->values))
        return refuse(why, size, "the kernel of products or values is no tile of the set %s", set->isa);
    if (head_dim > set->gemm_f32->kc0)
        return refuse(why, size, "head_dim is %lld, must be at most %d on the path blocks",
                      (long long)head_dim, set->gemm_f32->kc0);
    return check_count("rows", plan->rows, GML_BLOCKS_ROWS, why, size) &&
           check_count("step", plan->step, GML_BLOCKS_ROWS, why, size);
}

static bool check_path(const gml_attention_plan *plan, const gml_kernel_set *set, int64_t head_dim, char *why,
                       size_t size)
{
    switch (plan->path) {
    case GML_ATTENTION_TILES:
        return check_count("strips", plan->strips, GML_MAX_STRIPS, why, size);
    case GML_ATTENTION_FEW:
        return check_few(plan, why, size);
    case GML_ATTENTION_BLOCKS:
        return check_blocks(plan, set, head_dim, why, size);
    }
    return refuse(why, size, "the path is %d, must be 0 to %d", (int)plan->path, GML_ATTENTION_PATHS - 1);
}

bool gml_attention_plan_check(const gml_attention_plan *plan, const gml_kernel_set *set, int64_t head_dim,
                              int64_t v_head_dim, char *why, size_t size)
{
    bool known = false;
    for (int i = 0; i < set->n_attention_f32; i++)
        known |= plan->kernel == &set->attention_f32[i];
    if (!known)
        return refuse(why, size, "the kernel is not one of the set %s", set->isa);
    if (plan->kernel->bq > GML_MAX_BQ)
        return refuse(why, size, "strips have %d queries, may have %d", plan->kernel->bq, GML_MAX_BQ);
    if (!check_threads(plan->threads, why, size) || !check_path(plan, set, head_dim, why, size))
        return false;
    if (head_dim > GML_BLOCK_LIMIT || v_head_dim > GML_BLOCK_LIMIT ||
        gml_attention_scratch_thread(plan, head_dim, v_head_dim) > GML_SCRATCH_PER_THREAD)
        return refuse(why, size,
                      "head_dim %lld and %lld on the path %s need more than %zu bytes for each thread",
                      (long long)head_dim, (long long)v_head_dim, gml_attention_path_name(plan->path),
                      GML_SCRATCH_PER_THREAD);
    return true;
}
