/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A strict reader of .npy files, format version 1.0 (NEP 1): little-endian f32, f64 and u8, C order. What it
 * does not know it refuses with a sentence.
 */
#ifndef GML_CLI_NPY_H
#define GML_CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NPY_DIMS 8

typedef enum npy_type { NPY_F32, NPY_F64, NPY_U8 } npy_type;

typedef struct npy_array {
    npy_type type;
    int dims;
    int64_t shape[NPY_DIMS];
    int64_t count; /* of elements: the product of shape */
    void *data;    /* aligned as malloc aligns          */
} npy_array;

/* true, and *array is to be freed; otherwise false, and `why` holds a sentence that starts with the path. */
bool npy_read(const char *path, npy_array *array, char *why, size_t size);
void npy_free(npy_array *array);

/* "f32", and "2 x 108 x 384" ("a scalar" without dimensions). */
const char *npy_type_name(npy_type type);
const char *npy_shape_text(int dims, const int64_t *shape, char *text, size_t size);

#endif
