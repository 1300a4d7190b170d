/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The cases: operands, the call that is timed, the work that it does, and the peak that it is a fraction of.
 */
#include "bench/attention_subject.h"
#include "bench/bench_run.h"
#include "bench/peak.h"
#include <cstring>

namespace bench
{
namespace
{

/* Seconds of calls of the product, which owns its operands. */
std::function<double(int64_t)> clocked(std::shared_ptr<Product> product)
{
    return [product = std::move(product)](int64_t calls) {
        const double start = peak_now();
        product->run(calls);
        return peak_now() - start;
    };
}

/* One thread's peak, times the threads: a team's clock may be lower, which then counts against the operation. */
double fma_peak(const Runtime &runtime, Type type)
{
    return runtime.threads *
           (type == Type::f32 ? peak_fma_f32 : peak_fma_f64)(runtime.isa.c_str(), SLICE_OF_CASE);
}

gml_status call(gml_context *context, const Gemm &g, const float *a, const float *b, float *c)
{
    const auto [m, n, k] = g.shape;
    return gml_gemm_f32(context, m, n, k, 1, a, g.a_transposed ? 1 : k, g.a_transposed ? m : 1, b,
                        g.b_transposed ? 1 : n, g.b_transposed ? k : 1, 0, c, n, 1);
}

gml_status call(gml_context *context, const Gemm &g, const double *a, const double *b, double *c)
{
    const auto [m, n, k] = g.shape;
    return gml_gemm_f64(context, m, n, k, 1, a, g.a_transposed ? 1 : k, g.a_transposed ? m : 1, b,
                        g.b_transposed ? 1 : n, g.b_transposed ? k : 1, 0, c, n, 1);
}

template <class T> struct Matrix {
    explicit Matrix(int64_t rows, int64_t columns)
        : bytes(size_t(rows) * size_t(columns) * sizeof(T)), data(allocate(bytes))
    {
        fill<T>(data.get(), bytes);
    }
    T *get() const
    {
        return reinterpret_cast<T *>(data.get());
    }
    size_t bytes;
    Buffer data;
};

template <class T> std::unique_ptr<Product> product_of(const Gemm &g, gml_context *context)
{
    const auto [m, n, k] = g.shape;
    return repeat(1, [=, a = Matrix<T>(m, k), b = Matrix<T>(k, n), c = Matrix<T>(m, n)](size_t) {
        require(call(context, g, a.get(), b.get(), c.get()));
    });
}

Timed ready(const Gemm &g, const Runtime &runtime)
{
    Timed timed;
    timed.seconds_of = clocked(g.type == Type::f32 ? product_of<float>(g, runtime.context)
                                                   : product_of<double>(g, runtime.context));
    timed.unit = "GFLOP/s";
    timed.work = g.shape.flops();
    timed.bytes = double(size_of(g.type)) * g.shape.elements();
    timed.peak = [&runtime, type = g.type] { return fma_peak(runtime, type); };
    timed.footprint = size_t(timed.bytes);
    return timed;
}

/* of_peak 1 is a softmax that does nothing but its exponentials. */
Timed ready(const Softmax &s, const Runtime &runtime)
{
    auto x = std::make_shared<Matrix<float>>(s.rows, s.cols),
         y = std::make_shared<Matrix<float>>(s.rows, s.cols);
    Timed timed;
    timed.seconds_of = [x, y, run = clocked(softmax(runtime.context, s, x->get(), y->get()))](int64_t calls) {
        return run(calls);
    };
    timed.unit = "Gelement/s";
    timed.work = s.elements();
    timed.bytes = s.bytes();
    timed.peak = [&runtime, slots = s.flops() / s.elements()] {
        return fma_peak(runtime, Type::f32) / slots;
    };
    timed.footprint = size_t(timed.bytes);
    return timed;
}

/* Work is counted by the pairs of query and key that structure leaves; a tensor of which one in eight is false leaves
 * them all. */
Timed ready(const Attention &a, const Runtime &runtime)
{
    auto operands = std::make_shared<AttentionOperands>(a);
    Timed timed;
    timed.seconds_of = [operands, run = clocked(fused(runtime.context, *operands))](int64_t calls) {
        return run(calls);
    };
    timed.unit = "GFLOP/s";
    timed.work = a.flops();
    timed.bytes = a.bytes();
    timed.peak = [&runtime] { return fma_peak(runtime, Type::f32); };
    timed.footprint = size_t(timed.bytes);
    return timed;
}

/* A call is a million FMAs of each thread, in registers: the loop itself looks at the clock. */
Timed fma_loop(const Runtime &runtime)
{
    Timed timed;
    timed.unit = "GFLOP/s";
    timed.work = 2e6 * runtime.threads;
    timed.seconds_of = [&runtime, work = timed.work](int64_t calls) {
        return double(calls) * work / peak_fma_f32_of(runtime.isa.c_str(), SLICE_OF_CASE, runtime.threads);
    };
    return timed;
}

Timed memory_pass(size_t bytes, int threads, bool copied)
{
    auto from = std::make_shared<Buffer>(allocate(bytes)),
         to = std::make_shared<Buffer>(allocate(copied ? bytes : 0));
    std::memset(from->get(), 1, bytes);
    std::memset(to->get(), 0, copied ? bytes : 0);
    Timed timed;
    timed.seconds_of = [=](int64_t calls) {
        const double start = peak_now();
        for (; calls > 0; calls--) {
            if (copied)
                peak_copy(to->get(), from->get(), bytes, threads);
            else
                peak_read(from->get(), bytes, threads);
        }
        return peak_now() - start;
    };
    timed.bytes = double(bytes) * (copied ? 2 : 1);
    timed.footprint = size_t(timed.bytes);
    return timed;
}

Timed ready(const Machine &machine, const Runtime &runtime)
{
    constexpr size_t CANARY = size_t(64) << 20, MEMORY = size_t(512) << 20;
    switch (machine) {
    case Machine::fma:
        return fma_loop(runtime);
    case Machine::read:
        return memory_pass(CANARY, runtime.threads, false);
    case Machine::memory_read:
        return memory_pass(MEMORY, runtime.threads, false);
    case Machine::memory_copy:
        break;
    }
    return memory_pass(MEMORY, runtime.threads, true);
}

} // namespace

Timed make_ready(const Work &work, const Runtime &runtime)
{
    return std::visit([&](const auto &problem) { return ready(problem, runtime); }, work);
}

} // namespace bench
