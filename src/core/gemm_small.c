/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small products: the time is that of a call, so nothing is planned and nothing allocated.
 */
#include "src/core/gemm_paths.h"

#define STACK_BYTES 16384 /* of a packed B: half of a first-level cache, a quarter of the smallest stack */

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

/* B contiguous along k, or not at all, or in rows that collide: its panels on the stack. */
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

/* Whether C^T is the product to form: C has rows there, or B does and C as well. */
static bool exchanges(const gml_gemm_args *args)
{
    return (args->cs_c != 1 && args->n != 1) || (args->cs_b != 1 && args->rs_a == 1 && args->rs_c == 1);
}

gml_gemm_direct gml_gemm_prepare(const gml_gemm_kernels *kernels, const gml_gemm_args *args)
{
    gml_gemm_direct direct = {.call = NULL};
    const gml_gemm_packed *packed = args->packed_a ? args->packed_a : args->packed_b;
    direct.transpose = packed ? packed->transpose : exchanges(args);
    const gml_gemm_args x = direct.transpose ? gml_gemm_transposed(args) : *args;
    const bool collide =
        !x.packed_b && x.m > GML_SMALL_ROWS && gml_gemm_rows_collide(x.rs_b, x.k, kernels->element);
    if (collide || !gml_gemm_is_little(args) || (x.cs_c != 1 && x.n != 1) ||
        (!x.packed_b && x.cs_b != 1 && x.n != 1))
        return direct;
    const gml_gemm_kernel *kernel = packed ? packed->kernel : gml_gemm_small_tile(kernels, x.n);
    direct.block =
        (gml_gemm_block){.m = x.m, .n = x.n, .k = x.k, .rs_c = x.rs_c, .alpha = x.alpha, .beta = x.beta};
    direct.block.rs_a = x.packed_a ? 1 : x.rs_a;
    direct.block.cs_a = x.packed_a ? kernel->mr : x.cs_a;
    direct.block.ps_a = kernel->mr * (x.packed_a ? x.k : x.rs_a);
    direct.block.rs_b = x.packed_b ? kernel->nr : x.rs_b;
    direct.block.ps_b = kernel->nr * (x.packed_b ? x.k : 1);
    direct.block.a = x.packed_a ? x.packed_a->data : NULL;
    direct.block.b = x.packed_b ? x.packed_b->data : NULL;
    direct.epilogue = x.epilogue;
    direct.has_epilogue = gml_gemm_has_epilogue(&x.epilogue);
    direct.call = kernel->block;
    return direct;
}

const gml_gemm_kernel *gml_gemm_small_kernel(const gml_kernel_set *set, const gml_gemm_args *args)
{
    return gml_gemm_small_tile(gml_gemm_kernels_of(set, args->type), exchanges(args) ? args->m : args->n);
}

bool gml_gemm_small(const gml_kernel_set *set, const gml_gemm_args *args)
{
    const gml_gemm_kernels *kernels = gml_gemm_kernels_of(set, args->type);
    gml_gemm_args transposed;
    if (exchanges(args)) {
        transposed = gml_gemm_transposed(args);
        args = &transposed;
        if (args->cs_c != 1 && args->n != 1)
            return false;
    }
    const gml_gemm_kernel *kernel = gml_gemm_small_tile(kernels, args->n);
    const bool collide =
        args->m > GML_SMALL_ROWS && gml_gemm_rows_collide(args->rs_b, args->k, kernels->element);
    if (!collide && (args->cs_b == 1 || args->n == 1)) {
        call(kernels, kernel, args, args->b, args->rs_b, kernel->nr);
        return true;
    }
    return call_packed(kernels, kernel, args);
}
