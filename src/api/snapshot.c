/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Snapshots: read, shared, replaced. Tables are shared by the contexts that use them, and counted. What was read from
 * files is kept for contexts to come, one table for each set; it is never freed: at exit other threads may still look
 * something up, and a plugin that is unloaded loses it.
 */
#include "src/api/snapshot.h"
#include "src/api/trace.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A table that never changes. All else in here is under the lock. */
struct gml_shared_wisdom {
    gml_wisdom *wisdom; /* NULL: nothing is known     */
    gml_machine machine;
    const gml_kernel_set *set;
    int64_t users;
    gml_shared_wisdom *next; /* of those from files   */
};

static gml_shared_wisdom *from_files;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local volatile bool holding;

/* A thread that is cancelled must not take the lock with it, and a call keeps errno. */
typedef struct hold {
    int cancel, error;
} hold;

/* false in a signal handler that interrupts this very code. */
static bool acquire(hold *saved)
{
    if (holding)
        return false;
    saved->error = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &saved->cancel);
    holding = true;
    pthread_mutex_lock(&lock);
    return true;
}

static void release(const hold *saved)
{
    pthread_mutex_unlock(&lock);
    holding = false;
    pthread_setcancelstate(saved->cancel, NULL);
    errno = saved->error;
}

void gml_snapshot_forked(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    holding = false;
}

static void drop(gml_shared_wisdom *shared)
{
    if (!shared || --shared->users > 0)
        return;
    gml_wisdom_free(shared->wisdom);
    free(shared);
}

/* A table of a list, with one user; NULL: no memory. */
static gml_shared_wisdom *build(const gml_wisdom_list *list, const gml_machine *machine,
                                const gml_kernel_set *set)
{
    gml_shared_wisdom *shared = malloc(sizeof *shared);
    if (!shared)
        return NULL;
    *shared = (gml_shared_wisdom){.machine = *machine, .set = set, .users = 1};
    if (list->count == 0)
        return shared;
    shared->wisdom = gml_wisdom_build(list);
    if (shared->wisdom)
        return shared;
    free(shared);
    return NULL;
}

/* The table of what files have for a machine, with one user; NULL: no memory. */
static gml_shared_wisdom *read_files(const gml_context *context, const gml_machine *machine,
                                     gml_wisdom_loaded *loaded)
{
    char text[GML_FINGERPRINT_TEXT];
    const gml_wisdom_filter filter = {.machine = gml_fingerprint(machine, text), .set = context->runtime.set};
    gml_wisdom_list list = {0};
    gml_wisdom_search(&list, &filter, loaded, NULL);
    gml_shared_wisdom *shared = loaded->no_memory ? NULL : build(&list, machine, filter.set);
    gml_wisdom_list_free(&list);
    if (context->verbose)
        gml_trace_wisdom(context, loaded);
    return shared;
}

/* The place of a set's table among those from files, or of the next. */
static gml_shared_wisdom **place_of(const gml_kernel_set *set)
{
    gml_shared_wisdom **place = &from_files;
    while (*place && (*place)->set != set)
        place = &(*place)->next;
    return place;
}

static void publish(gml_context *context, gml_snapshot *snapshot, gml_shared_wisdom *shared)
{
    snapshot->shared = shared;
    snapshot->wisdom = shared ? shared->wisdom : NULL;
    atomic_store_explicit(&context->snapshot, snapshot, memory_order_release);
}

static gml_snapshot *first(gml_context *context)
{
    gml_snapshot *there = atomic_load_explicit(&context->snapshot, memory_order_relaxed);
    if (there)
        return there;
    gml_shared_wisdom **place = place_of(context->runtime.set);
    if (!*place) {
        gml_wisdom_loaded loaded = {0};
        *place = read_files(context, &context->first.machine, &loaded);
    }
    gml_shared_wisdom *shared = *place;
    if (shared) {
        shared->users++;
        context->first.machine = shared->machine;
    }
    publish(context, &context->first, shared);
    return &context->first;
}

const gml_snapshot *gml_snapshot_first(gml_context *context)
{
    hold saved;
    if (!acquire(&saved))
        return &context->first; /* its wisdom comes later */
    const gml_snapshot *snapshot = first(context);
    release(&saved);
    return snapshot;
}

