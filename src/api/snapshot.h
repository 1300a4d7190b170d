/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Snapshots: what a context plans by, its machine and its wisdom as they were at one moment. A snapshot never changes once it
 * is published; a new one takes its place, and the old one stays until the context is destroyed, as calls may be using it.
 *
 * A context has none until its first plan. Then the files are read, once for all contexts of the process that have the
 * same set. Looking a plan up takes one load; only what reads or replaces wisdom takes a lock.
 */
#ifndef GML_API_SNAPSHOT_H
#define GML_API_SNAPSHOT_H

#include "src/api/context.h"
#include "src/plan/planner.h"
#include "src/plan/wisdom_files.h"

/* Makes the first snapshot of a context. Does not fail: without memory there is no wisdom in it. */
const gml_snapshot *gml_snapshot_first(gml_context *context);

static inline const gml_snapshot *gml_snapshot_of(gml_context *context)
{
    const gml_snapshot *snapshot = atomic_load_explicit(&context->snapshot, memory_order_acquire);
    return __builtin_expect(snapshot != NULL, 1) ? snapshot : gml_snapshot_first(context);
}

/* What makes plans for a context. Not for small products, which have none. */
static inline gml_planner gml_planner_of(gml_context *context)
{
    const gml_snapshot *snapshot = gml_snapshot_of(context);
    return (gml_planner){
        .machine = &snapshot->machine, .set = context->runtime.set, .wisdom = snapshot->wisdom};
}

/* Replace the snapshot of a context. add puts a list, which is not empty, before what is known; forget leaves nothing; refresh detects the
 * machine and reads the files again, also for contexts whose first plan is still to come. false: there is no memory, and
 * nothing has changed. */
bool gml_snapshot_add(gml_context *context, const gml_wisdom_list *list);
bool gml_snapshot_forget(gml_context *context);
bool gml_snapshot_refresh(gml_context *context, gml_wisdom_loaded *loaded);

/* Lets go of all snapshots of a context that is being destroyed. */
void gml_snapshot_clear(gml_context *context);

/* Called in a forked child, where the lock may be held by a thread that is not there. */
void gml_snapshot_forked(void);

#endif
