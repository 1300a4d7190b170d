/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: any strided rectangle into rows of `width`, zero filled beyond `len`.
 *
 * Three ways. stride_len == 1: rows are copied. stride_k == 1: tiles of 8 source rows by 8 columns are
 * transposed in registers, each source row being one load. Otherwise element by element: the strides then
 * leave a cache line for each element, which costs more than any gather saves.
 */
#include "kernels/avx2/avx2.h"

static int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* Writes +0 to dst[0 .. n-1]. */
static void clear(int64_t n, float *dst)
{
    for (; n > 0; n -= AVX2_LANES, dst += AVX2_LANES)
        avx2_store(min64(n, AVX2_LANES), dst, _mm256_setzero_ps());
}

static void copy_rows(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_k, float *dst,
                      int64_t ldd)
{
    const int64_t whole = len / AVX2_LANES * AVX2_LANES;
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        int64_t i = 0;
        for (; i < whole; i += AVX2_LANES)
            _mm256_storeu_ps(dst + i, _mm256_loadu_ps(src + i));
        if (i < len)
            avx2_store(len - i, dst + i, avx2_load(len - i, src + i));
        clear(width - len, dst + len);
    }
}

/* Transposes the 4 x 4 elements inside each 128-bit lane: r[c] becomes, in lane q, column 4q + c of four
 * rows. */
AVX2_INLINE void transpose_lanes(__m256 *r)
{
    const __m256 a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    const __m256 c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
}

/* Up to 8 source rows (len) by up to 8 columns (k), to k rows of `width` <= 8 elements. */
AVX2_INLINE void transpose_8(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                             float *dst, int64_t ldd)
{
    __m256 r[8];
    AVX2_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = i < len ? avx2_load(k, src + i * stride_len) : _mm256_setzero_ps();
    transpose_lanes(r);
    transpose_lanes(r + 4);
    AVX2_UNROLL
    for (int c = 0; c < 4; c++) {
        /* Lane q of r[4 * g + c] is column 4q + c of rows 4g .. 4g + 3. */
        if (c < k)
            avx2_store(width, dst + c * ldd, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
        if (4 + c < k)
            avx2_store(width, dst + (4 + c) * ldd, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
    }
}

static void transpose(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len, float *dst,
                      int64_t ldd)
{
    for (int64_t i = 0; i < len; i += AVX2_LANES) {
        const int64_t rows = min64(len - i, AVX2_LANES), lanes = min64(width - i, AVX2_LANES);
        int64_t p = 0;
        for (; p + AVX2_LANES <= k && rows == AVX2_LANES; p += AVX2_LANES)
            transpose_8(AVX2_LANES, AVX2_LANES, AVX2_LANES, src + i * stride_len + p, stride_len,
                        dst + p * ldd + i, ldd);
        for (; p + AVX2_LANES <= k; p += AVX2_LANES)
            transpose_8(rows, lanes, AVX2_LANES, src + i * stride_len + p, stride_len, dst + p * ldd + i,
                        ldd);
        if (p < k)
            transpose_8(rows, lanes, k - p, src + i * stride_len + p, stride_len, dst + p * ldd + i, ldd);
    }
    const int64_t filled = min64(width, (len + AVX2_LANES - 1) / AVX2_LANES * AVX2_LANES);
    for (int64_t p = 0; p < k && filled < width; p++)
        clear(width - filled, dst + p * ldd + filled);
}

static void copy_elements(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                          int64_t stride_k, float *dst, int64_t ldd)
{
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        for (int64_t i = 0; i < len; i++)
            dst[i] = src[i * stride_len];
        clear(width - len, dst + len);
    }
}

void gml_pack_f32_avx2(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                       int64_t stride_k, float *dst, int64_t ldd)
{
    if (stride_len == 1 || len == 0)
        copy_rows(len, width, k, src, stride_k, dst, ldd);
    else if (stride_k == 1)
        transpose(len, width, k, src, stride_len, dst, ldd);
    else
        copy_elements(len, width, k, src, stride_len, stride_k, dst, ldd);
}
