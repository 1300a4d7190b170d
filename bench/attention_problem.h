/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_bench_attention measures: problems of attention and softmax, and the suite of them.
 */
#ifndef GML_BENCH_ATTENTION_PROBLEM_H
#define GML_BENCH_ATTENTION_PROBLEM_H

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bench
{

/* All tensors are [batch][head][token][dim] and contiguous; causality is bottom-right. */
struct Attention {
    int64_t batch, heads, kv_heads, q_len, kv_len, dim, v_dim;
    bool causal = false;
    int64_t window = 0;               /* window_left                                                   */
    bool keep = false, bias = false;  /* tensors of [q_len][kv_len], the same for all heads and batches */
    bool alibi = false, sinks = false;
    float softcap = 0;
    bool absorbed = false;            /* V is the first v_dim numbers of each row of K                 */

    /* Pairs of a query and a key that it sees, of one head; those that `keep` masks are counted. */
    double pairs() const;
    double flops() const;
    /* Of Q, K, V and O: what has to be read and written once. */
    double bytes() const;
    int64_t group() const
    {
        return heads / kv_heads;
    }
    /* The same work, or for a window work of the same kind, without any mask or change of scores. */
    Attention unmasked() const;
};

/* Softmax of a contiguous matrix, along its rows or its columns. */
struct Softmax {
    int64_t rows, cols;
    bool columns = false;

    double elements() const
    {
        return double(rows) * double(cols);
    }
    /* An exponential takes eight FMA slots for each vector, whatever the rest costs. */
    double flops() const
    {
        return 8 * 2 * elements();
    }
    /* Read and written. */
    double bytes() const
    {
        return 2 * sizeof(float) * elements();
    }
};

using Problem = std::variant<Attention, Softmax>;

struct Entry {
    const char *group;
    Problem problem;
    const char *label; /* whose shape it is, or "" */
};

/* "32/8x2016x2016x128+causal": heads, queries, keys, head_dim; "16x4096": rows, columns. */
std::string name(const Problem &problem);

const std::vector<Entry> &suite();

/* The problems as a JSON array, for bench/peers/attention.py. */
void print_list(const std::vector<Entry> &entries);

} // namespace bench

#endif
