/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The measurement of one problem: operands, the check of each result, and the rounds (bench/rounds.h).
 */
#include "bench/gemm_measure.h"
#include "bench/peak.h"
#include "bench/statistics.h"
#include <cstring>
#include <limits>

namespace bench
{
namespace
{

/* Operands in [-1, 1), each at a cache line; one set, or as many as exceed the last-level cache twice. */
class Arena
{
  public:
    Arena(const Problem &problem, double exceed)
    {
        const auto [m, n, k] = problem.shape;
        const size_t a = lines(problem, m, k), b = lines(problem, k, n), c = lines(problem, m, n),
                     set = a + b + c;
        const size_t count = 1 + size_t(2 * exceed / double(set));
        memory_ = allocate(set * count);
        if (problem.type == Type::f32)
            fill<float>(memory_.get(), a + b);
        else
            fill<double>(memory_.get(), a + b);
        for (size_t i = 0; i < count; i++) {
            char *at = memory_.get() + i * set;
            if (i > 0)
                std::memcpy(at, memory_.get(), a + b);
            std::memset(at + a + b, 0, c);
            sets_.push_back({at, at + a, at + a + b});
        }
    }
    const std::vector<Operands> &sets() const
    {
        return sets_;
    }

  private:
    static size_t lines(const Problem &problem, int64_t rows, int64_t columns)
    {
        return (size_t(rows) * size_t(columns) * size_of(problem.type) + LINE - 1) / LINE * LINE;
    }

    Buffer memory_;
    std::vector<Operands> sets_;
};

/*
 * What differences are measured in: eps * (k + 8). The products of such operands are of size 1/3, their sums of
 * sqrt(k)/3, and k roundings of those, at random, come to less than a tenth of it; a term left out, taken twice or
 * rounded to a shorter type, to much more.
 */
template <class T> double error(const void *result, const void *reference, const Shape &shape)
{
    return difference<T>(result, reference, size_t(shape.m * shape.n)) /
           (std::numeric_limits<T>::epsilon() * double(shape.k + 8));
}

double error_of(Product &product, const Problem &problem, const Operands &set, const char *reference)
{
    const size_t bytes = size_t(problem.shape.m * problem.shape.n) * size_of(problem.type);
    std::memset(set.c, 0xff, bytes); /* NaN */
    product.run(1);
    return problem.type == Type::f32 ? error<float>(set.c, reference, problem.shape)
                                     : error<double>(set.c, reference, problem.shape);
}

double fma_peak(Type type, const Settings &settings)
{
    const auto peak = type == Type::f32 ? peak_fma_f32 : peak_fma_f64;
    return settings.threads * peak(settings.isa.c_str(), SLICE);
}

/* The rounds that are worth their time. */
Conditions conditions_for(const std::vector<Entrant> &entrants, const Settings &settings)
{
    double round = SLICE;
    for (const Entrant &entrant : entrants)
        round += entrant.expected * (1 + entrant.warm / double(entrant.calls));
    Conditions conditions = settings;
    if (conditions.repetitions * round > settings.effort)
        conditions.repetitions =
            std::min(conditions.repetitions, std::max(settings.least, int(settings.effort / round)));
    return conditions;
}

double exceed(const Settings &settings)
{
    return settings.cold ? settings.cache_bytes : 0;
}

} // namespace

double Result::bound(size_t r) const
{
    const double compute = problem.flops() / peak[r];
    return read.empty() ? compute : std::max(compute, problem.bytes() / read[r]);
}

bool Result::memory_bound() const
{
    return !read.empty() && problem.bytes() / median(read) > problem.flops() / median(peak);
}

Result measure(const Problem &problem, const Subjects &subjects, const Settings &settings)
{
    const Arena arena(problem, exceed(settings));
    const std::vector<Operands> &sets = arena.sets();
    const size_t result_bytes = size_t(problem.shape.m * problem.shape.n) * size_of(problem.type);
    const Buffer reference = allocate(result_bytes);

    Result result{problem, {}, {}, {}};
    for (const auto &subject : subjects)
        result.times.push_back({subject.get(), {}, 0});
    subjects.front()->prepare(problem, sets)->run(1);
    std::memcpy(reference.get(), sets.front().c, result_bytes);

    std::vector<std::unique_ptr<Product>> products;
    std::vector<Entrant> entrants;
    for (Times &times : result.times) {
        auto product = times.subject->prepare(problem, sets);
        if (!product)
            continue;
        if (times.subject != subjects.front().get()) {
            settle(settings);
            times.error = error_of(*product, problem, sets.front(), reference.get());
        }
        entrants.push_back(enter(*product, times.seconds));
        products.push_back(std::move(product));
    }

    std::unique_ptr<Stream> stream;
    if (settings.bandwidth && (settings.cold || problem.bytes() > settings.cache_bytes))
        stream = std::make_unique<Stream>(settings);
    if (entrants.size() == 1 && settings.threads == 1 && !stream) /* nobody else has the caches in between */
        entrants.front().warm &= entrants.front().calls > 1;
    run_rounds(conditions_for(entrants, settings), entrants, [&] {
        result.peak.push_back(fma_peak(problem.type, settings));
        if (stream)
            result.read.push_back(stream->read());
    });
    return result;
}

Turns measure_turns(const Problem &first, const Problem &second, const Subject &subject,
                    const Settings &settings)
{
    const Arena first_arena(first, exceed(settings)), second_arena(second, exceed(settings));
    const auto first_product = subject.prepare(first, first_arena.sets()),
               second_product = subject.prepare(second, second_arena.sets());
    Turns turns;
    const std::vector<Entrant> entrants = {enter(*first_product, turns.first),
                                           enter(*second_product, turns.second)};
    run_rounds(conditions_for(entrants, settings), entrants,
               [&] { turns.peak.push_back(fma_peak(first.type, settings)); });
    return turns;
}

} // namespace bench
