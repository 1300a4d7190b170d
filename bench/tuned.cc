/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_bench_tuned: what wisdom gains over the model, and how much of what there is to gain. The model's plan, that
 * of wisdom and the best known are timed in turns; ratios are paired by round, with 95 % intervals.
 */
#include "bench/tuned.h"
#include "bench/command.h"
#include "bench/format.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>

namespace bench
{
namespace
{

const char HELP[] =
    "usage: gemmule_bench_tuned [options]\n"
    "\n"
    "Times the plans of wisdom against the model's, in turns, on the problems that `gemmule tune` tunes, and "
    "looks for\n"
    "the best plan of each. Wisdom is found as the library finds it (GEMMULE_WISDOM).\n"
    "\n"
    "  --held-out          problems of no cell of these: what is predicted for them\n"
    "  --tune SECONDS      tunes first, in this process, what the root has not yet\n"
    "  --root DIR          of wisdom, to tune into and to read from\n"
    "  --unknown-caches    for a machine that reports no caches, as virtual machines may; asks for a "
    "geometric mean of\n"
    "                      1.05\n"
    "  --oracle FILE       the best plans are those of a recording of gemmule_oracle (otherwise the grid is "
    "timed)\n"
    "  --no-oracle         nothing is compared with the best\n"
    "  --equal N           instead: N random problems, with wisdom and without, must give the same bytes\n"
    "  --operations LIST   gemm, softmax, attention\n"
    "  --types LIST        f32, f64\n"
    "  --problems PATTERN  of keys such as 'op=gemm type=f64 *'\n"
    "  --threads N         (1)\n"
    "  --isa NAME          highest instruction set\n"
    "  --repetitions N     rounds, at most 64 (21)\n"
    "  --milliseconds X    of a sample at least (1)\n"
    "  --seed N\n"
    "  --json              one JSON object, with every sample, instead of a table\n"
    "  --help\n"
    "\n"
    "Exit codes: 0; 1 for a finding: results that differ, a problem whose interval lies below 0.98, or a "
    "mean that is "
    "too\n"
    "small; 2 for what cannot be done.\n";

constexpr double LOSS = 0.98, GAP = 1.02, UNKNOWN_GAIN = 1.05;

struct Options {
    tuned_options of{};
    std::string isa, operations, types, only, root, recording;
    int equal = 0;
    bool json = false;
};

double real(const std::string &option, const char *text)
{
    char *end;
    const double value = std::strtod(text, &end);
    if (end == text || *end || !(value > 0) || !std::isfinite(value))
        throw Failure("--" + option + " is a number above 0");
    return value;
}

Options parse(int argc, char **argv)
{
    Options options;
    options.of.threads = 1;
    options.of.rounds = 21;
    options.of.milliseconds = 1;
    options.of.oracle = true;
    static const option LONG[] = {{"held-out", 0, nullptr, 'H'},    {"tune", 1, nullptr, 't'},
                                  {"root", 1, nullptr, 'R'},        {"unknown-caches", 0, nullptr, 'u'},
                                  {"oracle", 1, nullptr, 'o'},      {"no-oracle", 0, nullptr, 'O'},
                                  {"equal", 1, nullptr, 'e'},       {"operations", 1, nullptr, 'p'},
                                  {"types", 1, nullptr, 'T'},       {"problems", 1, nullptr, 'P'},
                                  {"threads", 1, nullptr, 'n'},     {"isa", 1, nullptr, 'i'},
                                  {"repetitions", 1, nullptr, 'r'}, {"milliseconds", 1, nullptr, 'm'},
                                  {"seed", 1, nullptr, 's'},        {"json", 0, nullptr, 'j'},
                                  {"help", 0, nullptr, 'h'},        {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", LONG, nullptr)) != -1;)
        switch (c) {
        case 'H':
            options.of.held_out = true;
            break;
        case 't':
            options.of.budget = real("tune", optarg);
            break;
        case 'R':
            options.root = optarg;
            break;
        case 'u':
            options.of.unknown_caches = true;
            break;
        case 'o':
            options.recording = optarg;
            break;
        case 'O':
            options.of.oracle = false;
            break;
        case 'e':
            options.equal = number("equal", optarg, 1000000000);
            break;
        case 'p':
            options.operations = optarg;
            break;
        case 'T':
            options.types = optarg;
            break;
        case 'P':
            options.only = optarg;
            break;
        case 'n':
            options.of.threads = number("threads", optarg, 1024);
            break;
        case 'i':
            options.isa = optarg;
            break;
        case 'r':
            options.of.rounds = number("repetitions", optarg, TUNED_ROUNDS_MOST);
            break;
        case 'm':
            options.of.milliseconds = real("milliseconds", optarg);
            break;
        case 's':
            options.of.seed = uint64_t(number("seed", optarg, 2147483647));
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
    if (optind < argc)
        throw Failure(std::string(argv[optind]) + " is no option; try --help");
    if (options.of.budget > 0 && options.root.empty())
        throw Failure("--tune needs --root, a directory for the wisdom");
    if (options.equal && options.of.unknown_caches)
        throw Failure("--equal asks the library, which knows its caches");
    return options;
}

/* The strings of options, as C has them; they live as long as the options. */
tuned_options plain(const Options &options)
{
    const auto given = [](const std::string &text) { return text.empty() ? nullptr : text.c_str(); };
    tuned_options of = options.of;
    of.isa = given(options.isa);
    of.operations = given(options.operations);
    of.types = given(options.types);
    of.only = given(options.only);
    of.root = given(options.root);
    of.recording = given(options.recording);
    return of;
}

std::vector<double> samples(const double *seconds, const tuned_result &result)
{
    return {seconds, seconds + result.rounds};
}

struct Gains {
    Ratio chosen, best, again; /* the model's time over theirs */
};

Gains gains(const tuned_result &result)
{
    const auto model = samples(result.model, result);
    return {paired_ratio(model, samples(result.choice_seconds, result)),
            paired_ratio(model, samples(result.best_seconds, result)),
            paired_ratio(model, samples(result.again, result))};
}

/* The geometric mean over problems, and its interval: rounds are runs of the whole, whose means differ. */
Ratio mean_gain(const std::vector<tuned_result> &results)
{
    std::vector<double> values, means;
    size_t rounds = 0;
    for (const tuned_result &result : results) {
        values.push_back(gains(result).chosen.value);
        rounds = size_t(result.rounds);
    }
    for (size_t r = 0; r < rounds; r++) {
        std::vector<double> of_round;
        for (const tuned_result &result : results)
            of_round.push_back(result.model[r] / result.choice_seconds[r]);
        means.push_back(geometric_mean(of_round));
    }
    return {geometric_mean(values), median_interval(means)};
}

struct Summary {
    Ratio mean;
    int problems = 0, adopted = 0, losses = 0, gaps = 0, known = 0;
    double closed = NAN; /* of the logarithms of all gaps beyond GAP, together         */
    double closed_median = NAN;
    double regret = NAN, regret95 = NAN; /* 1 - time of the best over that of the choice               */
    double noise = NAN;                  /* 95th percentile of |log| of the model's plan over the same */
};

Summary summarise(const std::vector<tuned_result> &results)
{
    Summary s;
    s.problems = int(results.size());
    if (results.empty())
        return s;
    s.mean = mean_gain(results);
    std::vector<double> regrets, shares, noise;
    double gap = 0, gained = 0;
    for (const tuned_result &result : results) {
        const Gains g = gains(result);
        s.adopted += result.tuned;
        s.losses += result.tuned && g.chosen.interval.high < LOSS;
        noise.push_back(std::fabs(std::log(g.again.value)));
        if (!result.known)
            continue;
        s.known++;
        regrets.push_back(std::max(0.0, 1 - g.chosen.value / g.best.value));
        if (g.best.value <= GAP)
            continue;
        s.gaps++;
        gap += std::log(g.best.value);
        gained += std::log(g.chosen.value);
        shares.push_back(std::log(g.chosen.value) / std::log(g.best.value));
    }
    s.noise = quantile(noise, 0.95);
    if (!regrets.empty()) {
        s.regret = median(regrets);
        s.regret95 = quantile(regrets, 0.95);
    }
    if (s.gaps) {
        s.closed = gained / gap;
        s.closed_median = median(shares);
    }
    return s;
}

void print_line(const tuned_result &result)
{
    const Gains g = gains(result);
    std::printf("%-84s %-9s %-22s", result.problem, result.source,
                result.tuned ? text(g.chosen).c_str() : "1");
    if (result.known)
        std::printf(" best %.3f, regret %.3f", g.best.value,
                    std::max(0.0, 1 - g.chosen.value / g.best.value));
    std::printf(", again %.3f; %s", g.again.value, result.choice);
    if (result.known)
        std::printf(" | %s", result.best);
    std::printf("\n");
    std::fflush(stdout);
}

void print_summary(const Summary &s)
{
    std::printf(
        "\n%d problems, another plan than the model's for %d: geometric mean %s; %d below %.2f; equal plans "
        "differ by %.3f\n",
        s.problems, s.adopted, text(s.mean).c_str(), s.losses, LOSS, s.noise);
    if (s.known)
        std::printf("of %d, %d could gain more than 2 %%: %.2f of that is gained, %.2f in the median; regret "
                    "%.4f in the "
                    "median, %.4f in the 95th percentile\n",
                    s.known, s.gaps, s.closed, s.closed_median, s.regret, s.regret95);
}

void print_json(const tuned_bench *tuned, const Options &options, const std::vector<tuned_result> &results,
                const Summary &s)
{
    std::printf("{\"gemmule\": %s, \"machine\": %s, \"isa\": %s, \"threads\": %d, \"held_out\": %s, "
                "\"unknown_caches\": %s, \"entries\": %lld,\n \"results\": [",
                json::quoted(gml_version()).c_str(), json::quoted(tuned_machine(tuned)).c_str(),
                json::quoted(tuned_isa(tuned)).c_str(), options.of.threads,
                options.of.held_out ? "true" : "false", options.of.unknown_caches ? "true" : "false",
                (long long)tuned_entries(tuned));
    const char *separator = "\n  ";
    for (const tuned_result &result : results) {
        const Gains g = gains(result);
        std::printf(
            "%s{\"problem\": %s, \"source\": \"%s\", \"choice\": %s, \"gain\": %s, \"interval\": %s,\n   ",
            separator, json::quoted(result.problem).c_str(), result.source,
            json::quoted(result.choice).c_str(), json::number(g.chosen.value).c_str(),
            json::list({g.chosen.interval.low, g.chosen.interval.high}).c_str());
        if (result.known)
            std::printf("\"best\": %s, \"best_gain\": %s, \"best_seconds\": %s,\n   ",
                        json::quoted(result.best).c_str(), json::number(g.best.value).c_str(),
                        json::list(samples(result.best_seconds, result)).c_str());
        std::printf("\"model_seconds\": %s,\n   \"again_seconds\": %s,\n   \"choice_seconds\": %s}",
                    json::list(samples(result.model, result)).c_str(),
                    json::list(samples(result.again, result)).c_str(),
                    json::list(samples(result.choice_seconds, result)).c_str());
        separator = ",\n  ";
    }
    std::printf("],\n \"mean\": %s, \"mean_interval\": %s, \"adopted\": %d, \"losses\": %d, \"noise\": %s,\n"
                " \"known\": %d, \"gaps\": %d, \"closed\": %s, \"closed_median\": %s, \"regret\": %s, "
                "\"regret95\": %s}\n",
                json::number(s.mean.value).c_str(),
                json::list({s.mean.interval.low, s.mean.interval.high}).c_str(), s.adopted, s.losses,
                json::number(s.noise).c_str(), s.known, s.gaps, json::number(s.closed).c_str(),
                json::number(s.closed_median).c_str(), json::number(s.regret).c_str(),
                json::number(s.regret95).c_str());
}

bool compare(const Options &options)
{
    const tuned_options of = plain(options);
    char sentence[256] = "";
    int64_t took = 0;
    if (!options.root.empty() &&
        setenv("GEMMULE_WISDOM", options.root.c_str(), 1)) /* read when a plan is first made */
        throw Failure("there is no memory");
    const int64_t different = tuned_compare(&of, options.equal, &took, sentence, sizeof sentence);
    if (different < 0)
        throw Failure(sentence);
    if (took == 0)
        throw Failure("no plan came from wisdom, so nothing is proven (--root, GEMMULE_WISDOM)");
    if (options.json)
        std::printf("{\"problems\": %d, \"from_wisdom\": %lld, \"different\": %lld}\n", options.equal,
                    (long long)took, (long long)different);
    else
        std::printf("%d problems, %lld of them by plans from wisdom: %lld differ\n", options.equal,
                    (long long)took, (long long)different);
    return different == 0;
}

struct Close {
    void operator()(tuned_bench *tuned) const
    {
        tuned_close(tuned);
    }
};

bool run(const Options &options)
{
    if (options.equal)
        return compare(options);
    const tuned_options of = plain(options);
    char sentence[320] = "";
    const std::unique_ptr<tuned_bench, Close> tuned(tuned_open(&of, sentence, sizeof sentence));
    if (!tuned)
        throw Failure(sentence);
    if (tuned_count(tuned.get()) == 0)
        throw Failure("no problem is selected");
    if (!options.json)
        std::printf(
            "%s, %s, %d thread%s, %lld entries of wisdom; times of the model's plan over those of wisdom's\n",
            tuned_machine(tuned.get()), tuned_isa(tuned.get()), of.threads, of.threads > 1 ? "s" : "",
            (long long)tuned_entries(tuned.get()));
    std::vector<tuned_result> results;
    for (int i = 0; i < tuned_count(tuned.get()); i++) {
        tuned_result result;
        if (!tuned_measure(tuned.get(), i, &result)) {
            std::fprintf(stderr, "gemmule_bench_tuned: no memory for %s\n", result.problem);
            continue;
        }
        results.push_back(result);
        if (!options.json)
            print_line(result);
    }
    const Summary summary = summarise(results);
    if (options.json)
        print_json(tuned.get(), options, results, summary);
    else
        print_summary(summary);
    return summary.losses == 0 && (!of.unknown_caches || of.held_out || summary.mean.value >= UNKNOWN_GAIN);
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::finish("gemmule_bench_tuned", [=] { return bench::run(bench::parse(argc, argv)); });
}
