/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom: choices that were measured to be better than the model's, by problem. Text is read into a list of entries, and
 * a list is built into a table that never changes, which calls look their problem up in: no locks, no system calls.
 *
 * A line of text is one entry and stands for itself, so that a file that is cut, damaged or joined from others loses the
 * lines that are, and no more:
 *
 *     gemmule-wisdom 1
 *     entry machine=5d0f... isa=avx512 revision=8c1e22f0 run=20260101T120000Z-9f2c41d7 op=gemm type=f32 layout=nn0
 *         threads=2 m=1024 n=1024 k=64 batch=1 choice=pack_b=yes,nc=960 gain=1.083 low=1.071 high=1.094 samples=96
 *         scope=cell state=rotated crc=9f3a01c2
 *     error machine=... isa=... revision=... run=... op=gemm type=f32 threads=2 value=0.031 crc=...
 *     end lines=2 crc=...
 *
 * (each on one line). The first line names format and version; a file that begins otherwise is refused as a whole. crc
 * is CRC-32C of the line up to the blank before it. `choice=model` records that nothing was proven better. `error` is the
 * 95th percentile of |log(predicted gain / measured gain)| over cells left out, what predictions have to exceed. `end` is
 * for tools that want to know whether a run was finished; readers take what is there. Lines that begin with '#' are
 * comments.
 */
#ifndef GML_PLAN_WISDOM_H
#define GML_PLAN_WISDOM_H

#include "kernels/kernel.h"
#include "src/core/cpu.h"
#include "src/plan/key.h"

/* Of a machine: vendor, family and model (or MIDR without revision), features that kernels ask for, and cache sizes; not
 * its name, clock, kernel, or number of CPUs. The text is what the hash is of: "x86 AuthenticAMD 26-2 avx2,fma,... 48K/1M/32M". */
#define GML_FINGERPRINT_TEXT 160
uint64_t gml_fingerprint(const gml_machine *machine, char text[GML_FINGERPRINT_TEXT]);

/* The revision of the code that runs an operation by a set: a hash of its sources (src/plan/revisions.def, written by
 * scripts/revisions.py and compared by a test), so that an upgrade retires what it changed and nothing else. */
uint32_t gml_revision(const gml_kernel_set *set, gml_operation operation, gml_type type);

/* The static name of an instruction set that the library has, in this build or another; NULL where there is none. */
const char *gml_wisdom_isa(const char *name, size_t length);

typedef enum gml_scope { GML_SCOPE_EXACT, GML_SCOPE_CELL } gml_scope;       /* holds for these sizes, or for the cell    */
typedef enum gml_state { GML_STATE_ROTATED, GML_STATE_WARM } gml_state;     /* of the caches, when it was measured       */

#define GML_RUN_TEXT 40 /* the name of a run, terminated: letters, digits, '-' */

typedef struct gml_wisdom_entry {
    uint64_t machine;
    const char *isa;        /* of gml_sets, or gml_wisdom_isa */
    uint32_t revision;
    char run[GML_RUN_TEXT];
    gml_key key;
    gml_choice choice;
    double gain, low, high; /* time of the model's plan over the choice's, and its 95 % interval, in millionths, at most
                               1,000; 0 < low <= gain <= high and 1 <= gain; all 1 with `model` */
    int32_t samples;        /* >= 0 */
    uint8_t scope, state;
    bool error;             /* an `error` line: gain is its value; of the key, sizes and layout are 0 */
} gml_wisdom_entry;

/* Entries, in the order of precedence: for one key the first counts. Many more than anybody measures are refused. */
#define GML_WISDOM_ENTRIES_MOST (INT64_C(1) << 17)
typedef struct gml_wisdom_list {
    gml_wisdom_entry *entry;
    int64_t count, room;
    bool no_memory; /* something could not be read for want of it */
} gml_wisdom_list;

/* What reading text came to, by lines. */
typedef struct gml_wisdom_count {
    int64_t accepted;
    int64_t foreign; /* another machine, or an instruction set this build or context does not use */
    int64_t stale;   /* another revision                                                         */
    int64_t damaged; /* checksum                                                                 */
    int64_t invalid; /* numbers out of range, unknown words, a version this library does not read */
} gml_wisdom_count;

/* What entries must match; machine 0 and set NULL match all, and then any revision. */
typedef struct gml_wisdom_filter {
    uint64_t machine;
    const gml_kernel_set *set;
} gml_wisdom_filter;

/* Appends the entries of hostile text. false, with no entry appended, where memory is missing (list->no_memory says so), or
 * the first line is not that of a wisdom file. Of one that this library does not read, all lines are invalid. */
bool gml_wisdom_read(gml_wisdom_list *list, const char *text, size_t size, const gml_wisdom_filter *filter,
                     gml_wisdom_count *count);
void gml_wisdom_list_free(gml_wisdom_list *list);

/* A line, with its checksum and '\n'; the first line of a file; its last. They return the length, as snprintf does. */
#define GML_WISDOM_LINE 1024 /* longer lines are damaged */
size_t gml_wisdom_write(const gml_wisdom_entry *entry, char text[GML_WISDOM_LINE]);
size_t gml_wisdom_write_begin(char text[GML_WISDOM_LINE]);
size_t gml_wisdom_write_end(int64_t lines, char text[GML_WISDOM_LINE]);

/* The table: made once, read by any number of threads. NULL where memory is missing; an empty list gives an empty table.
 * It keeps a copy of the list, and predicts choices for cells beside measured ones (below). */
typedef struct gml_wisdom gml_wisdom;
gml_wisdom *gml_wisdom_build(const gml_wisdom_list *list);
void gml_wisdom_free(gml_wisdom *wisdom);
const gml_wisdom_list *gml_wisdom_entries(const gml_wisdom *wisdom);

/*
 * Where a choice comes from. A key that was measured has its own entry. Otherwise the entry of its cell with scope=cell,
 * of several the one whose sizes are nearest to the middle. Otherwise a prediction: cells within one step of a measured
 * one, the sum of steps along all sizes being at most 2, get the choice whose mean gain over the measured cells within
 * that reach (those that kept the model, or chose otherwise, count as no gain; weighted by 1 / steps) exceeds the error
 * of predictions for that operation, type and thread count. Without an `error` line nothing is predicted.
 */
typedef enum gml_source { GML_SOURCE_MODEL, GML_SOURCE_EXACT, GML_SOURCE_CELL, GML_SOURCE_PREDICTED } gml_source;

/* The choice for a problem of the instruction set and machine the list was read for, NULL for the model's: nothing is
 * known, and then *source is GML_SOURCE_MODEL, or the model was found to be best, and then it says where. *entry, unless
 * NULL, gets the entry it rests on, or NULL. wisdom may be NULL. */
const gml_choice *gml_wisdom_find(const gml_wisdom *wisdom, const gml_key *key, gml_source *source,
                                  const gml_wisdom_entry **entry);

#endif
