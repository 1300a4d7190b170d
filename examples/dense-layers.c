/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two dense layers, as a network has them: weights packed once, bias and GELU applied while the product is in cache,
 * and a plan for each layer, so that a call costs little more than its arithmetic. Then a batch: the same weights with
 * many small inputs in one call. All three ways give the same bits.
 */
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 12, WIDTH = 32, HIDDEN = 96, REQUESTS = 4 };

static float x[TOKENS][WIDTH], hidden[TOKENS][HIDDEN], y[TOKENS][WIDTH], again[TOKENS][WIDTH];
static float up[HIDDEN][WIDTH], up_bias[HIDDEN], down[WIDTH][HIDDEN], down_bias[WIDTH]; /* [output][input] */

/* Small numbers that look random and are the same everywhere: multiples of 1/64 in [-1/2, 1/2). */
static void fill(float *to, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = (float)((int)(seed >> 26) - 32) / 64.0f;
    }
}

static void must(gml_status status)
{
    if (status == GML_OK)
        return;
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "dense-layers: %s\n", why);
    exit(1);
}

/* out = activation(in * weight^T + bias), for rows of in: the strides of b, exchanged, transpose the weight. */
static gml_gemm_problem layer(int rows, int inputs, int outputs, const float *weight, const float *bias,
                              gml_activation f)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = rows, p.n = outputs, p.k = inputs;
    p.rs_a = inputs, p.cs_a = 1;
    p.b = weight, p.rs_b = 1, p.cs_b = inputs;
    p.rs_c = outputs, p.cs_c = 1;
    p.bias_n = bias;
    p.activation = f;
    return p;
}

int main(void)
{
    fill(x[0], TOKENS * WIDTH, 1);
    fill(up[0], HIDDEN * WIDTH, 2);
    fill(up_bias, HIDDEN, 3);
    fill(down[0], WIDTH * HIDDEN, 4);
    fill(down_bias, WIDTH, 5);
    gml_gemm_problem first = layer(TOKENS, WIDTH, HIDDEN, up[0], up_bias, GML_ACTIVATION_GELU_TANH);
    gml_gemm_problem second = layer(TOKENS, HIDDEN, WIDTH, down[0], down_bias, GML_ACTIVATION_NONE);

    /* Once: pack the weights, then plan with them. A packed operand stands in the place of its pointer. */
    gml_packed *packed_up, *packed_down;
    gml_plan *plan_up, *plan_down;
    must(gml_gemm_pack_b(&packed_up, NULL, &first));
    must(gml_gemm_pack_b(&packed_down, NULL, &second));
    first.b = second.b = NULL;
    first.packed_b = packed_up, second.packed_b = packed_down;
    must(gml_plan_create_gemm(&plan_up, NULL, &first));
    must(gml_plan_create_gemm(&plan_down, NULL, &second));

    /* Often. */
    must(gml_plan_run_gemm(plan_up, x, NULL, hidden));
    must(gml_plan_run_gemm(plan_down, hidden, NULL, y));
    printf("The first numbers of each output row:\n");
    for (int i = 0; i < TOKENS; i++)
        printf("  token %2d  %8.4f %8.4f %8.4f\n", i, (double)y[i][0], (double)y[i][1], (double)y[i][2]);

    /* The same as a batch of requests of a few tokens each. */
    first.m = second.m = TOKENS / REQUESTS;
    first.batch = second.batch = REQUESTS;
    first.a = x, first.bs_a = first.m * WIDTH;
    first.c = hidden, first.bs_c = first.m * HIDDEN;
    second.a = hidden, second.bs_a = first.bs_c;
    second.c = again, second.bs_c = second.m * WIDTH;
    must(gml_gemm(NULL, &first));
    must(gml_gemm(NULL, &second));
    const int same = memcmp(y, again, sizeof y) == 0;
    printf("A batch of %d requests gives %s bits.\n", REQUESTS, same ? "the same" : "OTHER");

    gml_plan_destroy(plan_up);
    gml_plan_destroy(plan_down);
    gml_packed_destroy(packed_up);
    gml_packed_destroy(packed_down);
    return same ? 0 : 1;
}
