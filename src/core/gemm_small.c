/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small products: the time is that of a call, so nothing is planned and nothing allocated.
 */
#include "src/core/gemm_paths.h"

#define STACK_BYTES 16384 /* of a packed B: half of a first-level cache, a quarter of the smallest stack */

/* Whether C^T is the product to form: C has rows there, or B does and C as well. */
static bool exchanges(const gml_gemm_args *args)
{
    return (args->cs_c != 1 && args->n != 1) || (args->cs_b != 1 && args->rs_a == 1 && args->rs_c == 1);
}

/* Whether B can be read where it stands: contiguous along n, or packed, and not in rows that collide. */
static bool stands(const gml_gemm_kernels *kernels, const gml_gemm_args *args)
{
    if (args->packed_b)
        return true;
    return (args->cs_b == 1 || args->n == 1) &&
           !(args->m > GML_SMALL_ROWS && gml_gemm_rows_collide(args->rs_b, args->k, kernels->element));
}

/* All of a product but its epilogue and C, which a call adds. */
static inline gml_gemm_block block_of(const gml_gemm_kernel *kernel, const gml_gemm_args *args, const void *b,
                                      int64_t rs_b, int64_t ps_b)
{
    const gml_gemm_packed *a = args->packed_a;
    const int64_t width = a ? gml_gemm_packed_width(a) : 0;
    return (gml_gemm_block){.m = args->m,
                            .n = args->n,
                            .k = args->k,
                            .a = a ? a->data : args->a,
                            .rs_a = a ? 1 : args->rs_a,
                            .cs_a = a ? width : args->cs_a,
                            .ps_a = a ? width * args->k : kernel->mr * args->rs_a,
                            .b = b,
                            .rs_b = rs_b,
                            .ps_b = ps_b,
                            .rs_c = args->rs_c,
                            .alpha = args->alpha,
                            .beta = args->beta};
}

/* The width of panels on the stack for a B that does not stand so, or 0 where they have no room. */
static int64_t width_on_stack(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                              const gml_gemm_args *args)
{
    const int64_t nr = kernel->nr, lanes = kernels->lanes;
    const int64_t width = args->n <= nr ? ceil_div(args->n, lanes) * lanes : nr;
    return ceil_div(args->n, nr) * width * args->k * kernels->element <= STACK_BYTES ? width : 0;
}

static void pack_and_call(const gml_gemm_kernels *kernels, gml_gemm_block_fn *call, int64_t width,
                          int64_t stride, int64_t stride_k, gml_gemm_block *block)
{
    _Alignas(GML_ALIGNMENT) char panels[STACK_BYTES];
    gml_gemm_pack_panels(kernels, block->n, width, block->k, block->b, stride, stride_k, panels);
    block->b = panels;
    call(block);
}

void gml_gemm_call_packed(const gml_gemm_direct *direct, gml_gemm_block *block)
{
    pack_and_call(direct->kernels, direct->call, direct->width, direct->stride, direct->stride_k, block);
}

gml_gemm_direct gml_gemm_prepare(const gml_gemm_kernels *kernels, const gml_gemm_args *args)
{
    gml_gemm_direct direct = {.call = NULL};
    const gml_gemm_packed *packed = args->packed_a ? args->packed_a : args->packed_b;
    direct.transpose = packed ? packed->transpose : exchanges(args);
    const gml_gemm_args x = direct.transpose ? gml_gemm_transposed(args) : *args;
    if (!gml_gemm_is_little(args) || (x.cs_c != 1 && x.n != 1))
        return direct;
    const gml_gemm_kernel *kernel = packed ? packed->kernel : gml_gemm_small_tile(kernels, x.n);
    if (!stands(kernels, &x)) {
        direct.width = width_on_stack(kernels, kernel, &x);
        if (direct.width == 0)
            return direct;
        direct.kernels = kernels;
        direct.stride = x.cs_b, direct.stride_k = x.rs_b;
    }
    const int64_t width = x.packed_b ? gml_gemm_packed_width(x.packed_b) : 0;
    direct.block = x.packed_b     ? block_of(kernel, &x, x.packed_b->data, width, width * x.k)
                   : direct.width ? block_of(kernel, &x, x.b, direct.width, kernel->nr * x.k)
                                  : block_of(kernel, &x, x.b, x.rs_b, kernel->nr);
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
    }
    if (args->cs_c != 1 && args->n != 1)
        return false;
    const gml_gemm_kernel *kernel = gml_gemm_small_tile(kernels, args->n);
    const bool stays = stands(kernels, args);
    const int64_t width = stays ? args->rs_b : width_on_stack(kernels, kernel, args);
    if (!stays && width == 0)
        return false;
    gml_gemm_block block = block_of(kernel, args, args->b, width, kernel->nr * (stays ? 1 : args->k));
    block.c = args->c;
    block.epilogue = gml_gemm_has_epilogue(&args->epilogue) ? &args->epilogue : NULL;
    if (stays)
        kernel->block(&block);
    else
        pack_and_call(kernels, kernel->block, width, args->cs_b, args->rs_b, &block);
    return true;
}
