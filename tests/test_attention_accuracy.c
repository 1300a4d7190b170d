/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention against double precision: every option, extreme values, and parts that are merged.
 */
#include "tests/attention_problem.h"

static float bias[HEADS * LEN * LEN];

/* In double precision: the output, the logsumexp and the weights of a row. */
static double exact_row(const gml_attention_problem *x, int64_t b, int64_t h, int64_t i, double *out,
                        double *weight)
{
    const int64_t kv_head = h / (x->heads / x->kv_heads), keys = x->kv_lengths ? x->kv_lengths[b] : x->kv_len;
    const int64_t at = i + (x->causal == GML_CAUSAL_TOP_LEFT ? 0 : keys - x->q_len);
    const int64_t right = x->window_right ? x->window_right : x->causal ? 1 : LEN * 2;
    const float *query = x->q + b * x->q_stride[0] + h * x->q_stride[1] + i * x->q_stride[2];
    double most = x->sinks ? (double)x->sinks[h] : -INFINITY, sum = 0.0;
    for (int64_t j = 0; j < LEN; j++) {
        const bool within = j < at + right && (!x->window_left || j > at - x->window_left);
        weight[j] = -INFINITY;
        if (j >= keys || !(within || (x->prefix && j < x->prefix[b])) ||
            (x->q_document && x->q_document[i] != x->kv_document[j]))
            continue;
        double t = 0.0;
        for (int64_t d = 0; d < DIM; d++)
            t += (double)query[d] * (double)x->k[b * x->k_stride[0] + kv_head * x->k_stride[1] + j * DIM + d];
        t *= x->scale != 0.0f ? (double)x->scale : 1.0 / sqrt(DIM);
        if (x->softcap != 0.0f)
            t = (double)x->softcap * tanh(t / (double)x->softcap);
        if (x->alibi)
            t -= (double)x->alibi[h] * (double)(at > j ? at - j : j - at);
        if (x->bias)
            t += (double)x->bias[b * x->bias_stride[0] + h * x->bias_stride[1] + i * x->bias_stride[2] + j];
        weight[j] = t;
        most = fmax(most, t);
    }
    for (int64_t j = 0; j < LEN; j++)
        sum += exp(weight[j] - most);
    if (x->sinks)
        sum += exp((double)x->sinks[h] - most);
    memset(out, 0, DIM * sizeof *out);
    for (int64_t j = 0; j < LEN; j++) {
        weight[j] = exp(weight[j] - most) / sum;
        for (int64_t d = 0; d < DIM; d++)
            out[d] += weight[j] * (double)x->v[b * x->v_stride[0] + kv_head * x->v_stride[1] + j * DIM + d];
    }
    return most + log(sum);
}

/* Some rows of a problem against double precision; every row sees a key, and the values are in [-1, 1). */
static void expect_close(gml_attention_problem problem, double bound, const char *what)
{
    give_lse(&problem, lse);
    give_weights(&problem, weights);
    run(&problem);
    for (int64_t r = 0; r < ROWS; r += 11) {
        const int64_t b = r / LEN / HEADS, h = r / LEN % HEADS, i = r % LEN;
        double out[DIM], weight[LEN], sum = 0.0, apply[DIM] = {0};
        const double exact = exact_row(&problem, b, h, i, out, weight);
        ck_assert_msg(fabs((double)lse[r] - exact) <= bound * fmax(1.0, fabs(exact)),
                      "%s: the logsumexp of row %lld is %.9g, must be %.9g", what, (long long)r,
                      (double)lse[r], exact);
        for (int64_t j = 0; j < LEN; j++) {
            const double w = (double)weights[r * LEN + j];
            ck_assert_msg(fabs(w - weight[j]) <= bound, "%s: weight %lld of row %lld is %.9g, must be %.9g",
                          what, (long long)j, (long long)r, w, weight[j]);
            sum += w;
            for (int64_t d = 0; d < DIM; d++)
                apply[d] += w * (double)problem.v[b * problem.v_stride[0] +
                                                  h / (HEADS / problem.kv_heads) * LEN * DIM + j * DIM + d];
        }
        const double with_sink = problem.sinks ? exp((double)problem.sinks[h] - exact) : 0.0;
        ck_assert_msg(fabs(sum + with_sink - 1.0) <= 2e-6 + bound, "%s: row %lld sums to %.9g", what,
                      (long long)r, sum);
        for (int64_t d = 0; d < DIM; d++) {
            const double is = (double)o[r * DIM + d];
            ck_assert_msg(fabs(is - out[d]) <= bound, "%s: o[%lld][%lld] is %.9g, must be %.9g", what,
                          (long long)r, (long long)d, is, out[d]);
            ck_assert(fabs(is - apply[d]) <= 2e-6);
        }
    }
}

START_TEST(options_against_double)
{
    use(_i);
    fill_attention(140);
    gml_attention_problem problem = attention(2);
    expect_close(problem, 2e-5, "no option");
    problem.sinks = sinks;
    expect_close(problem, 2e-5, "sinks");
    problem = attention(1);
    problem.alibi = slopes;
    expect_close(problem, 2e-5, "alibi");
    problem = attention(4);
    problem.softcap = 3.0f;
    expect_close(problem, 2e-5, "softcap");
    problem = attention(2);
    problem.window_left = 17, problem.window_right = 9;
    expect_close(problem, 2e-5, "windows");
    expect_close(with_options(), 2e-5, "all options");
}
END_TEST

