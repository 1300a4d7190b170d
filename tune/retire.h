/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Winners that were put on trial again (tune_duel_again), and lost.
 */
#ifndef GML_TUNE_RETIRE_H
#define GML_TUNE_RETIRE_H

#include "tune/tune.h"

/* Whether a winner has to go: its whole interval says that it loses, or it is wrong. One that is merely not seen to win
 * stays. */
bool tune_is_lost(const tune_duel *duel);

/* Writes a run by which those of a list that are lost keep the model's plan from now on. Returns their number, and the name
 * of the run in `run`, "" for none; -1 and a sentence. */
int64_t tune_retire(const char *root, uint64_t machine, const gml_wisdom_list *list, const tune_duel *duel,
                    char run[GML_RUN_TEXT], char sentence[TUNE_SENTENCE]);

#endif
