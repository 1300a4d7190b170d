/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a sweep is printed. gemmule_perf/sweep.py reads both forms.
 */
#include "bench/format.h"
#include "bench/gemm_sweep.h"
#include <cstdio>

namespace bench
{
namespace
{

const Cliff *cliff_at(const Swept &swept, const Point &point)
{
    for (const Cliff &cliff : swept.cliffs)
        if (cliff.size == point.size && cliff.subject == point.subject)
            return &cliff;
    return nullptr;
}

} // namespace

void print_csv_header()
{
    std::printf("sweep,size,subject,ns,gflops,of_peak,cliff,ratio\n");
}

void print_csv(const Swept &swept)
{
    for (const Point &point : swept.points) {
        const double seconds = median(point.seconds);
        std::printf("%s,%lld,%s,%.1f,%.3f,%.4f,", swept.line->name, (long long)point.size,
                    point.subject->name.c_str(), seconds * 1e9, point.flops / seconds / 1e9,
                    point.flops / point.cost());
        if (const Cliff *cliff = cliff_at(swept, point))
            std::printf("%lld,%.3f\n", (long long)cliff->larger, cliff->ratio.value);
        else
            std::printf(",\n");
    }
    std::fflush(stdout);
}

void print_json(const std::vector<Swept> &lines, Type type, bool transposed, const Range &sizes,
                const Subjects &subjects, const Settings &settings)
{
    std::printf("{\"gemmule\": %s, \"isa\": %s, \"type\": \"%s\", \"threads\": %d, \"transposed\": %s, "
                "\"from\": %lld, \"to\": %lld, \"step\": %lld,\n \"subjects\": [",
                json::quoted(gml_version()).c_str(), json::quoted(settings.isa).c_str(),
                type == Type::f32 ? "f32" : "f64", settings.threads, transposed ? "true" : "false",
                (long long)sizes.from, (long long)sizes.to, (long long)sizes.step);
    const char *separator = "\n  ";
    for (const auto &subject : subjects) {
        std::printf("%s{\"name\": %s, \"description\": %s, \"ours\": %s}", separator,
                    json::quoted(subject->name).c_str(), json::quoted(subject->description).c_str(),
                    subject->ours ? "true" : "false");
        separator = ",\n  ";
    }
    std::printf("],\n \"points\": [");
    separator = "\n  ";
    for (const Swept &swept : lines)
        for (const Point &point : swept.points) {
            std::printf("%s{\"sweep\": \"%s\", \"size\": %lld, \"subject\": %s, \"gflops\": %s, "
                        "\"of_peak\": %s, \"seconds\": %s, \"peak\": %s}",
                        separator, swept.line->name, (long long)point.size,
                        json::quoted(point.subject->name).c_str(),
                        json::number(point.flops / median(point.seconds) / 1e9).c_str(),
                        json::number(point.flops / point.cost()).c_str(), json::list(point.seconds).c_str(),
                        json::list(point.peak).c_str());
            separator = ",\n  ";
        }
    std::printf("],\n \"cliffs\": [");
    separator = "\n  ";
    for (const Swept &swept : lines)
        for (const Cliff &cliff : swept.cliffs) {
            std::printf("%s{\"sweep\": \"%s\", \"size\": %lld, \"subject\": %s, \"larger\": %lld, "
                        "\"ratio\": %s, \"interval\": %s}",
                        separator, swept.line->name, (long long)cliff.size,
                        json::quoted(cliff.subject->name).c_str(), (long long)cliff.larger,
                        json::number(cliff.ratio.value).c_str(),
                        json::list({cliff.ratio.interval.low, cliff.ratio.interval.high}).c_str());
            separator = ",\n  ";
        }
    std::printf("]}\n");
    std::fflush(stdout);
}

void print_cliffs(const Swept &swept)
{
    for (const Cliff &cliff : swept.cliffs)
        std::fprintf(stderr, "%s, %s: %lld takes %s of the time of %lld\n", cliff.subject->name.c_str(),
                     swept.line->name, (long long)cliff.size, text(cliff.ratio).c_str(),
                     (long long)cliff.larger);
}

} // namespace bench
