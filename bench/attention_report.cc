/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The results: a block for each problem and the summary, or one JSON object.
 */
#include "bench/attention_report.h"
#include "bench/format.h"
#include <cmath>
#include <cstdio>

namespace bench
{
namespace
{

std::string title(const Result &result)
{
    const std::string label = result.entry.label;
    return name(result.entry.problem) + (label.empty() ? "" : ", " + label);
}

/* Of ours, in each group: parts of the bound, and ratios to the fastest composition. */
struct Row {
    std::string group;
    std::vector<double> parts, ratios;
};

Row &row_of(std::vector<Row> &rows, const std::string &group)
{
    for (Row &row : rows)
        if (row.group == group)
            return row;
    return rows.emplace_back(Row{group, {}, {}});
}

void print_means(const std::vector<Result> &results)
{
    std::vector<Row> rows;
    for (const Result &result : results) {
        Row &row = row_of(rows, result.entry.group);
        row.parts.push_back(result.of_bound(result.ours()));
        if (const Times *composed = result.composed())
            row.ratios.push_back(result.ratio_to(*composed).value);
    }
    std::printf("\nGeometric means: of the bound, and how many times as fast as composed\n");
    for (const Row &row : rows) {
        std::printf("  %-10s %3zu problems  %6.1f%%", row.group.c_str(), row.parts.size(),
                    100 * geometric_mean(row.parts));
        if (!row.ratios.empty())
            std::printf("  %8.3f", geometric_mean(row.ratios));
        std::printf("\n");
    }
}

/* The whole interval is below 1, or with few rounds the median. */
void print_slower(const std::vector<Result> &results)
{
    bool any = false;
    for (const Result &result : results) {
        const Times *composed = result.composed();
        if (!composed)
            continue;
        const Ratio ratio = result.ratio_to(*composed);
        if ((std::isfinite(ratio.interval.high) ? ratio.interval.high : ratio.value) >= 1)
            continue;
        if (!any)
            std::printf("\nSlower than composed\n");
        any = true;
        std::printf("  %-40s %s\n", title(result).c_str(), text(ratio).c_str());
    }
}

int count_wrong(const std::vector<Result> &results, bool print)
{
    int wrong = 0;
    for (const Result &result : results)
        for (const Times &times : result.times)
            if (times.wrong()) {
                wrong++;
                if (print)
                    std::printf("\nWRONG: %s, %s: %g times the difference that is tolerated\n",
                                title(result).c_str(), times.subject.c_str(), times.error);
            }
    return wrong;
}

} // namespace

void print_conditions(const Conditions &conditions)
{
    std::printf("gemmule %s, %s, %d thread%s, %d rounds, last-level cache %.0f MB\n", gml_version(),
                conditions.isa.c_str(), conditions.threads, conditions.threads == 1 ? "" : "s",
                conditions.repetitions, conditions.cache_bytes / (1 << 20));
}

void print_result(const Result &result)
{
    std::printf("\n%s: %s\n  FMA peak %.1f GFLOP/s", result.entry.group.c_str(), title(result).c_str(),
                median(result.fma) / 1e9);
    if (!result.read.empty())
        std::printf(", read %.1f GB/s", median(result.read) / 1e9);
    const bool softmax = std::holds_alternative<Softmax>(result.entry.problem);
    const double bytes =
        std::visit([](const auto &problem) { return problem.bytes(); }, result.entry.problem);
    std::printf("\n  %-14s %12s %9s %9s %19s %6s %-10s %s\n", "", "us", softmax ? "Gelem/s" : "GFLOP/s",
                "GB/s", "quartiles, us", "of", result.bound(), "times as fast is gemmule [95 %]");
    for (const Times &times : result.times) {
        const double seconds = median(times.seconds);
        const double work = softmax ? std::get<Softmax>(result.entry.problem).elements() : times.flops;
        std::printf("  %-14s %12.2f %9.2f", times.subject.c_str(), seconds * 1e6, work / seconds / 1e9);
        if (times.role == Role::unmasked)
            std::printf(" %9s", "");
        else
            std::printf(" %9.2f", bytes / seconds / 1e9);
        std::printf(" %9.2f %9.2f", quantile(times.seconds, 0.25) * 1e6, quantile(times.seconds, 0.75) * 1e6);
        if (times.role == Role::copy || times.role == Role::unmasked)
            std::printf(" %6s", "");
        else
            std::printf(" %5.1f%%", 100 * result.of_bound(times));
        if (times.role != Role::ours)
            std::printf(" %-10s %s", "", text(result.ratio_to(times)).c_str());
        std::printf("%s\n", times.wrong() ? "  WRONG" : "");
    }
    std::fflush(stdout);
}

int print_summary(const std::vector<Result> &results)
{
    print_means(results);
    print_slower(results);
    return count_wrong(results, true);
}

int print_json(const Conditions &conditions, const std::vector<Result> &results)
{
    using namespace json;
    std::printf("{\"gemmule\": %s, \"isa\": %s, \"threads\": %d, \"cache_bytes\": %s,\n \"results\": [",
                quoted(gml_version()).c_str(), quoted(conditions.isa).c_str(), conditions.threads,
                number(conditions.cache_bytes).c_str());
    const char *separator = "\n  ";
    for (const Result &result : results) {
        std::printf("%s{\"group\": %s, \"name\": %s, \"label\": %s, \"bound\": %s, \"of_bound\": %s,\n"
                    "   \"fma_peak\": %s,\n   \"read_bandwidth\": %s,\n   \"times\": [",
                    separator, quoted(result.entry.group).c_str(), quoted(name(result.entry.problem)).c_str(),
                    quoted(result.entry.label).c_str(), quoted(result.bound()).c_str(),
                    number(result.of_bound(result.ours())).c_str(), list(result.fma).c_str(),
                    list(result.read).c_str());
        separator = ",\n  ";
        const char *between = "\n    ";
        for (const Times &times : result.times) {
            std::printf("%s{\"subject\": %s, \"flops\": %s, \"wrong\": %s, \"error\": %s, \"seconds\": %s",
                        between, quoted(times.subject).c_str(), number(times.flops).c_str(),
                        times.wrong() ? "true" : "false", number(times.error).c_str(),
                        list(times.seconds).c_str());
            between = ",\n    ";
            if (times.role != Role::ours) {
                const Ratio ratio = result.ratio_to(times);
                std::printf(", \"ratio\": %s, \"interval\": %s", number(ratio.value).c_str(),
                            list({ratio.interval.low, ratio.interval.high}).c_str());
            }
            std::printf("}");
        }
        std::printf("]}");
    }
    std::printf("]}\n");
    return count_wrong(results, false);
}

} // namespace bench
