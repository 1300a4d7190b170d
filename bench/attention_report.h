/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_bench_attention says of its results: tables for people, or JSON with every sample.
 */
#ifndef GML_BENCH_ATTENTION_REPORT_H
#define GML_BENCH_ATTENTION_REPORT_H

#include "bench/attention_measure.h"

namespace bench
{

void print_conditions(const Conditions &conditions);
void print_result(const Result &result);
/* Geometric means of each group, problems that are slower than their composition, and wrong results; returns the number
 * of the last. */
int print_summary(const std::vector<Result> &results);

/* The same as one JSON object. */
int print_json(const Conditions &conditions, const std::vector<Result> &results);

} // namespace bench

#endif
