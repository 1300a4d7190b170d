/* SPDX-License-Identifier: BSD-3-Clause
 *
 * THE parallel function, and how many threads a call may use.
 *
 * A forked child runs serially: OpenMP's team did not survive the fork, and entering a parallel region would wait
 * for it for ever. The child learns it from a pthread_atfork handler. glibc ties the handler to the object it is
 * linked into, so that unloading a plugin that holds the static library takes it out again.
 */
#include "src/core/runtime.h"
#include <omp.h>
#include <pthread.h>

static atomic_bool serial;

static void in_child(void)
{
    atomic_store_explicit(&serial, true, memory_order_relaxed);
}

__attribute__((constructor)) static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, in_child) != 0)
        in_child(); /* a fork would go unnoticed: rather slow than hanging */
}

static bool is_serial(void)
{
    return atomic_load_explicit(&serial, memory_order_relaxed);
}

/* One body in the environment of the contract, on whatever thread the pool gives it. */
typedef struct body_call {
    gml_parallel_body_fn *body;
    void *argument;
} body_call;

static void call_body(void *argument, int64_t index)
{
    const body_call *call = argument;
    const gml_fpenv found = gml_fpenv_enter();
    call->body(call->argument, index);
    gml_fpenv_leave(found);
}

void gml_parallel(gml_runtime *runtime, int32_t n, gml_parallel_body_fn *body, void *argument)
{
    body_call call = {.body = body, .argument = argument};
    if (n <= 1 || is_serial()) {
        for (int32_t i = 0; i < n; i++)
            call_body(&call, i);
    } else if (runtime->parallel_for) {
        runtime->parallel_for(runtime->parallel_host, n, call_body, &call);
    } else {
        /* The runtime may grant fewer threads, inside other regions often one; the loop shares the bodies out. */
        const int32_t team = n < GML_MAX_THREADS ? n : GML_MAX_THREADS;
#pragma omp parallel for num_threads(team) schedule(static, 1)
        for (int32_t i = 0; i < n; i++)
            call_body(&call, i);
    }
}

int32_t gml_parallel_threads(const gml_runtime *runtime, int32_t asked)
{
    if (is_serial())
        return 1;
    int32_t threads = 1;
    if (asked > 0)
        threads = asked;
    else if (runtime->threads_asked || !omp_in_parallel())
        threads = runtime->threads;
    return threads < GML_MAX_THREADS ? threads : GML_MAX_THREADS;
}
