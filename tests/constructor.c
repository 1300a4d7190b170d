/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A shared object that uses the library before main, or inside dlopen: see test_constructor.c.
 */
#include <gemmule/gemmule.h>

const float *constructor_result(void);

static float result[4];

const float *constructor_result(void)
{
    return result;
}

__attribute__((constructor)) static void use_early(void)
{
    const float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8};
    gml_gemm_f32(NULL, 2, 2, 2, 1.0f, a, 2, 1, b, 2, 1, 0.0f, result, 2, 1);
}
