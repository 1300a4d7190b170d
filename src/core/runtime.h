/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The runtime: what an executor needs besides a plan and its operands: kernels, threads and memory.
 * A context (src/api/context.h) is a runtime with a public face.
 */
#ifndef GML_CORE_RUNTIME_H
#define GML_CORE_RUNTIME_H

#include "kernels/kernel.h"
#include <gemmule/context.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GML_MAX_THREADS 1024
#define GML_SCRATCH_SLOTS 64 /* blocks kept for reuse; more concurrent calls than this allocate */
#define GML_ALIGNMENT 64     /* of all scratch: a cache line and the widest vector */

typedef struct gml_scratch {
    void *data;   /* GML_ALIGNMENT-aligned, NULL when memory could not be had */
    size_t bytes; /* capacity, at least what was asked for */
} gml_scratch;

typedef struct gml_runtime {
    const gml_kernel_set *set;
    int32_t threads;          /* outside parallel regions, >= 1                       */
    bool threads_asked;       /* by the context's options: holds inside regions too   */
    gml_parallel_for_fn *parallel_for; /* NULL: OpenMP                                */
    void *parallel_host;
    gml_allocate_fn *allocate; /* never NULL */
    gml_release_fn *release;
    void *allocator_host;
    _Atomic(void *) slots[GML_SCRATCH_SLOTS]; /* idle scratch blocks */
    _Atomic int64_t idle_bytes;
} gml_runtime;

/* memory.c: scratch blocks, taken from the idle ones or allocated, and given back. Lock-free; a block is
 * owned by one call between take and give. take sets data to NULL when memory cannot be had. A block that
 * is given back when all slots are full, or that is larger than GML_SCRATCH_KEEP, is released. */
#define GML_SCRATCH_KEEP ((size_t)256 << 20)
gml_scratch gml_scratch_take(gml_runtime *runtime, size_t bytes);
void gml_scratch_give(gml_runtime *runtime, gml_scratch scratch);
void gml_scratch_clear(gml_runtime *runtime); /* releases the idle blocks */

/* The next n elements of four bytes of a block, aligned; nothing but counted where memory is NULL. So one list of arrays
 * tells both their places and their size. */
void *gml_scratch_carve(char *memory, size_t *used, int64_t n);

/* The default allocator: aligned_alloc, with transparent huge pages asked for from 2 MB on. */
void *gml_default_allocate(void *host, size_t bytes, size_t alignment);
void gml_default_release(void *host, void *pointer, size_t bytes);

/* parallel.c: THE parallel function. Calls body(argument, i) for each i in [0, n) on up to n threads, each
 * in the floating-point environment of the contract, and returns when all have returned. Bodies never wait
 * for each other, so that fewer threads than asked, or one, run them all. n == 1 runs in the caller. */
void gml_parallel(gml_runtime *runtime, int32_t n, gml_parallel_body_fn *body, void *argument);

/* The number of threads a call may use: `asked` by its descriptor if > 0, otherwise the runtime's; 1 inside
 * an OpenMP parallel region unless asked for, 1 in a forked child. */
int32_t gml_parallel_threads(const gml_runtime *runtime, int32_t asked);

/* fpenv.c: the floating-point environment of the contract: round to nearest, no flush-to-zero, traps masked.
 * enter returns the control bits it found; it writes the register only if they differ, as does leave. */
typedef uint64_t gml_fpenv;
gml_fpenv gml_fpenv_enter(void);
void gml_fpenv_leave(gml_fpenv found);

#endif
