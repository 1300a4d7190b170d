/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The measurement of one problem: operands, subjects, the check of their results, and the rounds (bench/rounds.h).
 */
#include "bench/attention_measure.h"
#include "bench/peak.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace bench
{
namespace
{

constexpr double SCORE_BYTES =
    1 << 30; /* that a composition may take; one for 16 k queries and keys takes as much */

/* A measurement as it is put together. */
class Measurement
{
  public:
    Measurement(const Entry &entry, const Conditions &conditions)
        : result{entry, {}, {}, {}}, conditions_(conditions)
    {
    }
    Times &add(const char *subject, Role role, double flops, std::unique_ptr<Product> product)
    {
        products_.push_back(std::move(product));
        result.times.push_back({subject, role, flops, {}, 0});
        return result.times.back();
    }
    Product &last()
    {
        return *products_.back();
    }
    void run(double bytes)
    {
        std::vector<Entrant> entrants;
        for (size_t i = 0; i < products_.size(); i++) {
            settle(conditions_);
            entrants.push_back(enter(*products_[i], result.times[i].seconds));
        }
        std::unique_ptr<Stream> stream;
        if (bytes > conditions_.cache_bytes)
            stream = std::make_unique<Stream>(conditions_);
        run_rounds(conditions_, entrants, [&] {
            result.fma.push_back(conditions_.threads * peak_fma_f32(conditions_.isa.c_str(), SLICE));
            if (stream)
                result.read.push_back(stream->read());
        });
    }

    Result result;

  private:
    const Conditions &conditions_;
    std::vector<std::unique_ptr<Product>> products_;
};

/*
 * Outputs are means of values in [-1, 1). What is tolerated is that each weight is off by the roundings of its score,
 * of which there are head_dim, and of its sum.
 */
double tolerance(const Attention &a)
{
    return std::numeric_limits<float>::epsilon() * double(a.dim + 64);
}

Result measure_attention(const Entry &entry, const Attention &a, gml_context *context,
                         const Conditions &conditions)
{
    const AttentionOperands operands(a);
    Measurement measurement(entry, conditions);
    measurement.add("gemmule", Role::ours, a.flops(), fused(context, operands));
    measurement.last().run(1);
    const size_t elements = operands.o_elements();
    const std::vector<float> reference(operands.o(), operands.o() + elements);

    for (const Heads heads : {Heads::one, Heads::all}) {
        auto product = composed(context, operands, heads, SCORE_BYTES);
        if (!product)
            continue;
        std::memset(operands.o(), 0xff, elements * sizeof(float)); /* NaN */
        product->run(1);
        Times &times = measurement.add(heads == Heads::one ? "composed" : "composed-all", Role::composed,
                                       a.flops(), std::move(product));
        times.error = difference<float>(operands.o(), reference.data(), elements) / tolerance(a);
    }
    std::unique_ptr<AttentionOperands> plain;
    if (entry.group == "masks") {
        plain = std::make_unique<AttentionOperands>(a.unmasked());
        measurement.add("unmasked", Role::unmasked, plain->problem.flops(), fused(context, *plain));
    }
    measurement.run(a.bytes());
    return measurement.result;
}

Result measure_softmax(const Entry &entry, const Softmax &s, gml_context *context,
                       const Conditions &conditions)
{
    const size_t bytes = size_t(s.rows * s.cols) * sizeof(float);
    const Buffer x = allocate(bytes), y = allocate(bytes);
    fill<float>(x.get(), bytes);
    std::memset(y.get(), 0, bytes);
    Measurement measurement(entry, conditions);
    measurement.add(
        "gemmule", Role::ours, s.flops(),
        softmax(context, s, reinterpret_cast<float *>(x.get()), reinterpret_cast<float *>(y.get())));
    if (s.bytes() > conditions.cache_bytes)
        measurement.add("copy", Role::copy, s.flops(),
                        repeat(1, [&](size_t) { peak_copy(y.get(), x.get(), bytes, conditions.threads); }));
    measurement.run(s.bytes());
    return measurement.result;
}

} // namespace

const char *Result::bound() const
{
    if (read.empty())
        return "FMA peak";
    if (times.back().role == Role::copy)
        return "copy";
    const double bytes = std::get<Attention>(entry.problem).bytes();
    return bytes / median(read) > ours().flops / median(fma) ? "read" : "FMA peak";
}

double Result::of_bound(const Times &of) const
{
    const double bytes = std::visit([](const auto &problem) { return problem.bytes(); }, entry.problem);
    std::vector<double> parts;
    for (size_t r = 0; r < of.seconds.size(); r++) {
        double bound = of.flops / fma[r];
        if (!read.empty())
            bound =
                std::max(bound, times.back().role == Role::copy ? times.back().seconds[r] : bytes / read[r]);
        parts.push_back(bound / of.seconds[r]);
    }
    return median(parts);
}

Ratio Result::ratio_to(const Times &of) const
{
    Ratio ratio = paired_ratio(of.seconds, ours().seconds);
    const double work = ours().flops / of.flops;
    return {ratio.value * work, {ratio.interval.low * work, ratio.interval.high * work}};
}

const Times *Result::composed() const
{
    const Times *fastest = nullptr;
    for (const Times &of : times)
        if (of.role == Role::composed && !of.wrong() &&
            (!fastest || median(of.seconds) < median(fastest->seconds)))
            fastest = &of;
    return fastest;
}

Result measure(const Entry &entry, gml_context *context, const Conditions &conditions)
{
    if (const auto *attention = std::get_if<Attention>(&entry.problem))
        return measure_attention(entry, *attention, context, conditions);
    return measure_softmax(entry, std::get<Softmax>(entry.problem), context, conditions);
}

} // namespace bench
