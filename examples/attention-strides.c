/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention over tensors as models keep them, without a copy: grouped-query attention with 4 query heads on
 * 2 key heads, causal, in the layout [token][head][dim], with keys and values in a cache that is longer than
 * what it holds so far. Then decoding: the last token alone against the same cache gives the same bits as
 * its row in the prefill.
 */
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 4, KV_HEADS = 2, DIM = 8, TOKENS = 6, CAPACITY = 16 };

static float q[TOKENS][HEADS][DIM], o[TOKENS][HEADS][DIM], last[1][HEADS][DIM];
static float cache_k[CAPACITY][KV_HEADS][DIM], cache_v[CAPACITY][KV_HEADS][DIM];
static float lse[HEADS][TOKENS];

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
    fprintf(stderr, "attention-strides: %s\n", why);
    exit(1);
}

int main(void)
{
    fill(q[0][0], TOKENS * HEADS * DIM, 1);
    fill(cache_k[0][0], TOKENS * KV_HEADS * DIM, 2);
    fill(cache_v[0][0], TOKENS * KV_HEADS * DIM, 3);

    gml_attention_problem prefill = GML_ATTENTION_PROBLEM_INIT;
    prefill.batch = 1;
    prefill.heads = HEADS;
    prefill.kv_heads = KV_HEADS; /* query head h reads key head h / 2 */
    prefill.q_len = prefill.kv_len = TOKENS;
    prefill.head_dim = prefill.v_head_dim = DIM;
    prefill.causal = GML_CAUSAL_BOTTOM_RIGHT;

    /* Strides count elements: [0] batch, [1] head, [2] token. There is one batch entry, so [0] stays 0. */
    prefill.q = q[0][0];
    prefill.k = cache_k[0][0];
    prefill.v = cache_v[0][0];
    prefill.o = o[0][0];
    prefill.lse = lse[0];
    prefill.q_stride[1] = prefill.k_stride[1] = prefill.v_stride[1] = prefill.o_stride[1] = DIM;
    prefill.q_stride[2] = prefill.o_stride[2] = HEADS * DIM;
    prefill.k_stride[2] = prefill.v_stride[2] = KV_HEADS * DIM;
    prefill.lse_stride[1] = TOKENS;
    prefill.lse_stride[2] = 1;
    must(gml_attention_f32(NULL, &prefill));

    /* Decoding is the same problem with one query; bottom-right causality lets it see every key. */
    gml_attention_problem decode = prefill;
    decode.q_len = 1;
    decode.q = q[TOKENS - 1][0];
    decode.o = last[0][0];
    decode.lse = NULL;
    must(gml_attention_f32(NULL, &decode));

    printf("Output, the first number of each head, and the logsumexp of head 0:\n");
    for (int i = 0; i < TOKENS; i++) {
        printf("  token %d ", i);
        for (int h = 0; h < HEADS; h++)
            printf(" %8.4f", (double)o[i][h][0]);
        printf("   %8.4f\n", (double)lse[0][i]);
    }

    const int same = memcmp(last, o[TOKENS - 1], sizeof last) == 0;
    printf("Decoding the last token alone gives %s bits as its row of the prefill.\n",
           same ? "the same" : "OTHER");
    return same ? 0 : 1;
}
