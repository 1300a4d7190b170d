/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of choices. Candidates are distinct plans: of choices that come to the same plan, the first in the
 * canonical order stands for all. The model's own, all zeros, is always the first.
 */
#ifndef GML_TUNE_SPACE_H
#define GML_TUNE_SPACE_H

#include "tune/subject.h"

#define TUNE_SEEDS_MOST 16
#define TUNE_STEPS_MOST 24
#define TUNE_GRID_MOST  512

/* All return the number of choices in `out`. */

/* Everything worth a look, the nearest to the model's plan first: all that is one change away (another path, tile,
 * packing, grid, number of threads or length of a block), then all pairs of changes, and so on, as far as there is
 * room. */
int tune_space_grid(const tune_machine *on, const gml_key *key, gml_choice out[TUNE_GRID_MOST]);

/* 8 to 16 to begin with: the model's; `known`, winners of neighbouring cells, the first seven of them; and the
 * changes that were seen to win most (tests/oracle). Fewer where the problem has fewer plans. */
int tune_space_seeds(const tune_machine *on, const gml_key *key, const gml_choice *known, int count,
                     gml_choice out[TUNE_SEEDS_MOST]);

/* One step from a choice in each parameter: ordered ones to the neighbours of the grid, flags to the other side. */
int tune_space_steps(const tune_machine *on, const gml_key *key, const gml_choice *from,
                     gml_choice out[TUNE_STEPS_MOST]);

/* The problems that are tuned where none are named: those of real programs. ops and types are sets of bits (1 << ...),
 * threads the thread counts. */
int tune_suite(unsigned operations, unsigned types, const int32_t *threads, int thread_counts, gml_key *out, int most);

/* A second problem in the same cell, with sizes that are neither powers of two nor multiples of tiles: whether a choice
 * holds for the cell is measured there. */
gml_key tune_companion(const gml_key *key);

#endif
