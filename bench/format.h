/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How results are written: ratios for people, and the pieces of a JSON object.
 */
#ifndef GML_BENCH_FORMAT_H
#define GML_BENCH_FORMAT_H

#include "bench/statistics.h"
#include <string>
#include <vector>

namespace bench
{

/* "1.234 [1.201, 1.266]"; of a few rounds there is no interval. */
std::string text(const Ratio &ratio);

/* JSON has no infinities and no NaN: null. */
namespace json
{
std::string quoted(const std::string &text);
std::string number(double value);
std::string list(const std::vector<double> &values);
} // namespace json

} // namespace bench

#endif
