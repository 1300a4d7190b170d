#include <gemmule/gemmule.h>
#include <stdio.h>

int main(void)
{
    const float a[2 * 3] = {1, 2, 3, 4, 5, 6}; /* 2 x 3, row after row                       */
    const float b[2 * 3] = {1, 0, 1, 0, 1, 0}; /* 2 x 3 too: its strides, exchanged, make B^T */
    float c[2 * 2];

    /* C = 1 * A * B^T + 0 * C; m, n, k are 2, 2, 3; each matrix has a row and a column stride */
    if (gml_gemm_f32(NULL, 2, 2, 3, 1.0f, a, 3, 1, b, 1, 3, 0.0f, c, 2, 1) != GML_OK) {
        char why[256];
        gml_last_error(why, sizeof why);
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    printf("%g %g\n%g %g\n", c[0], c[1], c[2], c[3]);
    return 0;
}
