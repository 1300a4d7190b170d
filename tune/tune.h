/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A run of the tuner, from inside: what gml_tune (gemmule/tune.h) and `gemmule tune` have in common, for a machine that may
 * be made up, and with what became of each problem.
 */
#ifndef GML_TUNE_TUNE_H
#define GML_TUNE_TUNE_H

#include "tune/doctor.h"
#include "tune/problems.h"
#include "tune/store.h"
#include <gemmule/tune.h>

/* Two equal plans that differ by more than this leave no room for gains worth having: such a run is not saved. */
#define TUNE_NOISE_MOST 0.05

/* What is tuned where nothing else is named: sets of bits (1 << gml_operation, 1 << gml_type), and thread counts. */
typedef struct tune_selection {
    unsigned operations, types;
    const int32_t *threads;
    int thread_counts; /* >= 1 */
    bool threads_named; /* by the user: they then hold for problems that say their own, too */
    int32_t own[2];     /* what threads points to where they are not                        */
} tune_selection;

/* From the members of gml_tune_options; false for what is out of range, and a sentence. */
bool tune_select(tune_selection *out, const gml_tune_options *options, int32_t context_threads, char *sentence,
                 size_t size);

/* The standard problems of a selection; false: no memory. And leaves of a list what is selected and takes a plan. */
bool tune_list_suite(tune_list *list, const tune_selection *selection);
void tune_list_keep(tune_list *list, const tune_selection *selection);

typedef struct tune_request {
    tune_machine on;
    const tune_bench *bench; /* NULL: that of the machine */
    const tune_list *list;
    double budget;           /* seconds */
    gml_state state;
    uint64_t seed;
    const char *root;        /* for wisdom; NULL: nothing is written, and nothing resumed */
    bool resume, force, dry_run;
    gml_tune_progress_fn *progress; /* or NULL */
    void *progress_host;
} tune_request;

typedef struct tune_report {
    gml_tune_result result;
    tune_diagnosis diagnosis;
    tune_outcome *outcome; /* of each task of the list; NULL in a dry run */
    bool *resumed;         /* of each: from an earlier run                */
    bool interrupted;      /* by the progress function                    */
    char mismatch[TUNE_SENTENCE]; /* of a plan that gave other bits; "": there was none */
} tune_report;

typedef enum tune_end {
    TUNE_DONE,        /* also when nothing was proven, or the run was too noisy to be saved         */
    TUNE_NOT_WRITTEN, /* the directory, or the disk; what was finished before is there, or nothing is */
    TUNE_NO_MEMORY
} tune_end;

/* The report is filled in whatever the end, and is freed in any case; other ends than TUNE_DONE have a sentence. */
tune_end tune_perform(const tune_request *request, tune_report *report, char sentence[TUNE_SENTENCE]);
void tune_report_free(tune_report *report);

/* "gemm f32 nn0 1024x1024x64x1, 2 threads". */
#define TUNE_PROBLEM_TEXT 160
const char *tune_problem_text(const gml_key *key, char text[TUNE_PROBLEM_TEXT]);

/* What a task will take, as far as that can be told without measuring: seconds. */
double tune_expected_seconds(const tune_machine *on, const gml_key *key);

/* The user's root (wisdom_files.h), in a home that is there; otherwise a sentence. */
bool tune_user_root(char *path, size_t size, char sentence[TUNE_SENTENCE]);

/* Bytes that operands may take here: half of the memory that is free, and of what the cgroup allows. */
size_t tune_memory(void);

/*
 * Duels winners again, for `gemmule wisdom verify`: entries that are of this machine and set, and choose something. The
 * budget is shared out evenly; what one does not need the others get, and what is left at the end those that were not seen
 * to win.
 */
typedef enum tune_again {
    TUNE_NOT_REACHED, /* the budget ended, or there was nothing to duel: it stays               */
    TUNE_STANDS,
    TUNE_NO_FASTER,   /* on fresh samples it is not faster than the model's plan                */
    TUNE_WRONG        /* it did not verify, or its plan cannot be had any more: never to be used */
} tune_again;

typedef struct tune_duel {
    tune_again verdict;
    double gain, low, high; /* of the fresh samples, where it was timed */
    int32_t samples;
} tune_duel;

/* Called after each entry, with how many are done; false ends the duels. */
typedef bool tune_duel_fn(void *host, int64_t done, const gml_wisdom_entry *entry, const tune_duel *duel);

typedef struct tune_duels {
    tune_machine on;
    const tune_bench *bench; /* NULL: that of the machine, in the state that entries were measured in */
    double budget;
    uint64_t seed;
    tune_duel_fn *told;      /* or NULL */
    void *host;
} tune_duels;

/* duel[i] is entry i's; false: no memory. */
bool tune_duel_again(const tune_duels *with, const gml_wisdom_list *list, tune_duel *duel);

#endif
