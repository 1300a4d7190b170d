/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proof/arena.h"
#include "proof/compare.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Signalling NaNs; as a byte of a mask, not 0. */
#define POISON     UINT64_C(0x7fa5a5a57fa5a5a5) /* two floats  */
#define POISON_F64 UINT64_C(0x7ff5a5a5a5a5a5a5)
#define CLASSES    24 /* slots of 1, 2, 4, ... pages: poisoning a small case stays cheap */

/* base[0 .. bytes) is accessible, with a guard page on both sides; image is as large. */
struct proof_slot {
    unsigned char *base, *image;
    size_t bytes;
};

struct proof_arena {
    size_t page;
    int operands;
    proof_operand operand[PROOF_OPERANDS];
    proof_slot slot[PROOF_OPERANDS][CLASSES];
};

static void no_memory(void)
{
    fprintf(stderr, "gemmule: no memory for the operands of a case\n");
    exit(4);
}

proof_arena *proof_arena_create(void)
{
    proof_arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->page = (size_t)sysconf(_SC_PAGESIZE);
    return arena;
}

void proof_arena_destroy(proof_arena *arena)
{
    if (!arena)
        return;
    for (int i = 0; i < PROOF_OPERANDS; i++)
        for (int c = 0; c < CLASSES; c++)
            if (arena->slot[i][c].base) {
                munmap(arena->slot[i][c].base - arena->page, arena->slot[i][c].bytes + 2 * arena->page);
                free(arena->slot[i][c].image);
            }
    free(arena);
}

void proof_arena_reset(proof_arena *arena)
{
    arena->operands = 0;
}

