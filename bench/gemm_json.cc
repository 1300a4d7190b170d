/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The results as one JSON object, with every sample, so that other statistics can be made of them later.
 */
#include "bench/gemm_report.h"
#include <cmath>
#include <cstdio>

namespace bench
{
namespace
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

/* JSON has no infinities and no NaN. */
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

void print_times(const Result &result, const Times &times)
{
    std::printf("{\"subject\": %s, \"wrong\": %s, \"error\": %s, \"seconds\": %s",
                quoted(times.subject->name).c_str(), times.wrong() ? "true" : "false",
                number(times.error).c_str(), list(times.seconds).c_str());
    if (times.subject->ours)
        if (const auto c = compare(result, times))
            std::printf(", \"peer\": %s, \"ratio\": %s, \"interval\": %s", quoted(c->peer->name).c_str(),
                        number(c->ratio).c_str(), list({c->interval.low, c->interval.high}).c_str());
    std::printf("}");
}

} // namespace

int print_json(const Subjects &subjects, Type type, const Settings &settings,
               const std::vector<Measured> &results)
{
    constexpr const char *KINDS[] = {"plain", "plan", "packed"};
    std::printf("{\"gemmule\": %s, \"isa\": %s, \"type\": \"%s\", \"threads\": %d, \"cold\": %s,\n"
                " \"cache_bytes\": %s,\n \"subjects\": [",
                quoted(gml_version()).c_str(), quoted(settings.isa).c_str(),
                type == Type::f32 ? "f32" : "f64", settings.threads, settings.cold ? "true" : "false",
                number(settings.cache_bytes).c_str());
    const char *separator = "\n  ";
    for (const auto &subject : subjects) {
        std::printf("%s{\"name\": %s, \"kind\": \"%s\", \"description\": %s, \"ours\": %s}", separator,
                    quoted(subject->name).c_str(), KINDS[int(subject->kind)],
                    quoted(subject->description).c_str(), subject->ours ? "true" : "false");
        separator = ",\n  ";
    }
    std::printf("],\n \"results\": [");
    separator = "\n  ";
    int wrong = 0;
    for (const auto &[group, result] : results) {
        const auto [m, n, k] = result.problem.shape;
        std::printf("%s{\"group\": %s, \"m\": %lld, \"n\": %lld, \"k\": %lld, \"transposed\": %s,\n"
                    "   \"fma_peak\": %s,\n   \"read_bandwidth\": %s,\n   \"times\": [",
                    separator, quoted(group).c_str(), (long long)m, (long long)n, (long long)k,
                    result.problem.transposed ? "true" : "false", list(result.peak).c_str(),
                    list(result.read).c_str());
        separator = ",\n  ";
        const char *between = "\n    ";
        for (const Times &times : result.times) {
            std::printf("%s", between);
            print_times(result, times);
            between = ",\n    ";
            wrong += times.wrong();
        }
        std::printf("]}");
    }
    std::printf("]}\n");
    return wrong;
}

} // namespace bench
