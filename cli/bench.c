/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule bench`: the benchmarks, each a program of its own.
 */
#include "cli/cli.h"
#include "cli/launch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char COMMAND[] = "gemmule bench";
static const char REMEDY[] =
    "install the benchmarks, or build them: scripts/bootstrap.sh bench, then CMake with "
    "-DGEMMULE_BUILD_BENCH=ON";

static const char HELP[] =
    "Usage: gemmule bench [run] [OPTIONS]\n"
    "       gemmule bench gemm [OPTIONS]\n"
    "       gemmule bench attention [OPTIONS]\n"
    "       gemmule bench tuned [OPTIONS]\n"
    "       gemmule bench sweep gemm FROM..TO[:STEP] [OPTIONS]\n"
    "\n"
    "Measures on this machine, each time beside what the machine itself could do.\n"
    "\n"
    "  run         the cases of a suite, on Google Benchmark, whose options all work: --suite=NAME,\n"
    "              --benchmark_filter=REGEX, --benchmark_format=json. What gemmule perf records\n"
    "  gemm        products beside other libraries, in turns: --peer NAME=PATH. The ratio of each shape,\n"
    "              their geometric means, and where ours is slower\n"
    "  attention   attention and softmax beside what they can be composed of\n"
    "  tuned       the plans of wisdom beside those of the model\n"
    "  sweep gemm  products of all sizes of a range, and the cliffs: sizes that are slower than a larger "
    "one\n"
    "\n"
    "gemmule bench run --help and the like say more of each.\n";

static const struct {
    const char *word, *program;
} programs[] = {
    {"run", "gemmule_bench"},
    {"gemm", "gemmule_bench_gemm"},
    {"attention", "gemmule_bench_attention"},
    {"tuned", "gemmule_bench_tuned"},
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

/* argv is bench sweep gemm ... Its --picture is drawn by Python, which then also runs the program. */
static int sweep(int argc, char **argv)
{
    static const char option[] = "--picture";
    const size_t length = sizeof option - 1;
    for (int i = 3; i < argc; i++) {
        if (strncmp(argv[i], option, length) || (argv[i][length] && argv[i][length] != '='))
            continue;
        const bool apart = !argv[i][length]; /* the file is the next argument */
        if (apart && i + 1 == argc)
            return cli_usage_error(COMMAND, "--picture needs a value FILE");
        /* sweep --picture FILE gemm, and the others */
        char **words = cli_allocate((size_t)argc + 3, sizeof *words);
        int count = 1;
        words[count++] = argv[1];
        words[count++] = (char *)option;
        words[count++] = apart ? argv[i + 1] : argv[i] + length + 1;
        for (int j = 2; j < argc; j++)
            if (j != i && !(apart && j == i + 1))
                words[count++] = argv[j];
        const int code = launch_python(COMMAND, "gemmule_perf", count, words, REMEDY);
        free(words);
        return code;
    }
    argv[2] = argv[1];
    return launch(COMMAND, "gemmule_bench_gemm", argv + 1, REMEDY);
}

int gemmule_bench(int argc, char **argv)
{
    if (argc < 2 || (argv[1][0] == '-' && strcmp(argv[1], "--help") && strcmp(argv[1], "-h")))
        return launch(COMMAND, "gemmule_bench", argv, REMEDY);
    if (argv[1][0] == '-') {
        fputs(HELP, stdout);
        return CLI_FINE;
    }
    for (int i = 0; i < PROGRAMS; i++)
        if (!strcmp(argv[1], programs[i].word))
            return launch(COMMAND, programs[i].program, argv + 1, REMEDY);
    if (strcmp(argv[1], "sweep"))
        return cli_usage_error(COMMAND, "there is no benchmark '%s' (see gemmule bench --help)", argv[1]);
    if (argc < 3 || (strcmp(argv[2], "gemm") && argv[2][0] != '-'))
        return cli_usage_error(COMMAND, "sweep is of gemm, as in gemmule bench sweep gemm 1..2048");
    if (strcmp(argv[2], "gemm")) /* an option: --help */
        return launch(COMMAND, "gemmule_bench_gemm", argv, REMEDY);
    return sweep(argc, argv);
}
