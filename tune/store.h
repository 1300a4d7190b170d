/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The writer of wisdom. No locks, no appending, no shared file: each run has its file, which is written beside its name,
 * synced and renamed over it again whenever a problem is finished, so that at any moment what was finished is there and
 * whole. Many runs may write into one directory, on a shared file system too. Compaction joins files of runs that have
 * ended: it writes the union under a new name, and then removes, by name, what it read; a reader that finds a file gone
 * lists the directory again.
 */
#ifndef GML_TUNE_STORE_H
#define GML_TUNE_STORE_H

#include "src/plan/wisdom_files.h"

/* Errors are sentences, and errno is what they are about. Each function begins with an empty one. */
#define TUNE_SENTENCE 320

typedef struct tune_store tune_store;

/* A new run under a root, which is made if it is not there (mode 0700 of what is made). Nothing is written before the first
 * entry. NULL: it cannot be, and a sentence. */
tune_store *tune_store_open(const char *root, uint64_t machine, uint64_t seed, char sentence[TUNE_SENTENCE]);
const char *tune_store_run(const tune_store *store);  /* "20260101T120000Z-9f2c41d7" */
const char *tune_store_path(const tune_store *store); /* of its file                 */

/* Adds an entry (its run and machine are filled in) and brings the file up to date. */
bool tune_store_add(tune_store *store, const gml_wisdom_entry *entry, char sentence[TUNE_SENTENCE]);

/* Adds all of a list, of which the first counts where two are about one problem, and writes once. */
bool tune_store_add_all(tune_store *store, const gml_wisdom_list *list, char sentence[TUNE_SENTENCE]);

/* Ends the run: the line `end`, then compaction where the directory has more than TUNE_RUNS_KEPT files. */
#define TUNE_RUNS_KEPT 3
bool tune_store_close(tune_store *store, char sentence[TUNE_SENTENCE]);

/* Leaves it as if it had been killed. */
void tune_store_discard(tune_store *store);

/* Joins all finished runs of a directory of a machine into one file; files that are not finished and older than a day count
 * as finished. Returns the number of files removed, or -1 and a sentence. */
int tune_store_compact(const char *directory, char sentence[TUNE_SENTENCE]);

/* Removes the entries of a run, or all that are stale or foreign, or all (`everything`), by writing anew what stays. */
typedef struct tune_prune {
    const char *run; /* or NULL */
    bool stale, everything;
} tune_prune;
int64_t tune_store_prune(const char *root, const gml_machine *machine, const tune_prune *what,
                         char sentence[TUNE_SENTENCE]);

/*
 * Merges entries by evidence into one list, one for each key: the same choice from several runs pools their log gains by
 * inverse variance; of different choices the one with the higher lower bound stands; what one run proved and another proved
 * to lose is the model's, as is what only runs before one that kept the model's plan proved.
 */
bool tune_merge(const gml_wisdom_list *from, gml_wisdom_list *to);

/* Writes a file of entries: beside its name, synced, renamed. */
bool tune_write_file(const char *path, const gml_wisdom_list *list, char sentence[TUNE_SENTENCE]);

#endif
