/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What this library is, and what it chose.
 */
#include "kernels/arithmetic.h"
#include "src/api/context.h"
#include "src/core/select.h"
#include <gemmule/info.h>

#define TEXT(x)                      #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *gml_version(void)
{
    return VERSION(GML_VERSION_MAJOR, GML_VERSION_MINOR, GML_VERSION_PATCH);
}

const char *gml_compiler(void)
{
    return GML_COMPILER; /* CMakeLists.txt */
}

int32_t gml_arithmetic_revision(void)
{
    return GML_ARITHMETIC_REVISION;
}

const char *gml_isa_name(int32_t index)
{
    if (index < 0)
        return NULL;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++)
        if (index-- == 0)
            return (*set)->isa;
    return NULL;
}

int32_t gml_isa_available(const char *name)
{
    const gml_kernel_set *set = name ? gml_set_by_name(name) : NULL;
    return set && !(set->needs & ~gml_context_or_default(NULL)->machine.features);
}

const char *gml_context_isa(gml_context *context)
{
    return gml_context_or_default(context)->runtime.set->isa;
}

int32_t gml_context_threads(gml_context *context)
{
    const gml_runtime *runtime = &gml_context_or_default(context)->runtime;
    /* Asked for, so that a parallel region around this call does not count. */
    return gml_parallel_threads(runtime, runtime->threads);
}

int64_t gml_context_scratch(gml_context *context)
{
    return atomic_load_explicit(&gml_context_or_default(context)->runtime.idle_bytes, memory_order_relaxed);
}
