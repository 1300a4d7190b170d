/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the paths of GEMM share: a run is one product with the memory that its threads have.
 */
#ifndef GML_CORE_GEMM_PATHS_H
#define GML_CORE_GEMM_PATHS_H

#include "src/core/gemm.h"
#include "src/core/integers.h"

typedef struct gml_gemm_run_state {
    gml_runtime *runtime;        /* its threads; NULL: the caller's alone, and the grid is 1 x 1         */
    const gml_gemm_plan *plan;
    const gml_gemm_args *args;   /* in the orientation of the plan                                       */
    char *panels, *threads;      /* packed panels of B, and each thread's own memory                     */
    size_t panel_bytes, thread_bytes;
} gml_gemm_run_state;

/* The paths. */
void gml_gemm_panels(const gml_gemm_run_state *run);
void gml_gemm_stream(const gml_gemm_run_state *run);
void gml_gemm_split(const gml_gemm_run_state *run);

/* Rows i .. i + m - 1 and columns j .. j + n - 1 of C, complete with epilogue, by way of sums in s. Of a packed operand
 * they lie in one panel. */
void gml_gemm_strip(const gml_gemm_kernels *kernels, const gml_gemm_args *args, int64_t i, int64_t m, int64_t j,
                    int64_t n, void *s, int64_t lds);

/* Packs `extent` rows of A or columns of B, `depth` products deep, into panels of `width`: [panel][depth][width]. */
void gml_gemm_pack_panels(const gml_gemm_kernels *kernels, int64_t extent, int64_t width, int64_t depth, const void *from,
                          int64_t stride, int64_t stride_k, void *to);

/* C = beta * C and the epilogue: what is left to do without products. */
void gml_gemm_scale(const gml_gemm_kernels *kernels, const gml_gemm_args *args);

/* gml_parallel, or the caller alone. */
void gml_gemm_parallel(const gml_gemm_run_state *run, gml_parallel_body_fn *body, void *argument);

/* Elements `count` further on. */
static inline const void *gml_at(const gml_gemm_kernels *kernels, const void *data, int64_t count)
{
    return (const char *)data + count * kernels->element;
}

static inline void *gml_to(const gml_gemm_kernels *kernels, void *data, int64_t count)
{
    return (char *)data + count * kernels->element;
}

/* Whether there is anything to do after the last update. */
static inline bool gml_gemm_has_epilogue(const gml_gemm_epilogue *epilogue)
{
    return epilogue->bias_m || epilogue->bias_n || epilogue->activation != GML_ACTIVATION_NONE;
}

/* The epilogue of the rectangle that begins at row i and column j. */
static inline gml_gemm_epilogue gml_gemm_epilogue_at(const gml_gemm_kernels *kernels, const gml_gemm_epilogue *whole,
                                                     int64_t i, int64_t j)
{
    gml_gemm_epilogue part = *whole;
    if (part.bias_m)
        part.bias_m = gml_at(kernels, part.bias_m, i);
    if (part.bias_n)
        part.bias_n = gml_at(kernels, part.bias_n, j);
    return part;
}

/* The width of the panels of a packed operand, and how many there are. One that is not full has whole vectors of columns
 * or the rows there are, and no more: panels of a few columns would be read at the price of wide ones. */
static inline int64_t gml_gemm_packed_width(const gml_gemm_packed *packed)
{
    const int64_t lanes = packed->kernels->lanes, extent = max64(packed->extent, 1);
    return packed->of_b != packed->transpose ? min64(packed->kernel->nr, ceil_div(extent, lanes) * lanes)
                                             : min64(packed->kernel->mr, extent);
}

static inline int64_t gml_gemm_packed_panels(const gml_gemm_packed *packed)
{
    return ceil_div(packed->extent, gml_gemm_packed_width(packed));
}

/* Panel `panel` of the block that begins at product pc of the chain and is `depth` deep. */
static inline const void *gml_gemm_packed_at(const gml_gemm_packed *packed, int64_t pc, int64_t depth, int64_t panel)
{
    const int64_t width = gml_gemm_packed_width(packed);
    return gml_at(packed->kernels, packed->data, width * (pc * gml_gemm_packed_panels(packed) + panel * depth));
}

#endif
