/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Subjects: problems on this machine that plans can be made for, and run.
 *
 * A key says what a plan depends on, but not the problem; the subject is the natural one for it: contiguous operands
 * with no gaps, row i of a matrix behind row i - 1, a batch of sequences as heads of one.
 */
#ifndef GML_TUNE_SUBJECT_H
#define GML_TUNE_SUBJECT_H

#include "src/core/runtime.h"
#include "src/plan/planner.h"

/* What plans are made for, and what runs them. */
typedef struct tune_machine {
    const gml_machine *machine;
    gml_runtime *runtime; /* its set is the one that is tuned */
} tune_machine;

/* A plan of any operation. Two choices that come to the same plan are the same candidate. */
typedef struct tune_plan {
    gml_operation operation;
    union {
        gml_gemm_plan gemm;
        gml_softmax_plan softmax;
        gml_attention_plan attention;
    };
} tune_plan;

/* The plan of a choice, NULL for the model's; false where it does not pass the check, which the model's own does not
 * replace, and where operands are larger than can be counted. */
bool tune_plan_of(const tune_machine *on, const gml_key *key, const gml_choice *choice, tune_plan *plan);
bool tune_plan_equal(const tune_plan *x, const tune_plan *y);

/* Whether calls of this key make a plan: not the products so small that they need none. */
bool tune_plans(const gml_key *key);

/* Operands and results of a key. `bytes` bounds all memory: create refuses (NULL) beyond, and for want of it. With
 * GML_STATE_ROTATED what a program streams through has as many copies as fill twice the last-level cache, and each call
 * takes the next: B, or A where that alone is packed, or C has few columns; K and V; the input of softmax. All else
 * and the results are in one place. With GML_STATE_WARM there is one of each. Values are drawn in [-1, 1). */
typedef struct tune_subject tune_subject;
tune_subject *tune_subject_create(const tune_machine *on, const gml_key *key, gml_state state, size_t bytes);
void tune_subject_destroy(tune_subject *subject);

/* Bytes that create would ask for: 0 where there is nothing to compute, INT64_MAX where that overflows. */
int64_t tune_subject_bytes(const tune_machine *on, const gml_key *key, gml_state state);

/* Gives arrays and results another place: while the one they have is not free yet, so that it is not the same again, and in
 * pages of the smallest size if so asked, which is what programs have that ask for nothing. What results were compared
 * with is forgotten. false: there is no such place within `bytes`, both together, and they stay where they are. */
bool tune_subject_move(tune_subject *subject, size_t bytes, bool small_pages);

/* Runs a plan once. */
void tune_subject_run(tune_subject *subject, const tune_plan *plan);

/* Seconds per call, of as many calls as fill `least` seconds, at least one. */
double tune_subject_time(tune_subject *subject, const tune_plan *plan, double least);

/*
 * Whether a choice gives the bits of the specification: on problems with the layout of the key and small sizes around
 * what its plan is made of (tiles, blocks and thread grid, one less and one more), between guard pages; and, unless
 * subject is NULL, at the key's own sizes the same bytes as the model's plan. Otherwise false, and a sentence.
 */
bool tune_verify(const tune_machine *on, const gml_key *key, const gml_choice *choice, tune_subject *subject,
                 char *sentence, size_t size);

#endif
