/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options and numbers of the command line, and the memory of the command. Nothing is abbreviated and nothing
 * is guessed: what is not understood ends the command with a sentence.
 */
#include "cli/cli.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_usage_error(const char *command, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s: ", command);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return CLI_USAGE;
}

bool cli_number(const char *command, const char *name, const char *text, int64_t low, int64_t high,
                int64_t *value)
{
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (isspace((unsigned char)*text) || end == text || *end || errno || number < low || number > high) {
        cli_usage_error(command, "%s is '%s', must be a whole number from %lld to %lld", name, text,
                        (long long)low, (long long)high);
        return false;
    }
    *value = number;
    return true;
}

static void print_help(const cli_usage *usage)
{
    const char *lead = "Usage:";
    for (const char *form = usage->synopsis; form;) {
        const char *end = strchr(form, '\n');
        const int length = end ? (int)(end - form) : (int)strlen(form);
        /* a form that goes on in the next line is indented there */
        printf("%-6s %s%s%.*s\n", lead, *form == ' ' ? "" : usage->command, length ? " " : "", length, form);
        lead = "";
        form = end ? end + 1 : NULL;
    }
    printf("\n%s\nOptions:\n", usage->description);
    for (const cli_option *option = usage->options; option->name; option++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-18s %s\n", name, option->help);
    }
    printf("  %-18s %s\n", "--help", "print this text");
}

static const cli_option *find(const cli_usage *usage, const char *name, size_t length)
{
    for (const cli_option *option = usage->options; option->name; option++)
        if (strlen(option->name) == length && !memcmp(option->name, name, length))
            return option;
    return NULL;
}

static bool looks_like_option(const char *argument)
{
    return argument[0] == '-' && argument[1] && !isdigit((unsigned char)argument[1]);
}

/* Takes the option at argv[*at], and its value, which may be the next argument. */
static bool take(const cli_usage *usage, int argc, char **argv, int *at)
{
    const char *name = argv[*at], *equals = strchr(name, '=');
    const size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const cli_option *option = find(usage, name, length);
    if (!option) {
        cli_usage_error(usage->command, "there is no option '%.*s' (see %s --help)", (int)length, name,
                        usage->command);
        return false;
    }
    if (option->flag) {
        if (equals) {
            cli_usage_error(usage->command, "%s takes no value", option->name);
            return false;
        }
        *option->flag = true;
        return true;
    }
    const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    if (!value) {
        cli_usage_error(usage->command, "%s needs a value %s", option->name, option->argument);
        return false;
    }
    if (option->number)
        return cli_number(usage->command, option->name, value, option->low, option->high, option->number);
    *option->text = value;
    return true;
}

int cli_parse(const cli_usage *usage, int argc, char **argv, const char **operands, int most, int *code)
{
    int count = 0;
    bool options_over = false;
    for (int i = 1; i < argc; i++) {
        if (!options_over && !strcmp(argv[i], "--")) {
            options_over = true;
        } else if (!options_over && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
            print_help(usage);
            *code = CLI_FINE;
            return -1;
        } else if (!options_over && looks_like_option(argv[i])) {
            if (!take(usage, argc, argv, &i)) {
                *code = CLI_USAGE;
                return -1;
            }
        } else if (count == most) {
            *code = cli_usage_error(usage->command, "'%s' is one argument too many (see %s --help)", argv[i],
                                    usage->command);
            return -1;
        } else {
            operands[count++] = argv[i];
        }
    }
    return count;
}

const char *cli_bytes(char text[CLI_BYTES], int64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024.0; unit++)
        value /= 1024.0;
    snprintf(text, CLI_BYTES, "%.*f %s", value != floor(value), value, units[unit]);
    return text;
}

static void *or_fail(void *memory)
{
    if (!memory) {
        fputs("gemmule: out of memory\n", stderr);
        exit(CLI_FAILED);
    }
    return memory;
}

void *cli_allocate(size_t count, size_t bytes)
{
    return or_fail(calloc(count ? count : 1, bytes));
}

void *cli_reallocate(void *old, size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes)
        return or_fail(NULL);
    return or_fail(realloc(old, count * bytes));
}
