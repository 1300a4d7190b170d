/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finds the libexec directory from the place of this program, and becomes what lies in it.
 */
#define _GNU_SOURCE /* environ, asprintf */
#include "cli/launch.h"
#include "cli/cli.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's, which has its NumPy and SciPy; another python3 may come first in PATH, and have neither. */
static const char SYSTEM_PYTHON[] = "/usr/bin/python3";

static char *join(const char *directory, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        fputs("gemmule: out of memory\n", stderr);
        exit(CLI_FAILED);
    }
    return path;
}

/* The directory of this program and the way from there, without the dots where it is there. NULL, with errno. */
static char *libexec_directory(void)
{
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return NULL;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    char *path = join(self, GEMMULE_LIBEXEC_FROM_BIN), *real = realpath(path, NULL);
    if (!real)
        return path;
    free(path);
    return real;
}

/* The path of what is to be launched; NULL where it is not there, after a sentence. */
static char *locate(const char *command, const char *name, const char *remedy)
{
    char *directory = libexec_directory();
    if (!directory) {
        fprintf(stderr, "%s: /proc/self/exe cannot be read: %s\n", command, strerror(errno));
        return NULL;
    }
    char *path = join(directory, name);
    if (access(path, F_OK) < 0) {
        fprintf(stderr, "%s: %s cannot be found (%s): %s\n", command, path, strerror(errno), remedy);
        free(path);
        path = NULL;
    } else {
        setenv("GEMMULE_LIBEXEC", directory, 1);
    }
    free(directory);
    return path;
}

int launch(const char *command, const char *program, char **arguments, const char *remedy)
{
    char *path = locate(command, program, remedy);
    if (!path)
        return CLI_FAILED;
    arguments[0] = path;
    execv(path, arguments);
    fprintf(stderr, "%s: %s cannot be run: %s\n", command, path, strerror(errno));
    free(path);
    return CLI_FAILED;
}

int launch_python(const char *command, const char *package, int count, char **arguments, const char *remedy)
{
    char *path = locate(command, package, remedy);
    if (!path)
        return CLI_FAILED;
    const char *python = getenv("GEMMULE_PYTHON");
    const bool chosen = python && *python;
    if (!chosen)
        python = access(SYSTEM_PYTHON, X_OK) == 0 ? SYSTEM_PYTHON : "python3";
    char **all = cli_allocate((size_t)count + 2, sizeof *all); /* with the NULL at the end */
    all[0] = (char *)python;
    all[1] = path;
    memcpy(all + 2, arguments + 1, (size_t)count * sizeof *all);
    execvp(python, all);
    fprintf(stderr, "%s: %s cannot be run: %s: %s\n", command, python, strerror(errno),
            chosen ? "GEMMULE_PYTHON names the Python to use" : "install Python 3.11 or later");
    free(all);
    free(path);
    return CLI_FAILED;
}
