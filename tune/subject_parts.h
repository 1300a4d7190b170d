/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside subjects: what one operation knows of its problems. A problem is described from its key alone, with addresses
 * that stand for none, which is all that plans need; a subject then gives its arrays memory.
 */
#ifndef GML_TUNE_SUBJECT_PARTS_H
#define GML_TUNE_SUBJECT_PARTS_H

#include "src/plan/work.h"
#include "tune/subject.h"

#define TUNE_ARRAYS 6

/* What a call does with an array. */
typedef enum tune_use {
    TUNE_READ,     /* stays where it is                              */
    TUNE_STREAMED, /* passes by: has copies where the state asks     */
    TUNE_WRITTEN,
    TUNE_UPDATED,  /* read, then written                             */
    TUNE_REPLACED  /* an input that passes by and is overwritten     */
} tune_use;

typedef struct tune_array {
    tune_use use;
    gml_type type;
    int64_t bytes; /* INT64_MAX: more than can be counted */
    char *data;    /* of the first copy                   */
} tune_array;

typedef struct tune_problem {
    gml_key key;
    int arrays;
    tune_array array[TUNE_ARRAYS];
    struct {
        gml_gemm_args args; /* points to what is packed, below: a problem stays where it was described */
        gml_gemm_batch batch;
        gml_gemm_packed packed_a, packed_b;
        bool direct; /* products so small that of a plan only the threads along the batch count */
    } gemm;
    gml_softmax_problem softmax;
    gml_attention_problem attention;
} tune_problem;

typedef struct tune_operation {
    /* false: the key has no elements. */
    bool (*describe)(const tune_machine *on, const gml_key *key, tune_problem *problem);
    /* Puts the addresses of arrays into the problem, in their order. */
    void (*place)(tune_problem *problem, char *const address[TUNE_ARRAYS]);
    bool (*plan)(const tune_machine *on, const tune_problem *problem, const gml_choice *choice, tune_plan *plan);
    bool (*equal)(const tune_plan *x, const tune_plan *y);
    int32_t (*threads)(const tune_plan *plan);
    void (*run)(gml_runtime *runtime, const tune_problem *problem, const tune_plan *plan);
} tune_operation;

extern const tune_operation tune_gemm, tune_softmax, tune_attention;

const tune_operation *tune_operation_of(gml_operation operation);

/* Describes a key; false where it has no elements. */
bool tune_describe(const tune_machine *on, const gml_key *key, tune_problem *problem);

/* Adds an array of so many elements to a problem. */
void tune_add(tune_problem *problem, tune_use use, gml_type type, int64_t elements);

/* Threads that a plan runs on. */
int32_t tune_plan_threads(const tune_plan *plan);

/* The problem, with the addresses that the last run had. */
const tune_problem *tune_subject_problem(const tune_subject *subject);

/* Whether a plan leaves the bytes in results that the model's plan does. The first call runs the model's. */
bool tune_subject_agrees(tune_subject *subject, const tune_plan *plan, char *sentence, size_t size);

/* An address that is none, `i` apart from others. */
static inline void *tune_nowhere(int i)
{
    static char nowhere[TUNE_ARRAYS * GML_ALIGNMENT];
    return nowhere + i * GML_ALIGNMENT;
}

#endif
