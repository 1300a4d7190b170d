/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All operations on fixed problems, through the public interface alone, with the bits the specification gives: for
 * tests of where and how calls are made (forks, small stacks, foreign threads, other rounding), not of what is
 * computed. The problems take every path of the executors: several blocks along k, few rows, batches, plans, packed
 * operands, several segments and key blocks, ragged edges, masks, denormal numbers.
 */
#ifndef GML_TESTS_OPERATIONS_H
#define GML_TESTS_OPERATIONS_H

#include <gemmule/gemmule.h>
#include <stdbool.h>

typedef struct operation {
    const char *name;
    size_t floats; /* of the result */
    bool creates;  /* objects in the context, each time */
    gml_status (*run)(gml_context *context, float *result);
    void (*specify)(float *result);
} operation;

enum { OPERATIONS = 17 };
extern const operation operations[OPERATIONS];

/* Makes the operands and the results of the specification; once in a process, before the first operation_right.
 * Ends the process when memory cannot be had. */
void operations_prepare(void);

/* Runs operations[i] and tells whether it returned GML_OK and gave the bits of the specification; from any thread.
 * operation_right_in writes to `result` and allocates nothing itself. */
bool operation_right(int i, gml_context *context);
bool operation_right_in(int i, gml_context *context, float *result);

/* Whether a result of operations[i] has the bits of the specification. */
bool operation_expected(int i, const float *result);

/* The number of operations that are wrong. */
int operations_wrong(gml_context *context);

#endif
