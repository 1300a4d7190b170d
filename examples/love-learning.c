/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worked example of the introductory literature: self-attention of the three tokens "I love learning"
 * with d_k = 64, first step by step, then by the one call that never stores the scores.
 *
 *     scores = Q K^T      scaled = scores / sqrt(64)      weights = softmax(scaled)      output = weights V
 *
 * A trained model would hand us Q, K and V. Here they are chosen so that every number can be followed by
 * hand: the 64 features fall into four groups of 16 equal numbers, and token j marks group j of its key with
 * ones. So a score is 16 times one number of `query` below. Token j marks group j of its value as well, so
 * that the output repeats the weights; its fourth group holds 2, 4, 6, so that the last number of the output
 * mixes those.
 */
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 3, GROUPS = 4, GROUP = 16, DIM = GROUPS * GROUP };

static const char *const tokens[TOKENS] = {"I", "love", "learning"};

static const float query[TOKENS][GROUPS] = {
    {1.0f, 1.5f, 0.5f, 0.0f}, /* "I" asks most for what it does     */
    {1.5f, 1.0f, 2.0f, 0.0f}, /* "love" for its object               */
    {0.5f, 2.0f, 1.5f, 0.0f}, /* "learning" for what is done with it */
};
static const float key[TOKENS][GROUPS] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
static const float value[TOKENS][GROUPS] = {{1, 0, 0, 2}, {0, 1, 0, 4}, {0, 0, 1, 6}};

static float q[TOKENS][DIM], k[TOKENS][DIM], v[TOKENS][DIM];

static void spread(float to[TOKENS][DIM], const float from[TOKENS][GROUPS])
{
    for (int i = 0; i < TOKENS; i++)
        for (int d = 0; d < DIM; d++)
            to[i][d] = from[i][d / GROUP];
}

static void must(gml_status status)
{
    if (status == GML_OK)
        return;
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "love-learning: %s\n", why);
    exit(1);
}

/* A matrix with a row for each token. */
static void print(const char *title, const float *x, int columns, int step, int digits)
{
    printf("\n%s\n", title);
    for (int i = 0; i < TOKENS; i++) {
        printf("  %-8s", tokens[i]);
        for (int j = 0; j < columns; j += step)
            printf(" %9.*f", digits, (double)x[i * columns + j]);
        printf("\n");
    }
}

int main(void)
{
    float scores[TOKENS][TOKENS], scaled[TOKENS][TOKENS], weights[TOKENS][TOKENS];
    float output[TOKENS][DIM], fused[TOKENS][DIM];
    spread(q, query);
    spread(k, key);
    spread(v, value);

    /* scores = Q K^T: exchanging the strides of K transposes it */
    must(gml_gemm_f32(NULL, TOKENS, TOKENS, DIM, 1.0f, q[0], DIM, 1, k[0], 1, DIM, 0.0f, scores[0], TOKENS,
                      1));

    /* The softmax below could do this itself: its problem has a scale. */
    for (int i = 0; i < TOKENS; i++)
        for (int j = 0; j < TOKENS; j++)
            scaled[i][j] = scores[i][j] / 8.0f;

    gml_softmax_problem softmax = GML_SOFTMAX_PROBLEM_INIT;
    softmax.rows = softmax.cols = TOKENS;
    softmax.x = scaled[0];
    softmax.y = weights[0];
    softmax.x_stride = softmax.y_stride = TOKENS;
    must(gml_softmax_f32(NULL, &softmax));

    must(gml_gemm_f32(NULL, TOKENS, DIM, TOKENS, 1.0f, weights[0], TOKENS, 1, v[0], DIM, 1, 0.0f, output[0],
                      DIM, 1));

    /* The same in one call; its scale is 1 / sqrt(head_dim) = 1/8 unless told otherwise. */
    gml_attention_problem attention = GML_ATTENTION_PROBLEM_INIT;
    attention.batch = attention.heads = attention.kv_heads = 1;
    attention.q_len = attention.kv_len = TOKENS;
    attention.head_dim = attention.v_head_dim = DIM;
    attention.q = q[0];
    attention.k = k[0];
    attention.v = v[0];
    attention.o = fused[0];
    attention.q_stride[2] = attention.k_stride[2] = attention.v_stride[2] = attention.o_stride[2] = DIM;
    must(gml_attention_f32(NULL, &attention));

    printf("Self-attention of \"I love learning\", d_k = 64. Rows ask, columns answer, in the order of the "
           "words.\n");
    print("Scores: Q K^T", scores[0], TOKENS, 1, 0);
    print("Scaled scores: divided by sqrt(64) = 8", scaled[0], TOKENS, 1, 0);
    print("Weights: softmax of each row", weights[0], TOKENS, 1, 4);
    print("Output: weights times V (the first of each 16 equal columns)", output[0], DIM, GROUP, 4);
    print("The same from gml_attention_f32, which never stores the scores", fused[0], DIM, GROUP, 4);

    float largest = 0.0f;
    for (int i = 0; i < TOKENS; i++)
        for (int d = 0; d < DIM; d++)
            largest = fmaxf(largest, fabsf(output[i][d] - fused[i][d]));
    printf("\nLargest difference between the two outputs: %.2g\n", (double)largest);
    return largest <= 1e-6f ? 0 : 1;
}
