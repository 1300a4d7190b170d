/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Good descriptors of GEMM, for tests to spoil, and the product that they describe. Elements are small whole numbers,
 * so that every sum is exact in any order.
 */
#ifndef GML_TESTS_GEMM_PROBLEM_H
#define GML_TESTS_GEMM_PROBLEM_H

#include "tests/refusal.h"
#include <stdbool.h>
#include <stdint.h>

enum { M = 3, N = 5, K = 7, BATCH = 4 };

static float *const a = memory, *const b = memory + 1024, *const c = memory + 2048,
                    *const bias = memory + 3072;
static const void *a_list[BATCH], *b_list[BATCH];
static void *c_list[BATCH];

/* Matrices of a batch lie 64 elements apart. */
static inline void fill_small(void)
{
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        memory[i] = (float)((int)(i * 7 % 11) - 5);
    memcpy(before, memory, sizeof memory);
    for (int l = 0; l < BATCH; l++) {
        a_list[l] = a + 64 * l;
        b_list[l] = b + 64 * (BATCH - 1 - l);
        c_list[l] = c + 64 * l;
    }
}

static inline gml_gemm_problem good(void)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = M, p.n = N, p.k = K;
    p.a = a, p.rs_a = K, p.cs_a = 1;
    p.b = b, p.rs_b = N, p.cs_b = 1;
    p.c = c, p.rs_c = N, p.cs_c = 1;
    return p;
}

static inline gml_gemm_problem good_batch(void)
{
    gml_gemm_problem p = good();
    p.batch = BATCH;
    p.bs_a = p.bs_b = p.bs_c = 64;
    return p;
}

static inline gml_gemm_problem good_lists(void)
{
    gml_gemm_problem p = good();
    p.batch = BATCH;
    p.a = p.b = p.c = NULL;
    p.a_list = a_list, p.b_list = b_list, p.c_list = c_list;
    return p;
}

/* The product of `a` and `b` where C was `before`, with all that a descriptor may ask for but lists. */
static inline bool is_product(const gml_gemm_problem *p, const float *a_l, const float *b_l, const float *c_l)
{
    const float *bias_m = p->bias_m, *bias_n = p->bias_n;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            const int64_t at = i * p->rs_c + j * p->cs_c;
            float sum = 0.0f;
            for (int64_t q = 0; q < p->k; q++)
                sum += a_l[i * p->rs_a + q * p->cs_a] * b_l[q * p->rs_b + j * p->cs_b];
            float x = (float)p->alpha * sum;
            if (p->beta != 0.0)
                x += (float)p->beta * before[c_l + at - memory];
            x = x + (bias_n ? bias_n[j] : 0.0f) + (bias_m ? bias_m[i] : 0.0f);
            if (p->activation == GML_ACTIVATION_RELU)
                x = 0.0f > x ? 0.0f : x;
            if (c_l[at] != x)
                return false;
        }
    return true;
}

#endif
