/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counted cases: each is run once to warm caches and scratch memory, and once between two requests to callgrind, which
 * dumps what was executed in between under the name of the case. Without valgrind the requests are no operations.
 *
 * Nothing of the machine decides what is executed: its caches and features are made up, the instruction set is one that
 * valgrind knows, there is one thread and no wisdom but a case's own, and all memory lies in one aligned arena.
 */
#ifndef GML_BENCH_COUNT_H
#define GML_BENCH_COUNT_H

#include "src/api/context.h"
#include <gemmule/gemmule.h>
#include <stdbool.h>
#include <stdint.h>

typedef void count_body_fn(void *argument);

/* A context of the made-up machine, without wisdom; ends the program where there is none. */
gml_context *count_open(void);

/* Destroys it, and everything in the arena. */
void count_close(gml_context *context);

/* Memory of the arena until count_close: `count` numbers drawn in [-1, 1), or bytes of 1 with every third 0. */
float *count_floats(int64_t count);
double *count_doubles(int64_t count);
uint8_t *count_flags(int64_t count);

/* Whether a case is wanted; and it is run, twice where it is to be warm, the last time to be counted. */
bool count_wants(const char *name);
void count_case(const char *name, bool warm, count_body_fn *body, void *argument);

/* Ends the program: a case is not what its name says. */
void count_fail(const char *name, const char *why) __attribute__((noreturn));
void count_check(const char *name, gml_status status); /* where it is an error */

/* The cases: plans of choices, by their executors; and calls of the public interface. */
void count_plans(void);
void count_calls(void);

#endif
