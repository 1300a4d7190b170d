/* SPDX-License-Identifier: BSD-3-Clause */
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {7, 8, 9, 10, 11, 12}, expected[4] = {58, 64, 139, 154};
    float c[4];
    if (gml_gemm_f32(NULL, 2, 2, 3, 1.0f, a, 3, 1, b, 2, 1, 0.0f, c, 2, 1) != GML_OK ||
        memcmp(c, expected, sizeof c))
        return 1;

    char sentence[128];
    if (gml_gemm_f32(NULL, 2, 2, -3, 1.0f, a, 3, 1, b, 2, 1, 0.0f, c, 2, 1) != GML_ERR_ARGUMENT)
        return 2;
    gml_last_error(sentence, sizeof sentence);
    printf("gemmule %s: %s\n", gml_version(), sentence);
    return strcmp(sentence, "gml_gemm_f32: k is -3, must be at least 0") != 0;
}
