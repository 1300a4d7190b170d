/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The specification against double precision and against values known without it.
 */
#include "kernels/arithmetic.h"
#include "proof/compare.h"
#include "proof/generate.h"
#include "proof/proof.h"
#include "proof/sha256.h"
#include "proof/spec/spec.h"
#include "tests/suite.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <string.h>

static void check_hash(const char *text, int64_t times, const char *expected)
{
    proof_sha256 sha;
    char hex[65];
    proof_sha256_begin(&sha);
    for (int64_t i = 0; i < times; i++)
        proof_sha256_add(&sha, text, strlen(text));
    proof_sha256_end(&sha, hex);
    ck_assert_str_eq(hex, expected);
}

START_TEST(sha256_of_the_standard)
{
    check_hash("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_hash("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(exp2_at_its_edges)
{
    for (int n = -100; n < 128; n++)
        ck_assert(spec_exp2_f32((float)n) == ldexpf(1.0f, n));
    ck_assert(spec_exp2_f32(0x1.fffffep6f) < INFINITY); /* the float below 128 */
    ck_assert(spec_exp2_f32(128.0f) == INFINITY && spec_exp2_f32(INFINITY) == INFINITY);
    ck_assert(spec_exp2_f32(0x1.fffffep127f) == INFINITY);
    const float zero[] = {nextafterf(GML_EXP2_LOW, -INFINITY), -126.0f, -150.0f, -0x1.fffffep127f, -INFINITY};
    for (int i = 0; i < 5; i++)
        ck_assert(spec_exp2_f32(zero[i]) == 0.0f && !signbit(spec_exp2_f32(zero[i])));
    ck_assert(spec_exp2_f32(0.0f) == 1.0f && spec_exp2_f32(-0.0f) == 1.0f &&
              spec_exp2_f32(0x1p-149f) == 1.0f);
    ck_assert(isnan(spec_exp2_f32(NAN)));
}
END_TEST

START_TEST(exp2_is_within_one_unit)
{
    /* A sample of all arguments, and of those where most results lie. */
    ck_assert(proof_exp2_error(1, 1021, UINT64_C(1) << 22) <= 1.0);
    ck_assert(proof_exp2_error(0xbd000000, 13, UINT64_C(1) << 22) <= 1.0);
}
END_TEST

START_TEST(exp_against_double)
{
    ck_assert(proof_exp_error(0x80000001, 1021, UINT64_C(1) << 20) <= 1.0);
    ck_assert(proof_exp_error(0xbd000000, 13, UINT64_C(1) << 22) <= 1.0);
    ck_assert(spec_exp_f32(0.0f) == 1.0f && spec_exp_f32(-0.0f) == 1.0f);
    ck_assert(spec_exp_f32(GML_EXP_LOW) > 0.0f && spec_exp_f32(nextafterf(GML_EXP_LOW, -INFINITY)) == 0.0f);
    ck_assert(spec_exp_f32(-INFINITY) == 0.0f && spec_exp_f32(-0x1.fffffep127f) == 0.0f);
    ck_assert(isnan(spec_exp_f32(NAN)));
}
END_TEST

START_TEST(tanh_against_double)
{
    const uint32_t split = proof_bits(GML_TANH_SPLIT), infinity = proof_bits(INFINITY),
                   sign = UINT32_C(0x80000000);
    ck_assert(proof_tanh_error(1, 1021, split / 1021) <= 0.73);
    ck_assert(proof_tanh_error(sign + 1, 1021, split / 1021) <= 0.73);
    ck_assert(proof_tanh_error(split - (1 << 22), 1, 1 << 22) <= 0.73);
    ck_assert(proof_tanh_error(split, 13, (infinity - split) / 13) <= 1.46);
    ck_assert(proof_tanh_error(sign + split, 1021, (infinity - split) / 1021) <= 1.46);
    ck_assert(spec_tanh_f32(INFINITY) == 1.0f && spec_tanh_f32(-INFINITY) == -1.0f &&
              isnan(spec_tanh_f32(NAN)));
    ck_assert(proof_bits(spec_tanh_f32(0.0f)) == 0 && proof_bits(spec_tanh_f32(-0.0f)) == 0);
    ck_assert(spec_tanh_f32(0x1p-149f) == 0x1p-149f && spec_tanh_f32(0x1.fffffep127f) == 1.0f);
}
END_TEST

START_TEST(log2_against_double)
{
    proof_random random = proof_random_seeded(2, 1);
    for (int n = -126; n < 128; n++)
        ck_assert(spec_log2_f32(ldexpf(1.0f, n)) == (float)n);
    for (int i = 0; i < 1000000; i++) {
        const float x = 1.0f + fabsf(proof_value(&random, PROOF_WIDE));
        const double exact = log2((double)x);
        ck_assert_msg(fabs((double)spec_log2_f32(x) - exact) <= 0x1p-22 * exact, "log2(%a)", (double)x);
    }
    ck_assert(spec_log2_f32(INFINITY) == INFINITY && isnan(spec_log2_f32(NAN)));
}
END_TEST

START_TEST(sums_have_lanes_and_a_tree)
{
    /* 2^-24 is lost when added to 1 alone, but not when two of them meet first. */
    float e[32] = {0};
    e[0] = 1.0f;
    e[16] = e[24] = 0x1p-24f; /* lanes 0 and 8: 1 + 2^-24 is 1, and again */
    ck_assert(spec_sum_f32(32, e) == 1.0f);
    e[16] = 0.0f;
    e[1] = 0x1p-24f; /* lanes 8 and 1 meet lane 0 apart */
    ck_assert(spec_sum_f32(32, e) == 1.0f);
    e[1] = 0.0f;
    e[8] = 0x1p-24f; /* lane 8 holds both */
    ck_assert(spec_sum_f32(32, e) == 1.0f + 0x1p-23f);
    ck_assert(spec_sum_f32(0, e) == 0.0f);
}
END_TEST

START_TEST(gemm_against_double)
{
    enum { M = 7, N = 9, K = 1300 };
    static float a[M * K], b[K * N], c[M * N], before[M * N];
    proof_random random = proof_random_seeded(3, 1);
    for (int i = 0; i < M * K; i++)
        a[i] = proof_value(&random, PROOF_UNIFORM);
    for (int i = 0; i < K * N; i++)
        b[i] = proof_value(&random, PROOF_UNIFORM);
    for (int i = 0; i < M * N; i++)
        before[i] = c[i] = proof_value(&random, PROOF_UNIFORM);
    spec_gemm_f32(M, N, K, 1.5f, a, K, 1, b, N, 1, -0.5f, c, N, 1);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0, size = 0.0;
            for (int p = 0; p < K; p++) {
                sum += (double)a[i * K + p] * (double)b[p * N + j];
                size += fabs((double)a[i * K + p] * (double)b[p * N + j]);
            }
            const double exact = 1.5 * sum - 0.5 * (double)before[i * N + j];
            ck_assert(fabs((double)c[i * N + j] - exact) <= 1.5 * (K + 4) * 0x1p-24 * (size + 1.0));
        }
}
END_TEST

START_TEST(gemm_f64_against_long_double)
{
    enum { M = 5, N = 7, K = 1300 };
    static double a[M * K], b[K * N], c[M * N], before[M * N];
    proof_random random = proof_random_seeded(6, 1);
    for (int i = 0; i < M * K; i++)
        a[i] = proof_value_f64(&random, PROOF_UNIFORM);
    for (int i = 0; i < K * N; i++)
        b[i] = proof_value_f64(&random, PROOF_UNIFORM);
    for (int i = 0; i < M * N; i++)
        before[i] = c[i] = proof_value_f64(&random, PROOF_UNIFORM);
    spec_gemm_f64(M, N, K, 1 / 3.0, a, K, 1, b, N, 1, -0.7, c, N, 1);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            long double sum = 0.0L;
            double size = 0.0;
            for (int p = 0; p < K; p++) {
                sum += (long double)a[i * K + p] * (long double)b[p * N + j];
                size += fabs(a[i * K + p] * b[p * N + j]);
            }
            const long double exact =
                (long double)(1 / 3.0) * sum - (long double)0.7 * (long double)before[i * N + j];
            ck_assert(fabsl((long double)c[i * N + j] - exact) <=
                      (long double)((K + 4) * 0x1p-53 * (size + 1.0)));
        }
}
END_TEST

