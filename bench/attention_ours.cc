/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gemmule's attention, in one call and composed of its parts.
 */
#include "bench/attention_subject.h"
#include <cmath>

namespace bench
{
namespace
{

Buffer floats(int64_t batch, int64_t heads, int64_t tokens, int64_t dim)
{
    const size_t bytes = size_t(batch * heads * tokens * dim) * sizeof(float);
    Buffer buffer = allocate(bytes);
    fill<float>(buffer.get(), bytes);
    return buffer;
}

void set_strides(int64_t (&stride)[3], int64_t heads, int64_t tokens, int64_t dim)
{
    stride[0] = heads * tokens * dim, stride[1] = tokens * dim, stride[2] = dim;
}

/* The window of a problem, and its other masks, as one tensor of booleans. */
std::vector<uint8_t> window_tensor(const AttentionOperands &operands)
{
    const Attention &a = operands.problem;
    std::vector<uint8_t> keep(size_t(a.q_len * a.kv_len));
    for (int64_t i = 0; i < a.q_len; i++)
        for (int64_t j = 0; j < a.kv_len; j++) {
            const int64_t position = i + a.kv_len - a.q_len;
            const size_t at = size_t(i * a.kv_len + j);
            keep[at] =
                j > position - a.window && (!a.causal || j <= position) && (!a.keep || operands.keep[at]);
        }
    return keep;
}

class Composed
{
  public:
    Composed(gml_context *context, const AttentionOperands &operands, int64_t at_once)
        : context_(context), operands_(operands), at_once_(at_once)
    {
        const Attention &a = operands.problem;
        rows_ = a.group() * a.q_len;
        scores_ = allocate(size_t(double(at_once) * double(rows_) * double(a.kv_len)) * sizeof(float));
        if (a.window)
            window_ = window_tensor(operands);
    }
    void operator()() const
    {
        const Attention &a = operands_.problem;
        for (int64_t first = 0; first < a.batch * a.kv_heads; first += at_once_) {
            score(first);
            weigh(first);
            mix(first);
        }
    }

  private:
    void *scores() const
    {
        return scores_.get();
    }
    gml_gemm_problem gemm(int64_t n, int64_t k) const
    {
        gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
        p.type = GML_F32;
        p.m = rows_, p.n = n, p.k = k;
        p.rs_a = k, p.cs_a = 1, p.bs_a = rows_ * k;
        p.rs_c = n, p.cs_c = 1, p.bs_c = rows_ * n;
        p.batch = at_once_;
        return p;
    }
    /* scores = scale * Q * K^T */
    void score(int64_t first) const
    {
        const Attention &a = operands_.problem;
        gml_gemm_problem p = gemm(a.kv_len, a.dim);
        p.alpha = 1 / std::sqrt(double(a.dim));
        p.a = operands_.q() + first * p.bs_a;
        p.bs_b = a.kv_len * a.dim;
        p.b = operands_.k() + first * p.bs_b, p.rs_b = 1, p.cs_b = a.dim;
        p.c = scores();
        require(gml_gemm(context_, &p));
    }
    void weigh(int64_t first) const
    {
        const Attention &a = operands_.problem;
        gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
        p.batch = at_once_ * a.group(), p.rows = a.q_len, p.cols = a.kv_len;
        p.y = static_cast<float *>(scores()), p.x = p.y;
        p.x_stride = p.y_stride = a.kv_len;
        p.x_batch_stride = p.y_batch_stride = a.q_len * a.kv_len;
        if (a.bias)
            p.bias = operands_.bias.data(), p.bias_stride = a.kv_len;
        if (a.keep || a.window)
            p.keep = (a.window ? window_ : operands_.keep).data(), p.keep_stride = a.kv_len;
        if (a.causal && !a.window)
            p.causal = GML_CAUSAL_BOTTOM_RIGHT;
        if (a.alibi)
            p.alibi = operands_.slopes.data() + first * a.group();
        if (a.sinks)
            p.sinks = operands_.sinks.data() + first * a.group();
        p.softcap = a.softcap;
        require(gml_softmax_f32(context_, &p));
    }
    /* O = weights * V */
    void mix(int64_t first) const
    {
        const Attention &a = operands_.problem;
        gml_gemm_problem p = gemm(a.v_dim, a.kv_len);
        p.a = scores();
        p.rs_b = operands_.v_token_stride(), p.cs_b = 1, p.bs_b = a.kv_len * p.rs_b;
        p.b = operands_.v() + first * p.bs_b;
        p.c = operands_.o() + first * p.bs_c;
        require(gml_gemm(context_, &p));
    }

