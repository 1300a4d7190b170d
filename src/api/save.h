/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GML_API_SAVE_H
#define GML_API_SAVE_H

#include <stddef.h>

/* Writes a file that is whole or is not there: beside its name, synced, renamed. Mode 0644, less the umask: to be read by
 * others, and written by nobody else. What is there and no file stays. Returns 0, or the number of the error; then the file
 * is as it was. */
int gml_save(const char *path, const char *text, size_t size);

#endif