START_TEST(alibi_equals_its_bias)
{
    use(_i);
    fill_attention(150);
    gml_attention_problem problem = attention(2);
    problem.causal = GML_CAUSAL_BOTTOM_RIGHT;
    problem.alibi = slopes;
    run(&problem);
    memcpy(p, o, sizeof o);
    for (int64_t h = 0; h < HEADS; h++)
        for (int64_t i = 0; i < LEN; i++)
            for (int64_t j = 0; j < LEN; j++)
                bias[(h * LEN + i) * LEN + j] = -slopes[h] * (float)(i > j ? i - j : j - i);
    problem.alibi = NULL;
    problem.bias = bias;
    problem.bias_stride[1] = LEN * LEN, problem.bias_stride[2] = LEN, problem.bias_stride[3] = 1;
    run(&problem);
    for (int64_t i = 0; i < ALL; i++)
        ck_assert(fabsf(o[i] - p[i]) <= 1e-5f);
}
END_TEST

/* Scores of +-10^4, most of whose weights are 0, and numbers that are denormal. */
START_TEST(extreme_values_against_double)
{
    use(_i);
    fill_attention(160);
    gml_attention_problem problem = attention(4);
    problem.scale = 1.0f;
    for (int i = 0; i < ALL; i++)
        q[i] *= 60.0f;
    expect_close(problem, 5e-3, "large scores"); /* half a unit in the last place of 10^4 */
    for (int i = 0; i < ALL; i++)
        q[i] *= 0x1p-140f;
    expect_close(problem, 2e-6, "denormal queries");
    for (int i = 0; i < ALL; i++)
        v[i] *= 0x1p-130f;
    expect_close(problem, 2e-6, "denormal values");
}
END_TEST

static gml_attention_merge_problem merging(int64_t parts, const float *o_parts, const float *lse_parts)
{
    gml_attention_merge_problem m = GML_ATTENTION_MERGE_PROBLEM_INIT;
    m.parts = parts, m.batch = BATCH, m.heads = HEADS, m.q_len = LEN, m.v_head_dim = DIM;
    m.o_parts = o_parts, m.lse_parts = lse_parts;
    m.o_parts_stride[0] = ALL, m.lse_parts_stride[0] = ROWS;
    m.o_parts_stride[1] = HEADS * LEN * DIM, m.o_parts_stride[2] = LEN * DIM, m.o_parts_stride[3] = DIM;
    m.lse_parts_stride[1] = HEADS * LEN, m.lse_parts_stride[2] = LEN, m.lse_parts_stride[3] = 1;
    m.o = p, m.lse = other_lse;
    m.o_stride[0] = HEADS * LEN * DIM, m.o_stride[1] = LEN * DIM, m.o_stride[2] = DIM;
    m.lse_stride[0] = HEADS * LEN, m.lse_stride[1] = LEN, m.lse_stride[2] = 1;
    return m;
}

/* Causal rows, some of which see no key of the later parts; the sink comes with the first. */
START_TEST(parts_merge_into_the_whole)
{
    static const int64_t ends[] = {0, 57, 57, 130, LEN};
    static float o_parts[4 * ALL], lse_parts[4 * ROWS];
    use(_i);
    fill_attention(130);
    gml_attention_problem problem = attention(2);
    for (int part = 0; part < 4; part++) {
        problem.kv_len = ends[part + 1] - ends[part];
        problem.k = k + ends[part] * DIM, problem.v = v + ends[part] * DIM;
        problem.o = o_parts + part * ALL;
        problem.sinks = part == 0 ? sinks : NULL;
        problem.alibi = slopes;
        problem.causal = GML_CAUSAL_OFFSET, problem.causal_offset = -ends[part];
        give_lse(&problem, lse_parts + part * ROWS);
        run(&problem);
    }
    const gml_attention_merge_problem all = merging(4, o_parts, lse_parts),
                                      one = merging(1, o_parts, lse_parts);
    ck_assert_int_eq(gml_attention_merge_f32(context, &all), GML_OK);
    problem.kv_len = LEN, problem.k = k, problem.v = v, problem.o = o;
    problem.causal_offset = 0, problem.sinks = sinks;
    give_lse(&problem, lse);
    run(&problem);
    for (int64_t i = 0; i < ALL; i++)
        ck_assert_msg(fabsf(o[i] - p[i]) <= 4e-6f, "merged element %lld is %a, must be %a", (long long)i,
                      (double)p[i], (double)o[i]);
    for (int64_t r = 0; r < ROWS; r++)
        ck_assert(fabsf(lse[r] - other_lse[r]) <= 1e-6f * fmaxf(1.0f, fabsf(lse[r])));

    ck_assert_int_eq(gml_attention_merge_f32(context, &one), GML_OK);
    same(p, o_parts, ALL, "one part");
    same(other_lse, lse_parts, ROWS, "the logsumexps of one part");
}
END_TEST

int main(void)
{
    return properties_run("attention_accuracy",
                          (const TTest *const[]){options_against_double, alibi_equals_its_bias,
                                                 extreme_values_against_double, parts_merge_into_the_whole,
                                                 NULL});
}