    gml_context *context_;
    const AttentionOperands &operands_;
    int64_t at_once_; /* key heads */
    int64_t rows_;    /* of the scores of one key head */
    std::vector<uint8_t> window_;
    Buffer scores_;
};

} // namespace

AttentionOperands::AttentionOperands(const Attention &a)
    : problem(a), q_(floats(a.batch, a.heads, a.q_len, a.dim)),
      k_(floats(a.batch, a.kv_heads, a.kv_len, a.dim)),
      v_(floats(a.batch, a.kv_heads, a.absorbed ? 0 : a.kv_len, a.v_dim)),
      o_(floats(a.batch, a.heads, a.q_len, a.v_dim))
{
    for (int64_t i = 0; i < a.batch * a.heads; i++) {
        const int64_t head = i % a.heads;
        if (a.alibi)
            slopes.push_back(float(std::exp2(-8.0 * double(head + 1) / double(a.heads))));
        if (a.sinks)
            sinks.push_back(float(head % 4));
    }
    if (a.keep) /* one in eight masked */
        for (int64_t i = 0; i < a.q_len * a.kv_len; i++)
            keep.push_back(uint64_t(i) * 0x9e3779b97f4a7c15 >> 61 != 0);
    if (a.bias) {
        bias.resize(size_t(a.q_len * a.kv_len));
        fill<float>(bias.data(), bias.size() * sizeof(float));
    }
}

size_t AttentionOperands::o_elements() const
{
    return size_t(problem.batch * problem.heads * problem.q_len * problem.v_dim);
}

gml_attention_problem AttentionOperands::describe() const
{
    const Attention &a = problem;
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = a.batch, p.heads = a.heads, p.kv_heads = a.kv_heads;
    p.q_len = a.q_len, p.kv_len = a.kv_len, p.head_dim = a.dim, p.v_head_dim = a.v_dim;
    p.q = q(), p.k = k(), p.v = v(), p.o = o();
    set_strides(p.q_stride, a.heads, a.q_len, a.dim);
    set_strides(p.k_stride, a.kv_heads, a.kv_len, a.dim);
    set_strides(p.v_stride, a.kv_heads, a.kv_len, v_token_stride());
    set_strides(p.o_stride, a.heads, a.q_len, a.v_dim);
    if (a.causal)
        p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    p.window_left = a.window;
    if (a.keep)
        p.keep = keep.data(), p.keep_stride[2] = a.kv_len, p.keep_stride[3] = 1;
    if (a.bias)
        p.bias = bias.data(), p.bias_stride[2] = a.kv_len, p.bias_stride[3] = 1;
    if (a.alibi)
        p.alibi = slopes.data();
    if (a.sinks)
        p.sinks = sinks.data();
    p.softcap = a.softcap;
    return p;
}

std::unique_ptr<Product> fused(gml_context *context, const AttentionOperands &operands)
{
    return repeat(
        1, [=, problem = operands.describe()](size_t) { require(gml_attention_f32(context, &problem)); });
}

std::unique_ptr<Product> composed(gml_context *context, const AttentionOperands &operands, Heads heads,
                                  double most)
{
    const Attention &a = operands.problem;
    const int64_t all = a.batch * a.kv_heads, at_once = heads == Heads::all ? all : 1;
    const double scores = double(at_once * a.group() * a.q_len) * double(a.kv_len);
    if (sizeof(float) * scores > most || (heads == Heads::all && all == 1))
        return nullptr;
    return repeat(1, [work = Composed(context, operands, at_once)](size_t) { work(); });
}

std::unique_ptr<Product> softmax(gml_context *context, const Softmax &problem, const float *x, float *y)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = problem.rows, p.cols = problem.cols;
    p.x = x, p.y = y;
    p.x_stride = p.y_stride = problem.columns ? 1 : problem.cols;
    if (problem.columns)
        p.x_col_stride = p.y_col_stride = problem.rows;
    return repeat(1, [=](size_t) { require(gml_softmax_f32(context, &p)); });
}

} // namespace bench