/* What is lost in one chain is kept where the next block begins a sum of its own; and products are not rounded. */
START_TEST(gemm_has_blocks_and_fused_steps)
{
    static float a[GML_KC0_F32 + 2], b[GML_KC0_F32 + 2];
    static double x[GML_KC0_F64 + 2], y[GML_KC0_F64 + 2];
    float c;
    double z;
    for (int p = 0; p < GML_KC0_F32 + 2; p++)
        b[p] = 1.0f;
    for (int p = 0; p < GML_KC0_F64 + 2; p++)
        y[p] = 1.0;
    a[0] = 1.0f, a[GML_KC0_F32] = a[GML_KC0_F32 + 1] = 0x1p-24f;
    spec_gemm_f32(1, 1, GML_KC0_F32 + 2, 1.0f, a, 1, 1, b, 1, 1, 0.0f, &c, 1, 1);
    ck_assert(c == 1.0f + 0x1p-23f);
    spec_gemm_f32(1, 1, GML_KC0_F32 + 1, 1.0f, a, 1, 1, b, 1, 1, 0.0f, &c, 1, 1);
    ck_assert(c == 1.0f);
    x[0] = 1.0, x[GML_KC0_F64] = x[GML_KC0_F64 + 1] = 0x1p-53;
    spec_gemm_f64(1, 1, GML_KC0_F64 + 2, 1.0, x, 1, 1, y, 1, 1, 0.0, &z, 1, 1);
    ck_assert(z == 1.0 + 0x1p-52);
    spec_gemm_f64(1, 1, GML_KC0_F64 + 1, 1.0, x, 1, 1, y, 1, 1, 0.0, &z, 1, 1);
    ck_assert(z == 1.0);

    a[0] = -1.0f, a[1] = b[1] = 1.0f + 0x1p-13f, b[0] = 1.0f + 0x1p-12f;
    spec_gemm_f32(1, 1, 2, 1.0f, a, 1, 1, b, 1, 1, 0.0f, &c, 1, 1);
    ck_assert(c == 0x1p-26f);
    x[0] = -1.0, x[1] = y[1] = 1.0 + 0x1p-30, y[0] = 1.0 + 0x1p-29;
    spec_gemm_f64(1, 1, 2, 1.0, x, 1, 1, y, 1, 1, 0.0, &z, 1, 1);
    ck_assert(z == 0x1p-60);
}
END_TEST

