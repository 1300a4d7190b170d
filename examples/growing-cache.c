/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoding with a cache that grows: a prompt is attended to at once, then one token after the other is projected, its
 * key and value are appended, and its query meets all that is there. At the end the whole sequence is computed once
 * more, as one prefill. Every row has the same bits either way: the bits of a row depend on its query and the keys that
 * it sees, not on what is computed beside it, nor on the number of threads.
 */
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADS = 4,
    KV_HEADS = 2,
    DIM = 16,
    WIDTH = HEADS * DIM,
    PROMPT = 5,
    TOKENS = 12,
    CAPACITY = 32,
    WINDOW = 8
};

static float tokens[TOKENS][WIDTH]; /* a model would make the next one of the last output */
static float w_q[WIDTH][WIDTH], w_k[KV_HEADS * DIM][WIDTH], w_v[KV_HEADS * DIM][WIDTH]; /* [output][input] */
static float q[TOKENS][HEADS][DIM], decoded[TOKENS][HEADS][DIM], prefilled[TOKENS][HEADS][DIM];
static float cache_k[CAPACITY][KV_HEADS][DIM], cache_v[CAPACITY][KV_HEADS][DIM];

/* Small numbers that look random and are the same everywhere: multiples of 1/64 in [-1/2, 1/2). */
static void fill(float *x, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((int)(seed >> 26) - 32) / 64.0f;
    }
}

static void must(gml_status status)
{
    if (status == GML_OK)
        return;
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "growing-cache: %s\n", why);
    exit(1);
}

/* to = rows of tokens * weight^T */
static void project(int first, int rows, int outputs, const float *weight, float *to)
{
    must(gml_gemm_f32(NULL, rows, outputs, WIDTH, 1.0f, tokens[first], WIDTH, 1, weight, 1, WIDTH, 0.0f,
                      to + first * outputs, outputs, 1));
}

/* Appends the keys and values of some tokens, and attends to all that the cache holds then. */
static void attend(int first, int count, float *o)
{
    project(first, count, WIDTH, w_q[0], q[0][0]);
    project(first, count, KV_HEADS * DIM, w_k[0], cache_k[0][0]);
    project(first, count, KV_HEADS * DIM, w_v[0], cache_v[0][0]);

    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1;
    p.heads = HEADS;
    p.kv_heads = KV_HEADS;
    p.q_len = count;
    p.kv_len = first + count;
    p.head_dim = p.v_head_dim = DIM;
    p.causal = GML_CAUSAL_BOTTOM_RIGHT; /* the last query stands at the last key */
    p.window_left = WINDOW;             /* its own position and the seven before */
    p.q = q[first][0];
    p.k = cache_k[0][0];
    p.v = cache_v[0][0];
    p.o = o + first * WIDTH;
    p.q_stride[1] = p.k_stride[1] = p.v_stride[1] = p.o_stride[1] = DIM;
    p.q_stride[2] = p.o_stride[2] = HEADS * DIM;
    p.k_stride[2] = p.v_stride[2] = KV_HEADS * DIM;
    must(gml_attention_f32(NULL, &p));
}

int main(void)
{
    fill(tokens[0], TOKENS * WIDTH, 1);
    fill(w_q[0], WIDTH * WIDTH, 2);
    fill(w_k[0], KV_HEADS * DIM * WIDTH, 3);
    fill(w_v[0], KV_HEADS * DIM * WIDTH, 4);

    attend(0, PROMPT, decoded[0][0]);
    for (int i = PROMPT; i < TOKENS; i++)
        attend(i, 1, decoded[0][0]);
    attend(0, TOKENS, prefilled[0][0]);

    printf("A prompt of %d tokens, then one by one; the first number of each head, and the prefill's:\n",
           PROMPT);
    int same = 1;
    for (int i = 0; i < TOKENS; i++) {
        const int equal = memcmp(decoded[i], prefilled[i], sizeof decoded[i]) == 0;
        printf("  %s %2d ", i < PROMPT ? "prompt" : "token ", i);
        for (int h = 0; h < HEADS; h++)
            printf(" %8.4f", (double)decoded[i][h][0]);
        printf("   %s bits\n", equal ? "the same" : "OTHER");
        same = same && equal;
    }
    return same ? 0 : 1;
}
