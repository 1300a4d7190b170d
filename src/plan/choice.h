/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choices: what of a plan is not left to the model. A choice is a value for each parameter of its operation, 0 where the
 * model decides; so the choice of all zeros is the model's own plan. It is a wish, not a plan: the model makes the plan,
 * keeps to a value where it can (a block is at most so long, cut into equal pieces) and to its own where it cannot, and
 * the plan passes the one check as any other. So one choice serves all problems of a neighbourhood, and no choice from
 * a file can do more harm than to cost time.
 */
#ifndef GML_PLAN_CHOICE_H
#define GML_PLAN_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum gml_operation { GML_OPERATION_GEMM, GML_OPERATION_SOFTMAX, GML_OPERATION_ATTENTION } gml_operation;
#define GML_OPERATIONS 3

#define GML_CHOICE_VALUES 12

typedef struct gml_choice {
    int32_t value[GML_CHOICE_VALUES];
} gml_choice;

/* Flags are GML_NO or GML_YES; a path is 1 + its enumerator; all else is a count. */
enum { GML_NO = 1, GML_YES = 2 };

/* GEMM, of the product whose C is stored by rows. */
enum {
    GML_CHOOSE_PATH,      /* 1 + gml_gemm_path                                                             */
    GML_CHOOSE_TRANSPOSE, /* whether C^T = B^T * A^T is formed; what follows describes the product formed   */
    GML_CHOOSE_MR,        /* with NR: a register tile of the set                                           */
    GML_CHOOSE_NR,
    GML_CHOOSE_PACK_A,
    GML_CHOOSE_PACK_B,
    GML_CHOOSE_STREAM_C,
    GML_CHOOSE_MC,        /* at most, as kc and nc                                                         */
    GML_CHOOSE_KC,
    GML_CHOOSE_NC,
    GML_CHOOSE_THREADS,   /* at most                                                                       */
    GML_CHOOSE_GRID_M     /* threads along m; the others go along n                                        */
};

/* Softmax. */
enum {
    GML_CHOOSE_SOFTMAX_ROWS, /* of a task */
    GML_CHOOSE_SOFTMAX_SPLIT,
    GML_CHOOSE_SOFTMAX_STREAM,
    GML_CHOOSE_SOFTMAX_BLOCK_ROWS,
    GML_CHOOSE_SOFTMAX_THREADS
};

/* Attention. */
enum {
    GML_CHOOSE_ATTENTION_PATH, /* 1 + gml_attention_path */
    GML_CHOOSE_ATTENTION_BQ,   /* a strip of the set     */
    GML_CHOOSE_ATTENTION_STRIPS,
    GML_CHOOSE_ATTENTION_PACK_K,
    GML_CHOOSE_ATTENTION_ROWS,
    GML_CHOOSE_ATTENTION_SPAN,
    GML_CHOOSE_ATTENTION_SPLIT,
    GML_CHOOSE_ATTENTION_STEP,
    GML_CHOOSE_ATTENTION_THREADS
};

/* "gemm", "softmax", "attention". */
const char *gml_operation_name(gml_operation operation);

/*
 * The parameters of an operation, in the order of the enumerations above; NULL behind the last. `names` lists what its
 * values 1, 2, ... are called; NULL where they are numbers, then in [1, most]. `ordered` says that a neighbouring value
 * is a neighbouring plan, so that a search may go there in steps.
 */
typedef struct gml_parameter {
    const char *name;         /* "pack_b"          */
    const char *const *names; /* {"no", "yes", NULL} */
    int32_t most;
    bool ordered;
} gml_parameter;

const gml_parameter *gml_parameters(gml_operation operation, int *count);

/* true when all values are 0: the model's own plan. */
bool gml_choice_is_model(const gml_choice *choice);

/*
 * As text: "pack_b=yes,nc=960", values of 0 left out; "model" where all are. write returns the length without the
 * terminator, as snprintf does. read accepts what write makes, each parameter once in any order; otherwise false, and
 * `choice` is as it was. It reads hostile text: `length` bytes, not terminated.
 */
#define GML_CHOICE_TEXT 256
size_t gml_choice_write(gml_operation operation, const gml_choice *choice, char *text, size_t size);
bool gml_choice_read(gml_operation operation, const char *text, size_t length, gml_choice *choice);

/* The canonical order, which settles near ties: fewer parameters set come first, then values in order. < 0, 0, > 0. */
int gml_choice_compare(const gml_choice *x, const gml_choice *y);

#endif
