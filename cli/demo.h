/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `gemmule demo` computes, and how it is shown.
 */
#ifndef GML_CLI_DEMO_H
#define GML_CLI_DEMO_H

#include "cli/layer.h"
#include <gemmule/context.h>

#define DEMO_ERROR_LIMIT 1e-5 /* absolute, over all rows; measured 6.8e-6: tests/golden/README.md */
#define DEMO_MOST_ROUNDS 1000

typedef struct demo_variant {
    const char *isa; /* NULL: the specification */
    int32_t threads;
    gml_context *context;
    char label[48];
    char hash[65]; /* SHA-256 of the bits of the output */
    int64_t runs;
    double seconds[DEMO_MOST_ROUNDS];
    double total, median, least;
} demo_variant;

typedef struct demo {
    layer of;
    layer_result result;
    layer_error error;
    int variants, chosen;  /* chosen: what the default context uses */
    demo_variant *variant; /* the specification first */
    bool same;             /* all hashes are equal */
} demo;

/* Prints it, and returns the exit code that it deserves. */
int demo_show(const demo *d, bool as_json);

#endif
