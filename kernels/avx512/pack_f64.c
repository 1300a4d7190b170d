/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing of doubles, as that of floats in pack_f32.c, with tiles of 8 source rows by 8 columns.
 */
#include "kernels/avx512/avx512.h"

#define LANES 8
#define FAR   2048 /* elements: 16 KB             */
#define AHEAD 16   /* rows, where they are copied */

static __mmask8 lanes_of(int64_t n)
{
    return (__mmask8)avx512_mask(avx512_min(n, LANES));
}

/* Writes +0 to dst[0 .. n-1]. */
static void clear(int64_t n, double *dst)
{
    for (; n > 0; n -= LANES, dst += LANES)
        _mm512_mask_storeu_pd(dst, lanes_of(n), _mm512_setzero_pd());
}

static void copy_rows(int64_t len, int64_t width, int64_t k, const double *src, int64_t stride_k, double *dst,
                      int64_t ldd)
{
    const int64_t whole = len / LANES * LANES;
    const __mmask8 tail = lanes_of(len - whole);
    const bool far = stride_k >= FAR;
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        if (far)
            for (int64_t i = 0; i < len; i += LANES)
                _mm_prefetch((const char *)(src + AHEAD * stride_k + i), _MM_HINT_T0);
        int64_t i = 0;
        for (; i < whole; i += LANES)
            _mm512_storeu_pd(dst + i, _mm512_loadu_pd(src + i));
        if (tail)
            _mm512_mask_storeu_pd(dst + i, tail, _mm512_maskz_loadu_pd(tail, src + i));
        clear(width - len, dst + len);
    }
}

/* Up to 8 source rows (len) by up to 8 columns (k), to k rows of `width` <= 8 elements. */
AVX512_INLINE void transpose_8(int64_t len, int64_t width, int64_t k, const double *src, int64_t stride_len,
                               double *dst, int64_t ldd)
{
    const __mmask8 columns = lanes_of(k), lanes = lanes_of(width);
    __m512d r[8];
    for (int i = 0; i < 8; i++)
        r[i] = i < len ? _mm512_maskz_loadu_pd(columns, src + i * stride_len) : _mm512_setzero_pd();
    avx512_transpose_f64(r);
    for (int p = 0; p < 8; p++)
        if (p < k)
            _mm512_mask_storeu_pd(dst + p * ldd, lanes, r[p]);
}

static void transpose(int64_t len, int64_t width, int64_t k, const double *src, int64_t stride_len,
                      double *dst, int64_t ldd)
{
    int64_t i = 0;
    for (; i < len; i += LANES)
        for (int64_t p = 0; p < k; p += LANES) {
            const double *from = src + i * stride_len + p;
            double *to = dst + p * ldd + i;
            const int64_t rows = avx512_min(len - i, LANES);
            if (stride_len >= FAR)
                for (int64_t c = 0; c < rows; c++)
                    _mm_prefetch((const char *)(from + (rows + c) * stride_len), _MM_HINT_T0);
            if (rows == LANES && k - p >= LANES)
                transpose_8(LANES, LANES, LANES, from, stride_len, to, ldd);
            else
                transpose_8(rows, width - i, k - p, from, stride_len, to, ldd);
        }
    for (int64_t p = 0; p < k && i < width; p++)
        clear(width - i, dst + p * ldd + i);
}

static void copy_elements(int64_t len, int64_t width, int64_t k, const double *src, int64_t stride_len,
                          int64_t stride_k, double *dst, int64_t ldd)
{
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        for (int64_t i = 0; i < len; i++)
            dst[i] = src[i * stride_len];
        clear(width - len, dst + len);
    }
}

void gml_pack_f64_avx512(int64_t len, int64_t width, int64_t k, const void *src, int64_t stride_len,
                         int64_t stride_k, void *dst, int64_t ldd)
{
    if (stride_len == 1 || len == 0)
        copy_rows(len, width, k, src, stride_k, dst, ldd);
    else if (stride_k == 1)
        transpose(len, width, k, src, stride_len, dst, ldd);
    else
        copy_elements(len, width, k, src, stride_len, stride_k, dst, ldd);
}
