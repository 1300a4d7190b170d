/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Status: what every call returns.
 *
 * A call that does not return GML_OK has touched nothing: no output was written, no object made.
 * The reason is kept as one English sentence per thread until that thread's next failing call:
 *
 *     gml_gemm_f32: rs_b is 3, must be at least 5, the extent of a row of b
 *
 * The library never prints, exits, aborts or raises a signal.
 */
#ifndef GEMMULE_STATUS_H
#define GEMMULE_STATUS_H

#include <stddef.h>

#if defined(_WIN32)
#error "Gemmule supports Linux on x86-64 and AArch64"
#elif defined(__GNUC__)
#define GML_API __attribute__((visibility("default")))
#else
#define GML_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gml_status {
    GML_OK = 0,
    GML_ERR_ARGUMENT = 1,   /* a size, stride, pointer or option is out of its range      */
    GML_ERR_OVERLAP = 2,    /* an output certainly shares elements with an input          */
    GML_ERR_DESCRIPTOR = 3, /* a descriptor's size is unknown to this version             */
    GML_ERR_ISA = 4,        /* no such instruction set, or this CPU does not have it      */
    GML_ERR_MEMORY = 5      /* an object could not be created; operations never fail so   */
} gml_status;

/* The name of a status, "GML_ERR_ARGUMENT"; "unknown status" for a value that is none. */
GML_API const char *gml_status_name(gml_status status);

/*
 * Copies the sentence of the calling thread's last failure into buffer, cut to size - 1 characters
 * and always terminated (unless size is 0, when nothing is written and buffer may be NULL).
 * Returns the length of the whole sentence without the terminator; 0 when nothing has failed yet.
 */
GML_API size_t gml_last_error(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
