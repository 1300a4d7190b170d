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
    const Arena arena(problem, settings.cold ? settings.cache_bytes : 0);
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
        settle(settings);
        times.error = error_of(*product, problem, sets.front(), reference.get());
        entrants.push_back(enter(*product, times.seconds));
        products.push_back(std::move(product));
    }

    std::unique_ptr<Stream> stream;
    if (settings.cold || problem.bytes() > settings.cache_bytes)
        stream = std::make_unique<Stream>(settings);
    run_rounds(settings, entrants, [&] {
        result.peak.push_back(fma_peak(problem.type, settings));
        if (stream)
            result.read.push_back(stream->read());
    });
    return result;
}

} // namespace bench
