/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A context: a runtime, the machine it runs on, and why it is as it is.
 */
#ifndef GML_API_CONTEXT_H
#define GML_API_CONTEXT_H

#include "src/core/cpu.h"
#include "src/core/runtime.h"
#include <gemmule/context.h>

/* What decided the number of threads, in the order of precedence. */
typedef enum gml_threads_source {
    GML_THREADS_OPTION,      /* the context's options                      */
    GML_THREADS_ENVIRONMENT, /* GEMMULE_NUM_THREADS                        */
    GML_THREADS_OMP,         /* OMP_NUM_THREADS                            */
    GML_THREADS_QUOTA,       /* the cgroup quota, below the affinity mask  */
    GML_THREADS_AFFINITY     /* the CPUs of the affinity mask              */
} gml_threads_source;

typedef struct gml_shared_wisdom gml_shared_wisdom;

/* What plans are made by (snapshot.h). */
typedef struct gml_snapshot gml_snapshot;
struct gml_snapshot {
    gml_machine machine;
    const struct gml_wisdom *wisdom; /* NULL: nothing is known     */
    gml_shared_wisdom *shared;       /* where that lies; or NULL   */
    gml_snapshot *older;             /* which it took the place of */
};

struct gml_context {
    gml_runtime runtime;
    gml_machine machine; /* as it was when the first context was made */
    gml_threads_source threads_source;
    bool verbose;   /* traces (trace.h)            */
    bool recording; /* distinct problems (record.h) */
    _Atomic(gml_snapshot *) snapshot; /* NULL until the first plan */
    gml_snapshot first;
};

/* The default context, which lies in static storage, is made on first use, and cannot fail; and its address from then
 * on, so that the calls that follow need no lock. */
gml_context *gml_context_default(void);
extern _Atomic(gml_context *) gml_context_made;

static inline gml_context *gml_context_or_default(gml_context *context)
{
    if (!context)
        context = atomic_load_explicit(&gml_context_made, memory_order_acquire);
    return context ? context : gml_context_default();
}

/* A variable of the environment as it was when the first context was made. */
typedef struct gml_variable {
    char value[32]; /* cut to fit; "" when it is not set   */
    bool ignored;   /* set, but no value to act upon       */
} gml_variable;

typedef struct gml_environment {
    gml_variable isa;         /* GEMMULE_ISA: ignored when unknown, or unavailable on this CPU */
    gml_variable threads;     /* GEMMULE_NUM_THREADS: ignored when not a positive number       */
    gml_variable omp_threads; /* OMP_NUM_THREADS: likewise; of a list, the first               */
    gml_variable verbose;     /* GEMMULE_VERBOSE: ignored when neither 0 nor 1                 */
    gml_variable record;      /* GEMMULE_RECORD: ignored when it is too long for a path        */
} gml_environment;

/* Makes the default context if need be. */
const gml_environment *gml_environment_read(void);

#endif
