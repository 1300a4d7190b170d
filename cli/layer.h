/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One self-attention layer of a real sentence encoder: its data (tests/golden/README.md says where it comes
 * from) and its computation from the input on: three projections y = x W^T + b, then masked attention of all
 * heads.
 */
#ifndef GML_CLI_LAYER_H
#define GML_CLI_LAYER_H

#include "cli/npy.h"
#include <gemmule/context.h>
#include <gemmule/status.h>

typedef struct layer {
    int64_t batch, tokens, hidden, heads, head_dim;
    npy_array input;     /* f32 [batch][tokens][hidden]                        */
    npy_array mask;      /* u8  [batch][tokens]: 1 for a key that is attended  */
    npy_array weight[3]; /* f32 [out][in], of queries, keys and values         */
    npy_array bias[3];   /* f32 [out]                                          */
    npy_array golden;    /* f64 [batch][tokens][hidden]: the result in f64     */
} layer;

typedef struct layer_result {
    float *projected[3]; /* [batch][tokens][hidden]: queries, keys, values */
    float *output;       /* [batch][tokens][hidden]                        */
} layer_result;

/* Reads the files of a directory; otherwise false, with a sentence in `why`. */
bool layer_load(layer *of, const char *directory, char *why, size_t size);
void layer_free(layer *of);

/* With the library, or by the specification: plain loops without tiles, vectors or threads. */
gml_status layer_run(const layer *of, gml_context *context, layer_result *to);
void layer_specify(const layer *of, layer_result *to);

layer_result layer_result_new(const layer *of);
void layer_result_free(layer_result *result);

int64_t layer_count(const layer *of);     /* elements of the output                                       */
double layer_operations(const layer *of); /* additions and multiplications of all products, padding too   */
int64_t layer_valid(const layer *of, int64_t sequence); /* tokens of a sequence that are no padding       */

typedef struct layer_error {
    double all, valid; /* largest absolute difference over all rows, and over those of real tokens */
} layer_error;

layer_error layer_compare(const layer *of, const layer_result *result);

#endif
