/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that take the place of others: compaction.
 *
 * What comes out of it is the same in whatever order, by whomever and how often it is done: of all lines those that are
 * among the newest TUNE_ENTRIES_KEPT of their problem. At any moment each of them is in a file that readers find:
 *
 *   1  the new file is written under a name that nobody else has;
 *   2  the old ones are looked at again. If one is gone or another, somebody else is at the same files: the new one is
 *      removed, which nobody relies upon yet, and all is as it was;
 *   3  the old ones are removed.
 *
 * Of two processes that are both past 2 each leaves its file, and the next compaction makes one of them. After 2 a run
 * that was taken for dead, since it had not written for a day, may write its file once more. So an old file is not
 * removed under its name: it is renamed, to a name that readers know too, and stays there if it is not what was read.
 */
#include "tune/store_files.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEM 29 /* of names: with '-' and nine digits they are as long as names of runs may be */
_Static_assert(STEM + 10 + 1 == GML_RUN_TEXT, "the longest name");

/* A new name beside that of a run or file: it comes next to it in the order of names. */
static void name_beside(char name[GML_RUN_TEXT + sizeof TUNE_SUFFIX], const char *run)
{
    const char *first = strchr(run, '-');
    size_t stem = first ? 1 + (size_t)(first - run) + strspn(first + 1, "0123456789abcdef") : strlen(run);
    stem = stem < STEM ? stem : STEM;
    snprintf(name, GML_RUN_TEXT + sizeof TUNE_SUFFIX, "%.*s-%09" PRIx64 "%s", (int)stem, run,
             tune_disk_random(0) >> 28, TUNE_SUFFIX);
}

static int compare(int64_t x, int64_t y)
{
    return (x > y) - (x < y);
}

static int compare_text(const tune_line *x, const tune_line *y)
{
    const int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
    return order ? order : compare((int64_t)x->size, (int64_t)y->size);
}

int tune_compare_problem(const gml_wisdom_entry *x, const gml_wisdom_entry *y)
{
    if (x->machine != y->machine)
        return x->machine < y->machine ? -1 : 1;
    int order = strcmp(x->isa, y->isa);
    if (!order)
        order = compare(x->revision, y->revision);
    if (!order)
        order = compare(x->error, y->error);
    if (!order)
        order = compare(x->key.operation, y->key.operation);
    if (!order)
        order = compare(x->key.type, y->key.type);
    if (!order)
        order = compare(x->key.layout, y->key.layout);
    if (!order)
        order = compare(x->key.threads, y->key.threads);
    for (int i = 0; !order && i < GML_KEY_SIZES; i++)
        order = compare(x->key.size[i], y->key.size[i]);
    return order;
}

/* 0: they are about the same problem, or are the same unknown line. */
static int compare_line(const tune_line *x, const tune_line *y)
{
    if (x->known && y->known)
        return tune_compare_problem(&x->entry, &y->entry);
    return x->known != y->known ? (x->known ? -1 : 1) : compare_text(x, y);
}

/* By problem, of one the newest first. */
static int by_problem(const void *x, const void *y)
{
    const tune_line *a = x, *b = y;
    int order = compare_line(a, b);
    if (!order && a->known)
        order = strcmp(b->entry.run, a->entry.run);
    return order ? order : compare_text(a, b);
}

/* The order of the new file: newest first, of one run as they stood. */
static int by_run(const void *x, const void *y)
{
    const tune_line *a = x, *b = y;
    if (a->known != b->known)
        return a->known ? -1 : 1;
    int order = a->known ? strcmp(b->entry.run, a->entry.run) : 0;
    if (!order)
        order = compare(a->file, b->file);
    return order ? order : compare(a->order, b->order);
}

/* Leaves each line once, and of a problem the newest. */
static void thin(tune_lines *lines)
{
    if (!lines->count)
        return;
    qsort(lines->line, (size_t)lines->count, sizeof *lines->line, by_problem);
    int64_t kept = 0, of_problem = 0;
    for (int64_t i = 0; i < lines->count; i++) {
        const tune_line *line = &lines->line[i], *last = kept ? &lines->line[kept - 1] : NULL;
        if (last && compare_line(last, line) == 0) {
            if (compare_text(last, line) == 0 || of_problem == TUNE_ENTRIES_KEPT)
                continue;
            of_problem++;
        } else {
            of_problem = 1;
        }
        lines->line[kept++] = *line;
    }
    lines->count = kept;
    qsort(lines->line, (size_t)kept, sizeof *lines->line, by_run);
}

/* Takes out what is not wanted. */
static void choose(tune_lines *lines, tune_keep_fn *keep, const void *host)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < lines->count; i++)
        if (!keep || keep(host, &lines->line[i]))
            lines->line[kept++] = lines->line[i];
    lines->count = kept;
}

