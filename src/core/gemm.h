/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The executor of GEMM, for both types: it moves addresses, and leaves elements to the kernels.
 */
#ifndef GML_CORE_GEMM_H
#define GML_CORE_GEMM_H

#include "kernels/arithmetic.h"
#include "src/core/plan.h"
#include "src/core/runtime.h"

/*
 * An operand packed once: blocks of KC0 along k, each [panel][depth][width]; a panel is `width` rows of A or columns of
 * B of the product that is executed, which is the transposed one where `transpose`.
 */
typedef struct gml_gemm_packed {
    const gml_kernel_set *set;
    const gml_gemm_kernels *kernels;
    const gml_gemm_kernel *kernel; /* whose mr or nr is the width                                  */
    bool transpose;
    bool of_b;      /* the caller's B, otherwise the caller's A                                    */
    int64_t extent; /* rows of the caller's A, columns of the caller's B                           */
    int64_t k;
    void *data;     /* aligned to GML_ALIGNMENT                                                    */
} gml_gemm_packed;

/* The operands of one product, checked. */
typedef struct gml_gemm_args {
    gml_type type;
    int64_t m, n, k;
    double alpha, beta;   /* values of the type */
    const void *a, *b;
    void *c;
    int64_t rs_a, cs_a, rs_b, cs_b, rs_c, cs_c;
    const gml_gemm_packed *packed_a, *packed_b; /* NULL, or instead of a and b */
    gml_gemm_epilogue epilogue;
} gml_gemm_args;

/* The products of a batch differ in their pointers. Lists come before strides; NULL where there is none. */
typedef struct gml_gemm_batch {
    int64_t count;
    int64_t bs_a, bs_b, bs_c;
    const void *const *a_list, *const *b_list;
    void *const *c_list;
} gml_gemm_batch;

/* The kernels of a set for a type. */
static inline const gml_gemm_kernels *gml_gemm_kernels_of(const gml_kernel_set *set, gml_type type)
{
    return type == GML_F32 ? set->gemm_f32 : set->gemm_f64;
}

/* C^T = B^T * A^T, which has the same bits, as a product does not depend on the order of its factors. */
gml_gemm_args gml_gemm_transposed(const gml_gemm_args *args);

/* Runs a checked plan on operands with m, n and the batch > 0; batch may be NULL: one product. When scratch memory for
 * all threads cannot be had, one thread runs it; when none can, or plan is NULL, gml_gemm_plain does. */
void gml_gemm_run(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args *args,
                  const gml_gemm_batch *batch);

/*
 * Small products need no plan: one thread, one call of a kernel, on operands where they stand, or with B packed on the
 * stack. Whether a product is one is decided by a few comparisons: sums over one block of KC0, and so little work that
 * a second thread would not pay.
 */
#define GML_SMALL_PRODUCTS (INT64_C(1) << 20)
#define GML_SMALL_K (GML_KC0_F32 < GML_KC0_F64 ? GML_KC0_F32 : GML_KC0_F64) /* one block of either type */
#define GML_SMALL_EXTENT 1024 /* of any one dimension: products cannot overflow */
#define GML_SMALL_ROWS 16     /* up to which rows of B that collide do not matter */

static inline bool gml_gemm_is_little(const gml_gemm_args *args)
{
    return args->m <= GML_SMALL_EXTENT && args->n <= GML_SMALL_EXTENT && args->k <= GML_SMALL_K &&
           args->m * args->n * args->k <= GML_SMALL_PRODUCTS && args->k > 0 &&
           args->alpha != 0.0;
}

static inline bool gml_gemm_is_small(const gml_gemm_args *args)
{
    return gml_gemm_is_little(args) && !args->packed_a && !args->packed_b;
}

/* Whether rows of B are whole pages apart, and so many that they do not stay in L1, whose sets they share: then packing
 * pays for few uses already. At any other distance they are read where they stand. */
#define GML_PAGE 4096
#define GML_COLLIDING_ROWS 24 /* two for each way of L1 */

static inline bool gml_gemm_rows_collide(int64_t rs_b, int64_t k, int64_t element)
{
    return k > GML_COLLIDING_ROWS && (rs_b * element) % GML_PAGE == 0;
}

/* The tile for n columns of a small product: the first that holds them, or the widest. */
static inline const gml_gemm_kernel *gml_gemm_small_tile(const gml_gemm_kernels *kernels, int64_t n)
{
    const gml_gemm_kernel *best = kernels->tiles;
    for (int i = 1; i < kernels->n_tiles && best->nr < n; i++)
        if (kernels->tiles[i].nr > best->nr)
            best = &kernels->tiles[i];
    return best;
}

/* Runs a product that gml_gemm_is_small, m and n > 0; false, with nothing touched, where it needs a plan after all. */
bool gml_gemm_small(const gml_kernel_set *set, const gml_gemm_args *args);

/* The kernel that does. */
const gml_gemm_kernel *gml_gemm_small_kernel(const gml_kernel_set *set, const gml_gemm_args *args);

/*
 * The same, prepared: of a product that is one call of a kernel, operands packed once included, all but the addresses.
 * With `transpose` the caller's A and B change places. An operand that is packed keeps its address in the block. A B that
 * cannot be read where it stands is packed on the stack before the call.
 */
typedef struct gml_gemm_direct {
    gml_gemm_block_fn *call; /* NULL: there is no such call */
    gml_gemm_block block;
    gml_gemm_epilogue epilogue;
    bool transpose, has_epilogue;
    const gml_gemm_kernels *kernels;
    int64_t width;            /* of the panels on the stack; 0: B stands  */
    int64_t stride, stride_k; /* of B, along n and k                      */
} gml_gemm_direct;

gml_gemm_direct gml_gemm_prepare(const gml_gemm_kernels *kernels, const gml_gemm_args *args);

/* The call of a block whose b is packed first. */
void gml_gemm_call_packed(const gml_gemm_direct *direct, gml_gemm_block *block);

static inline void gml_gemm_call_direct(const gml_gemm_direct *direct, const void *a, const void *b, void *c)
{
    gml_gemm_block block = direct->block;
    const void *left = direct->transpose ? b : a, *right = direct->transpose ? a : b;
    block.a = left ? left : block.a;
    block.b = right ? right : block.b;
    block.c = c;
    block.epilogue = direct->has_epilogue ? &direct->epilogue : NULL;
    if (direct->width)
        gml_gemm_call_packed(direct, &block);
    else
        direct->call(&block);
}

/* The same bits without scratch memory, one chain at a time; also the place of C = beta * C. */
void gml_gemm_plain(const gml_kernel_set *set, const gml_gemm_args *args);

/* Packing: the bytes that `packed`, complete but for its data, needs; and the operand into its data. */
size_t gml_gemm_packed_bytes(const gml_gemm_packed *packed);
void gml_gemm_pack(gml_runtime *runtime, const gml_gemm_packed *packed, const void *from, int64_t stride_extent,
                   int64_t stride_k);

#endif
