/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cross-attention: the tokens of a decoder look at the output of an encoder. Two sentences are in the batch, padded to
 * the same length: kv_lengths says how many source tokens each has, and what lies behind them is never read, so that
 * the padding may hold anything. The weights are asked for, to see who looks where; a program that only needs the
 * output leaves them out, as they are the matrix that attention otherwise never forms.
 */
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, HEADS = 2, SOURCE = 6, TARGET = 3, DIM = 8 };

static float q[BATCH][TARGET][HEADS][DIM], o[BATCH][TARGET][HEADS][DIM];
static float k[BATCH][SOURCE][HEADS][DIM], v[BATCH][SOURCE][HEADS][DIM];
static float weights[BATCH][HEADS][TARGET][SOURCE];

/* Small numbers that look random and are the same everywhere: multiples of 1/16 in [-2, 2). */
static void fill(float *x, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((int)(seed >> 26) - 32) / 16.0f;
    }
}

static void must(gml_status status)
{
    if (status == GML_OK)
        return;
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "cross-attention: %s\n", why);
    exit(1);
}

int main(void)
{
    const int64_t lengths[BATCH] = {6, 4};
    fill(q[0][0][0], BATCH * TARGET * HEADS * DIM, 1);
    fill(k[0][0][0], BATCH * SOURCE * HEADS * DIM, 2);
    fill(v[0][0][0], BATCH * SOURCE * HEADS * DIM, 3);
    for (int i = (int)lengths[1]; i < SOURCE; i++)
        for (int h = 0; h < HEADS; h++)
            for (int d = 0; d < DIM; d++)
                k[1][i][h][d] = v[1][i][h][d] = NAN; /* padding */

    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = BATCH;
    p.heads = p.kv_heads = HEADS;
    p.q_len = TARGET;
    p.kv_len = SOURCE;
    p.kv_lengths = lengths;
    p.head_dim = p.v_head_dim = DIM;
    p.q = q[0][0][0];
    p.k = k[0][0][0];
    p.v = v[0][0][0];
    p.o = o[0][0][0];
    p.weights = weights[0][0][0];
    p.q_stride[0] = p.o_stride[0] = TARGET * HEADS * DIM;
    p.k_stride[0] = p.v_stride[0] = SOURCE * HEADS * DIM;
    p.q_stride[1] = p.k_stride[1] = p.v_stride[1] = p.o_stride[1] = DIM;
    p.q_stride[2] = p.k_stride[2] = p.v_stride[2] = p.o_stride[2] = HEADS * DIM;
    p.weights_stride[0] = HEADS * TARGET * SOURCE;
    p.weights_stride[1] = TARGET * SOURCE;
    p.weights_stride[2] = SOURCE;
    p.weights_stride[3] = 1;
    must(gml_attention_f32(NULL, &p));

    printf("Weights of head 0, rows are target tokens, columns source tokens; then the first numbers of the "
           "output:\n");
    for (int b = 0; b < BATCH; b++) {
        printf("Sentence %d, %d source tokens\n", b, (int)lengths[b]);
        for (int i = 0; i < TARGET; i++) {
            for (int j = 0; j < SOURCE; j++)
                printf(" %6.4f", (double)weights[b][0][i][j]);
            printf("   %8.4f %8.4f\n", (double)o[b][i][0][0], (double)o[b][i][0][1]);
        }
    }
    return 0;
}
