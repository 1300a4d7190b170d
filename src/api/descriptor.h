/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptors: structures whose first member is their size, a size_t, so that programs compiled with older
 * headers keep working with newer libraries and, where they ask for nothing unknown, the reverse.
 */
#ifndef GML_API_DESCRIPTOR_H
#define GML_API_DESCRIPTOR_H

#include <gemmule/status.h>
#include <stddef.h>

/* No descriptor of any version is larger. A larger size is memory that was never initialised, and its tail must
 * not be read. */
#define GML_DESCRIPTOR_MOST 4096

/*
 * Copies the descriptor `from` to `to`, which has `known` bytes: a shorter one is extended by zeros, a longer one
 * refused unless its tail is zero. to->size becomes `known`. On failure `to` is left as it was.
 *
 *   GML_ERR_ARGUMENT    from is NULL
 *   GML_ERR_DESCRIPTOR  the size is less than that of the member itself, or that of a descriptor unknown here
 */
gml_status gml_descriptor_read(void *to, size_t known, const void *from, const char *function);

#endif
