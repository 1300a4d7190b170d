/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The record: a table of fixed size, open addressing, no locks. A slot is claimed, then filled, then found; a problem that
 * two threads bring at the same moment may get two slots, whose counts whoever reads the file adds up. The file is written
 * at exit, or when a plugin that holds this library is unloaded, while other threads may still be counting.
 */
#include "src/api/record.h"
#include "src/api/save.h"
#include "src/api/trace.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GML_RECORD_SLOTS 16384 /* of 72 bytes; memory that is not used is not touched */
#define GML_RECORD_TRIES 64    /* slots that are looked at: enough while a tenth is free */

enum { SLOT_EMPTY, SLOT_CLAIMED, SLOT_FILLED };

typedef struct slot {
    _Atomic int32_t state;
    _Atomic int64_t count;
    gml_key key;
} slot;

typedef struct record {
    char name[PATH_MAX]; /* "%p" stands for the process */
    bool each;           /* process has its own file    */
    bool closed;         /* in a child that has none    */
    _Atomic int64_t left_out;
    slot slots[GML_RECORD_SLOTS];
} record;

static record *recorded;

bool gml_record_begin(const char *name)
{
    const size_t length = strlen(name);
    if (length >= sizeof recorded->name)
        return false;
    record *made = calloc(1, sizeof *made);
    if (!made)
        return false;
    memcpy(made->name, name, length + 1);
    made->each = strstr(name, "%p");
    recorded = made;
    return true;
}

/* A child begins anew where it has a file of its own; otherwise it would replace that of its parent, which is still to
 * come. */
void gml_record_forked(void)
{
    if (!recorded)
        return;
    recorded->closed = !recorded->each;
    if (recorded->closed)
        return;
    atomic_store_explicit(&recorded->left_out, 0, memory_order_relaxed);
    for (int i = 0; i < GML_RECORD_SLOTS; i++) {
        slot *one = &recorded->slots[i];
        if (atomic_load_explicit(&one->state, memory_order_relaxed) == SLOT_EMPTY)
            continue;
        atomic_store_explicit(&one->count, 0, memory_order_relaxed);
        atomic_store_explicit(&one->state, SLOT_EMPTY, memory_order_relaxed);
    }
}

/* The slot that has the key, or gets it now; NULL: there is no room. */
static slot *slot_of(const gml_key *key)
{
    const uint64_t hash = gml_key_hash(key);
    for (uint64_t i = 0; i < GML_RECORD_TRIES; i++) {
        slot *one = &recorded->slots[(hash + i) % GML_RECORD_SLOTS];
        int32_t state = atomic_load_explicit(&one->state, memory_order_acquire);
        if (state == SLOT_EMPTY &&
            atomic_compare_exchange_strong_explicit(&one->state, &state, SLOT_CLAIMED, memory_order_acquire,
                                                    memory_order_acquire)) {
            one->key = *key;
            atomic_store_explicit(&one->state, SLOT_FILLED, memory_order_release);
            return one;
        }
        if (state == SLOT_FILLED && gml_key_equal(&one->key, key))
            return one;
    }
    return NULL;
}

static void count(const gml_key *key)
{
    if (recorded->closed)
        return;
    slot *one = slot_of(key);
    atomic_fetch_add_explicit(one ? &one->count : &recorded->left_out, 1, memory_order_relaxed);
}

void gml_record_gemm(const gml_gemm_args *args, int64_t batch, int32_t threads)
{
    const gml_key key = gml_key_gemm(args, batch, threads);
    count(&key);
}

/* Rows without columns are no problem to be tuned. */
void gml_record_softmax(const gml_softmax_problem *problem, int32_t threads)
{
    if (problem->cols == 0)
        return;
    const gml_key key = gml_key_softmax(problem, threads);
    count(&key);
}

void gml_record_attention(const gml_attention_problem *problem, int32_t threads)
{
    const gml_key key = gml_key_attention(problem, threads);
    count(&key);
}

/* The name with the process in place of each "%p"; false: it is too long. */
static bool expand(char path[PATH_MAX], const char *name)
{
    size_t used = 0;
    while (*name && used < PATH_MAX) {
        const bool process = name[0] == '%' && name[1] == 'p';
        used += process ? (size_t)snprintf(path + used, PATH_MAX - used, "%ld", (long)getpid()) : 1;
        if (!process)
            path[used - 1] = *name;
        name += process ? 2 : 1;
    }
    if (used >= PATH_MAX)
        return false;
    path[used] = '\0';
    return true;
}

/* One line for each problem; NULL: no memory. */
static char *compose(size_t *length, int64_t *problems)
{
    const size_t line = GML_KEY_TEXT + 32, head = 256;
    *problems = 0;
    for (int i = 0; i < GML_RECORD_SLOTS; i++)
        *problems += atomic_load_explicit(&recorded->slots[i].state, memory_order_acquire) == SLOT_FILLED;
    char *text = malloc(head + (size_t)*problems * line);
    if (!text)
        return NULL;
    const int64_t left_out = atomic_load_explicit(&recorded->left_out, memory_order_relaxed);
    size_t used = (size_t)snprintf(text, head, "# Problems of one process, for gemmule tune --from.\n");
    if (left_out > 0)
        used += (size_t)snprintf(text + used, head - used, "# The table was full for %" PRId64 " calls.\n",
                                 left_out);
    int64_t room = *problems; /* what is filled from now on stays out */
    for (int i = 0; i < GML_RECORD_SLOTS && room > 0; i++) {
        const slot *one = &recorded->slots[i];
        if (atomic_load_explicit(&one->state, memory_order_acquire) != SLOT_FILLED)
            continue;
        used += gml_key_write(&one->key, text + used, GML_KEY_TEXT);
        used += (size_t)snprintf(text + used, 32, " count=%" PRId64 "\n",
                                 atomic_load_explicit(&one->count, memory_order_relaxed));
        room--;
    }
    *length = used;
    return text;
}

__attribute__((destructor)) static void end_record(void)
{
    if (!recorded || recorded->closed)
        return;
    char path[PATH_MAX];
    size_t length;
    int64_t problems;
    char *text = compose(&length, &problems);
    const int error = !text                          ? ENOMEM
                      : expand(path, recorded->name) ? gml_save(path, text, length)
                                                     : ENAMETOOLONG;
    free(text);
    if (gml_context_or_default(NULL)->verbose)
        gml_trace_record(recorded->name, problems, error);
}
