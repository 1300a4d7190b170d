/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A product: work that is prepared and can be repeated, which is what the benchmarks time.
 */
#ifndef GML_BENCH_PRODUCT_H
#define GML_BENCH_PRODUCT_H

#include <cstdint>
#include <gemmule/gemmule.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench
{

/* An error that ends the program with its sentence. */
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* Throws gemmule's sentence where a call has failed. */
inline void require(gml_status status)
{
    if (status == GML_OK)
        return;
    char sentence[256];
    gml_last_error(sentence, sizeof sentence);
    throw Failure(sentence);
}

class Product
{
  public:
    virtual ~Product() = default;
    /* Computes `calls` times, on each set of operands in turn. */
    virtual void run(int64_t calls) = 0;
};

/* A product that is call(i) for set i. The loop is compiled with the call in it, for products of a few nanoseconds. */
template <class Call> class Repeated final : public Product
{
  public:
    Repeated(size_t sets, Call call) : sets_(sets), call_(std::move(call))
    {
    }
    void run(int64_t calls) override
    {
        for (; calls > 0; calls--) {
            call_(next_);
            if (++next_ == sets_)
                next_ = 0;
        }
    }

  private:
    size_t sets_, next_ = 0;
    Call call_;
};

template <class Call> std::unique_ptr<Product> repeat(size_t sets, Call call)
{
    return std::make_unique<Repeated<Call>>(sets, std::move(call));
}

} // namespace bench

#endif
