/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The path for a small C and a long k: each thread forms the sums of whole blocks of KC0 in memory of its own, and one
 * adds them to C, in ascending order. In rounds, so that memory does not grow with k.
 */
#include "src/core/gemm_paths.h"

typedef struct round {
    const gml_gemm_run_state *run;
    int64_t i, m, j, n; /* the rectangle of C, at most mc x nc           */
    int64_t pc;         /* the first product of the round                */
} round;

/* Sums of block `block` of a thread's share: rows of nc. */
static void *sums_of(const round *r, int64_t index, int64_t block)
{
    const gml_gemm_plan *plan = r->run->plan;
    char *memory = r->run->threads + (size_t)index * r->run->thread_bytes;
    return gml_to(plan->kernels, memory, block * plan->mc * plan->nc);
}

/* The products that thread `index` owns in this round. */
static int64_t share_of(const round *r, int64_t index, int64_t *depth)
{
    const int64_t kc = r->run->plan->kc, first = r->pc + index * kc;
    *depth = max64(0, min64(kc, r->run->args->k - first));
    return first;
}

static void place(const round *r, int64_t index, int64_t p, gml_gemm_block *x)
{
    const gml_gemm_args *args = r->run->args;
    const gml_gemm_plan *plan = r->run->plan;
    const gml_gemm_kernels *kernels = plan->kernels;
    const int64_t mr = plan->kernel->mr, nr = plan->kernel->nr;
    void *memory_a = sums_of(r, index, plan->kc / kernels->kc0);
    void *memory_b = r->run->panels + (size_t)index * r->run->panel_bytes;
    x->rs_a = 1, x->cs_a = args->packed_a ? gml_gemm_packed_width(args->packed_a) : mr;
    x->rs_b = args->packed_b ? gml_gemm_packed_width(args->packed_b) : nr;
    x->ps_a = x->cs_a * x->k, x->ps_b = x->rs_b * x->k;
    x->a = args->packed_a ? gml_gemm_packed_at(args->packed_a, p, x->k, r->i / mr) : memory_a;
    x->b = args->packed_b ? gml_gemm_packed_at(args->packed_b, p, x->k, r->j / nr) : memory_b;
    if (!args->packed_a) {
        const void *a = gml_at(kernels, args->a, r->i * args->rs_a + p * args->cs_a);
        if (plan->pack_a)
            gml_gemm_pack_panels(kernels, r->m, mr, x->k, a, args->rs_a, args->cs_a, memory_a);
        else
            x->a = a, x->rs_a = args->rs_a, x->cs_a = args->cs_a, x->ps_a = mr * args->rs_a;
    }
    if (!args->packed_b) {
        const void *b = gml_at(kernels, args->b, p * args->rs_b + r->j * args->cs_b);
        if (plan->pack_b)
            gml_gemm_pack_panels(kernels, r->n, nr, x->k, b, args->cs_b, args->rs_b, memory_b);
        else
            x->b = b, x->rs_b = args->rs_b, x->ps_b = nr;
    }
}

static void form_sums(void *argument, int64_t index)
{
    const round *r = argument;
    const gml_gemm_plan *plan = r->run->plan;
    const int64_t kc0 = plan->kernels->kc0;
    int64_t depth;
    const int64_t first = share_of(r, index, &depth);
    for (int64_t block = 0; block * kc0 < depth; block++) {
        gml_gemm_block x = {
            .m = r->m, .n = r->n, .k = min64(kc0, depth - block * kc0), .rs_c = plan->nc, .alpha = 1.0};
        x.c = sums_of(r, index, block);
        place(r, index, first + block * kc0, &x);
        plan->kernel->block(&x);
    }
}

static void add_sums(void *argument, int64_t index)
{
    const round *r = argument;
    const gml_gemm_args *args = r->run->args;
    const gml_gemm_plan *plan = r->run->plan;
    void *c = gml_to(plan->kernels, args->c, r->i * args->rs_c + r->j * args->cs_c);
    (void)index;
    for (int32_t thread = 0; thread < plan->grid_n; thread++) {
        int64_t depth;
        const int64_t first = share_of(r, thread, &depth);
        for (int64_t block = 0; block * plan->kernels->kc0 < depth; block++)
            plan->kernels->update(r->m, r->n, args->alpha, sums_of(r, thread, block), plan->nc,
                                  first + block == 0 ? args->beta : 1.0, c, args->rs_c, args->cs_c);
    }
    if (r->pc + plan->grid_n * plan->kc >= args->k && gml_gemm_has_epilogue(&args->epilogue)) {
        const gml_gemm_epilogue epilogue = gml_gemm_epilogue_at(plan->kernels, &args->epilogue, r->i, r->j);
        plan->kernels->finish(&epilogue, r->m, r->n, c, args->rs_c, args->cs_c);
    }
}

void gml_gemm_split(const gml_gemm_run_state *run)
{
    const gml_gemm_args *args = run->args;
    const gml_gemm_plan *plan = run->plan;
    round r = {.run = run};
    for (r.j = 0; r.j < args->n; r.j += plan->nc) {
        r.n = min64(plan->nc, args->n - r.j);
        for (r.i = 0; r.i < args->m; r.i += plan->mc) {
            r.m = min64(plan->mc, args->m - r.i);
            for (r.pc = 0; r.pc < args->k; r.pc += plan->grid_n * plan->kc) {
                gml_gemm_parallel(run, form_sums, &r);
                if (run->runtime)
                    gml_parallel(run->runtime, 1, add_sums, &r);
                else
                    add_sums(&r, 0);
            }
        }
    }
}
