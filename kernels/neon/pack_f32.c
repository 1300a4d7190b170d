/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: any strided rectangle into rows of `width`, zero filled beyond `len`.
 *
 * Three ways. stride_len == 1: rows are copied. stride_k == 1: squares of 4 x 4 are transposed in registers,
 * along len first, so that whole rows of dst are written. Otherwise element by element.
 */
#include "kernels/neon/neon.h"

static inline int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static void copy_rows(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_k, float *dst,
                      int64_t ldd)
{
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        int64_t i = 0;
        for (; i + NEON_LANES <= len; i += NEON_LANES)
            vst1q_f32(dst + i, vld1q_f32(src + i));
        if (i < len) {
            neon_store(min64(width - i, NEON_LANES), dst + i, neon_load(len - i, src + i));
            i += NEON_LANES;
        }
        for (; i < width; i += NEON_LANES)
            neon_store(min64(width - i, NEON_LANES), dst + i, vdupq_n_f32(0.0f));
    }
}

/* `len` <= 4 source rows by k <= 4 columns, to k rows of `width` <= 4 elements. */
NEON_INLINE void transpose_4(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                             float *dst, int64_t ldd)
{
    float32x4_t r[4];
    NEON_UNROLL for (int i = 0; i < 4; i++)
        r[i] = i < len ? neon_load(k, src + i * stride_len) : vdupq_n_f32(0.0f);

    const float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
    const float64x2_t odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    const float64x2_t even23 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
    const float64x2_t odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(even01, even23));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(even01, even23));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23));

    NEON_UNROLL for (int p = 0; p < 4; p++)
        if (p < k)
            neon_store(width, dst + p * ldd, r[p]);
}

static void transpose(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len, float *dst,
                      int64_t ldd)
{
    for (int64_t p = 0; p < k; p += 4) {
        const int64_t columns = min64(k - p, 4);
        int64_t i = 0;
        if (columns == 4)
            for (; i + 4 <= len; i += 4)
                transpose_4(4, 4, 4, src + i * stride_len + p, stride_len, dst + p * ldd + i, ldd);
        for (; i < len; i += 4)
            transpose_4(min64(len - i, 4), min64(width - i, 4), columns, src + i * stride_len + p, stride_len,
                        dst + p * ldd + i, ldd);
        for (; i < width; i += NEON_LANES)
            for (int64_t c = p; c < p + columns; c++)
                neon_store(min64(width - i, NEON_LANES), dst + c * ldd + i, vdupq_n_f32(0.0f));
    }
}

static void copy_elements(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                          int64_t stride_k, float *dst, int64_t ldd)
{
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        for (int64_t i = 0; i < len; i++)
            dst[i] = src[i * stride_len];
        for (int64_t i = len; i < width; i++)
            dst[i] = 0.0f;
    }
}

void gml_pack_f32_neon(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                       int64_t stride_k, float *dst, int64_t ldd)
{
    if (stride_len == 1)
        copy_rows(len, width, k, src, stride_k, dst, ldd);
    else if (stride_k == 1)
        transpose(len, width, k, src, stride_len, dst, ldd);
    else
        copy_elements(len, width, k, src, stride_len, stride_k, dst, ldd);
}
