/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In each round every entrant has one sample, a batch of calls of a millisecond at least, and the machine's peaks have
 * theirs: what drifts (clocks, other guests of the machine) drifts for all, and cancels in ratios of one round. The
 * order changes from round to round, so that nobody always runs after the same neighbour. Before its sample a product
 * is called once untimed, which brings operands, packing buffers, code and threads back to where a program that calls
 * it repeatedly has them.
 */
#include "bench/rounds.h"
#include "bench/peak.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <random>

namespace bench
{
namespace
{

constexpr double WARM_CALL = 0.1; /* seconds: of a call that warms its caches within a percent of itself */

double seconds_of(Product &product, int64_t calls)
{
    const double start = peak_now();
    product.run(calls);
    return peak_now() - start;
}

double sample(const Entrant &entrant)
{
    if (entrant.warm)
        entrant.product->run(1);
    return seconds_of(*entrant.product, entrant.calls) / double(entrant.calls);
}

} // namespace

Buffer allocate(size_t bytes)
{
    Buffer buffer(static_cast<char *>(std::aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE)));
    if (!buffer)
        throw Failure("there is no memory for " + std::to_string(bytes) + " bytes of operands");
    return buffer;
}

template <class T> void fill(void *data, size_t bytes)
{
    /* After a prime number of them they repeat: no two rows of a matrix are the same, and large ones take no time. */
    constexpr size_t PERIOD = 65521;
    constexpr double HALF = double(std::minstd_rand::modulus) / 2;
    const size_t count = bytes / sizeof(T);
    T *x = static_cast<T *>(data);
    std::minstd_rand random(1);
    for (size_t i = 0; i < std::min(count, PERIOD); i++)
        x[i] = T(double(random()) / HALF - 1);
    for (size_t i = PERIOD; i < count; i += PERIOD)
        std::memcpy(x + i, x, std::min(count - i, PERIOD) * sizeof(T));
}
template void fill<float>(void *, size_t);
template void fill<double>(void *, size_t);

template <class T> double difference(const void *result, const void *reference, size_t elements)
{
    const T *x = static_cast<const T *>(result), *y = static_cast<const T *>(reference);
    double largest = 0;
    for (size_t i = 0; i < elements; i++) {
        const double apart = std::fabs(double(x[i]) - double(y[i]));
        if (!(apart <= largest)) {
            largest = apart;
            if (std::isnan(apart))
                break;
        }
    }
    return largest;
}
template double difference<float>(const void *, const void *, size_t);
template double difference<double>(const void *, const void *, size_t);

Stream::Stream(const Conditions &conditions)
    : threads_(conditions.threads), bytes_(size_t(4 * std::max(conditions.cache_bytes, 16e6)) / LINE * LINE),
      memory_(allocate(bytes_))
{
    std::memset(memory_.get(), 1, bytes_);
}

double Stream::read() const
{
    return peak_read(memory_.get(), bytes_, threads_);
}

void settle(const Conditions &conditions)
{
    if (conditions.threads == 1)
        return;
    constexpr long NAP = 2000000; /* nanoseconds */
    const timespec nap = {0, NAP};
    for (int i = 0; i < 250; i++) {
        const clock_t before = clock();
        nanosleep(&nap, nullptr);
        if (double(clock() - before) / CLOCKS_PER_SEC < 0.1 * 1e-9 * NAP)
            return;
    }
}

Entrant enter(Product &product, std::vector<double> &seconds)
{
    int64_t calls = 1;
    double passed;
    while ((passed = seconds_of(product, calls)) < SLICE)
        calls *= 2;
    return {&product, &seconds, calls, passed, passed / double(calls) < WARM_CALL};
}

void run_rounds(const Conditions &conditions, const std::vector<Entrant> &entrants,
                const std::function<void()> &look)
{
    for (size_t round = 0; round < size_t(conditions.repetitions); round++) {
        settle(conditions);
        look();
        for (size_t i = 0; i < entrants.size(); i++) {
            const size_t turn = round / 2 + (round % 2 ? entrants.size() - 1 - i : i);
            const Entrant &entrant = entrants[turn % entrants.size()];
            settle(conditions);
            entrant.seconds->push_back(sample(entrant));
        }
    }
}

} // namespace bench