START_TEST(biases_come_in_order)
{
    const float bias_m = -0x1p40f, bias_n = 1.0f;
    const double bias_m_f64 = -0x1p60, bias_n_f64 = 1.0;
    float c = 0x1p40f;
    double z = 0x1p60;
    spec_epilogue_f32(1, 1, &bias_m, &bias_n, GML_ACTIVATION_NONE, &c, 1, 1);
    ck_assert(c == 0.0f); /* 1 would be the other order */
    spec_epilogue_f64(1, 1, &bias_m_f64, &bias_n_f64, GML_ACTIVATION_NONE, &z, 1, 1);
    ck_assert(z == 0.0);
    z = -3.0;
    spec_epilogue_f64(1, 1, NULL, &bias_n_f64, GML_ACTIVATION_RELU, &z, 1, 1);
    ck_assert(z == 0.0 && !signbit(z));
    z = 3.0;
    spec_epilogue_f64(1, 1, NULL, &bias_n_f64, GML_ACTIVATION_RELU, &z, 1, 1);
    ck_assert(z == 4.0);
}
END_TEST

START_TEST(activations_at_their_edges)
{
    static const int32_t smooth[] = {GML_ACTIVATION_GELU_ERF, GML_ACTIVATION_GELU_TANH, GML_ACTIVATION_SILU};
    ck_assert(spec_activation_f32(GML_ACTIVATION_RELU, -INFINITY) == 0.0f);
    ck_assert(spec_activation_f32(GML_ACTIVATION_RELU, INFINITY) == INFINITY);
    ck_assert(signbit(spec_activation_f32(GML_ACTIVATION_RELU, -0.0f)));
    ck_assert(isnan(spec_activation_f32(GML_ACTIVATION_RELU, NAN)));
    for (int i = 0; i < 3; i++) {
        ck_assert(spec_activation_f32(smooth[i], 0.0f) == 0.0f &&
                  spec_activation_f32(smooth[i], -0.0f) == 0.0f);
        ck_assert(signbit(spec_activation_f32(smooth[i], -0.0f)));
        ck_assert(spec_activation_f32(smooth[i], INFINITY) == INFINITY);
        ck_assert(spec_activation_f32(smooth[i], 0x1.fffffep127f) == 0x1.fffffep127f);
        ck_assert(spec_activation_f32(smooth[i], -0x1.fffffep127f) == 0.0f);
        ck_assert(isnan(spec_activation_f32(smooth[i], -INFINITY)) &&
                  isnan(spec_activation_f32(smooth[i], NAN)));
    }
}
END_TEST

/* The bounds of docs/arithmetic.md, over a sample of all floats. */
START_TEST(activations_against_double)
{
    const uint64_t count = UINT64_C(1) << 22;
    ck_assert(proof_activation_error(GML_ACTIVATION_RELU, 1, 1021, count) == 0.0);
    ck_assert(proof_activation_error(GML_ACTIVATION_GELU_ERF, 1, 1021, count) <= 16.0);
    ck_assert(proof_activation_error(GML_ACTIVATION_GELU_TANH, 1, 1021, count) <= 35.0);
    ck_assert(proof_activation_error(GML_ACTIVATION_SILU, 1, 1021, count) <= 4.1);
}
END_TEST

