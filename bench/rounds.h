/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounds: products that are timed in turns, so that what drifts drifts for all (docs/benchmarking.md, "The method").
 */
#ifndef GML_BENCH_ROUNDS_H
#define GML_BENCH_ROUNDS_H

#include "bench/product.h"
#include <cstdlib>
#include <functional>
#include <vector>

namespace bench
{

constexpr double SLICE = 1e-3; /* seconds: of a sample at least, and of a look at the peak */

struct Conditions {
    std::string isa; /* whose FMA peak counts */
    int threads = 1;
    int repetitions = 11;
    double cache_bytes = 0; /* of the last level, of all threads together */
};

struct Free {
    void operator()(void *p) const
    {
        std::free(p);
    }
};
using Buffer = std::unique_ptr<char, Free>;

/* Bytes at a cache line; throws where there is no memory. */
constexpr size_t LINE = 64;
Buffer allocate(size_t bytes);

/* Numbers in [-1, 1) that look random, the same in each run. */
template <class T> void fill(void *data, size_t bytes);

/* The largest difference of two results, NaN where one has a NaN. */
template <class T> double difference(const void *result, const void *reference, size_t elements);

/* Memory to look at its bandwidth with: four times the last-level cache. */
class Stream
{
  public:
    explicit Stream(const Conditions &conditions);
    double read() const; /* bytes per second, in one pass */

  private:
    int threads_;
    size_t bytes_;
    Buffer memory_;
};

/* Waits until the threads of whoever computed before have ceased to spin: until the process uses no time. Nothing to
 * wait for with one thread. */
void settle(const Conditions &conditions);

/* A product, and where its samples go: seconds of one call, in each round. */
struct Entrant {
    Product *product;
    std::vector<double> *seconds;
    int64_t calls;   /* in a sample                                          */
    double expected; /* seconds of a sample                                  */
    bool warm;       /* the product is called once, untimed, before a sample */
};

/* Finds out how many calls a sample needs. */
Entrant enter(Product &product, std::vector<double> &seconds);

/* In each round, first look(), then a sample of each entrant, the order rotating. */
void run_rounds(const Conditions &conditions, const std::vector<Entrant> &entrants, const std::function<void()> &look);

} // namespace bench

#endif
