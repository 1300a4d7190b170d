/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How results are written.
 */
#include "bench/format.h"
#include <cmath>
#include <cstdio>

namespace bench
{

std::string text(const Ratio &ratio)
{
    char line[64];
    if (std::isfinite(ratio.interval.high))
        std::snprintf(line, sizeof line, "%.3f [%.3f, %.3f]", ratio.value, ratio.interval.low,
                      ratio.interval.high);
    else
        std::snprintf(line, sizeof line, "%.3f", ratio.value);
    return line;
}

namespace json
{

std::string quoted(const std::string &text)
{
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            json += '\\';
        json += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return json + '"';
}

std::string number(double value)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return std::isfinite(value) ? text : "null";
}

std::string list(const std::vector<double> &values)
{
    std::string json = "[";
    for (const double value : values)
        json += (json.size() > 1 ? ", " : "") + number(value);
    return json + "]";
}

} // namespace json
} // namespace bench
