/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sweep. Sizes are measured one after another, so that they are compared by the FMAs that the core could have done
 * in the time that they took, at the clock of that moment; and what looks slow is measured once more, beside the larger
 * size that it lost to.
 */
#include "bench/gemm_sweep.h"
#include "bench/statistics.h"
#include <cstdio>

namespace bench
{
namespace
{

constexpr double TOLERATED = 1.05;
constexpr int64_t OTHERS = 256; /* the extents that are not swept: within L2, larger than any register tile */

struct Line {
    const char *name;
    Shape (*shape)(int64_t size);
};

constexpr Line LINES[] = {
    {"square",
     [](int64_t size) {
         return Shape{size, size, size};
     }},
    {"m",
     [](int64_t size) {
         return Shape{size, OTHERS, OTHERS};
     }},
    {"n",
     [](int64_t size) {
         return Shape{OTHERS, size, OTHERS};
     }},
    {"k",
     [](int64_t size) {
         return Shape{OTHERS, OTHERS, size};
     }},
};

/* Operations that the machine could have done in the time of one product. */
double cost(const Result &result, const Times &times)
{
    std::vector<double> costs;
    for (size_t r = 0; r < times.seconds.size(); r++)
        costs.push_back(result.peak[r] * times.seconds[r]);
    return median(costs);
}

} // namespace

int sweep(Type type, bool transposed, int64_t last, const Subjects &subjects, const Settings &settings)
{
    int findings = 0;
    std::printf("sweep,size,subject,ns,gflops,of_peak\n");
    for (const Line &line : LINES) {
        const auto problem = [&](int64_t size) { return Problem{type, line.shape(size), transposed}; };
        std::vector<std::vector<double>> costs(subjects.size()); /* of each subject, by size - 1 */
        for (int64_t size = 1; size <= last; size++) {
            const Result result = measure(problem(size), subjects, settings);
            for (size_t s = 0; s < subjects.size(); s++) {
                const Times &times = result.times[s];
                if (times.wrong())
                    throw Failure(times.subject->name + " is wrong at " + line.name + " " +
                                  std::to_string(size));
                if (times.seconds.empty())
                    continue;
                const double seconds = median(times.seconds), flops = result.problem.flops();
                costs[s].push_back(cost(result, times));
                std::printf("%s,%lld,%s,%.1f,%.3f,%.4f\n", line.name, (long long)size,
                            times.subject->name.c_str(), seconds * 1e9, flops / seconds / 1e9,
                            flops / costs[s].back());
            }
            std::fflush(stdout);
        }
        for (size_t s = 0; s < subjects.size(); s++) {
            if (!subjects[s]->ours)
                continue;
            int64_t best = last; /* the cheapest of the sizes above */
            for (int64_t size = last - 1; size > 0; size--) {
                const auto cost_of = [&](int64_t of) { return costs[s][size_t(of - 1)]; };
                if (cost_of(size) > TOLERATED * cost_of(best)) {
                    const Result again = measure(problem(size), subjects, settings);
                    const Result larger = measure(problem(best), subjects, settings);
                    const double ratio = cost(again, again.times[s]) / cost(larger, larger.times[s]);
                    if (ratio > TOLERATED) {
                        findings++;
                        std::fprintf(stderr, "%s, %s: %lld takes %.2f of the time of %lld\n",
                                     subjects[s]->name.c_str(), line.name, (long long)size, ratio,
                                     (long long)best);
                    }
                } else if (cost_of(size) < cost_of(best)) {
                    best = size;
                }
            }
        }
    }
    return findings;
}

} // namespace bench
