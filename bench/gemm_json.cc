/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The results as one JSON object, with every sample, so that other statistics can be made of them later.
 */
#include "bench/format.h"
#include "bench/gemm_report.h"
#include <cstdio>

namespace bench
{
namespace
{

void print_times(const Result &result, const Times &times)
{
    std::printf("{\"subject\": %s, \"wrong\": %s, \"error\": %s, \"seconds\": %s",
                json::quoted(times.subject->name).c_str(), times.wrong() ? "true" : "false",
                json::number(times.error).c_str(), json::list(times.seconds).c_str());
    if (times.subject->ours)
        if (const auto c = compare(result, times))
            std::printf(", \"peer\": %s, \"ratio\": %s, \"interval\": %s",
                        json::quoted(c->peer->name).c_str(), json::number(c->ratio.value).c_str(),
                        json::list({c->ratio.interval.low, c->ratio.interval.high}).c_str());
    std::printf("}");
}

} // namespace

int print_json(const Subjects &subjects, Type type, const Settings &settings,
               const std::vector<Measured> &results)
{
    constexpr const char *KINDS[] = {"plain", "plan", "packed"};
    std::printf("{\"gemmule\": %s, \"isa\": %s, \"type\": \"%s\", \"threads\": %d, \"cold\": %s,\n"
                " \"cache_bytes\": %s,\n \"subjects\": [",
                json::quoted(gml_version()).c_str(), json::quoted(settings.isa).c_str(),
                type == Type::f32 ? "f32" : "f64", settings.threads, settings.cold ? "true" : "false",
                json::number(settings.cache_bytes).c_str());
    const char *separator = "\n  ";
    for (const auto &subject : subjects) {
        std::printf("%s{\"name\": %s, \"kind\": \"%s\", \"description\": %s, \"ours\": %s}", separator,
                    json::quoted(subject->name).c_str(), KINDS[int(subject->kind)],
                    json::quoted(subject->description).c_str(), subject->ours ? "true" : "false");
        separator = ",\n  ";
    }
    std::printf("],\n \"results\": [");
    separator = "\n  ";
    int wrong = 0;
    for (const auto &[group, result] : results) {
        const auto [m, n, k] = result.problem.shape;
        std::printf("%s{\"group\": %s, \"m\": %lld, \"n\": %lld, \"k\": %lld, \"transposed\": %s,\n"
                    "   \"fma_peak\": %s,\n   \"read_bandwidth\": %s,\n   \"times\": [",
                    separator, json::quoted(group).c_str(), (long long)m, (long long)n, (long long)k,
                    result.problem.transposed ? "true" : "false", json::list(result.peak).c_str(),
                    json::list(result.read).c_str());
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