static proof_slot *slot_for(proof_arena *arena, int index, size_t bytes)
{
    int doublings = 0;
    while (arena->page << doublings < bytes)
        doublings++;
    if (doublings >= CLASSES)
        no_memory();
    proof_slot *slot = &arena->slot[index][doublings];
    if (slot->base)
        return slot;

    slot->bytes = arena->page << doublings;
    unsigned char *map = mmap(NULL, slot->bytes + 2 * arena->page, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    slot->image = malloc(slot->bytes);
    if (map == MAP_FAILED || !slot->image ||
        mprotect(map + arena->page, slot->bytes, PROT_READ | PROT_WRITE) != 0)
        no_memory();
    slot->base = map + arena->page;
    return slot;
}

proof_operand *proof_place(proof_arena *arena, const char *name, size_t element, size_t alignment,
                           proof_shape shape, proof_edge edge)
{
    if (arena->operands == PROOF_OPERANDS)
        no_memory();
    int64_t last = 0;
    bool empty = false;
    for (int d = 0; d < 4; d++) {
        empty = empty || shape.size[d] == 0;
        if (shape.stride[d] == 0 && shape.size[d] > 1)
            shape.size[d] = 1;
        last += (shape.size[d] - 1) * shape.stride[d];
    }
    const size_t extent = empty ? 0 : (size_t)(last + 1) * element;

    proof_slot *slot = slot_for(arena, arena->operands, extent + alignment);
    const uint64_t poison = element == sizeof(double) ? POISON_F64 : POISON;
    uint64_t *word = (uint64_t *)slot->base;
    for (size_t i = 0; i < slot->bytes / 8; i++)
        word[i] = poison;
    const size_t start = edge == PROOF_AT_START ? 0 : (slot->bytes - extent) / alignment * alignment;

    proof_operand *operand = &arena->operand[arena->operands++];
    *operand = (proof_operand){.name = name,
                               .shape = shape,
                               .element = element,
                               .checked = shape.size[3],
                               .data = slot->base + start,
                               .image = slot->image + start,
                               .slot = slot};
    return operand;
}

proof_operand *proof_place_matrix(proof_arena *arena, const char *name, size_t element, int64_t rows,
                                  int64_t cols, int64_t rs, int64_t cs, proof_edge edge)
{
    const proof_shape shape = {{1, 1, rows, cols}, {0, 0, rs, cs}};
    return proof_place(arena, name, element, element, shape, edge);
}

proof_operand *proof_place_rows(proof_arena *arena, const char *name, int64_t rows, int64_t cols,
                                int64_t stride, proof_edge edge)
{
    return proof_place_matrix(arena, name, sizeof(float), rows, cols, stride, 1, edge);
}

proof_operand *proof_place_vector(proof_arena *arena, const char *name, int64_t n, proof_edge edge)
{
    return proof_place_rows(arena, name, 1, n, n, edge);
}

void proof_each(const proof_operand *operand, void (*visit)(void *, void *), void *argument)
{
    const proof_shape *s = &operand->shape;
    for (int64_t i = 0; i < s->size[0]; i++)
        for (int64_t j = 0; j < s->size[1]; j++)
            for (int64_t k = 0; k < s->size[2]; k++) {
                const int64_t row = i * s->stride[0] + j * s->stride[1] + k * s->stride[2];
                for (int64_t l = 0; l < s->size[3]; l++)
                    visit(argument,
                          (char *)operand->data + (row + l * s->stride[3]) * (int64_t)operand->element);
            }
}

typedef struct filling {
    proof_random *random;
    proof_values values;
    int64_t zeros;
} filling;

static void fill_float(void *argument, void *element)
{
    const filling *f = argument;
    *(float *)element = proof_value(f->random, f->values);
}

static void fill_double(void *argument, void *element)
{
    const filling *f = argument;
    *(double *)element = proof_value_f64(f->random, f->values);
}

static void fill_byte(void *argument, void *element)
{
    const filling *f = argument;
    *(uint8_t *)element = proof_once_in(f->random, f->zeros) ? 0 : (uint8_t)proof_between(f->random, 1, 255);
}

void proof_fill(const proof_operand *operand, proof_random *random, proof_values values)
{
    proof_each(operand, operand->element == sizeof(double) ? fill_double : fill_float,
               &(filling){random, values, 0});
}

void proof_fill_bytes(const proof_operand *operand, proof_random *random, int64_t zeros)
{
    proof_each(operand, fill_byte, &(filling){random, PROOF_UNIFORM, zeros});
}

void proof_take_images(proof_arena *arena)
{
    for (int i = 0; i < arena->operands; i++)
        memcpy(arena->operand[i].slot->image, arena->operand[i].slot->base, arena->operand[i].slot->bytes);
}

static bool both_nan(size_t element, const void *x, const void *y)
{
    if (element == sizeof(float))
        return proof_canonical(*(const float *)x) == PROOF_NAN_BITS &&
               proof_canonical(*(const float *)y) == PROOF_NAN_BITS;
    return element == sizeof(double) && proof_canonical_f64(*(const double *)x) == PROOF_NAN_BITS_F64 &&
           proof_canonical_f64(*(const double *)y) == PROOF_NAN_BITS_F64;
}

/* Makes NaNs alike where both have one, and copies what is free, so that only what counts still differs. */
static void settle(void *argument, void *element)
{
    const proof_operand *operand = argument;
    char *image = (char *)operand->image + ((char *)element - (char *)operand->data);
    const int64_t offset = ((char *)element - (char *)operand->data) / (int64_t)operand->element;
    const int64_t stride = operand->shape.stride[2];
    if (operand->checked < operand->shape.size[3] && (stride ? offset % stride : offset) >= operand->checked)
        memcpy(element, image, operand->element);
    else if (both_nan(operand->element, element, image))
        memcpy(element, image, operand->element);
}

typedef struct search {
    const proof_operand *operand;
    const char *byte; /* in data */
    int64_t number, found;
} search;

static void match(void *argument, void *element)
{
    search *s = argument;
    if (s->byte >= (char *)element && s->byte < (char *)element + s->operand->element)
        s->found = s->number;
    s->number++;
}

static void describe(const proof_operand *operand, size_t at, char *sentence, size_t size)
{
    const proof_slot *slot = operand->slot;
    search s = {operand, (char *)slot->base + at, 0, -1};
    proof_each(operand, match, &s);
    if (s.found < 0) {
        const int64_t distance = s.byte - (char *)operand->data;
        snprintf(sentence, size,
                 "a byte outside the elements of %s was written, %" PRId64 " bytes from its first",
                 operand->name, distance);
        return;
    }
    int64_t index[4], rest = s.found;
    for (int d = 3; d >= 0; d--) {
        index[d] = rest % operand->shape.size[d];
        rest /= operand->shape.size[d];
    }
    int n = snprintf(sentence, size, "%s", operand->name);
    for (int d = 0; d < 4; d++)
        if (operand->shape.size[d] > 1 || d >= 2)
            n += snprintf(sentence + n, size - (size_t)n, "[%" PRId64 "]", index[d]);
    n += snprintf(sentence + n, size - (size_t)n, " ");
    if (operand->element == sizeof(float)) {
        float is, must;
        const size_t start = at - (size_t)(s.byte - (char *)operand->data) % sizeof(float);
        memcpy(&is, slot->base + start, sizeof is);
        memcpy(&must, slot->image + start, sizeof must);
        proof_describe_difference(sentence + n, size - (size_t)n, is, must);
    } else if (operand->element == sizeof(double)) {
        double is, must;
        const size_t start = at - (size_t)(s.byte - (char *)operand->data) % sizeof(double);
        memcpy(&is, slot->base + start, sizeof is);
        memcpy(&must, slot->image + start, sizeof must);
        proof_describe_difference_f64(sentence + n, size - (size_t)n, is, must);
    } else {
        snprintf(sentence + n, size - (size_t)n, "is %u, must be %u", slot->base[at], slot->image[at]);
    }
}

bool proof_compare(proof_arena *arena, char *sentence, size_t size)
{
    for (int i = 0; i < arena->operands; i++) {
        proof_operand *operand = &arena->operand[i];
        const proof_slot *slot = operand->slot;
        if (memcmp(slot->base, slot->image, slot->bytes) == 0)
            continue;
        proof_each(operand, settle, operand);
        if (memcmp(slot->base, slot->image, slot->bytes) == 0)
            continue;
        size_t at = 0;
        while (slot->base[at] == slot->image[at])
            at++;
        describe(operand, at, sentence, size);
        return false;
    }
    return true;
}

void proof_explain_address(const proof_arena *arena, const void *address, char *text, size_t size)
{
    const uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < arena->operands; i++) {
        const proof_operand *operand = &arena->operand[i];
        const uintptr_t base = (uintptr_t)operand->slot->base, end = base + operand->slot->bytes;
        if (at >= end && at < end + arena->page) {
            snprintf(text, size, "%zu bytes behind the end of the memory of %s", (size_t)(at - end),
                     operand->name);
            return;
        }
        if (at < base && at >= base - arena->page) {
            snprintf(text, size, "%zu bytes before the memory of %s", (size_t)(base - at), operand->name);
            return;
        }
    }
    snprintf(text, size, "at %p, beside no operand", address);
}
