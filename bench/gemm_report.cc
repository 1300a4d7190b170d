/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tables: subjects, one block for each problem, and the summary.
 */
#include "bench/gemm_report.h"
#include "bench/format.h"
#include <cstdio>
#include <map>

namespace bench
{
namespace
{

constexpr double TIE = 0.97; /* differences of less than 3 % are within what layout and luck make */

const char *const KINDS[] = {"plain call", "planned", "packed"};

const char *stored(const Problem &problem)
{
    return problem.transposed ? "B transposed" : "B plain";
}

std::string title(const Problem &problem)
{
    return (problem.type == Type::f32 ? "f32 " : "f64 ") + name(problem.shape) + ", " + stored(problem);
}

std::string text(const Comparison &comparison)
{
    return text(comparison.ratio) + " of " + comparison.peer->name;
}

/* The median over rounds of the part of the bound that a subject reaches. */
double of_bound(const Result &result, const Times &times)
{
    std::vector<double> parts;
    for (size_t r = 0; r < times.seconds.size(); r++)
        parts.push_back(result.bound(r) / times.seconds[r]);
    return median(parts);
}

} // namespace

std::string name(const Shape &shape)
{
    return std::to_string(shape.m) + "x" + std::to_string(shape.n) + "x" + std::to_string(shape.k);
}

std::optional<Comparison> compare(const Result &result, const Times &ours)
{
    const Times *fastest = nullptr;
    for (const Times &times : result.times)
        if (!times.subject->ours && times.subject->kind <= ours.subject->kind && !times.seconds.empty() &&
            !times.wrong() && (!fastest || median(times.seconds) < median(fastest->seconds)))
            fastest = &times;
    if (!fastest || ours.seconds.empty())
        return std::nullopt;
    return Comparison{fastest->subject, paired_ratio(fastest->seconds, ours.seconds)};
}

void print_subjects(const Subjects &subjects, Type type, const Settings &settings)
{
    std::printf("gemmule %s, %s, %s, %d thread%s, %d rounds, %s operands, last-level cache %.0f MB\n",
                gml_version(), settings.isa.c_str(), type == Type::f32 ? "f32" : "f64", settings.threads,
                settings.threads == 1 ? "" : "s", settings.repetitions, settings.cold ? "cold" : "hot",
                settings.cache_bytes / (1 << 20));
    for (const auto &subject : subjects)
        std::printf("  %-16s %-10s  %s\n", subject->name.c_str(), KINDS[int(subject->kind)],
                    subject->description.c_str());
}

void print_result(const std::string &group, const Result &result)
{
    std::printf("\n%s (%s): FMA peak %.1f GFLOP/s", title(result.problem).c_str(), group.c_str(),
                median(result.peak) / 1e9);
    if (!result.read.empty())
        std::printf(", read %.1f GB/s", median(result.read) / 1e9);
    std::printf("\n  %-16s %12s %9s %19s %9s  %s\n", "", "us", "GFLOP/s", "quartiles",
                result.memory_bound() ? "of memory" : "of peak",
                result.times.back().subject->ours ? "" : "ratio [95 %]");
    for (const Times &times : result.times) {
        if (times.seconds.empty())
            continue;
        const double work = result.problem.flops() / 1e9;
        std::printf("  %-16s %12.3f %9.2f %9.2f %9.2f %8.1f%%", times.subject->name.c_str(),
                    median(times.seconds) * 1e6, work / median(times.seconds),
                    work / quantile(times.seconds, 0.75), work / quantile(times.seconds, 0.25),
                    100 * of_bound(result, times));
        if (times.subject->ours)
            if (const auto comparison = compare(result, times))
                std::printf("  %s", text(*comparison).c_str());
        if (times.wrong())
            std::printf("  WRONG");
        std::printf("\n");
    }
    std::fflush(stdout);
}

namespace
{

struct Mean {
    std::vector<double> fractions, ratios;
};

/* A group of problems, and the means of each of our subjects in it. */
struct Row {
    std::string title;
    std::map<const Subject *, Mean> means;
};

Row &row_of(std::vector<Row> &rows, const std::string &title)
{
    for (Row &row : rows)
        if (row.title == title)
            return row;
    return rows.emplace_back(Row{title, {}});
}

void print_means(const std::vector<Measured> &results)
{
    std::vector<Row> rows;
    Row all{"all", {}};
    for (const auto &[group, result] : results) {
        Row &row = row_of(rows, group + ", " + stored(result.problem));
        for (const Times &times : result.times) {
            if (!times.subject->ours || times.seconds.empty())
                continue;
            const auto comparison = compare(result, times);
            for (Mean *mean : {&row.means[times.subject], &all.means[times.subject]}) {
                mean->fractions.push_back(of_bound(result, times));
                if (comparison)
                    mean->ratios.push_back(comparison->ratio.value);
            }
        }
    }
    rows.push_back(all);

    std::printf("\nGeometric means: of the bound, and of the ratios\n  %-24s %8s", "", "problems");
    for (const Times &times : results.front().result.times)
        if (times.subject->ours)
            std::printf("  %16s", times.subject->name.c_str());
    std::printf("\n");
    for (Row &row : rows) {
        std::printf("  %-24s %8zu", row.title.c_str(), row.means.begin()->second.fractions.size());
        for (const Times &times : results.front().result.times)
            if (times.subject->ours) {
                const Mean &mean = row.means[times.subject];
                std::printf("  %6.1f%% ", 100 * geometric_mean(mean.fractions));
                if (mean.ratios.empty())
                    std::printf("%8s", "");
                else
                    std::printf("%8.3f", geometric_mean(mean.ratios));
            }
        std::printf("\n");
    }
}

/* What is below TIE for sure. */
void print_slower(const std::vector<Measured> &results)
{
    bool compared = false, any = false;
    for (const auto &[group, result] : results)
        for (const Times &times : result.times) {
            const auto c = times.subject->ours ? compare(result, times) : std::nullopt;
            compared |= c.has_value();
            if (!c || c->ratio.interval.high >= TIE)
                continue;
            if (!any)
                std::printf("\nSlower than a peer (the interval lies below %.2f)\n", TIE);
            any = true;
            std::printf("  %-36s %-16s %s\n", title(result.problem).c_str(), times.subject->name.c_str(),
                        text(*c).c_str());
        }
    if (compared && !any)
        std::printf("\nNowhere slower than a peer (no interval lies below %.2f)\n", TIE);
}

} // namespace

int print_summary(const std::vector<Measured> &results)
{
    print_means(results);
    print_slower(results);
    int wrong = 0;
    for (const auto &[group, result] : results)
        for (const Times &times : result.times)
            if (times.wrong()) {
                if (wrong++ == 0)
                    std::printf("\nWRONG: different from gemmule's result by more than rounding\n");
                std::printf("  %-36s %-16s %g times what is tolerated\n", title(result.problem).c_str(),
                            times.subject->name.c_str(), times.error);
            }
    return wrong;
}

} // namespace bench
