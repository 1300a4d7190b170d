/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scratch memory: a pool of idle blocks without locks, so that a call allocates nothing after warm-up, and a
 * signal, a fork or a cancelled thread never leaves it locked.
 *
 * A slot holds a block's address with its size class in the low bits, which alignment leaves free. So a block is
 * chosen without being looked into, and one compare-and-swap takes it; that the same value may have been taken
 * and given back meanwhile is harmless, because the value is all there is to know of a block.
 *
 * Classes step by a quarter of a power of two: 5, 6, 7, 8, 10, 12, 14, 16, 20 KB ... 256 MB.
 */
#include "src/core/runtime.h"
#include <stdlib.h>
#include <sys/mman.h>

#define CLASSES   ((size_t)GML_ALIGNMENT)
#define HUGE_PAGE ((size_t)2 << 20)

static size_t class_bytes(size_t rank)
{
    return (4 + (rank + 1) % 4) << (10 + (rank + 1) / 4);
}

/* The smallest class that holds so many bytes; CLASSES when none does. */
static size_t class_of(size_t bytes)
{
    size_t rank = 0;
    while (rank < CLASSES && class_bytes(rank) < bytes)
        rank++;
    return rank;
}

static size_t class_of_slot(const void *value)
{
    return (uintptr_t)value % GML_ALIGNMENT;
}

static gml_scratch block_of_slot(void *value)
{
    const size_t rank = class_of_slot(value);
    return (gml_scratch){.data = (char *)value - rank, .bytes = class_bytes(rank)};
}

static void release(gml_runtime *runtime, gml_scratch scratch)
{
    runtime->release(runtime->allocator_host, scratch.data, scratch.bytes);
}

static gml_scratch allocate(gml_runtime *runtime, size_t bytes)
{
    void *data = runtime->allocate(runtime->allocator_host, bytes, GML_ALIGNMENT);
    const gml_scratch scratch = {.data = data, .bytes = bytes};
    if (!data)
        return (gml_scratch){0};
    if ((uintptr_t)data % GML_ALIGNMENT) { /* a host's allocator that breaks its word must not break ours */
        release(runtime, scratch);
        return (gml_scratch){0};
    }
    return scratch;
}

/* Empties a slot that still holds `value`. */
static bool take_slot(gml_runtime *runtime, int slot, void *value)
{
    if (!atomic_compare_exchange_strong_explicit(&runtime->slots[slot], &value, NULL, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    atomic_fetch_sub_explicit(&runtime->idle_bytes, (int64_t)block_of_slot(value).bytes,
                              memory_order_relaxed);
    return true;
}

/* The slot with the smallest block of at least the class `rank`; otherwise, as *other, one with a smaller block. */
static int find_slot(gml_runtime *runtime, size_t rank, void **value, int *other, void **other_value)
{
    int best = -1;
    *other = -1;
    for (int i = 0; i < GML_SCRATCH_SLOTS; i++) {
        void *found = atomic_load_explicit(&runtime->slots[i], memory_order_relaxed);
        if (!found)
            continue;
        if (class_of_slot(found) < rank) {
            *other = i;
            *other_value = found;
        } else if (best < 0 || class_of_slot(found) < class_of_slot(*value)) {
            best = i;
            *value = found;
            if (class_of_slot(found) == rank)
                break;
        }
    }
    return best;
}

gml_scratch gml_scratch_take(gml_runtime *runtime, size_t bytes)
{
    const size_t rank = class_of(bytes);
    if (rank == CLASSES) {
        if (bytes > (size_t)PTRDIFF_MAX - GML_ALIGNMENT)
            return (gml_scratch){0};
        return allocate(runtime, (bytes + GML_ALIGNMENT - 1) / GML_ALIGNMENT * GML_ALIGNMENT);
    }
    int slot, other;
    void *value = NULL, *other_value = NULL;
    while ((slot = find_slot(runtime, rank, &value, &other, &other_value)) >= 0)
        if (take_slot(runtime, slot, value))
            return block_of_slot(value);

    /* The new block replaces a smaller one, so that the pool stays near the number of concurrent calls. */
    if (other >= 0 && take_slot(runtime, other, other_value))
        release(runtime, block_of_slot(other_value));
    return allocate(runtime, class_bytes(rank));
}

void gml_scratch_give(gml_runtime *runtime, gml_scratch scratch)
{
    if (!scratch.data)
        return;
    const size_t rank = class_of(scratch.bytes);
    if (rank < CLASSES) {
        /* Counted before it can be taken, so that the count of idle bytes is never negative. */
        atomic_fetch_add_explicit(&runtime->idle_bytes, (int64_t)scratch.bytes, memory_order_relaxed);
        for (int i = 0; i < GML_SCRATCH_SLOTS; i++) {
            void *empty = NULL;
            if (atomic_compare_exchange_strong_explicit(&runtime->slots[i], &empty,
                                                        (char *)scratch.data + rank, memory_order_release,
                                                        memory_order_relaxed))
                return;
        }
        atomic_fetch_sub_explicit(&runtime->idle_bytes, (int64_t)scratch.bytes, memory_order_relaxed);
    }
    release(runtime, scratch);
}

void gml_scratch_clear(gml_runtime *runtime)
{
    for (int i = 0; i < GML_SCRATCH_SLOTS; i++) {
        void *value = atomic_load_explicit(&runtime->slots[i], memory_order_relaxed);
        if (value && take_slot(runtime, i, value))
            release(runtime, block_of_slot(value));
    }
}

void *gml_scratch_carve(char *memory, size_t *used, int64_t n)
{
    void *place = memory ? memory + *used : NULL;
    *used += ((size_t)n * sizeof(float) + GML_ALIGNMENT - 1) / GML_ALIGNMENT * GML_ALIGNMENT;
    return place;
}

void *gml_default_allocate(void *host, size_t bytes, size_t alignment)
{
    (void)host;
    if (bytes >= HUGE_PAGE && alignment < HUGE_PAGE)
        alignment = HUGE_PAGE;
    if (bytes > (size_t)PTRDIFF_MAX - alignment)
        return NULL;
    void *data = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (data && bytes >= HUGE_PAGE) /* whole pages only: a part of one would cost 2 MB of memory */
        (void)madvise(data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return data;
}

void gml_default_release(void *host, void *pointer, size_t bytes)
{
    (void)host;
    (void)bytes;
    free(pointer);
}
