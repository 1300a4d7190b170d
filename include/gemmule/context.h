/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Context: what a host may decide about how operations run. It never changes a result.
 *
 * Every operation takes a context; NULL stands for a default one that the library makes on first
 * use and shares between all threads. A context is immutable once created, but for its wisdom
 * (wisdom.h), and may be used by any number of threads at once. Scratch memory that operations need is kept in it for reuse.
 *
 *     gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
 *     options.threads = 4;
 *     gml_context *context;
 *     if (gml_context_create(&context, &options) != GML_OK) ...
 *     ...
 *     gml_context_destroy(context);
 *
 * Threads. The number used is the first of these that is given: the descriptor of the call, the
 * context, GEMMULE_NUM_THREADS, OMP_NUM_THREADS, and the number of CPUs this process may use (its
 * affinity mask, and its cgroup quota rounded up). Inside an OpenMP parallel region an operation
 * uses one thread unless the call's descriptor or the context asks for more. A forked child runs
 * serially: the threads of its parent's OpenMP team do not exist there.
 *
 * Environment, read once when the first context is made, but for GEMMULE_WISDOM, which is read when wisdom is (wisdom.h):
 *   GEMMULE_ISA          the name of an instruction set (info.h); may only lower the choice.
 *                        An unknown or unavailable name is ignored, and shown by `gemmule info`.
 *   GEMMULE_NUM_THREADS  a positive number; anything else is ignored, and shown.
 *   GEMMULE_VERBOSE      1: a line on standard error for each call that computes; 0 and anything else,
 *                        which is shown: none.
 *   GEMMULE_WISDOM       files and directories of wisdom, before those of the user and the system; "off": none at all
 *   GEMMULE_RECORD       a file for the distinct problems of this process, written at exit (wisdom.h)
 *
 * Traces. A line of GEMMULE_VERBOSE=1 is "gemmule:" and key=value pairs, separated by one blank each, no
 * value containing one; a new version may add keys. One call of write makes a line, whatever the threads.
 *   call      the function
 *   label     of its descriptor: 63 characters at most, with '_' for blanks; "-" where there is none
 *   type, the sizes and strides, the factors, and what else was asked for, by the names of the interface
 *   lists     the operands that come from lists, of "abc", or "none"; packed and bias in the same way
 *   path      how it was computed. GEMM: panels, stream, split (`gemmule explain`), small (no plan), scale
 *             (no products), plain (no plan was legal). Softmax, merging: rows. Attention: tiles, rows (no plan)
 *   kernel    its name as in `gemmule info`, or "-"
 *   plan      where it comes from, in lines of calls that have one: model, measured (this problem was), cell (one of nearly
 *             the same sizes was), predicted (those around it were)
 *   isa, threads
 *   us        microseconds from the first decision to the last element
 *   gflops    10^9 operations a second, two for each product of elements, masked or not; 0.0 for softmax
 *
 * Where wisdom was read and not all of it can be used, one line says so: "gemmule: wisdom isa=avx512 files=2 refused=0
 * accepted=31 foreign=0 stale=4 damaged=0 invalid=0 memory=fine". One more tells what became of the record: "gemmule: record
 * problems=12 error=0 file=problems.txt".
 */
#ifndef GEMMULE_CONTEXT_H
#define GEMMULE_CONTEXT_H

#include <gemmule/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gml_context gml_context;

/* One piece of a parallel operation: index is in [0, n) of the call of gml_parallel_for_fn. */
typedef void gml_parallel_body_fn(void *argument, int64_t index);

/*
 * The host's own thread pool. Must call body(argument, i) exactly once for each i in [0, n) and
 * return when all calls have returned. The calls may run in any order, on any threads, at the same
 * time or one after another: they never wait for each other.
 */
typedef void gml_parallel_for_fn(void *host, int64_t n, gml_parallel_body_fn *body, void *argument);

/*
 * The host's own allocator. allocate returns memory aligned to at least `alignment` (a power of
 * two, at most 4096), or NULL; release gets the same pointer and size back. Both may be called from
 * any thread. Operations whose scratch memory is refused take a slower path with the same bits.
 */
typedef void *gml_allocate_fn(void *host, size_t bytes, size_t alignment);
typedef void gml_release_fn(void *host, void *pointer, size_t bytes);

typedef struct gml_context_options {
    size_t size;        /* of this structure, set by GML_CONTEXT_OPTIONS_INIT                     */
    int32_t threads;    /* 0: the environment and the machine decide; at most 1024                */
    int32_t reserved;   /* 0                                                                      */
    const char *isa;    /* highest instruction set to use, a name of info.h; NULL: the best       */
    gml_parallel_for_fn *parallel_for; /* NULL: OpenMP                                            */
    void *parallel_host;               /* handed to parallel_for                                  */
    gml_allocate_fn *allocate;         /* both or none; NULL: the C library                       */
    gml_release_fn *release;
    void *allocator_host;              /* handed to allocate and release                          */
} gml_context_options;

#define GML_CONTEXT_OPTIONS_INIT \
    { sizeof(gml_context_options), 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Makes a context and stores it in *context. options may be NULL, for all defaults.
 *
 *   GML_ERR_ARGUMENT    context is NULL; threads is outside [0, 1024]; one of allocate and release
 *                       is given without the other
 *   GML_ERR_DESCRIPTOR  options->size is 0, or larger than this version's and the tail is not zero
 *   GML_ERR_ISA         isa is no known name, or this CPU or operating system does not have it
 *   GML_ERR_MEMORY      the context could not be allocated
 *
 * On failure *context is left as it was.
 */
GML_API gml_status gml_context_create(gml_context **context, const gml_context_options *options);

/* Frees a context and its scratch memory. No operation may be using it. NULL is allowed. */
GML_API void gml_context_destroy(gml_context *context);

#ifdef __cplusplus
}
#endif

#endif
