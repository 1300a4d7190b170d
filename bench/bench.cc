/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_bench: the suites, on Google Benchmark (docs/benchmarking.md).
 *
 * An iteration is a call; they are timed in batches of a quarter of a millisecond at least, on a monotonic clock, and
 * beside each batch for as long the machine's own peak, so that a result is also a fraction of a peak at the same
 * clock. Only the public interface of the library is used, which is loaded when the program starts: one harness
 * measures any libgemmule.so that LD_LIBRARY_PATH leads to.
 */
#include "bench/bench_run.h"
#include "bench/statistics.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>

namespace bench
{
namespace
{

const char HELP[] =
    "usage: gemmule_bench [--suite=NAME] [--threads=N] [--isa=NAME] [--peaks=yes|no] [--benchmark_...]\n"
    "\n"
    "Times the cases of a suite.\n"
    "\n"
    "  --suite=NAME     a suite beside this program, or the path of one: FILE.suite (quick)\n"
    "  --threads=N      of cases that do not say (1)\n"
    "  --isa=NAME       highest instruction set of gemmule, of cases that do not say\n"
    "  --peaks=yes|no   measure the machine's peak beside each batch (yes)\n"
    "\n"
    "Exit codes: 0; 2 for arguments and suites that are wrong; 4 where a case failed, or none was selected.\n"
    "\n"
    "The options of Google Benchmark:\n"
    "\n";

struct Options {
    std::string suite = "quick", isa;
    int threads = 1;
    bool peaks = true;
};

bool a_case_failed = false;

/* A case of the suite as it is run: the operands are kept for the repetitions. */
struct Prepared {
    const Case *of;
    Timed timed;
};
constexpr size_t KEPT = size_t(256) << 20; /* bytes of operands of cases that have been run */

const Timed &prepare(const Case &of, const Runtime &runtime)
{
    static std::list<Prepared> prepared;
    size_t bytes = 0;
    for (Prepared &one : prepared) {
        if (one.of == &of)
            return one.timed;
        bytes += one.timed.footprint;
    }
    if (bytes > KEPT)
        prepared.clear();
    prepared.push_back({&of, {}});
    try {
        prepared.back().timed = make_ready(of.work, runtime);
    } catch (...) {
        prepared.pop_back();
        throw;
    }
    return prepared.back().timed;
}

/* How a case is timed: in all repetitions the same, or else Google Benchmark would find other numbers of iterations, and
 * end the program. */
struct Batch {
    int64_t calls;
    bool warmed; /* by a call before it, unless calls take long */
};

Batch warm_up(const Case &of, const Timed &timed)
{
    constexpr double WARM_CALL =
        0.1; /* seconds: of a call that warms its caches within a percent of itself */
    static std::map<const Case *, Batch> batches;
    const auto known = batches.find(&of);
    if (known != batches.end()) {
        if (known->second.warmed)
            timed.seconds_of(1);
        return known->second;
    }
    timed.seconds_of(1);
    int64_t calls = 1;
    double passed;
    while ((passed = timed.seconds_of(calls)) < SLICE_OF_CASE)
        calls *= 2;
    return batches[&of] = {calls, passed < WARM_CALL};
}

void measure(benchmark::State &state, const Case &of, const Options &options)
{
    const Runtime &runtime =
        runtime_of(of.threads ? of.threads : options.threads, of.isa.empty() ? options.isa : of.isa);
    const Timed &timed = prepare(of, runtime);
    const Batch batch = warm_up(of, timed);

    const bool peaks = options.peaks && timed.peak;
    std::vector<double> seconds, of_peak, peak;
    int64_t asked = 0;
    while (state.KeepRunningBatch(batch.calls)) {
        const int64_t before = allocations();
        const double passed = timed.seconds_of(batch.calls);
        asked += allocations() - before;
        state.SetIterationTime(passed);
        seconds.push_back(passed / double(batch.calls));
        if (peaks) {
            state.PauseTiming(); /* of the CPU time */
            peak.push_back(timed.peak());
            state.ResumeTiming();
            of_peak.push_back(timed.work / seconds.back() / peak.back());
        }
    }
    state.SetLabel(of.group + (of.label.empty() ? "" : ": " + of.label));
    const double typical = median(seconds);
    state.counters["us"] = typical * 1e6;
    if (timed.unit)
        state.counters[timed.unit] = timed.work / typical / 1e9;
    if (timed.bytes > 0)
        state.counters["GB/s"] = timed.bytes / typical / 1e9;
    if (peaks) {
        state.counters["peak"] = median(peak) / 1e9;
        state.counters["of_peak"] = median(of_peak);
    }
    state.counters["allocs"] = double(asked) / double(state.iterations());
}

/* The line of the suite, with threads and instruction set where it does not say. */
std::string name_of(const Case &of, const Runtime &runtime)
{
    return of.name + "/thr:" + std::to_string(of.threads ? of.threads : runtime.threads) +
           "/isa:" + (of.isa.empty() ? runtime.isa : of.isa);
}

void add(const Case &of, const Runtime &runtime, const Options &options)
{
    const auto run = [&of, &options](benchmark::State &state) {
        try {
            measure(state, of, options);
        } catch (const std::exception &failure) {
            a_case_failed = true;
            state.SkipWithError(failure.what());
        }
    };
    benchmark::RegisterBenchmark(name_of(of, runtime).c_str(), run)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
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

Options take_options(int *argc, char **argv)
{
    Options options;
    if (const char *value = take_option(argc, argv, "--suite"))
        options.suite = value;
    if (const char *value = take_option(argc, argv, "--isa"))
        options.isa = value;
    if (const char *value = take_option(argc, argv, "--threads")) {
        char *end;
        const long threads = std::strtol(value, &end, 10);
        if (end == value || *end || threads < 1 || threads > 1024)
            throw Failure("--threads is a number from 1 to 1024");
        options.threads = int(threads);
    }
    if (const char *value = take_option(argc, argv, "--peaks")) {
        if (std::strcmp(value, "yes") && std::strcmp(value, "no"))
            throw Failure("--peaks is yes or no");
        options.peaks = !std::strcmp(value, "yes");
    }
    return options;
}

int run(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!std::strcmp(argv[i], "--help"))
            std::fputs(HELP, stdout);
    static const Options options = take_options(&argc, argv);
    /* Ours, before those of the command line, which count. A time of a case itself would become a part of its name. */
    static char min_time[] = "--benchmark_min_time=" GEMMULE_BENCH_MIN_TIME;
    std::vector<char *> arguments(argv, argv + argc);
    if (!std::getenv("BENCHMARK_MIN_TIME"))
        arguments.insert(arguments.begin() + 1, min_time);
    argc = int(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&argc, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(argc, arguments.data()))
        return 2;

    static const std::vector<Case> cases = read_suite(options.suite);
    const Runtime &runtime = runtime_of(options.threads, options.isa);
    describe_run(runtime);
    benchmark::AddCustomContext("suite", options.suite);
    benchmark::AddCustomContext("peaks", options.peaks ? "yes" : "no");
    for (const Case &one : cases)
        add(one, runtime, options);
    if (benchmark::RunSpecifiedBenchmarks() == 0) {
        std::fprintf(stderr, "gemmule_bench: no case of the suite %s is selected\n", options.suite.c_str());
        return 4;
    }
    if (a_case_failed)
        std::fprintf(stderr, "gemmule_bench: a case has failed\n");
    return a_case_failed ? 4 : 0;
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    try {
        return bench::run(argc, argv);
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "gemmule_bench: %s\n", failure.what());
        return 2;
    }
}
