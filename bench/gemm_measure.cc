/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The measurement. In each round every subject has one sample, a batch of products of a millisecond at least, and the
 * machine's peaks have theirs: what drifts (clocks, other guests of the machine) drifts for all, and cancels in ratios
 * of one round. The order changes from round to round, so that nobody always runs after the same neighbour. Before its
 * sample a subject multiplies once untimed, which brings operands, packing buffers, code and threads back to where a
 * program that calls it repeatedly has them.
 */
#include "bench/gemm_measure.h"
#include "bench/peak.h"
#include "bench/statistics.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>

namespace bench
{
namespace
{

constexpr double SLICE = 1e-3;    /* seconds: of a sample at least, and of a look at the peak */
constexpr double WARM_CALL = 0.1; /* seconds: of a call that warms its caches within a percent of itself */
constexpr size_t LINE = 64;

struct Free {
    void operator()(void *p) const
    {
        std::free(p);
    }
};
using Buffer = std::unique_ptr<char, Free>;

Buffer allocate(size_t bytes)
{
    Buffer buffer(static_cast<char *>(std::aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE)));
    if (!buffer)
        throw Failure("there is no memory for " + std::to_string(bytes) + " bytes of operands");
    return buffer;
}

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
    template <class T> static void fill(void *data, size_t bytes)
    {
        std::minstd_rand random(1);
        constexpr double HALF = double(std::minstd_rand::modulus) / 2;
        for (T *x = static_cast<T *>(data), *end = x + bytes / sizeof(T); x < end; x++)
            *x = T(double(random()) / HALF - 1);
    }

    Buffer memory_;
    std::vector<Operands> sets_;
};

/*
 * The largest difference of two results, in units of what is tolerated: eps * (k + 8). The products of such operands
 * are of size 1/3, their sums of sqrt(k)/3, and k roundings of those, at random, come to less than a tenth of it; a
 * term left out, taken twice or rounded to a shorter type, to much more. NaN where an element is.
 */
template <class T> double difference(const void *result, const void *reference, const Shape &shape)
{
    const T *x = static_cast<const T *>(result), *y = static_cast<const T *>(reference);
    double largest = 0;
    for (int64_t i = 0; i < shape.m * shape.n; i++) {
        const double apart = std::fabs(double(x[i]) - double(y[i]));
        if (!(apart <= largest)) {
            largest = apart;
            if (std::isnan(apart))
                break;
        }
    }
    return largest / (std::numeric_limits<T>::epsilon() * double(shape.k + 8));
}

double error_of(Product &product, const Problem &problem, const Operands &set, const char *reference)
{
    const size_t bytes = size_t(problem.shape.m * problem.shape.n) * size_of(problem.type);
    std::memset(set.c, 0xff, bytes); /* NaN */
    product.run(1);
    return problem.type == Type::f32 ? difference<float>(set.c, reference, problem.shape)
                                     : difference<double>(set.c, reference, problem.shape);
}

/* Waits until the threads of the subject before have ceased to spin: until the process uses no time. */
void settle()
{
    constexpr long NAP = 2000000; /* nanoseconds */
    const timespec nap = {0, NAP};
    for (int i = 0; i < 250; i++) {
        const clock_t before = clock();
        nanosleep(&nap, nullptr);
        if (double(clock() - before) / CLOCKS_PER_SEC < 0.1 * 1e-9 * NAP)
            return;
    }
}

double seconds_of(Product &product, int64_t calls)
{
    const double start = peak_now();
    product.run(calls);
    return peak_now() - start;
}

double fma_peak(Type type, const Settings &settings)
{
    const auto peak = type == Type::f32 ? peak_fma_f32 : peak_fma_f64;
    return settings.threads * peak(settings.isa.c_str(), SLICE);
}

/* A subject's product with the number of calls in a sample. */
struct Entrant {
    std::unique_ptr<Product> product;
    Times *times;
    int64_t calls;
    bool warm;

    double sample() const
    {
        if (warm)
            product->run(1);
        return seconds_of(*product, calls) / double(calls);
    }
};

Entrant enter(std::unique_ptr<Product> product, Times *times)
{
    int64_t calls = 1;
    double seconds;
    while ((seconds = seconds_of(*product, calls)) < SLICE)
        calls *= 2;
    return {std::move(product), times, calls, seconds / double(calls) < WARM_CALL};
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

    std::vector<Entrant> entrants;
    for (Times &times : result.times) {
        auto product = times.subject->prepare(problem, sets);
        if (!product)
            continue;
        if (settings.threads > 1)
            settle();
        times.error = error_of(*product, problem, sets.front(), reference.get());
        entrants.push_back(enter(std::move(product), &times));
    }

    const bool from_memory = settings.cold || problem.bytes() > settings.cache_bytes;
    const size_t stream_bytes =
        from_memory ? size_t(4 * std::max(settings.cache_bytes, 16e6)) / LINE * LINE : LINE;
    const Buffer stream = allocate(stream_bytes);
    std::memset(stream.get(), 1, stream_bytes);
    for (size_t round = 0; round < size_t(settings.repetitions); round++) {
        if (settings.threads > 1)
            settle();
        result.peak.push_back(fma_peak(problem.type, settings));
        if (from_memory)
            result.read.push_back(peak_read(stream.get(), stream_bytes, settings.threads));
        for (size_t i = 0; i < entrants.size(); i++) {
            const size_t turn = round + (round % 2 ? entrants.size() - 1 - i : i);
            const Entrant &entrant = entrants[turn % entrants.size()];
            if (settings.threads > 1)
                settle();
            entrant.times->seconds.push_back(entrant.sample());
        }
    }
    return result;
}

} // namespace bench
