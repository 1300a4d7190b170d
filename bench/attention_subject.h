/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The subjects of gemmule_bench_attention: ways in which a problem can be computed with gemmule, and what it is held
 * against.
 */
#ifndef GML_BENCH_ATTENTION_SUBJECT_H
#define GML_BENCH_ATTENTION_SUBJECT_H

#include "bench/attention_problem.h"
#include "bench/rounds.h"

namespace bench
{

/* The operands of an attention, and our descriptor of it. */
class AttentionOperands
{
  public:
    explicit AttentionOperands(const Attention &problem);
    const float *q() const
    {
        return at(q_);
    }
    const float *k() const
    {
        return at(k_);
    }
    const float *v() const
    {
        return problem.absorbed ? k() : at(v_);
    }
    int64_t v_token_stride() const
    {
        return problem.absorbed ? problem.dim : problem.v_dim;
    }
    float *o() const
    {
        return at(o_);
    }
    size_t o_elements() const;
    gml_attention_problem describe() const;

    const Attention problem;
    std::vector<float> slopes, sinks; /* of each batch entry and head; empty where there are none */
    std::vector<uint8_t> keep;        /* [q_len][kv_len], or empty                                */
    std::vector<float> bias;

  private:
    static float *at(const Buffer &buffer)
    {
        return reinterpret_cast<float *>(buffer.get());
    }
    Buffer q_, k_, v_, o_;
};

/* One call of gml_attention_f32. The operands outlive the product. */
std::unique_ptr<Product> fused(gml_context *context, const AttentionOperands &operands);

/*
 * What a program without attention does: scores by GEMM, softmax in place, and GEMM with V, for one key head at a time
 * with its group of query heads, or for all heads in one call each. NULL where the scores take more than `most` bytes.
 */
enum class Heads { one, all };
std::unique_ptr<Product> composed(gml_context *context, const AttentionOperands &operands, Heads heads, double most);

/* One call of gml_softmax_f32, from x to y. */
std::unique_ptr<Product> softmax(gml_context *context, const Softmax &problem, const float *x, float *y);

} // namespace bench

#endif
