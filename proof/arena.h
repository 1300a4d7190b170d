/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guarded memory for the operands of one case.
 *
 *     | inaccessible page | poison ... | operand | inaccessible page |      PROOF_AT_END
 *     | inaccessible page | operand | ... poison | inaccessible page |      PROOF_AT_START
 *
 * An operand is an array of up to four dimensions with strides. All bytes around and between its elements
 * are signalling NaNs. Each has an image beside it, a copy of everything accessible: the specification
 * computes in the images, the subject in the guarded memory, and then every byte must be the same, poison
 * and inputs included. Where an element is NaN in both, the kind of NaN does not count.
 */
#ifndef GML_PROOF_ARENA_H
#define GML_PROOF_ARENA_H

#include "proof/generate.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_OPERANDS 48 /* of one case */

typedef enum proof_edge { PROOF_AT_END, PROOF_AT_START } proof_edge;

/* Unused outer dimensions have size 1. */
typedef struct proof_shape {
    int64_t size[4];   /* outermost first */
    int64_t stride[4]; /* elements, 0 broadcasts */
} proof_shape;

typedef struct proof_slot proof_slot;

typedef struct proof_operand {
    const char *name;
    proof_shape shape;  /* sizes of broadcast dimensions are 1 */
    size_t element;     /* bytes */
    int64_t checked;    /* elements of the innermost dimension that count; what lies behind is free */
    void *data, *image; /* the first element */
    proof_slot *slot;
} proof_operand;

typedef struct proof_arena proof_arena;

proof_arena *proof_arena_create(void); /* NULL: no memory */
void proof_arena_destroy(proof_arena *arena);

/* Forgets the operands of the last case. */
void proof_arena_reset(proof_arena *arena);

/* A poisoned operand; never NULL (ends the process when memory cannot be had). `alignment` is of its first
 * element, a power of two in bytes; with PROOF_AT_END up to alignment - element bytes of poison may follow. */
proof_operand *proof_place(proof_arena *arena, const char *name, size_t element, size_t alignment,
                           proof_shape shape, proof_edge edge);

/* A matrix whose element (i, j) lies at i * rs + j * cs. */
proof_operand *proof_place_matrix(proof_arena *arena, const char *name, size_t element, int64_t rows,
                                  int64_t cols, int64_t rs, int64_t cs, proof_edge edge);

/* A contiguous vector, and a matrix with rows `stride` apart, of floats. */
proof_operand *proof_place_vector(proof_arena *arena, const char *name, int64_t n, proof_edge edge);
proof_operand *proof_place_rows(proof_arena *arena, const char *name, int64_t rows, int64_t cols,
                                int64_t stride, proof_edge edge);

/* Calls visit(argument, element) for each element, `element` lying in data, in ascending order of indices. */
void proof_each(const proof_operand *operand, void (*visit)(void *argument, void *element), void *argument);

/* Fills an operand of floats or doubles with values, and a byte operand with 0 once in `zeros` times and otherwise not
 * 0. */
void proof_fill(const proof_operand *operand, proof_random *random, proof_values values);
void proof_fill_bytes(const proof_operand *operand, proof_random *random, int64_t zeros);

/* Brings all images up to date with the data: after filling, before the specification runs. */
void proof_take_images(proof_arena *arena);

/* true when data and images agree; otherwise a sentence says where and how they differ. */
bool proof_compare(proof_arena *arena, char *sentence, size_t size);

/* Says where an address lies: "16 bytes behind the end of b". */
void proof_explain_address(const proof_arena *arena, const void *address, char *text, size_t size);

#endif
