/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How gemmule_bench_gemm measures: all subjects on one problem, in rounds, beside the machine's peaks.
 */
#ifndef GML_BENCH_GEMM_MEASURE_H
#define GML_BENCH_GEMM_MEASURE_H

#include "bench/gemm_subject.h"
#include "bench/rounds.h"
#include <cmath>

namespace bench
{

struct Settings : Conditions {
    bool cold = false;        /* cycle through operands that exceed the last-level cache                    */
    bool bandwidth = true;    /* look at it, where memory can be the bound                                  */
    double effort = HUGE_VAL; /* seconds: fewer rounds where all of them would take longer, `least` of them */
    int least = 1;
};

/* One subject on one problem. */
struct Times {
    const Subject *subject;
    std::vector<double> seconds; /* of one product, in each round; empty where the subject does not do the problem */
    double error = 0;            /* the largest difference from gemmule's result, in units of what is tolerated */

    bool wrong() const
    {
        return !(error <= 1);
    }
};

struct Result {
    Problem problem;
    std::vector<double> peak; /* flops per second, in each round */
    std::vector<double> read; /* bytes per second; empty where memory is no bound */
    std::vector<Times> times; /* of each subject, in their order */

    /* The least time that the machine of round r needs: for the FMAs, or for moving the operands once. */
    double bound(size_t r) const;
    bool memory_bound() const;
};

Result measure(const Problem &problem, const Subjects &subjects, const Settings &settings);

/* One subject on two problems, in turns: seconds of one product each, and flops per second, in each round. */
struct Turns {
    std::vector<double> first, second, peak;
};
Turns measure_turns(const Problem &first, const Problem &second, const Subject &subject, const Settings &settings);

} // namespace bench

#endif