/* The snapshot to be replaced, for whose sake no file is read. */
static gml_snapshot *current(gml_context *context)
{
    gml_snapshot *there = atomic_load_explicit(&context->snapshot, memory_order_relaxed);
    if (!there)
        publish(context, there = &context->first, NULL);
    return there;
}

static bool replace(gml_context *context, gml_snapshot *older, gml_shared_wisdom *shared)
{
    gml_snapshot *made = shared ? malloc(sizeof *made) : NULL;
    if (!made) {
        drop(shared);
        return false;
    }
    *made = (gml_snapshot){.machine = shared->machine, .older = older};
    publish(context, made, shared);
    return true;
}

/* Whether an entry says nothing any more: of one key the first counts. `fresh` is the table of the list. */
static bool is_superseded(const gml_wisdom_entry *entry, const gml_wisdom *fresh)
{
    const gml_wisdom_list *list = gml_wisdom_entries(fresh);
    gml_source source;
    const gml_wisdom_entry *found = NULL;
    if (!entry->error) {
        gml_wisdom_find(fresh, &entry->key, &source, &found);
        return found && gml_key_equal(&found->key, &entry->key);
    }
    for (int64_t i = 0; i < list->count && !found; i++)
        if (list->entry[i].error && gml_key_equal(&list->entry[i].key, &entry->key))
            found = &list->entry[i];
    return found;
}

/* A list, and behind it what it leaves of an older one; NULL entries where there is no memory. */
static gml_wisdom_list joined(const gml_wisdom_list *list, const gml_wisdom *older)
{
    const gml_wisdom_list *rest = older ? gml_wisdom_entries(older) : NULL;
    const int64_t most = list->count + (rest ? rest->count : 0);
    gml_wisdom_list both = {.entry = malloc((size_t)most * sizeof *both.entry), .room = most};
    gml_wisdom *fresh = rest ? gml_wisdom_build(list) : NULL;
    if (!both.entry || (rest && !fresh)) {
        gml_wisdom_list_free(&both);
        gml_wisdom_free(fresh);
        return both;
    }
    memcpy(both.entry, list->entry, (size_t)list->count * sizeof *list->entry);
    both.count = list->count;
    for (int64_t i = 0; rest && i < rest->count && both.count < GML_WISDOM_ENTRIES_MOST; i++)
        if (!is_superseded(&rest->entry[i], fresh))
            both.entry[both.count++] = rest->entry[i];
    gml_wisdom_free(fresh);
    return both;
}

bool gml_snapshot_add(gml_context *context, const gml_wisdom_list *list)
{
    hold saved;
    if (!acquire(&saved))
        return false;
    gml_snapshot *older = first(context);
    gml_wisdom_list both = joined(list, older->wisdom);
    const bool done =
        both.entry && replace(context, older, build(&both, &older->machine, context->runtime.set));
    gml_wisdom_list_free(&both);
    release(&saved);
    return done;
}

bool gml_snapshot_forget(gml_context *context)
{
    static const gml_wisdom_list nothing;
    hold saved;
    if (!acquire(&saved))
        return false;
    gml_snapshot *older = current(context);
    const bool done =
        !older->wisdom || replace(context, older, build(&nothing, &older->machine, context->runtime.set));
    release(&saved);
    return done;
}

bool gml_snapshot_refresh(gml_context *context, gml_wisdom_loaded *loaded)
{
    hold saved;
    if (!acquire(&saved))
        return false;
    gml_machine machine;
    gml_machine_detect(&machine);
    machine.cpus_allowed =
        context->machine.cpus_allowed; /* this thread may be bound, and the number of threads stays */
    machine.cpus_quota = context->machine.cpus_quota;
    gml_shared_wisdom *shared = read_files(context, &machine, loaded);
    const bool done = replace(context, current(context), shared);
    if (done) {
        gml_shared_wisdom **place = place_of(shared->set), *old = *place;
        shared->users++;
        shared->next = old ? old->next : NULL;
        *place = shared;
        drop(old);
    }
    release(&saved);
    return done;
}

void gml_snapshot_clear(gml_context *context)
{
    hold saved;
    if (!acquire(&saved))
        return;
    gml_snapshot *snapshot = atomic_load_explicit(&context->snapshot, memory_order_relaxed);
    while (snapshot) {
        gml_snapshot *older = snapshot->older;
        drop(snapshot->shared);
        if (snapshot != &context->first)
            free(snapshot);
        snapshot = older;
    }
    release(&saved);
}