START_TEST(gemm_corners)
{
    const float a[2] = {2, 3}, b[2] = {5, 7};
    float c = NAN;
    spec_gemm_f32(1, 1, 2, 1.0f, a, 2, 1, b, 1, 1, -0.0f, &c, 1, 1); /* C is not read */
    ck_assert(c == 31.0f);
    spec_gemm_f32(1, 1, 2, 2.0f, a, 2, 1, b, 1, 1, 1.0f, &c, 1, 1);
    ck_assert(c == 93.0f);
    spec_gemm_f32(1, 1, 0, 1.0f, NULL, 1, 1, NULL, 1, 1, 0.5f, &c, 1, 1);
    ck_assert(c == 46.5f);
    spec_gemm_f32(1, 1, 2, 0.0f, NULL, 2, 1, NULL, 1, 1, 0.0f, &c, 1, 1);
    ck_assert(c == 0.0f);
}
END_TEST

START_TEST(softmax_against_double)
{
    enum { COLS = 9000 };
    static float x[COLS], y[COLS];
    proof_random random = proof_random_seeded(4, 1);
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = 1, problem.cols = COLS, problem.x_stride = problem.y_stride = COLS;
    problem.x = x, problem.y = y, problem.scale = 0.25f;
    for (int j = 0; j < COLS; j++)
        x[j] = proof_value(&random, PROOF_SPREAD);
    spec_softmax_f32(&problem);
    double sum = 0.0;
    for (int j = 0; j < COLS; j++)
        sum += exp(0.25 * (double)x[j]);
    for (int j = 0; j < COLS; j++) {
        const double exact = exp(0.25 * (double)x[j]) / sum;
        ck_assert(fabs((double)y[j] - exact) <= 4e-6 * exact);
    }
}
END_TEST

START_TEST(attention_against_double)
{
    enum { KEYS = 300, D = 24, E = 20 };
    static float q[D], k[KEYS * D], v[KEYS * E], o[E];
    float lse;
    proof_random random = proof_random_seeded(5, 1);
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    problem.batch = problem.heads = problem.kv_heads = problem.q_len = 1;
    problem.kv_len = KEYS, problem.head_dim = D, problem.v_head_dim = E;
    problem.q = q, problem.k = k, problem.v = v, problem.o = o, problem.lse = &lse;
    problem.k_stride[2] = D, problem.v_stride[2] = E;
    for (int d = 0; d < D; d++)
        q[d] = 4.0f * proof_value(&random, PROOF_UNIFORM);
    for (int i = 0; i < KEYS * D; i++)
        k[i] = proof_value(&random, PROOF_UNIFORM);
    for (int i = 0; i < KEYS * E; i++)
        v[i] = proof_value(&random, PROOF_UNIFORM);
    spec_attention_f32(&problem);

    double sum = 0.0, out[E] = {0};
    for (int j = 0; j < KEYS; j++) {
        double score = 0.0;
        for (int d = 0; d < D; d++)
            score += (double)q[d] * (double)k[j * D + d];
        const double weight = exp(score / sqrt((double)D));
        sum += weight;
        for (int e = 0; e < E; e++)
            out[e] += weight * (double)v[j * E + e];
    }
    for (int e = 0; e < E; e++)
        ck_assert(fabs((double)o[e] - out[e] / sum) <= 2e-6);
    ck_assert(fabs((double)lse - log(sum)) <= 2e-6);

    /* One key: the value itself, and the score. */
    problem.kv_len = 1;
    spec_attention_f32(&problem);
    ck_assert_mem_eq(o, v, sizeof o);
    /* No key: zeros and -infinity. */
    problem.kv_len = 0;
    spec_attention_f32(&problem);
    for (int e = 0; e < E; e++)
        ck_assert(o[e] == 0.0f && !signbit(o[e]));
    ck_assert(lse == -INFINITY);
}
END_TEST

int main(void)
{
    return suite_run(
        "spec", 120,
        (const TTest *const[]){sha256_of_the_standard, exp2_at_its_edges, exp2_is_within_one_unit,
                               exp_against_double, tanh_against_double, log2_against_double,
                               sums_have_lanes_and_a_tree, gemm_against_double, gemm_f64_against_long_double,
                               gemm_has_blocks_and_fused_steps, biases_come_in_order,
                               activations_at_their_edges, activations_against_double, gemm_corners,
                               softmax_against_double, attention_against_double, NULL});
}
