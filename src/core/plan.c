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

#define GML_BLOCK_LIMIT (INT64_C(1) << 24) /* of mc, kc, nc: far above any cache, far below overflow */

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

size_t gml_gemm_scratch_shared(const gml_gemm_plan *plan)
{
    return round_up((size_t)plan->kc * (size_t)plan->nc * sizeof(float));
}

size_t gml_gemm_scratch_thread(const gml_gemm_plan *plan)
{
    const size_t block = round_up((size_t)plan->mc * GML_KC0_F32 * sizeof(float));
    const size_t tile = round_up((size_t)plan->kernel->mr * (size_t)plan->kernel->nr * sizeof(float));
    return block + tile;
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

bool gml_gemm_plan_check(const gml_gemm_plan *plan, const gml_kernel_set *set, char *why, size_t size)
{
    bool known = false;
    for (int i = 0; i < set->n_gemm_f32; i++)
        known |= plan->kernel == &set->gemm_f32[i];
    if (!known)
        return refuse(why, size, "the kernel is not one of the set %s", set->isa);
    if (!check_block("mc", plan->mc, plan->kernel->mr, why, size) ||
        !check_block("kc", plan->kc, GML_KC0_F32, why, size) ||
        !check_block("nc", plan->nc, plan->kernel->nr, why, size))
        return false;
    if (plan->grid_m < 1 || plan->grid_n < 1)
        return refuse(why, size, "the thread grid is %d x %d, must be positive", plan->grid_m, plan->grid_n);
    if (!check_threads((int64_t)plan->grid_m * plan->grid_n, why, size))
        return false;
    if (gml_gemm_scratch_thread(plan) > GML_SCRATCH_PER_THREAD)
        return refuse(why, size, "mc %lld needs more than %zu bytes for each thread", (long long)plan->mc,
                      GML_SCRATCH_PER_THREAD);
    if (gml_gemm_scratch_shared(plan) > GML_SCRATCH_SHARED)
        return refuse(why, size, "kc %lld by nc %lld needs more than %zu bytes", (long long)plan->kc,
                      (long long)plan->nc, GML_SCRATCH_SHARED);
    return true;
}

bool gml_softmax_plan_check(const gml_softmax_plan *plan, char *why, size_t size)
{
    if (plan->rows < 1)
        return refuse(why, size, "the rows of a task are %lld, must be positive", (long long)plan->rows);
    return check_threads(plan->threads, why, size);
}

size_t gml_attention_scratch_thread(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim)
{
    const size_t bq = (size_t)plan->kernel->bq;
    const size_t state = round_up((size_t)head_dim * bq * sizeof(float)) +
                         round_up((size_t)v_head_dim * bq * sizeof(float)) +
                         4 * round_up(bq * sizeof(float)) + round_up(GML_KB0 * bq * sizeof(float));
    return (size_t)plan->strips * state +
           round_up((size_t)GML_ATTENTION_SCRATCH_F32(plan->kernel->bq) * sizeof(float));
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
    if (plan->strips < 1 || plan->strips > GML_MAX_STRIPS)
        return refuse(why, size, "the number of strips is %d, must be 1 to %d", plan->strips, GML_MAX_STRIPS);
    if (!check_threads(plan->threads, why, size))
        return false;
    if (head_dim > GML_BLOCK_LIMIT || v_head_dim > GML_BLOCK_LIMIT ||
        gml_attention_scratch_thread(plan, head_dim, v_head_dim) > GML_SCRATCH_PER_THREAD)
        return refuse(why, size,
                      "%d strips of head_dim %lld and %lld need more than %zu bytes for each thread",
                      plan->strips, (long long)head_dim, (long long)v_head_dim, GML_SCRATCH_PER_THREAD);
    return true;
}
