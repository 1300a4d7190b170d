/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sweep. Sizes are measured one after another, so that they are compared by the FMAs that the core could have done
 * in the time that they took, at the clock of that moment; and what looks slow is measured once more, in turns with the
 * larger size that it lost to.
 */
#include "bench/gemm_sweep.h"
#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace bench
{
namespace
{

constexpr double TOLERATED = 1.05;
constexpr int LEAST_TURNS = 7;  /* of fewer there is no interval to speak of */
constexpr int64_t OTHERS = 256; /* the extents that are not swept: within L2, larger than any register tile */
constexpr int64_t LARGEST = 100000;

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

/* What was disturbed in one of two measurements is left out. */
void keep_cheaper(Point &point, const std::vector<double> &seconds, const std::vector<double> &peak)
{
    const Point again = {point.size, point.subject, point.flops, seconds, peak};
    if (again.cost() < point.cost())
        point = again;
}

/* On a terminal that does not show the results anyway. */
void progress(const char *line, int64_t size, int64_t last)
{
    if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO))
        return;
    if (line)
        std::fprintf(stderr, "\r%s: %lld of %lld\033[K", line, (long long)size, (long long)last);
    else
        std::fprintf(stderr, "\r\033[K");
}

class Sweeper
{
  public:
    Sweeper(Type type, bool transposed, const Subjects &subjects, const Settings &settings)
        : type_(type), transposed_(transposed), subjects_(subjects), settings_(settings)
    {
    }

    Swept along(const Line &line, const Range &sizes) const
    {
        Swept swept{&line, {}, {}};
        for (int64_t size = sizes.from; size <= sizes.to; size += sizes.step) {
            progress(line.name, size, sizes.to);
            const Result result = measure(problem(line, size), subjects_, settings_);
            for (const Times &times : result.times) {
                if (times.wrong())
                    throw Failure(times.subject->name + " is wrong at " + line.name + " " +
                                  std::to_string(size));
                if (!times.seconds.empty())
                    swept.points.push_back(
                        {size, times.subject, result.problem.flops(), times.seconds, result.peak});
            }
        }
        for (const auto &subject : subjects_)
            if (subject->ours)
                find_cliffs(swept, *subject);
        progress(nullptr, 0, 0);
        return swept;
    }

  private:
    Problem problem(const Line &line, int64_t size) const
    {
        return {type_, line.shape(size), transposed_};
    }

    /* From the largest size to the smallest, each beside the cheapest of those above it. */
    void find_cliffs(Swept &swept, const Subject &subject) const
    {
        std::vector<Point *> points;
        for (Point &point : swept.points)
            if (point.subject == &subject)
                points.push_back(&point);
        const auto cheaper = [](const Point *x, const Point *y) { return x->cost() < y->cost(); };
        std::vector<Cliff> cliffs;
        auto best = points.end() - 1;
        for (auto point = points.end() - 1; point-- != points.begin();) {
            if ((*point)->cost() > TOLERATED * (*best)->cost()) {
                progress(swept.line->name, (*point)->size, (*best)->size);
                Settings turns = settings_;
                turns.repetitions = std::max(LEAST_TURNS, 2 * settings_.repetitions + 1);
                turns.least = LEAST_TURNS;
                const Turns again = measure_turns(problem(*swept.line, (*point)->size),
                                                  problem(*swept.line, (*best)->size), subject, turns);
                const Ratio ratio = paired_ratio(again.first, again.second);
                if (ratio.value > TOLERATED && ratio.interval.low > 1)
                    cliffs.push_back({(*point)->size, (*best)->size, &subject, ratio});
                keep_cheaper(**point, again.first, again.peak);
                keep_cheaper(**best, again.second, again.peak);
                best = std::min_element(point, points.end(), cheaper);
            } else if (cheaper(*point, *best)) {
                best = point;
            }
        }
        swept.cliffs.insert(swept.cliffs.end(), cliffs.rbegin(), cliffs.rend());
    }

    const Type type_;
    const bool transposed_;
    const Subjects &subjects_;
    const Settings &settings_;
};

} // namespace

double Point::cost() const
{
    std::vector<double> costs;
    for (size_t r = 0; r < seconds.size(); r++)
        costs.push_back(peak[r] * seconds[r]);
    return median(costs);
}

Range range(const std::string &text)
{
    long long from, to, step = 1;
    int length = 0, longer = 0;
    const int read = std::sscanf(text.c_str(), "%lld..%lld%n:%lld%n", &from, &to, &length, &step, &longer);
    if (read < 2 || text[size_t(read == 2 ? length : longer)] || from < 1 || to < from || to > LARGEST ||
        step < 1 || step > LARGEST)
        throw Failure(text + " is no range of sizes, such as 1..2048 or 64..1024:64 (from 1 to " +
                      std::to_string(LARGEST) + ")");
    return {from, to, step};
}

int sweep(Type type, bool transposed, const Range &sizes, bool json, const Subjects &subjects,
          const Settings &settings)
{
    const Sweeper sweeper(type, transposed, subjects, settings);
    std::vector<Swept> lines;
    if (!json)
        print_csv_header();
    for (const Line &line : LINES) {
        lines.push_back(sweeper.along(line, sizes));
        if (!json)
            print_csv(lines.back());
    }
    if (json)
        print_json(lines, type, transposed, sizes, subjects, settings);
    int cliffs = 0;
    for (const Swept &swept : lines) {
        print_cliffs(swept);
        cliffs += int(swept.cliffs.size());
    }
    return cliffs;
}

} // namespace bench
