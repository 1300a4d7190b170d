/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_bench_attention: attention and softmax beside what they can be composed of, and the machine's peaks, in one
 * process and in turns (docs/benchmarking.md).
 */
#include "bench/attention_report.h"
#include "bench/command.h"
#include "bench/suite.h"
#include <algorithm>
#include <cstdio>
#include <getopt.h>

namespace bench
{
namespace
{

const char HELP[] =
    "usage: gemmule_bench_attention [options]\n"
    "\n"
    "Times attention and softmax on the problems of the suite, in rounds beside the FMA peak and the read "
    "bandwidth.\n"
    "Attention is held against GEMM, softmax and GEMM on stored scores (composed: a key head at a time; "
    "composed-all:\n"
    "all in one call each), masks against the same without (unmasked), softmax beyond the caches against "
    "copying.\n"
    "\n"
    "  --group LIST        groups of the suite: prefill, decode, masks, real, softmax\n"
    "  --problems LIST     patterns of names such as '8x2048x*+causal', by commas\n"
    "  --threads N         (1)\n"
    "  --isa NAME          highest instruction set\n"
    "  --repetitions N     rounds, at most 1000 (11)\n"
    "  --json              one JSON object, with every sample, instead of tables\n"
    "  --suite LIST        suites beside this program, or FILE.suite (attention,softmax)\n"
    "  --list              the problems as a JSON array, and nothing else\n"
    "  --help\n"
    "\n"
    "Exit codes: 0; 1 for a wrong result; 2 for what cannot be done.\n";

struct Options {
    std::vector<std::string> groups, problems, suites = {"attention", "softmax"};
    std::string isa;
    int threads = 1, repetitions = 11;
    bool json = false, list = false;
};

Options parse(int argc, char **argv)
{
    Options options;
    static const option LONG[] = {{"group", 1, nullptr, 'g'},       {"problems", 1, nullptr, 'p'},
                                  {"threads", 1, nullptr, 'n'},     {"isa", 1, nullptr, 'i'},
                                  {"repetitions", 1, nullptr, 'r'}, {"json", 0, nullptr, 'j'},
                                  {"list", 0, nullptr, 'l'},        {"suite", 1, nullptr, 's'},
                                  {"help", 0, nullptr, 'h'},        {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", LONG, nullptr)) != -1;)
        switch (c) {
        case 'g':
            options.groups = split(optarg);
            break;
        case 'p':
            options.problems = split(optarg);
            break;
        case 'n':
            options.threads = number("threads", optarg, 1024);
            break;
        case 'i':
            options.isa = optarg;
            break;
        case 'r':
            options.repetitions = number("repetitions", optarg, 1000);
            break;
        case 's':
            options.suites = split(optarg);
            break;
        case 'j':
            options.json = true;
            break;
        case 'l':
            options.list = true;
            break;
        case 'h':
            std::fputs(HELP, stdout);
            std::exit(0);
        default:
            throw Failure("try --help");
        }
    if (optind < argc)
        throw Failure(std::string(argv[optind]) + " is no option; try --help");
    return options;
}

std::vector<Entry> selection(const Options &options)
{
    std::vector<Entry> entries;
    for (const std::string &suite : options.suites)
        for (const Case &one : read_suite(suite)) {
            Entry entry{one.group, Attention{}, one.label};
            if (const auto *attention = std::get_if<Attention>(&one.work))
                entry.problem = *attention;
            else if (const auto *softmax = std::get_if<Softmax>(&one.work))
                entry.problem = *softmax;
            else
                continue;
            if (matches(options.groups, entry.group) && matches(options.problems, name(entry.problem)))
                entries.push_back(entry);
        }
    if (entries.empty())
        throw Failure("no problem of the suite is selected");
    return entries;
}

bool run(const Options &options)
{
    const std::vector<Entry> entries = selection(options);
    if (options.list) {
        print_list(entries);
        return true;
    }
    const Context context = create_context(options.threads, options.isa);
    Conditions conditions;
    conditions.isa = gml_context_isa(context.get());
    conditions.threads = options.threads;
    conditions.repetitions = options.repetitions;
    conditions.cache_bytes = cache_bytes(options.threads);

    if (!options.json)
        print_conditions(conditions);
    std::vector<Result> results;
    for (const Entry &entry : entries) {
        results.push_back(measure(entry, context.get(), conditions));
        if (!options.json)
            print_result(results.back());
    }
    return (options.json ? print_json(conditions, results) : print_summary(results)) == 0;
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::finish("gemmule_bench_attention", [=] { return bench::run(bench::parse(argc, argv)); });
}
