/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Programs that belong to the command but are files of their own: the benchmarks, and the Python behind
 * `gemmule perf`. They lie in the libexec directory, beside bin/ where the command is installed and beside cli/ in
 * the tree it was built in. A program takes the place of this process, so that its signals and its exit code are
 * those of the command.
 */
#ifndef GML_CLI_LAUNCH_H
#define GML_CLI_LAUNCH_H

/*
 * Runs a program of the libexec directory; arguments[0] is replaced by its path, and NULL ends the list. Returns only
 * where that fails: CLI_FAILED, after a sentence which says `remedy` where the program is not there.
 */
int launch(const char *command, const char *program, char **arguments, const char *remedy);

/*
 * Runs a Python package of the libexec directory, with GEMMULE_LIBEXEC set to that directory: by GEMMULE_PYTHON, or
 * else by the system's python3. arguments[0] is not used. Returns as above.
 */
int launch_python(const char *command, const char *package, int count, char **arguments, const char *remedy);

#endif
