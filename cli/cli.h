/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The subcommands of `gemmule` and what they share. Each is a function with the signature of main, whose
 * argv[0] is the name of the subcommand and whose result is the exit code.
 */
#ifndef GML_CLI_H
#define GML_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of every subcommand. */
enum {
    CLI_FINE = 0,
    CLI_FINDING = 1,      /* a mismatch, an error beyond its limit                 */
    CLI_USAGE = 2,        /* arguments, or a file that the user named              */
    CLI_INCONCLUSIVE = 3, /* a measurement that allows no answer                   */
    CLI_FAILED = 4,       /* could not be done: memory, a full disk                */
    CLI_SKIPPED = 77
};

int gemmule_info(int argc, char **argv);
int gemmule_check(int argc, char **argv);
int gemmule_explain(int argc, char **argv);
int gemmule_doctor(int argc, char **argv);
int gemmule_demo(int argc, char **argv);
int gemmule_tune(int argc, char **argv);
int gemmule_wisdom(int argc, char **argv);
int gemmule_bench(int argc, char **argv);
int gemmule_perf(int argc, char **argv);

/*
 * Options, as a table: parsing and --help are two loops over it. A value follows its option as the next
 * argument or after '='. Exactly one of flag, text and number is not NULL.
 */
typedef struct cli_option {
    const char *name;     /* "--threads"          */
    const char *argument; /* "T"; NULL for a flag */
    const char *help;
    bool *flag;
    const char **text;
    int64_t *number;
    int64_t low, high; /* of number */
} cli_option;

/* clang-format off */
#define CLI_FLAG(name, to, help) {name, NULL, help, to, NULL, NULL, 0, 0}
#define CLI_TEXT(name, argument, to, help) {name, argument, help, NULL, to, NULL, 0, 0}
#define CLI_NUMBER(name, argument, to, low, high, help) {name, argument, help, NULL, NULL, to, low, high}
#define CLI_END {NULL, NULL, NULL, NULL, NULL, NULL, 0, 0}
/* clang-format on */

typedef struct cli_usage {
    const char *command;       /* "gemmule info"                                        */
    const char *synopsis;      /* "[--json]"; a line for each form, separated by '\n',
                                * those that begin with a blank continue the one before */
    const char *description;   /* whole lines                                           */
    const cli_option *options; /* ended by a NULL name; --help is added                 */
} cli_usage;

/*
 * Parses argv[1 ..] and stores up to `most` operands. Returns their number, or -1 when the command is over:
 * *code is then CLI_FINE after --help, or CLI_USAGE after a sentence on standard error. "-5" is an operand.
 */
int cli_parse(const cli_usage *usage, int argc, char **argv, const char **operands, int most, int *code);

/* Reads a whole number in [low, high]; otherwise false, with a sentence that says `name`. */
bool cli_number(const char *command, const char *name, const char *text, int64_t low, int64_t high,
                int64_t *value);

/* Prints "<command>: <sentence>" on standard error and returns CLI_USAGE. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "384 KiB", "1.5 MiB": for people. Returns text. */
#define CLI_BYTES 24
const char *cli_bytes(char text[CLI_BYTES], int64_t bytes);

/* Memory that is there: says so and exits with CLI_FAILED when it is not. */
void *cli_allocate(size_t count, size_t bytes);
void *cli_reallocate(void *old, size_t count, size_t bytes);

#endif
