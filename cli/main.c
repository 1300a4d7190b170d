/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule`: the table of its subcommands.
 */
#include "cli/cli.h"
#include <errno.h>
#include <gemmule/info.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"info", gemmule_info, "this machine, the kernels, the threads, and what was chosen and why"},
    {"check", gemmule_check, "every kernel and operation against the specification, bit for bit"},
    {"explain", gemmule_explain, "the plan of a problem, and what bounds each of its numbers"},
    {"doctor", gemmule_doctor,
     "what makes measurements on this machine slow or noisy, and what to do about it"},
    {"demo", gemmule_demo, "a layer of a real sentence encoder: error, hash and times"},
    {"tune", gemmule_tune, "measure plans, and save those that are proven to be faster"},
    {"wisdom", gemmule_wisdom, "what tuning found out: show, export, import, merge, verify, prune"},
    {"bench", gemmule_bench, "time operations beside the machine's peaks and other libraries; sweep sizes"},
    {"perf", gemmule_perf, "performance recorded, compared and watched: run, ab, gate, report and more"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("Usage: gemmule COMMAND [OPTIONS]\n"
           "       gemmule --help | --version\n"
           "\n"
           "Matrix multiplication, softmax and attention on CPUs, with one answer.\n"
           "\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].help);
    printf("\n"
           "gemmule COMMAND --help says more of each.\n"
           "\n"
           "Environment:\n"
           "  GEMMULE_ISA          the best kernel set to use: a name that gemmule info prints\n"
           "  GEMMULE_NUM_THREADS  the number of threads\n"
           "  GEMMULE_WISDOM       files and directories of wisdom, separated by ':'; off: none is read\n"
           "  GEMMULE_RECORD       a file for the problems that a program computes, for gemmule tune --from\n"
           "\n"
           "Exit codes: 0 fine, 1 a finding, 2 usage, 3 inconclusive, 4 failed, 77 skipped.\n");
}

/* A full disk must not pass for success. */
static int flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "gemmule: standard output cannot be written: %s\n", strerror(errno));
    return CLI_FAILED;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* the bars of the demo; numbers keep their point */
    if (argc < 2) {
        cli_usage_error("gemmule", "a command is missing (see gemmule --help)");
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help();
        return flushed(CLI_FINE);
    }
    if (!strcmp(argv[1], "--version")) {
        printf("gemmule %s (arithmetic revision %d)\n", gml_version(), gml_arithmetic_revision());
        return flushed(CLI_FINE);
    }
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return flushed(commands[i].run(argc - 1, argv + 1));
    return cli_usage_error("gemmule", "there is no command '%s' (see gemmule --help)", argv[1]);
}
