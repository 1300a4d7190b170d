/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of problems: files that people write, and files that GEMMULE_RECORD wrote. One problem a line; '#' begins a comment;
 * words are separated by blanks.
 *
 *     gemm 4096 4096 512 type=f64 layout=nt0 batch=8     sizes as `gemmule explain` takes them, and options
 *     softmax 32768 1024
 *     attention 1 32 2048 2048 128 kv_heads=8 v_head_dim=128 layout=c
 *     op=gemm type=f32 layout=nn0 threads=2 m=1 n=4096 k=4096 batch=1 count=96000
 *
 * Either form may say threads= and count=, how often a program computes it.
 */
#ifndef GML_TUNE_PROBLEMS_H
#define GML_TUNE_PROBLEMS_H

#include "tune/search.h"

typedef struct tune_list {
    tune_task *task;
    int count, room;
} tune_list;

/* Of one list; an outcome (search.h) has some kilobytes. And bytes of its text. */
#define TUNE_TASKS_MOST 16384
#define TUNE_LIST_MOST  ((size_t)8 << 20)

/* The thread counts of problems that do not say their own; with `all`, of all. At least one, each in range and different. */
typedef struct tune_threads {
    const int32_t *count;
    int counts;
    bool all;
} tune_threads;

/* Appends the tasks of a text; `name` is that of its file, for sentences ("shapes.txt:17: ..."). Problems that are there
 * twice add their weights. On failure the list is as it was. */
bool tune_problems_read(tune_list *list, const char *name, const char *text, size_t size, const tune_threads *threads,
                        char *sentence, size_t sentence_size);
bool tune_problems_load(tune_list *list, const char *path, const tune_threads *threads, char *sentence,
                        size_t sentence_size);

/* Appends a task; false where memory is missing. */
bool tune_problems_add(tune_list *list, const gml_key *key, double weight);
void tune_list_free(tune_list *list);

/* "30s", "5m", "1.5h", "90" (seconds); false for what is none, or is not > 0, or more than a year. */
bool tune_duration(const char *text, double *seconds);

#endif
