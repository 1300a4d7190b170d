/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The forms of `gemmule explain`: from a problem to a report of its plan.
 */
#ifndef GML_CLI_EXPLAIN_H
#define GML_CLI_EXPLAIN_H

#include "src/plan/planner.h"
#include <gemmule/context.h>

#define EXPLAIN_ROWS  16
#define EXPLAIN_SIZES 5
#define EXPLAIN_WHY   192

typedef struct explain_row {
    const char *name;
    int64_t value;
    char bound[160];
} explain_row;

/* What a plan comes to, ready to be printed. */
typedef struct explain_report {
    const char *kernel;
    char name[40];    /* memory for the name of a kernel that is put together                      */
    const char *path; /* NULL: there is only one                                            */
    bool small;       /* GEMM: a call of this size does without a plan where it can                */
    gml_origin origin;
    int rows;
    explain_row row[EXPLAIN_ROWS];
    int32_t threads;
    size_t shared, own; /* scratch: once, and for each thread                             */
    char refused[200];  /* why the one check of plans refused it; empty when it passed    */
} explain_report;

/* The options, and what follows from them. */
typedef struct explain_setting {
    bool json, trans_b, causal;
    int64_t threads, kv_heads, v_head_dim;
    const char *isa, *type;
    const gml_kernel_set *set;
    gml_machine machine;
    gml_context *context;   /* that uses the set, where this CPU can; or NULL */
    gml_planner planner;    /* with the context's wisdom                      */
    gml_cache_budget cache; /* of a thread, when all are at work */
} explain_setting;

typedef void explain_fn(const explain_setting *with, const int64_t *sizes, explain_report *out);

explain_fn explain_gemm, explain_softmax, explain_attention;

#endif
