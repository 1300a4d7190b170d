/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_bench_gemm: GEMM beside other libraries, in one process and in turns (docs/benchmarking.md).
 */
#include "bench/command.h"
#include "bench/gemm_report.h"
#include "bench/gemm_sweep.h"
#include "bench/suite.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>

namespace bench
{
namespace
{

const char HELP[] =
    "usage: gemmule_bench_gemm [suite] [options]\n"
    "       gemmule_bench_gemm sweep [FROM..TO[:STEP]] [options]\n"
    "\n"
    "The suite times products beside other libraries. The sweep times all sizes of a range (1..520), squares "
    "and "
    "each\n"
    "of M, N and K alone, prints CSV and names the cliffs: sizes that take longer than a larger one.\n"
    "\n"
    "  --type f32|f64            of the elements (f32)\n"
    "  --shapes LIST             MxNxK, in the suite or not, or patterns of it such as '*x4096x4096'; by "
    "commas\n"
    "  --group LIST              groups of the suite: tiny, small, medium, large, gemv, skinny, llm, "
    "encoder,\n"
    "                            attention, hpc, lu\n"
    "  --suite NAME              whose products are meant: a suite beside this program, or FILE.suite "
    "(gemm)\n"
    "  --transpose no|yes|both   B as k rows of n, as n rows of k, or both (both; of a sweep: no)\n"
    "  --threads N               of every library (1)\n"
    "  --isa NAME                highest instruction set of gemmule\n"
    "  --repetitions N           rounds, at most 1000 (11; of a sweep: 5, and 3 of what takes long)\n"
    "  --cold                    cycle through operands larger than the last-level cache\n"
    "  --peer NAME=PATH          a shared library with the CBLAS interface; may be repeated\n"
    "  --only LIST               these subjects only: patterns of the names that are listed first, by "
    "commas\n"
    "                            (all; of a sweep: gemmule and each --peer)\n"
    "  --json                    one JSON object, with every sample, instead of tables\n"
    "  --help\n"
    "\n"
    "Exit codes: 0; 1 for a wrong result of any library, or a cliff of the sweep; 2 for what cannot be "
    "done.\n";

constexpr double SWEEP_EFFORT = 0.05; /* seconds: for all rounds of a size */
constexpr int SWEEP_LEAST = 3;

struct Options {
    bool sweep = false, cold = false, json = false;
    Type type = Type::f32;
    std::vector<std::string> shapes, groups, only;
    std::string transpose, isa, suite = "gemm";
    int threads = 1, repetitions = 0;
    Range sizes;
    std::vector<std::pair<std::string, std::string>> peers;
};

Options parse(int argc, char **argv)
{
    Options options;
    static const option LONG[] = {
        {"type", 1, nullptr, 't'},        {"shapes", 1, nullptr, 's'},  {"group", 1, nullptr, 'g'},
        {"transpose", 1, nullptr, 'b'},   {"threads", 1, nullptr, 'n'}, {"isa", 1, nullptr, 'i'},
        {"repetitions", 1, nullptr, 'r'}, {"cold", 0, nullptr, 'c'},    {"peer", 1, nullptr, 'p'},
        {"only", 1, nullptr, 'o'},        {"json", 0, nullptr, 'j'},    {"suite", 1, nullptr, 'u'},
        {"help", 0, nullptr, 'h'},        {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", LONG, nullptr)) != -1;) {
        const std::string value = optarg ? optarg : "";
        const size_t equals = value.find('=');
        switch (c) {
        case 't':
            if (value != "f32" && value != "f64")
                throw Failure("--type is f32 or f64");
            options.type = value == "f32" ? Type::f32 : Type::f64;
            break;
        case 's':
            options.shapes = split(value);
            break;
        case 'g':
            options.groups = split(value);
            break;
        case 'b':
            if (value != "no" && value != "yes" && value != "both")
                throw Failure("--transpose is no, yes or both");
            options.transpose = value;
            break;
        case 'n':
            options.threads = number("threads", optarg, 1024);
            break;
        case 'i':
            options.isa = value;
            break;
        case 'r':
            options.repetitions = number("repetitions", optarg, 1000);
            break;
        case 'c':
            options.cold = true;
            break;
        case 'p':
            if (equals == 0 || equals == std::string::npos)
                throw Failure("--peer is NAME=PATH, such as openblas=/usr/lib/libopenblas.so.0");
            options.peers.emplace_back(value.substr(0, equals), value.substr(equals + 1));
            break;
        case 'o':
            options.only = split(value);
            break;
        case 'u':
            options.suite = value;
            break;
        case 'j':
            options.json = true;
            break;
        case 'h':
            std::fputs(HELP, stdout);
            std::exit(0);
        default:
            throw Failure("try --help");
        }
    }
    for (; optind < argc; optind++) {
        const std::string word = argv[optind];
        if (options.sweep && word != "sweep")
            options.sizes = range(word);
        else if (word == "suite" || word == "sweep")
            options.sweep = word == "sweep";
        else
            throw Failure(word + " is neither suite nor sweep");
    }
    if (options.sweep && !(options.shapes.empty() && options.groups.empty()))
        throw Failure("a sweep has no --shapes and no --group, but FROM..TO[:STEP]");
    if (options.sweep && options.only.empty()) {
        options.only.push_back("gemmule");
        for (const auto &[name, path] : options.peers)
            options.only.push_back(name);
    }
    return options;
}

struct Entry {
    std::string group;
    Shape shape;
};

/* What --shapes and --group leave of the suite, however B is stored there, and then shapes that are not in it. */
std::vector<Entry> selection(const Options &options)
{
    std::vector<Entry> entries;
    for (const Case &one : read_suite(options.suite)) {
        const Gemm *gemm = std::get_if<Gemm>(&one.work);
        if (!gemm || gemm->type != options.type || !matches(options.shapes, name(gemm->shape)) ||
            !matches(options.groups, one.group))
            continue;
        const bool known = std::any_of(entries.begin(), entries.end(), [&](const Entry &entry) {
            return entry.group == one.group && name(entry.shape) == name(gemm->shape);
        });
        if (!known)
            entries.push_back({one.group, gemm->shape});
    }
    for (const std::string &text : options.shapes) {
        long long m, n, k;
        int length = 0;
        const bool shape =
            std::sscanf(text.c_str(), "%lldx%lldx%lld%n", &m, &n, &k, &length) == 3 && !text[size_t(length)];
        const bool known = std::any_of(entries.begin(), entries.end(), [&](const Entry &entry) {
            return matches({text}, name(entry.shape));
        });
        if (shape && !known && options.groups.empty()) {
            if (m < 1 || n < 1 || k < 1 || m > 1 << 24 || n > 1 << 24 || k > 1 << 24)
                throw Failure(text + ": M, N and K are from 1 to 16777216");
            entries.push_back({"chosen", {m, n, k}});
        }
    }
    if (entries.empty())
        throw Failure("no problem of the suite is selected");
    return entries;
}

Subjects subjects_of(const Options &options, gml_context *context)
{
    Subjects subjects;
    add_gemmule(subjects, context);
    for (const auto &[name, path] : options.peers)
        add_cblas(subjects, name, path, options.type, options.threads);
#ifdef GEMMULE_BENCH_XSMM
    add_xsmm(subjects, options.type, options.threads);
#endif
#ifdef GEMMULE_BENCH_ONEDNN
    add_onednn(subjects, options.type, options.threads);
#endif
    /* The first is what the others are checked against. */
    subjects.erase(std::remove_if(subjects.begin() + 1, subjects.end(),
                                  [&](const auto &subject) { return !matches(options.only, subject->name); }),
                   subjects.end());
    return subjects;
}

bool run(const Options &options)
{
    /* Of libgemmule_blas as a peer; our own context is told. */
    setenv("GEMMULE_NUM_THREADS", std::to_string(options.threads).c_str(), 1);
    const Context context = create_context(options.threads, options.isa);
    const std::vector<Entry> entries = options.sweep ? std::vector<Entry>() : selection(options);
    const Subjects subjects = subjects_of(options, context.get());
    Settings settings;
    settings.isa = gml_context_isa(context.get());
    settings.threads = options.threads;
    settings.repetitions = options.repetitions ? options.repetitions : options.sweep ? 5 : 11;
    settings.cold = options.cold;
    settings.cache_bytes = cache_bytes(options.threads);

    int wrong;
    if (options.sweep) {
        settings.bandwidth = false;
        settings.effort = SWEEP_EFFORT;
        settings.least = SWEEP_LEAST;
        wrong =
            sweep(options.type, options.transpose == "yes", options.sizes, options.json, subjects, settings);
    } else {
        if (!options.json)
            print_subjects(subjects, options.type, settings);
        std::vector<Measured> results;
        for (const Entry &entry : entries)
            for (const bool transposed : {false, true}) {
                if (options.transpose == (transposed ? "no" : "yes"))
                    continue;
                const Problem problem{options.type, entry.shape, transposed};
                results.push_back({entry.group, measure(problem, subjects, settings)});
                if (!options.json)
                    print_result(entry.group, results.back().result);
            }
        wrong = options.json ? print_json(subjects, options.type, settings, results) : print_summary(results);
    }
    return wrong == 0;
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::finish("gemmule_bench_gemm", [=] { return bench::run(bench::parse(argc, argv)); });
}