static void compose(tune_text *text, const tune_lines *lines)
{
    char line[GML_WISDOM_LINE];
    tune_text_add(text, line, gml_wisdom_write_begin(line));
    for (int64_t i = 0; i < lines->count; i++) {
        tune_text_add(text, lines->line[i].text, lines->line[i].size);
        tune_text_add(text, "\n", 1);
    }
    tune_text_add(text, line, gml_wisdom_write_end(lines->count, line));
}

/* Whether a name still is the file that was read. */
static bool is_as_read(int directory, const char *name, const tune_file *file)
{
    struct stat is;
    return fstatat(directory, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && is.st_dev == file->seen.st_dev &&
           is.st_ino == file->seen.st_ino && is.st_size == file->seen.st_size &&
           is.st_mtim.tv_sec == file->seen.st_mtim.tv_sec && is.st_mtim.tv_nsec == file->seen.st_mtim.tv_nsec;
}

bool tune_file_remove(int directory, const tune_file *file)
{
    char aside[GML_RUN_TEXT + sizeof TUNE_SUFFIX];
    name_beside(aside, file->name);
    return renameat(directory, file->name, directory, aside) == 0 && is_as_read(directory, aside, file) &&
           unlinkat(directory, aside, 0) == 0;
}

/* Writes the lines into a new file; *name is "" where there are none. */
static bool write_lines(int directory, const char *path, const tune_lines *lines, const char *newest,
                        char *name, char *sentence)
{
    *name = '\0';
    if (!lines->count)
        return true;
    const tune_line *first = &lines->line[0];
    const bool has_run = first->known && tune_run_is_name(first->entry.run, strlen(first->entry.run));
    name_beside(name, has_run ? first->entry.run : newest);

    struct stat is;
    tune_text text = {.data = NULL};
    compose(&text, lines);
    bool fine;
    if (text.size > GML_WISDOM_FILE_MOST) { /* no reader would take it */
        errno = EFBIG;
        fine = tune_disk_fail(sentence, path, "would be one file of more than 8 MiB");
    } else if (fstat(directory, &is) != 0) {
        fine = tune_disk_fail(sentence, path, "cannot be written");
    } else {
        fine = tune_disk_write(directory, name, path, 0600 | (is.st_mode & 044), &text, sentence);
    }
    const int error = errno;
    tune_text_free(&text);
    errno = error;
    return fine;
}

int tune_files_replace(int directory, const char *path, const tune_files *files, const bool *which,
                       tune_keep_fn *keep, const void *host, int64_t *dropped, char sentence[TUNE_SENTENCE])
{
    tune_lines lines = {.line = NULL};
    const char *newest = NULL;
    bool fine = true;
    for (int i = 0; fine && i < files->count; i++)
        if (which[i]) {
            newest = newest ? newest : files->file[i].name;
            fine = tune_lines_read(&lines, &files->file[i], i);
        }
    if (!fine || !newest) {
        free(lines.line);
        errno = ENOMEM;
        return newest ? (tune_disk_fail(sentence, path, "cannot be read"), -1) : 0;
    }
    const int64_t all = lines.count;
    choose(&lines, keep, host);
    const int64_t left_out = all - lines.count;
    thin(&lines);
    char name[GML_RUN_TEXT + sizeof TUNE_SUFFIX];
    fine = write_lines(directory, path, &lines, newest, name, sentence);
    free(lines.line);
    if (!fine)
        return -1;

    for (int i = 0; i < files->count; i++)
        if (which[i] && !is_as_read(directory, files->file[i].name, &files->file[i])) {
            if (*name)
                unlinkat(directory, name, 0);
            return 0;
        }
    int removed = 0;
    for (int i = 0; i < files->count; i++)
        removed += which[i] && tune_file_remove(directory, &files->file[i]);
    if (dropped)
        *dropped += left_out;
    return removed;
}

/* Compacts where there are more than `most` files. */
static int compact(const char *path, int most, char *sentence)
{
    *sentence = '\0';
    int directory;
    do
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (directory < 0 && errno == EINTR);
    if (directory < 0) {
        tune_disk_fail(sentence, path, "cannot be opened");
        return -1;
    }
    tune_files files;
    int removed = -1;
    if (tune_files_read(&files, directory, path, (int64_t)time(NULL), true, sentence)) {
        bool *which = calloc((size_t)files.count + 1, sizeof *which);
        int finished = 0;
        for (int i = 0; which && i < files.count; i++)
            finished += which[i] = files.file[i].finished;
        if (!which)
            tune_disk_fail(sentence, path, "cannot be read");
        else if (finished < 2 || files.count <= most)
            removed = 0;
        else
            removed = tune_files_replace(directory, path, &files, which, NULL, NULL, NULL, sentence);
        free(which);
        tune_files_free(&files);
    }
    const int error = errno;
    close(directory);
    errno = error;
    return removed;
}

int tune_store_compact(const char *path, char sentence[TUNE_SENTENCE])
{
    return compact(path, 0, sentence);
}

int tune_store_tidy(const char *path, char sentence[TUNE_SENTENCE])
{
    return compact(path, TUNE_RUNS_KEPT, sentence);
}
