/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bench of the search on this machine: subjects, timed.
 */
#ifndef GML_TUNE_MEASURE_H
#define GML_TUNE_MEASURE_H

#include "tune/search.h"

typedef struct tune_measure tune_measure;

/* `bytes` bounds the operands of a problem. NULL: no memory. */
tune_measure *tune_measure_create(const tune_machine *on, gml_state state, size_t bytes);
void tune_measure_destroy(tune_measure *measure);
tune_bench tune_measure_bench(tune_measure *measure);

/* The last sentence of a verification that failed; "" where none did. */
const char *tune_measure_mismatch(const tune_measure *measure);

#endif
