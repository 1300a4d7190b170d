/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A problem of attention with 200 queries and keys, two batch entries and four heads: what the suites of its properties
 * start from.
 */
#ifndef GML_TESTS_ATTENTION_PROBLEM_H
#define GML_TESTS_ATTENTION_PROBLEM_H

#include "tests/properties.h"
#include <math.h>
#include <string.h>

enum { BATCH = 2, HEADS = 4, LEN = 200, DIM = 40, ALL = BATCH * HEADS * LEN * DIM };
enum { ROWS = BATCH * HEADS * LEN };
static float q[ALL], k[ALL], v[ALL], o[ALL], lse[ROWS], weights[ROWS * LEN];
static float p[ALL], other_lse[ROWS]; /* results to compare with */

static inline gml_attention_problem attention(int64_t kv_heads)
{
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    const int64_t q_stride[3] = {HEADS * LEN * DIM, LEN * DIM, DIM},
                  kv_stride[3] = {kv_heads * LEN * DIM, LEN * DIM, DIM};
    problem.batch = BATCH, problem.heads = HEADS, problem.kv_heads = kv_heads;
    problem.q_len = problem.kv_len = LEN;
    problem.head_dim = problem.v_head_dim = DIM;
    problem.q = q, problem.k = k, problem.v = v, problem.o = o;
    memcpy(problem.q_stride, q_stride, sizeof q_stride);
    memcpy(problem.o_stride, q_stride, sizeof q_stride);
    memcpy(problem.k_stride, kv_stride, sizeof kv_stride);
    memcpy(problem.v_stride, kv_stride, sizeof kv_stride);
    return problem;
}

static inline void give_lse(gml_attention_problem *problem, float *to)
{
    problem->lse = to;
    problem->lse_stride[0] = HEADS * LEN, problem->lse_stride[1] = LEN, problem->lse_stride[2] = 1;
}

static inline void give_weights(gml_attention_problem *problem, float *to)
{
    problem->weights = to;
    problem->weights_stride[0] = HEADS * LEN * LEN, problem->weights_stride[1] = LEN * LEN;
    problem->weights_stride[2] = LEN, problem->weights_stride[3] = 1;
}

static inline void run(const gml_attention_problem *problem)
{
    ck_assert_int_eq(gml_attention_f32(context, problem), GML_OK);
}

static inline void fill_attention(uint64_t seed)
{
    fill(q, ALL, seed, PROOF_SPREAD);
    fill(k, ALL, seed + 1, PROOF_UNIFORM);
    fill(v, ALL, seed + 2, PROOF_UNIFORM);
}

static const int64_t lengths[BATCH] = {LEN, 150}, prefix[BATCH] = {0, 9};
static const float slopes[HEADS] = {0.5f, 0.125f, 0.0f, -0.0625f},
                   sinks[HEADS] = {1.0f, -INFINITY, 30.0f, -2.0f};
static int32_t documents[LEN];

/* All options at once; every row sees a key. */
static inline gml_attention_problem with_options(void)
{
    gml_attention_problem problem = attention(2);
    for (int j = 0; j < LEN; j++)
        documents[j] = j / 110 - 1;
    problem.kv_lengths = lengths, problem.prefix = prefix;
    problem.q_document = problem.kv_document = documents;
    problem.alibi = slopes, problem.sinks = sinks;
    problem.window_left = 131, problem.window_right = 3;
    problem.causal = GML_CAUSAL_TOP_LEFT;
    problem.softcap = 20.0f;
    give_lse(&problem, lse);
    give_weights(&problem, weights);
    return problem;
}

#endif
