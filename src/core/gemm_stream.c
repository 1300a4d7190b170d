/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The path for few rows: strips of sums stay in L1 while B passes by, once, in the order it is stored in. The same with
 * a strip on the stack is the path for want of memory.
 */
#include "src/core/gemm_paths.h"
#include <string.h>

#define PLAIN_ROWS    4
#define PLAIN_COLUMNS 64

/* An operand from product pc of the chain on: element (x, p) is at data + x * stride + p * stride_k. */
typedef struct side {
    const void *data;
    int64_t stride, stride_k;
} side;

static side side_of(const gml_gemm_kernels *kernels, const gml_gemm_packed *packed, const void *data,
                    int64_t stride, int64_t stride_k, int64_t first, int64_t pc, int64_t depth)
{
    if (!packed)
        return (side){gml_at(kernels, data, first * stride + pc * stride_k), stride, stride_k};
    const int64_t width = gml_gemm_packed_width(packed);
    const void *panel = gml_gemm_packed_at(packed, pc, depth, first / width);
    return (side){gml_at(kernels, panel, first % width), 1, width};
}

/* s += A * B over `depth` products. Without a contiguous dimension B is taken one k at a time. */
static void add_products(const gml_gemm_kernels *kernels, int64_t m, int64_t n, int64_t depth, side a, side b,
                         void *s, int64_t lds)
{
    if (b.stride == 1 || n == 1) {
        kernels->rows(m, n, depth, a.data, a.stride, a.stride_k, b.data, b.stride_k, s, lds);
    } else if (b.stride_k == 1) {
        kernels->dots(m, n, depth, a.data, a.stride, a.stride_k, b.data, b.stride, s, lds);
    } else {
        for (int64_t p = 0; p < depth; p++)
            kernels->dots(m, n, 1, gml_at(kernels, a.data, p * a.stride_k), a.stride, a.stride_k,
                          gml_at(kernels, b.data, p * b.stride_k), b.stride, s, lds);
    }
}

void gml_gemm_strip(const gml_gemm_kernels *kernels, const gml_gemm_args *args, int64_t i, int64_t m,
                    int64_t j, int64_t n, void *s, int64_t lds)
{
    void *c = gml_to(kernels, args->c, i * args->rs_c + j * args->cs_c);
    for (int64_t pc = 0; pc < args->k; pc += kernels->kc0) {
        const int64_t depth = min64(kernels->kc0, args->k - pc);
        const side a = side_of(kernels, args->packed_a, args->a, args->rs_a, args->cs_a, i, pc, depth);
        const side b = side_of(kernels, args->packed_b, args->b, args->cs_b, args->rs_b, j, pc, depth);
        memset(s, 0, (size_t)m * (size_t)lds * (size_t)kernels->element);
        add_products(kernels, m, n, depth, a, b, s, lds);
        kernels->update(m, n, args->alpha, s, lds, pc == 0 ? args->beta : 1.0, c, args->rs_c, args->cs_c);
    }
    if (gml_gemm_has_epilogue(&args->epilogue)) {
        const gml_gemm_epilogue epilogue = gml_gemm_epilogue_at(kernels, &args->epilogue, i, j);
        kernels->finish(&epilogue, m, n, c, args->rs_c, args->cs_c);
    }
}

/* The end of the piece that begins at x: at most `most`, and not beyond a panel of a packed operand. */
static int64_t piece(int64_t x, int64_t end, int64_t most, const gml_gemm_packed *packed)
{
    const int64_t width = packed ? gml_gemm_packed_width(packed) : INT64_MAX;
    return min64(min64(end - x, most), packed ? width - x % width : most);
}

static void strips(const gml_gemm_kernels *kernels, const gml_gemm_args *args, int64_t mc, int64_t nc,
                   int64_t first, int64_t end, void *s)
{
    for (int64_t j = first, n; j < end; j += n) {
        n = piece(j, end, nc, args->packed_b);
        for (int64_t i = 0, m; i < args->m; i += m) {
            m = piece(i, args->m, mc, args->packed_a);
            gml_gemm_strip(kernels, args, i, m, j, n, s, ceil_div(n, kernels->lanes) * kernels->lanes);
        }
    }
}

/* Threads share the columns by whole cache lines, so that none is written by two. */
static void stream_columns(void *argument, int64_t index)
{
    const gml_gemm_run_state *run = argument;
    const int64_t line = GML_ALIGNMENT / run->plan->kernels->element, lines = ceil_div(run->args->n, line);
    const int64_t first = gml_share(lines, index, run->plan->grid_n) * line;
    const int64_t end = min64(gml_share(lines, index + 1, run->plan->grid_n) * line, run->args->n);
    strips(run->plan->kernels, run->args, run->plan->mc, run->plan->nc, first, end,
           run->threads + (size_t)index * run->thread_bytes);
}

void gml_gemm_stream(const gml_gemm_run_state *run)
{
    gml_gemm_run_state copy = *run;
    gml_gemm_parallel(run, stream_columns, &copy);
}

void gml_gemm_plain(const gml_kernel_set *set, const gml_gemm_args *args)
{
    _Alignas(GML_ALIGNMENT) double s[PLAIN_ROWS * PLAIN_COLUMNS];
    const gml_gemm_kernels *kernels = gml_gemm_kernels_of(set, args->type);
    if (args->k == 0 || args->alpha == 0.0)
        gml_gemm_scale(kernels, args);
    else
        strips(kernels, args, PLAIN_ROWS, PLAIN_COLUMNS, 0, args->n, s);
}

/* Multiplications, which need no vectors to have the same bits. */
#define SCALE(real)                                                                                          \
    for (int64_t i = 0; i < args->m; i++)                                                                    \
        for (int64_t j = 0; j < args->n; j++) {                                                              \
            real *c = (real *)args->c + i * args->rs_c + j * args->cs_c;                                     \
            *c = args->beta == 0.0 ? (real)0 : (real)args->beta * *c;                                        \
        }

void gml_gemm_scale(const gml_gemm_kernels *kernels, const gml_gemm_args *args)
{
    if (args->type == GML_F32)
        SCALE(float)
    else
        SCALE(double)
    if (gml_gemm_has_epilogue(&args->epilogue))
        kernels->finish(&args->epilogue, args->m, args->n, args->c, args->rs_c, args->cs_c);
}
