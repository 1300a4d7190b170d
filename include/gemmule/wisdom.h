/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom: what `gemmule tune` found out about a machine (docs/tuning.md). It decides how problems are computed, never what
 * comes out: with any wisdom or none the bits are the same.
 *
 * A context reads wisdom when it first plans a problem, from the files and directories of GEMMULE_WISDOM (separated by ':';
 * "off" reads none), the user's $XDG_DATA_HOME/gemmule/wisdom (~/.local/share/gemmule/wisdom), and /etc/gemmule/wisdom;
 * what comes first counts. What a program imports comes before all of these. Entries of other machines, of kernels that
 * have changed since, and lines that are damaged are counted and ignored, as are files that others could have written. What
 * was read is shared by all contexts of a process that use the same instruction set. A process with raised privileges
 * (setuid) reads /etc alone. Memory for wisdom comes from the C library; where there is none, plans are made without.
 *
 * All functions may be called from any thread while operations run; those that began before keep the wisdom they began
 * with, and so do plans and packed operands. What import, forget and refresh replace is kept until the context is
 * destroyed, as operations may be using it: these are functions for now and then. A and B that are packed for one problem
 * must be packed with the same wisdom, as it may choose their order.
 *
 * The library writes no file unless gml_wisdom_export_file is called or GEMMULE_RECORD names one: then, at exit, it is
 * replaced by the distinct problems of the process and how often each was computed, for `gemmule tune --from`. In the name
 * "%p" stands for the number of the process, so that ranks and forked children have a file each; without it, children are
 * not recorded, and of programs that run at once the last to end is left. Products so small that they have no plan are not
 * recorded, as there is nothing to tune. Nothing is written where a process is ended by a signal or _exit.
 */
#ifndef GEMMULE_WISDOM_H
#define GEMMULE_WISDOM_H

#include <gemmule/attention.h>
#include <gemmule/context.h>
#include <gemmule/gemm.h>
#include <gemmule/softmax.h>
#include <gemmule/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What reading came to. */
typedef struct gml_wisdom_report {
    size_t size;      /* of this structure, set by GML_WISDOM_REPORT_INIT                     */
    int64_t files;    /* read                                                                 */
    int64_t refused;  /* files that were not: unreadable, too large, no wisdom, not to be trusted */
    int64_t accepted; /* entries                                                              */
    int64_t foreign;  /* entries of another machine or instruction set                        */
    int64_t stale;    /* of kernels that have changed since                                   */
    int64_t damaged;  /* lines whose checksum is wrong                                        */
    int64_t invalid;  /* lines that say what cannot be                                        */
} gml_wisdom_report;

#define GML_WISDOM_REPORT_INIT \
    { sizeof(gml_wisdom_report), 0, 0, 0, 0, 0, 0, 0 }

/*
 * Puts the entries of a file, or of `size` bytes of text, before those that the context has. context NULL: the default
 * context. report may be NULL; otherwise it is filled in, also where the import fails.
 *
 *   GML_ERR_ARGUMENT    path or text is NULL; the file cannot be read, is larger than 8 MiB, may be written by others, or
 *                       the text is no wisdom
 *   GML_ERR_DESCRIPTOR  report->size is unknown to this version
 *   GML_ERR_MEMORY      the entries could not be kept
 *
 * On failure the context has the wisdom it had.
 */
GML_API gml_status gml_wisdom_import_file(gml_context *context, const char *path, gml_wisdom_report *report);
GML_API gml_status gml_wisdom_import_memory(gml_context *context, const char *text, size_t size,
                                            gml_wisdom_report *report);

/*
 * All entries of a context, as text that can be imported. export_file writes beside the file and renames, so that the file
 * is whole or is not there; its mode is 0644, less the umask. export_memory stores the length in *size; text may be NULL to
 * ask for it, otherwise *size was its room, and where that is too small nothing is written to text, which is not terminated.
 *
 *   GML_ERR_ARGUMENT  path or size is NULL; the file cannot be written; the room is too small
 *   GML_ERR_MEMORY    no memory to compose it
 */
GML_API gml_status gml_wisdom_export_file(gml_context *context, const char *path);
GML_API gml_status gml_wisdom_export_memory(gml_context *context, char *text, size_t *size);

/* Forgets all wisdom of a context: its plans are the model's, until something is imported or refreshed. */
GML_API gml_status gml_wisdom_forget(gml_context *context);

/* Reads the files again, and looks at the machine again: after a migration, or when there is a new file. What was imported
 * is forgotten; instruction set and threads stay. Contexts that have not planned yet will have the same. Errors as those of
 * import; files that are refused are counted, and no error. */
GML_API gml_status gml_wisdom_refresh(gml_context *context, gml_wisdom_report *report);

/* Where a plan comes from. */
typedef enum gml_plan_source {
    GML_PLAN_MODEL = 0,     /* cache sizes and the problem, nothing measured              */
    GML_PLAN_MEASURED = 1,  /* this problem was measured                                  */
    GML_PLAN_CELL = 2,      /* one of nearly the same sizes was                           */
    GML_PLAN_PREDICTED = 3, /* those around it were                                       */
    GML_PLAN_NONE = 4       /* small products, and those without any: no plan is needed   */
} gml_plan_source;

typedef struct gml_explanation {
    size_t size;    /* of this structure, set by GML_EXPLANATION_INIT */
    int32_t source; /* a gml_plan_source                              */
    int32_t threads;
    double gain;    /* measured time of the model's plan over this one's; 1 for the model's */
    char plan[384]; /* "path=panels kernel=gemm_f32_8x48_avx512 pack_a=no ...", of key=value pairs  */
    char why[256];  /* a sentence */
} gml_explanation;

#define GML_EXPLANATION_INIT \
    { sizeof(gml_explanation), 0, 0, 0.0, "", "" }

/* The plan that a call with this descriptor would take. Nothing is computed; pointers are looked at as the call would look
 * at them, but elements are not. Errors as those of the call, in its words; explanation is NULL, or its size unknown. */
GML_API gml_status gml_explain_gemm(gml_context *context, const gml_gemm_problem *problem,
                                    gml_explanation *explanation);
GML_API gml_status gml_explain_softmax_f32(gml_context *context, const gml_softmax_problem *problem,
                                           gml_explanation *explanation);
GML_API gml_status gml_explain_attention_f32(gml_context *context, const gml_attention_problem *problem,
                                             gml_explanation *explanation);

#ifdef __cplusplus
}
#endif

#endif
