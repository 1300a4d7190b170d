/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: any strided rectangle into rows of `width`, zero filled beyond `len`.
 *
 * Three ways. stride_len == 1: rows are copied. stride_k == 1: tiles of 16 (or 8) source rows by 16 columns are
 * transposed in registers, each source row being one load. Otherwise element by element: the strides then leave
 * a cache line for each element, which costs more than any gather saves.
 *
 * What lies in rows FAR apart, or more, is probably in no cache, and no prefetcher of the hardware follows it from row
 * to row: lines are asked for in advance, which costs a fifth of the speed where they are in L2 already.
 */
#include "kernels/avx512/avx512.h"

#define FAR   4096 /* elements: 16 KB                    */
#define AHEAD 16   /* rows, where they are copied        */

/* Writes +0 to dst[0 .. n-1]. */
static void clear(int64_t n, float *dst)
{
    for (; n > 0; n -= AVX512_LANES, dst += AVX512_LANES)
        _mm512_mask_storeu_ps(dst, avx512_mask(avx512_min(n, AVX512_LANES)), _mm512_setzero_ps());
}

static void copy_rows(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_k, float *dst,
                      int64_t ldd)
{
    const int64_t whole = len / AVX512_LANES * AVX512_LANES;
    const __mmask16 tail = avx512_mask(len - whole);
    const bool far = stride_k >= FAR;
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        if (far)
            for (int64_t i = 0; i < len; i += AVX512_LANES)
                _mm_prefetch((const char *)(src + AHEAD * stride_k + i), _MM_HINT_T0);
        int64_t i = 0;
        for (; i < whole; i += AVX512_LANES)
            _mm512_storeu_ps(dst + i, _mm512_loadu_ps(src + i));
        if (tail)
            _mm512_mask_storeu_ps(dst + i, tail, _mm512_maskz_loadu_ps(tail, src + i));
        clear(width - len, dst + len);
    }
}

/* Up to 16 source rows (len) by up to 16 columns (k), to k rows of `width` <= 16 elements. */
AVX512_INLINE void transpose_16(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                                float *dst, int64_t ldd)
{
    const __mmask16 columns = avx512_mask(k), lanes = avx512_mask(width);
    __m512 r[16];
    for (int i = 0; i < 16; i++)
        r[i] = i < len ? _mm512_maskz_loadu_ps(columns, src + i * stride_len) : _mm512_setzero_ps();
    avx512_transpose_f32(r);
    for (int p = 0; p < 16; p++)
        if (p < k)
            _mm512_mask_storeu_ps(dst + p * ldd, lanes, r[p]);
}

/* The same for up to 8 source rows and a width of up to 8: a register holds two rows. The upper one is stored
 * through a mask from 8 elements before its place. Extracting it would be a trap: gcc joins the extraction and
 * the masked store into vextractf32x8, which, unlike a masked move, faults on masked elements. */
AVX512_INLINE void transpose_8(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                               float *dst, int64_t ldd)
{
    const __mmask16 columns = avx512_mask(k), low = avx512_mask(width), high = (__mmask16)(low << 8);
    __m512 r[8];
    for (int i = 0; i < 8; i++)
        r[i] = i < len ? _mm512_maskz_loadu_ps(columns, src + i * stride_len) : _mm512_setzero_ps();
    avx512_transpose_in_lanes(r);
    avx512_transpose_in_lanes(r + 4);
    for (int c = 0; c < 4; c += 2) {
        __m512 rows[4];
        avx512_transpose_lanes(r[c], r[4 + c], r[c + 1], r[5 + c], rows);
        for (int q = 0; q < 4; q++) {
            const int p = 4 * q + c;
            float *to = dst + p * ldd;
            if (p + 1 < k && ldd == 8 && width == 8) {
                _mm512_storeu_ps(to, rows[q]);
                continue;
            }
            if (p < k)
                _mm512_mask_storeu_ps(to, low, rows[q]);
            if (p + 1 < k)
                _mm512_mask_storeu_ps(to + ldd - 8, high, rows[q]);
        }
    }
}

/* One tile, with constants where it is whole. */
AVX512_INLINE void transpose_tile(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                                  float *dst, int64_t ldd)
{
    if (width > 8 && len == 16 && k == 16)
        transpose_16(16, 16, 16, src, stride_len, dst, ldd);
    else if (width > 8)
        transpose_16(len, width, k, src, stride_len, dst, ldd);
    else if (len == 8 && k == 16)
        transpose_8(8, 8, 16, src, stride_len, dst, ldd);
    else
        transpose_8(len, width, k, src, stride_len, dst, ldd);
}

static void transpose(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len, float *dst,
                      int64_t ldd)
{
    int64_t i = 0;
    for (; i < len; i += AVX512_LANES)
        for (int64_t p = 0; p < k; p += AVX512_LANES) {
            const int64_t rows = avx512_min(len - i, AVX512_LANES);
            const float *from = src + i * stride_len + p;
            if (stride_len >= FAR)
                for (int64_t c = 0; c < rows; c++)
                    _mm_prefetch((const char *)(from + (rows + c) * stride_len), _MM_HINT_T0);
            transpose_tile(rows, avx512_min(width - i, AVX512_LANES), avx512_min(k - p, AVX512_LANES), from,
                           stride_len, dst + p * ldd + i, ldd);
        }
    for (int64_t p = 0; p < k && i < width; p++)
        clear(width - i, dst + p * ldd + i);
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

void gml_pack_f32_avx512(int64_t len, int64_t width, int64_t k, const void *src, int64_t stride_len,
                         int64_t stride_k, void *dst, int64_t ldd)
{
    if (stride_len == 1 || len == 0)
        copy_rows(len, width, k, src, stride_k, dst, ldd);
    else if (stride_k == 1)
        transpose(len, width, k, src, stride_len, dst, ldd);
    else
        copy_elements(len, width, k, src, stride_len, stride_k, dst, ldd);
}
