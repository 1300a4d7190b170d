/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How gemmule_bench_attention measures: gemmule and what it is held against, in rounds, beside the machine's peaks.
 */
#ifndef GML_BENCH_ATTENTION_MEASURE_H
#define GML_BENCH_ATTENTION_MEASURE_H

#include "bench/attention_subject.h"
#include "bench/statistics.h"
#include <optional>

namespace bench
{

/* What a subject is to gemmule's own call: that call itself, another way to the same result, the same without masks,
 * or a copy of as many bytes. */
enum class Role { ours, composed, unmasked, copy };

struct Times {
    std::string subject;
    Role role;
    double flops;                /* of its own work                                                           */
    std::vector<double> seconds; /* of one call, in each round                                                */
    double error = 0;            /* the largest difference from ours, in units of what is tolerated; composed */

    bool wrong() const
    {
        return !(error <= 1);
    }
};

struct Result {
    Entry entry;
    std::vector<double> fma;  /* operations per second, in each round                 */
    std::vector<double> read; /* bytes per second; empty where the caches hold it all */
    std::vector<Times> times; /* the first is ours                                    */

    const Times &ours() const
    {
        return times.front();
    }
    /* What bounds it: the FMAs, reading its operands, or copying as a softmax does. */
    const char *bound() const;
    /* The part of that bound that a subject reaches, as the median of the rounds. */
    double of_bound(const Times &times) const;
    /* How many times as fast as a subject ours is, for as much work. */
    Ratio ratio_to(const Times &times) const;
    /* The fastest composition of right results; NULL where there is none. */
    const Times *composed() const;
};

Result measure(const Entry &entry, gml_context *context, const Conditions &conditions);

} // namespace bench

#endif
