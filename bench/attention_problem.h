/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_bench_attention measures: problems of attention and softmax, their short names, and the list of them.
 */
#ifndef GML_BENCH_ATTENTION_PROBLEM_H
#define GML_BENCH_ATTENTION_PROBLEM_H

#include "bench/problem.h"
#include <string>
#include <variant>
#include <vector>

namespace bench
{

using Problem = std::variant<Attention, Softmax>;

struct Entry {
    std::string group;
    Problem problem;
    std::string label; /* whose shape it is, or "" */
};

/* "32/8x2016x2016x128+causal": heads, queries, keys, head_dim; "16x4096": rows, columns. */
std::string name(const Problem &problem);

/* The problems as a JSON array, for bench/peers/attention.py. */
void print_list(const std::vector<Entry> &entries);

} // namespace bench

#endif
