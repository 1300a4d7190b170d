/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: panels of a rectangle, and all of a matrix that is packed once.
 */
#include "src/core/gemm_paths.h"

void gml_gemm_pack_panels(const gml_gemm_kernels *kernels, int64_t extent, int64_t width, int64_t depth,
                          const void *from, int64_t stride, int64_t stride_k, void *to)
{
    for (int64_t x = 0; x < extent; x += width)
        kernels->pack(min64(width, extent - x), width, depth, gml_at(kernels, from, x * stride), stride,
                      stride_k, gml_to(kernels, to, x * depth), width);
}

size_t gml_gemm_packed_bytes(const gml_gemm_packed *packed)
{
    return (size_t)gml_gemm_packed_panels(packed) * (size_t)gml_gemm_packed_width(packed) *
           (size_t)packed->k * (size_t)packed->kernels->element;
}

typedef struct packing {
    const gml_gemm_packed *packed;
    const void *from;
    int64_t stride_extent, stride_k;
    int64_t tasks;
} packing;

static void pack_share(void *argument, int64_t index)
{
    const packing *all = argument;
    const gml_gemm_packed *packed = all->packed;
    const gml_gemm_kernels *kernels = packed->kernels;
    const int64_t width = gml_gemm_packed_width(packed), panels = gml_gemm_packed_panels(packed);
    const int64_t panel = gml_share(panels, index, all->tasks), first = panel * width;
    const int64_t end = min64(gml_share(panels, index + 1, all->tasks) * width, packed->extent);
    for (int64_t p = 0; p < packed->k && first < end; p += kernels->kc0) {
        const int64_t depth = min64(kernels->kc0, packed->k - p);
        gml_gemm_pack_panels(kernels, end - first, width, depth,
                             gml_at(kernels, all->from, first * all->stride_extent + p * all->stride_k),
                             all->stride_extent, all->stride_k,
                             gml_to(kernels, packed->data, width * (p * panels + panel * depth)));
    }
}

void gml_gemm_pack(gml_runtime *runtime, const gml_gemm_packed *packed, const void *from,
                   int64_t stride_extent, int64_t stride_k)
{
    packing all = {packed, from, stride_extent, stride_k, gml_parallel_threads(runtime, 0)};
    gml_parallel(runtime, (int32_t)all.tasks, pack_share, &all);
}
