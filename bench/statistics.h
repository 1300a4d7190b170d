/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The few statistics that the benchmark states: nothing here assumes a distribution.
 */
#ifndef GML_BENCH_STATISTICS_H
#define GML_BENCH_STATISTICS_H

#include <algorithm>
#include <cmath>
#include <vector>

namespace bench
{

/* The quantile q of [0, 1], between neighbours by linear interpolation. */
inline double quantile(std::vector<double> values, double q)
{
    std::sort(values.begin(), values.end());
    const double position = q * double(values.size() - 1);
    const size_t below = size_t(position), above = std::min(below + 1, values.size() - 1);
    return values[below] + (position - double(below)) * (values[above] - values[below]);
}

inline double median(std::vector<double> values)
{
    return quantile(std::move(values), 0.5);
}

inline double geometric_mean(const std::vector<double> &values)
{
    double sum = 0;
    for (const double value : values)
        sum += std::log(value);
    return std::exp(sum / double(values.size()));
}

struct Interval {
    double low, high;
};

/*
 * An interval that covers the median of what the values are drawn from with a probability of at least 95 %: between
 * the j-th smallest and the j-th largest, where fewer than j of n values lie below the median with a probability of at
 * most 2.5 %. Fewer than six values say nothing: 0 to infinity.
 */
inline Interval median_interval(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const int n = int(values.size());
    int j = 0;
    double fewer = 0, exactly = std::ldexp(1.0, -n); /* of n coins: fewer than j heads, exactly j */
    while (fewer + exactly <= 0.025) {
        fewer += exactly;
        exactly = exactly * (n - j) / (j + 1);
        j++;
    }
    return j == 0 ? Interval{0, HUGE_VAL} : Interval{values[size_t(j - 1)], values[size_t(n - j)]};
}

/* How often one goes into the other: the median of the ratios of each round, and its interval. */
struct Ratio {
    double value;
    Interval interval;
};

inline Ratio paired_ratio(const std::vector<double> &of, const std::vector<double> &to)
{
    std::vector<double> ratios;
    for (size_t r = 0; r < of.size(); r++)
        ratios.push_back(of[r] / to[r]);
    return {median(ratios), median_interval(ratios)};
}

} // namespace bench

#endif
