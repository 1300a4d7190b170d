/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: any strided rectangle into rows of `width`, zero filled beyond `len`.
 *
 * Three ways. stride_len == 1: rows are copied. stride_k == 1: tiles of 16 (or 8) source rows by 16 columns are
 * transposed in registers, each source row being one load. Otherwise element by element: the strides then leave
 * a cache line for each element, which costs more than any gather saves.
 */
#include "kernels/avx512/avx512.h"

static int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* Writes +0 to dst[0 .. n-1]. */
static void clear(int64_t n, float *dst)
{
    for (; n > 0; n -= AVX512_LANES, dst += AVX512_LANES)
        _mm512_mask_storeu_ps(dst, avx512_mask(min64(n, AVX512_LANES)), _mm512_setzero_ps());
}

static void copy_rows(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_k, float *dst,
                      int64_t ldd)
{
    const int64_t whole = len / AVX512_LANES * AVX512_LANES;
    const __mmask16 tail = avx512_mask(len - whole);
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        int64_t i = 0;
        for (; i < whole; i += AVX512_LANES)
            _mm512_storeu_ps(dst + i, _mm512_loadu_ps(src + i));
        if (tail)
            _mm512_mask_storeu_ps(dst + i, tail, _mm512_maskz_loadu_ps(tail, src + i));
        clear(width - len, dst + len);
    }
}

/* Transposes the 4 x 4 elements inside each 128-bit lane: r[c] becomes, in lane q, column 4q + c of 4 rows. */
AVX512_INLINE void transpose_lanes(__m512 *r)
{
    const __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}

/* Up to 16 source rows (len) by up to 16 columns (k), to k rows of `width` <= 16 elements. */
AVX512_INLINE void transpose_16(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                                float *dst, int64_t ldd)
{
    const __mmask16 columns = avx512_mask(k), lanes = avx512_mask(width);
    __m512 r[16];
    for (int i = 0; i < 16; i++)
        r[i] = i < len ? _mm512_maskz_loadu_ps(columns, src + i * stride_len) : _mm512_setzero_ps();
    for (int i = 0; i < 16; i += 4)
        transpose_lanes(r + i);
    for (int c = 0; c < 4; c++) {
        /* Lane q of r[4 * g + c] is column 4q + c of rows 4g .. 4g + 3: transpose the lanes. */
        const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        const __m512 d = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        const __m512 e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        const __m512 column[4] = {_mm512_shuffle_f32x4(a, d, 0x88), _mm512_shuffle_f32x4(b, e, 0x88),
                                  _mm512_shuffle_f32x4(a, d, 0xdd), _mm512_shuffle_f32x4(b, e, 0xdd)};
        for (int q = 0; q < 4; q++)
            if (4 * q + c < k)
                _mm512_mask_storeu_ps(dst + (4 * q + c) * ldd, lanes, column[q]);
    }
}

/* The same for up to 8 source rows and a width of up to 8, with half the shuffles. */
AVX512_INLINE void transpose_8(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                               float *dst, int64_t ldd)
{
    const __mmask16 columns = avx512_mask(k);
    const __mmask8 lanes = (__mmask8)avx512_mask(width);
    __m512 r[8];
    for (int i = 0; i < 8; i++)
        r[i] = i < len ? _mm512_maskz_loadu_ps(columns, src + i * stride_len) : _mm512_setzero_ps();
    transpose_lanes(r);
    transpose_lanes(r + 4);
    for (int c = 0; c < 4; c++) {
        const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        const __m512 even = _mm512_shuffle_f32x4(a, a, 0xd8), odd = _mm512_shuffle_f32x4(b, b, 0xd8);
        const __m256 column[4] = {_mm512_castps512_ps256(even), _mm512_castps512_ps256(odd),
                                  _mm512_extractf32x8_ps(even, 1), _mm512_extractf32x8_ps(odd, 1)};
        for (int q = 0; q < 4; q++)
            if (4 * q + c < k)
                _mm256_mask_storeu_ps(dst + (4 * q + c) * ldd, lanes, column[q]);
    }
}

static void transpose(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len, float *dst,
                      int64_t ldd)
{
    for (int64_t i = 0; i < len; i += AVX512_LANES) {
        const int64_t rows = min64(len - i, AVX512_LANES);
        const int64_t lanes = rows < AVX512_LANES ? min64(width - i, AVX512_LANES) : AVX512_LANES;
        int64_t p = 0;
        if (lanes <= 8) {
            for (; p + AVX512_LANES <= k && rows == 8; p += AVX512_LANES)
                transpose_8(8, lanes, AVX512_LANES, src + i * stride_len + p, stride_len, dst + p * ldd + i, ldd);
            for (; p < k; p += AVX512_LANES)
                transpose_8(rows, lanes, min64(k - p, AVX512_LANES), src + i * stride_len + p, stride_len,
                            dst + p * ldd + i, ldd);
        } else {
            for (; p + AVX512_LANES <= k && rows == AVX512_LANES; p += AVX512_LANES)
                transpose_16(AVX512_LANES, AVX512_LANES, AVX512_LANES, src + i * stride_len + p, stride_len,
                             dst + p * ldd + i, ldd);
            for (; p < k; p += AVX512_LANES)
                transpose_16(rows, lanes, min64(k - p, AVX512_LANES), src + i * stride_len + p, stride_len,
                             dst + p * ldd + i, ldd);
        }
    }
    const int64_t filled = min64(width, (len + AVX512_LANES - 1) / AVX512_LANES * AVX512_LANES);
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

void gml_pack_f32_avx512(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                         int64_t stride_k, float *dst, int64_t ldd)
{
    if (stride_len == 1 || len == 0)
        copy_rows(len, width, k, src, stride_k, dst, ldd);
    else if (stride_k == 1)
        transpose(len, width, k, src, stride_len, dst, ldd);
    else
        copy_elements(len, width, k, src, stride_len, stride_k, dst, ldd);
}
