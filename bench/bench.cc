/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_bench: the benchmark suites, on Google Benchmark.
 *
 * Each iteration times a batch of calls of an operation, of a millisecond at least, and then for as long the machine's
 * own peak. So every result is also a fraction of a peak measured in the same run, at the same clock. Counters, each
 * the median over iterations: us (microseconds of one call), GFLOP/s or Gelement/s, peak (the same unit, measured beside
 * it) and of_peak (the ratio of the two, robust where the clock drifts). The columns Time and CPU are those of a batch.
 *
 *   gemmule_bench [--isa=NAME] [--threads=N] [Google Benchmark's own options]
 */
#include "bench/peak.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gemmule/gemmule.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace
{

gml_context *context;
std::string isa;
int threads = 1;

constexpr double SLICE = 1e-3; /* seconds: of a batch at least, and of a look at the peak */

/* 64-byte aligned floats in [-1, 1]. */
class Floats
{
  public:
    explicit Floats(size_t n)
        : data_(static_cast<float *>(std::aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64)))
    {
        std::minstd_rand random(1);
        std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
        for (size_t i = 0; i < n; i++)
            data_.get()[i] = uniform(random);
    }
    float *get() const
    {
        return data_.get();
    }

  private:
    struct Free {
        void operator()(float *p) const
        {
            std::free(p);
        }
    };
    std::unique_ptr<float, Free> data_;
};

double median(std::vector<double> values)
{
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

/* Runs `call`, which does `work` units, against `peak`, which returns units per second. */
template <class Call, class Peak>
void measure(benchmark::State &state, const char *unit, double work, Call call, Peak peak)
{
    if (call() != GML_OK) { /* also warms up */
        char sentence[256];
        gml_last_error(sentence, sizeof sentence);
        state.SkipWithError(sentence);
        return;
    }
    const auto seconds_of = [&](int64_t calls) {
        const double start = peak_now();
        for (int64_t i = 0; i < calls; i++)
            call();
        return peak_now() - start;
    };
    int64_t calls = 1;
    while (seconds_of(calls) < SLICE)
        calls *= 2;

    std::vector<double> microseconds, rates, peaks, fractions;
    for (auto _ : state) {
        const double passed = seconds_of(calls);
        state.SetIterationTime(passed);
        microseconds.push_back(passed / calls * 1e6);
        rates.push_back(work * calls / passed);
        peaks.push_back(peak());
        fractions.push_back(rates.back() / peaks.back());
    }
    state.counters["us"] = median(microseconds);
    state.counters[unit] = median(rates) / 1e9;
    state.counters["peak"] = median(peaks) / 1e9;
    state.counters["of_peak"] = median(fractions);
}

/* One thread's peak, times the threads: a team's clock may be lower, which then counts against the operation. */
double fma_peak()
{
    return threads * peak_fma_f32(isa.c_str(), SLICE);
}

void gemm(benchmark::State &state, int64_t m, int64_t n, int64_t k)
{
    const Floats a(m * k), b(k * n), c(m * n);
    measure(
        state, "GFLOP/s", 2.0 * m * n * k,
        [&] {
            return gml_gemm_f32(context, m, n, k, 1.0f, a.get(), k, 1, b.get(), n, 1, 0.0f, c.get(), n, 1);
        },
        fma_peak);
}

/* of_peak 1 is a softmax that does nothing but its exponentials: eight FMA slots for each vector. */
void softmax(benchmark::State &state, int64_t rows, int64_t cols)
{
    const Floats x(rows * cols), y(rows * cols);
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = rows, problem.cols = cols;
    problem.x = x.get(), problem.x_stride = cols;
    problem.y = y.get(), problem.y_stride = cols;
    constexpr double SLOTS = 8, FLOPS_OF_FMA = 2;
    measure(
        state, "Gelement/s", double(rows) * cols, [&] { return gml_softmax_f32(context, &problem); },
        [] { return fma_peak() / FLOPS_OF_FMA / SLOTS; });
}

/* Work is counted by the pairs of query and key that causality leaves; a boolean tensor of which one in eight is false
 * leaves them all. */
enum class Mask { none, causal, keep };

void attention(benchmark::State &state, int64_t heads, int64_t q_len, int64_t kv_len, int64_t dim, Mask mask)
{
    const Floats q(heads * q_len * dim), k(heads * kv_len * dim), v(heads * kv_len * dim),
        o(heads * q_len * dim);
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1, p.heads = heads, p.kv_heads = heads, p.q_len = q_len, p.kv_len = kv_len;
    p.head_dim = p.v_head_dim = dim;
    p.q = q.get(), p.k = k.get(), p.v = v.get(), p.o = o.get();
    const int64_t q_stride[3] = {heads * q_len * dim, q_len * dim, dim};
    const int64_t kv_stride[3] = {heads * kv_len * dim, kv_len * dim, dim};
    std::memcpy(p.q_stride, q_stride, sizeof q_stride);
    std::memcpy(p.o_stride, q_stride, sizeof q_stride);
    std::memcpy(p.k_stride, kv_stride, sizeof kv_stride);
    std::memcpy(p.v_stride, kv_stride, sizeof kv_stride);
    double pairs = double(q_len) * kv_len;
    std::vector<uint8_t> keep;
    if (mask == Mask::causal) {
        p.causal = GML_CAUSAL_BOTTOM_RIGHT;
        pairs = q_len * (kv_len - q_len + (q_len + 1) / 2.0);
    } else if (mask == Mask::keep) {
        std::minstd_rand random(1);
        for (int64_t i = 0; i < q_len * kv_len; i++)
            keep.push_back(random() % 8 != 0);
        p.keep = keep.data();
        p.keep_stride[2] = kv_len, p.keep_stride[3] = 1;
    }
    measure(
        state, "GFLOP/s", 4.0 * heads * pairs * dim, [&] { return gml_attention_f32(context, &p); },
        fma_peak);
}

constexpr size_t MEMORY_BYTES = size_t(512) << 20;

void memory_read(benchmark::State &state)
{
    const Floats data(MEMORY_BYTES / sizeof(float));
    for (auto _ : state) {
        const double rate = peak_read(data.get(), MEMORY_BYTES, threads);
        state.SetIterationTime(MEMORY_BYTES / rate);
    }
    state.counters["GB/s"] =
        benchmark::Counter(double(MEMORY_BYTES) / 1e9 * state.iterations(), benchmark::Counter::kIsRate);
}

void memory_copy(benchmark::State &state)
{
    const Floats from(MEMORY_BYTES / sizeof(float)), to(MEMORY_BYTES / sizeof(float));
    for (auto _ : state) {
        const double rate = peak_copy(to.get(), from.get(), MEMORY_BYTES, threads);
        state.SetIterationTime(2 * MEMORY_BYTES / rate);
    }
    state.counters["GB/s"] =
        benchmark::Counter(2 * double(MEMORY_BYTES) / 1e9 * state.iterations(), benchmark::Counter::kIsRate);
}

void fma(benchmark::State &state)
{
    std::vector<double> rates;
    for (auto _ : state) {
        rates.push_back(peak_fma_f32(isa.c_str(), 10 * SLICE));
        state.SetIterationTime(10 * SLICE);
    }
    state.counters["GFLOP/s"] = median(rates) / 1e9;
}

std::string name(const char *operation, std::initializer_list<int64_t> sizes)
{
    std::string text = operation;
    const char *separator = "/";
    for (const int64_t size : sizes) {
        text += separator + std::to_string(size);
        separator = "x";
    }
    return text;
}

template <class... Arguments> void add(const std::string &title, Arguments &&...arguments)
{
    benchmark::RegisterBenchmark(title.c_str(), std::forward<Arguments>(arguments)...)
        ->UseManualTime()
        ->MinTime(0.2)
        ->Unit(benchmark::kMillisecond);
}

void add_all()
{
    add("peak/fma_f32", fma);
    add("peak/read", memory_read);
    add("peak/copy", memory_copy);
    for (const int64_t n : {64, 128, 256, 512, 1000, 1024, 2048, 4096})
        add(name("gemm_f32", {n, n, n}), gemm, n, n, n);
    constexpr int64_t products[][3] = {{8, 4096, 4096}, {128, 768, 3072}, {4096, 4096, 32}};
    for (const auto &[m, n, k] : products)
        add(name("gemm_f32", {m, n, k}), gemm, m, n, k);
    constexpr int64_t rows_cols[][2] = {{4096, 64}, {256, 1024}, {16, 4096}, {4, 65536}, {4096, 4096}};
    for (const auto &[rows, cols] : rows_cols)
        add(name("softmax_f32", {rows, cols}), softmax, rows, cols);
    const std::pair<const char *, Mask> masks[] = {{"attention_f32", Mask::none},
                                                   {"attention_f32_causal", Mask::causal},
                                                   {"attention_f32_keep", Mask::keep}};
    for (const int64_t dim : {64, 128, 256})
        for (const auto &[title, mask] : masks)
            for (const int64_t length : {512, 2048})
                add(name(title, {8, length, length, dim}), attention, 8, length, length, dim, mask);
    for (const int64_t keys : {1024, 8192})
        add(name("attention_f32", {8, 1, keys, 128}), attention, 8, 1, keys, 128, Mask::none);
}

/* Takes --name=value out of the arguments. */
const char *take_option(int *argc, char **argv, const char *option)
{
    const size_t length = std::strlen(option);
    for (int i = 1; i < *argc; i++)
        if (!std::strncmp(argv[i], option, length) && argv[i][length] == '=') {
            const char *value = argv[i] + length + 1;
            std::rotate(argv + i, argv + i + 1, argv + *argc);
            --*argc;
            return value;
        }
    return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    options.isa = take_option(&argc, argv, "--isa");
    if (const char *value = take_option(&argc, argv, "--threads"))
        options.threads = std::atoi(value);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    if (gml_context_create(&context, &options) != GML_OK) {
        char sentence[256];
        gml_last_error(sentence, sizeof sentence);
        std::fprintf(stderr, "gemmule_bench: %s\n", sentence);
        return 2;
    }
    isa = gml_context_isa(context);
    threads = gml_context_threads(context);
    benchmark::AddCustomContext("gemmule", gml_version());
    benchmark::AddCustomContext("isa", isa);
    benchmark::AddCustomContext("threads", std::to_string(threads));
    add_all();
    benchmark::RunSpecifiedBenchmarks();
    gml_context_destroy(context);
    return 0;
}
