/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer of self-attention, as encoders have it: tokens are projected to queries, keys and values, each token attends
 * to all, and the heads are projected back. One product makes all three, [token][q, k or v][head][dim], and attention
 * reads them where they lie, through its strides; what it writes, [token][head][dim], is what the last product reads.
 */
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 7, HEADS = 4, DIM = 16, WIDTH = HEADS * DIM };

static float x[TOKENS][WIDTH];
static float w_qkv[3 * WIDTH][WIDTH], b_qkv[3 * WIDTH], w_out[WIDTH][WIDTH],
    b_out[WIDTH]; /* [output][input] */
static float qkv[TOKENS][3][HEADS][DIM], heads[TOKENS][HEADS][DIM], y[TOKENS][WIDTH];

/* Small numbers that look random and are the same everywhere: multiples of 1/128 in [-1/4, 1/4). */
static void fill(float *to, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = (float)((int)(seed >> 26) - 32) / 128.0f;
    }
}

static void must(gml_status status)
{
    if (status == GML_OK)
        return;
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "self-attention: %s\n", why);
    exit(1);
}

/* out = in * weight^T + bias, for each token. */
static void project(const float *in, int outputs, const float *weight, const float *bias, float *out)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = TOKENS, p.n = outputs, p.k = WIDTH;
    p.a = in, p.rs_a = WIDTH, p.cs_a = 1;
    p.b = weight, p.rs_b = 1, p.cs_b = WIDTH;
    p.c = out, p.rs_c = outputs, p.cs_c = 1;
    p.bias_n = bias;
    must(gml_gemm(NULL, &p));
}

int main(void)
{
    fill(x[0], TOKENS * WIDTH, 1);
    fill(w_qkv[0], 3 * WIDTH * WIDTH, 2);
    fill(b_qkv, 3 * WIDTH, 3);
    fill(w_out[0], WIDTH * WIDTH, 4);
    fill(b_out, WIDTH, 5);
    for (int i = 0; i < TOKENS; i++)
        for (int d = 0; d < WIDTH; d++)
            x[i][d] *= 8.0f; /* of the size that a layer norm gives */

    project(x[0], 3 * WIDTH, w_qkv[0], b_qkv, qkv[0][0][0]);

    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1;
    p.heads = p.kv_heads = HEADS;
    p.q_len = p.kv_len = TOKENS;
    p.head_dim = p.v_head_dim = DIM;
    p.q = qkv[0][0][0];
    p.k = qkv[0][1][0];
    p.v = qkv[0][2][0];
    p.o = heads[0][0];
    p.q_stride[1] = p.k_stride[1] = p.v_stride[1] = p.o_stride[1] = DIM;
    p.q_stride[2] = p.k_stride[2] = p.v_stride[2] = 3 * WIDTH; /* from one token to the next */
    p.o_stride[2] = WIDTH;
    must(gml_attention_f32(NULL, &p));

    project(heads[0][0], WIDTH, w_out[0], b_out, y[0]);

    printf("Self-attention of %d tokens, %d heads of %d; the first numbers of each output row:\n", TOKENS,
           HEADS, DIM);
    for (int i = 0; i < TOKENS; i++)
        printf("  token %d  %8.4f %8.4f %8.4f %8.4f\n", i, (double)y[i][0], (double)y[i][1], (double)y[i][2],
               (double)y[i][3]);
    return 0;
}
