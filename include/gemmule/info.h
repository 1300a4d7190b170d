/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What this library is, and what it chose on this machine.
 */
#ifndef GEMMULE_INFO_H
#define GEMMULE_INFO_H

#include <gemmule/context.h>
#include <gemmule/status.h>
#include <stdint.h>

#define GML_VERSION_MAJOR 0
#define GML_VERSION_MINOR 1
#define GML_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": of the library that runs; the macros above are of the headers that were compiled. */
GML_API const char *gml_version(void);

/* By what and how the library was compiled: "GNU 12.2.0, Release, -O3 -DNDEBUG"; flags that name paths are left out. */
GML_API const char *gml_compiler(void);

/*
 * The revision of docs/arithmetic.md. Two libraries with the same revision give the same bits. Until
 * version 1.0 any change of a bit raises it; afterwards a change of bits changes the SONAME.
 */
GML_API int32_t gml_arithmetic_revision(void);

/*
 * The instruction sets this library was built with, best first: "avx512", "avx2", "ref", or "neon",
 * "ref". NULL for an index outside.
 */
GML_API const char *gml_isa_name(int32_t index);

/* 1 when this CPU and operating system can run the named instruction set, otherwise 0. */
GML_API int32_t gml_isa_available(const char *name);

/* The instruction set a context uses; context NULL: the default context. */
GML_API const char *gml_context_isa(gml_context *context);

/* The most threads an operation in this context uses when called outside a parallel region. */
GML_API int32_t gml_context_threads(gml_context *context);

/* Bytes of scratch memory a context holds for reuse at the moment; context NULL: the default one. */
GML_API int64_t gml_context_scratch(gml_context *context);

#ifdef __cplusplus
}
#endif

#endif
