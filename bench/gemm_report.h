/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_bench_gemm says of its results: tables for people, or JSON with every sample.
 */
#ifndef GML_BENCH_GEMM_REPORT_H
#define GML_BENCH_GEMM_REPORT_H

#include "bench/gemm_measure.h"
#include "bench/statistics.h"
#include <optional>

namespace bench
{

struct Measured {
    std::string group;
    Result result;
};

/* How much faster one of our subjects is than the fastest peer that prepares no more than it does, as the median of the
 * ratios of each round. */
struct Comparison {
    const Subject *peer;
    Ratio ratio;
};
std::optional<Comparison> compare(const Result &result, const Times &ours);

/* "1024x1024x1024" */
std::string name(const Shape &shape);

void print_subjects(const Subjects &subjects, Type type, const Settings &settings);
void print_result(const std::string &group, const Result &result);
/* Geometric means of each group, shapes where a peer is faster, and wrong results, of which it returns the number. */
int print_summary(const std::vector<Measured> &results);

/* The same as one JSON object. */
int print_json(const Subjects &subjects, Type type, const Settings &settings, const std::vector<Measured> &results);

} // namespace bench

#endif
