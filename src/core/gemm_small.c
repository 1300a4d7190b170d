/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small products: the time is that of a call, so nothing is planned and nothing allocated.
 */
#include "src/core/gemm_paths.h"

#define STACK_BYTES 16384 /* of a packed B: half of a first-level cache, a quarter of the smallest stack */

/* The tile with the least of C outside: the first whose columns hold n, or the widest. */
static const gml_gemm_kernel *tile_for(const gml_gemm_kernels *kernels, int64_t n)
{
    const gml_gemm_kernel *best = kernels->tiles;
    for (int i = 1; i < kernels->n_tiles && best->nr < n; i++)
        if (kernels->tiles[i].nr > best->nr)
            best = &kernels->tiles[i];
    return best;
}

static void call(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel, const gml_gemm_args *args,
                 const void *b, int64_t rs_b, int64_t ps_b)
{
    const gml_gemm_block block = {.m = args->m,
                                  .n = args->n,
                                  .k = args->k,
                                  .a = args->a,
                                  .rs_a = args->rs_a,
                                  .cs_a = args->cs_a,
                                  .ps_a = kernel->mr * args->rs_a,
                                  .b = b,
                                  .rs_b = rs_b,
                                  .ps_b = ps_b,
                                  .c = args->c,
                                  .rs_c = args->rs_c,
                                  .alpha = args->alpha,
                                  .beta = args->beta,
                                  .epilogue =
                                      gml_gemm_has_epilogue(&args->epilogue) ? &args->epilogue : NULL};
    (void)kernels;
    kernel->block(&block);
}

/* B contiguous along k, or not at all: its panels on the stack. */
static bool call_packed(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                        const gml_gemm_args *args)
{
    _Alignas(GML_ALIGNMENT) char panels[STACK_BYTES];
    const int64_t nr = kernel->nr,
                  width = args->n <= nr ? ceil_div(args->n, kernels->lanes) * kernels->lanes : nr;
    if (ceil_div(args->n, nr) * width * args->k * kernels->element > STACK_BYTES)
        return false;
    for (int64_t j = 0; j < args->n; j += nr)
        kernels->pack(min64(nr, args->n - j), width, args->k, gml_at(kernels, args->b, j * args->cs_b),
                      args->cs_b, args->rs_b, gml_to(kernels, panels, j * args->k), width);
    call(kernels, kernel, args, panels, width, nr * args->k);
    return true;
}

bool gml_gemm_small(const gml_kernel_set *set, const gml_gemm_args *args)
{
    const gml_gemm_kernels *kernels = gml_gemm_kernels_of(set, args->type);
    gml_gemm_args transposed;
    if ((args->cs_c != 1 && args->n != 1) || (args->cs_b != 1 && args->rs_a == 1 && args->rs_c == 1)) {
        transposed = gml_gemm_transposed(args);
        args = &transposed;
        if (args->cs_c != 1 && args->n != 1)
            return false;
    }
    const gml_gemm_kernel *kernel = tile_for(kernels, args->n);
    if (args->cs_b == 1 || args->n == 1) {
        call(kernels, kernel, args, args->b, args->rs_b, kernel->nr);
        return true;
    }
    return call_packed(kernels, kernel, args);
}
