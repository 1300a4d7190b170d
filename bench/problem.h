/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The problems that the benchmarks measure: their sizes, and the work that they need.
 */
#ifndef GML_BENCH_PROBLEM_H
#define GML_BENCH_PROBLEM_H

#include <cstddef>
#include <cstdint>

namespace bench
{

enum class Type { f32, f64 };

inline size_t size_of(Type type)
{
    return type == Type::f32 ? sizeof(float) : sizeof(double);
}

/* Of a matrix product: C has m rows and n columns, and each element is a sum of k products. */
struct Shape {
    int64_t m, n, k;

    double flops() const
    {
        return 2.0 * double(m) * double(n) * double(k);
    }
    /* Of the operands: what has to be read and written once, whatever the algorithm. */
    double elements() const
    {
        return double(m) * double(k) + double(k) * double(n) + double(m) * double(n);
    }
};

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

} // namespace bench

#endif
