/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files of a directory of wisdom as writers see them: which there are, what they hold, and how some of them are
 * replaced by others without anything being lost.
 *
 * Names are "<time>-<digits>.wisdom" for the file of a run, and the same with a further "-<digits>" for files that took
 * the place of others, the newest of which gave its name: so all files stay in the order of their runs.
 */
#ifndef GML_TUNE_STORE_FILES_H
#define GML_TUNE_STORE_FILES_H

#include "tune/disk.h"

#define TUNE_SUFFIX ".wisdom"

/* A run that has not written for so long, and did not end, was killed. */
#define TUNE_DAY (24 * 60 * 60)

/* Compaction keeps so many entries of a problem, the newest: what was before a run is there again when the run is taken
 * back, and `gemmule wisdom merge` has evidence to pool. */
#define TUNE_ENTRIES_KEPT 4

/* The name of a run that begins `now`, in seconds since 1970. */
void tune_run_name(char run[GML_RUN_TEXT], int64_t now, uint64_t random);

/* An order in which 0 says that two entries are about the same problem: machine, set, revision and key are equal. */
int tune_compare_problem(const gml_wisdom_entry *x, const gml_wisdom_entry *y);

/* Appends an entry. false: no memory. */
bool tune_list_add(gml_wisdom_list *list, const gml_wisdom_entry *entry);

/* Whether a name is that of a run, or of a file without its suffix. */
bool tune_run_is_name(const char *name, size_t length);

typedef struct tune_file {
    char name[GML_RUN_TEXT + sizeof TUNE_SUFFIX];
    char *text;
    size_t size;
    struct stat seen;
    bool finished; /* its last line is `end`, or it is a day old: its run does not write it any more */
} tune_file;

typedef struct tune_files {
    tune_file *file; /* newest first */
    int count, room;
} tune_files;

/* Reads the files that readers would take; one that another process removes meanwhile is not there. With `clean` old
 * temporaries are removed. */
bool tune_files_read(tune_files *files, int directory, const char *path, int64_t now, bool clean,
                     char sentence[TUNE_SENTENCE]);
void tune_files_free(tune_files *files);

/* The time for the name of a new run: `now`, or a second after the newest that is there. So a run comes before those that
 * began earlier even where they did so in the same second, or by a clock that went ahead. */
int64_t tune_files_next_time(int directory, int64_t now);

/* A line of one of them. */
typedef struct tune_line {
    const char *text;
    size_t size; /* without '\n' */
    bool known;  /* the entry is what it says; otherwise a newer library may know */
    gml_wisdom_entry entry;
    int file, order; /* where it stands */
} tune_line;

typedef struct tune_lines {
    tune_line *line;
    int64_t count, room;
} tune_lines;

/* Appends the lines of a file that are whole. false: no memory. */
bool tune_lines_read(tune_lines *lines, const tune_file *file, int index);

/*
 * Replaces files by one that holds their lines, but for those that are there twice, that TUNE_ENTRIES_KEPT leaves out,
 * and that `keep`, unless NULL, does not want; *dropped, unless NULL, is increased by the number of the latter. Returns
 * the number of files removed: 0 where another process is at the same files, nothing is changed then; -1 and a sentence
 * where it cannot be done.
 */
typedef bool tune_keep_fn(const void *host, const tune_line *line);
int tune_files_replace(int directory, const char *path, const tune_files *files, const bool *which,
                       tune_keep_fn *keep, const void *host, int64_t *dropped, char sentence[TUNE_SENTENCE]);

/* Removes a file if it is what was read. Otherwise what is there now is kept, under another name that readers know. */
bool tune_file_remove(int directory, const tune_file *file);

/* Compacts a directory that has more than TUNE_RUNS_KEPT files. */
int tune_store_tidy(const char *path, char sentence[TUNE_SENTENCE]);

#endif
