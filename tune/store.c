/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The writer of wisdom: a run's own file, and files that people name.
 */
#include "tune/store.h"
#include "tune/store_files.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tune_store {
    char run[GML_RUN_TEXT];
    char name[GML_RUN_TEXT + sizeof TUNE_SUFFIX];
    char digits[17]; /* of the machine */
    uint64_t machine;
    char *root, *directory, *path;
    gml_wisdom_list list;
};

void tune_run_name(char run[GML_RUN_TEXT], int64_t now, uint64_t random)
{
    const int64_t last = INT64_C(253402300799); /* of the year 9999 */
    const time_t seconds = (time_t)(now < 0 ? 0 : now < last ? now : last);
    struct tm utc = {.tm_isdst = 0};
    gmtime_r(&seconds, &utc);
    /* 48 bits: of ten thousand runs that begin in one second, two are called the same once in five million times */
    snprintf(run, GML_RUN_TEXT, "%04u%02u%02uT%02u%02u%02uZ-%012" PRIx64,
             (unsigned)(utc.tm_year + 1900) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
             (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u, (unsigned)utc.tm_min % 100u,
             (unsigned)utc.tm_sec % 100u, random >> 16);
}

/* Opens the machine's directory; it is made, as the root is, where it is missing. */
static int open_directory(const tune_store *store, char *sentence)
{
    const int root = tune_disk_directory(store->root, sentence);
    if (root < 0)
        return -1;
    const int directory = tune_disk_subdirectory(root, store->digits, store->directory, sentence);
    const int error = errno;
    close(root);
    errno = error;
    return directory;
}

/* What readers would not trust, or what cannot be written, is better known before the time is spent. */
static bool usable(const tune_store *store, int directory, char *sentence)
{
    struct stat is;
    if (fstat(directory, &is) != 0)
        return tune_disk_fail(sentence, store->directory, "cannot be written");
    if (is.st_uid != geteuid() && is.st_uid != 0 && geteuid() != 0) {
        errno = EPERM;
        return tune_disk_fail(sentence, store->directory,
                              "belongs to another user, so that its files would not be read");
    }
    if ((is.st_mode & 022) && !(is.st_mode & S_ISVTX)) {
        errno = EPERM;
        return tune_disk_fail(sentence, store->directory,
                              "may be written by others, so that its files would not be read (chmod go-w)");
    }
    if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return tune_disk_fail(sentence, store->directory, "cannot be written");
    return true;
}

static void free_store(tune_store *store)
{
    const int error = errno;
    free(store->root);
    free(store->directory);
    free(store->path);
    gml_wisdom_list_free(&store->list);
    free(store);
    errno = error;
}

/* Names the run, and opens its directory to see that it can be written. */
static bool begin_run(tune_store *store, uint64_t seed, char *sentence)
{
    const int directory = open_directory(store, sentence);
    if (directory < 0)
        return false;
    const int64_t now = tune_files_next_time(directory, (int64_t)time(NULL));
    tune_run_name(store->run, now, tune_disk_random(seed));
    snprintf(store->name, sizeof store->name, "%s%s", store->run, TUNE_SUFFIX);
    bool fine = usable(store, directory, sentence);
    if (fine && asprintf(&store->path, "%s/%s", store->directory, store->name) < 0) {
        store->path = NULL;
        fine = tune_disk_fail(sentence, store->directory, "cannot be opened");
    }
    const int error = errno;
    close(directory);
    errno = error;
    return fine;
}

tune_store *tune_store_open(const char *root, uint64_t machine, uint64_t seed, char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    tune_store *store = calloc(1, sizeof *store);
    if (!store) {
        tune_disk_fail(sentence, root, "cannot be opened");
        return NULL;
    }
    store->machine = machine;
    snprintf(store->digits, sizeof store->digits, "%016" PRIx64, machine);
    store->root = strdup(root);
    if (asprintf(&store->directory, "%s/%s", root, store->digits) < 0)
        store->directory = NULL;
    if (!store->root || !store->directory)
        tune_disk_fail(sentence, root, "cannot be opened");
    else if (begin_run(store, seed, sentence))
        return store;
    free_store(store);
    return NULL;
}

const char *tune_store_run(const tune_store *store)
{
    return store->run;
}

const char *tune_store_path(const tune_store *store)
{
    return store->path;
}

static void compose(tune_text *text, const gml_wisdom_list *list, bool ended)
{
    char line[GML_WISDOM_LINE];
    tune_text_add(text, line, gml_wisdom_write_begin(line));
    for (int64_t i = 0; i < list->count; i++)
        tune_text_add(text, line, gml_wisdom_write(&list->entry[i], line));
    if (ended)
        tune_text_add(text, line, gml_wisdom_write_end(list->count, line));
}

/* No reader takes a file that is larger. */
static bool small_enough(const tune_text *text, const char *path, char *sentence)
{
    if (text->size <= GML_WISDOM_FILE_MOST)
        return true;
    errno = EFBIG;
    return tune_disk_fail(sentence, path, "would be larger than 8 MiB");
}

/* The whole file, each time: so nothing is lost where another process has removed it. */
static bool write_run(const tune_store *store, bool ended, char *sentence)
{
    const int directory = open_directory(store, sentence);
    if (directory < 0)
        return false;
    struct stat is;
    tune_text text = {.data = NULL};
    compose(&text, &store->list, ended);
    bool fine = small_enough(&text, store->path, sentence);
    if (fine && fstat(directory, &is) != 0)
        fine = tune_disk_fail(sentence, store->directory, "cannot be written");
    fine = fine &&
           tune_disk_write(directory, store->name, store->path, 0600 | (is.st_mode & 044), &text, sentence);
    const int error = errno;
    tune_text_free(&text);
    close(directory);
    errno = error;
    return fine;
}

bool tune_list_add(gml_wisdom_list *list, const gml_wisdom_entry *entry)
{
    if (list->count == list->room) {
        const int64_t room = list->room ? 2 * list->room : 64;
        gml_wisdom_entry *grown = realloc(list->entry, (size_t)room * sizeof *grown);
        if (!grown)
            return false;
        list->entry = grown;
        list->room = room;
    }
    list->entry[list->count++] = *entry;
    return true;
}

bool tune_store_add(tune_store *store, const gml_wisdom_entry *entry, char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    gml_wisdom_entry mine = *entry;
    mine.machine = store->machine;
    memcpy(mine.run, store->run, sizeof mine.run);
    int64_t i = 0; /* a run says one thing of a problem: the last */
    while (i < store->list.count && tune_compare_problem(&store->list.entry[i], &mine))
        i++;
    if (i < store->list.count)
        store->list.entry[i] = mine;
    else if (!tune_list_add(&store->list, &mine))
        return tune_disk_fail(sentence, store->path, "cannot be written");
    return write_run(store, false, sentence);
}

bool tune_store_add_all(tune_store *store, const gml_wisdom_list *list, char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    for (int64_t i = 0; i < list->count; i++) {
        gml_wisdom_entry mine = list->entry[i];
        mine.machine = store->machine;
        memcpy(mine.run, store->run, sizeof mine.run);
        if (!tune_list_add(&store->list, &mine))
            return tune_disk_fail(sentence, store->path, "cannot be written");
    }
    return write_run(store, false, sentence);
}

void tune_store_discard(tune_store *store)
{
    free_store(store);
}

bool tune_store_close(tune_store *store, char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    bool fine = true;
    if (store->list.count) {
        fine = write_run(store, true, sentence);
        if (fine) { /* what compaction cannot do, the next run will try again */
            char unheard[TUNE_SENTENCE];
            tune_store_tidy(store->directory, unheard);
        }
    }
    free_store(store);
    return fine;
}

/* Opens the directory of a file and tells the file's name in it; -1 and a sentence. */
static int open_above(const char *path, const char **name, char *sentence)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    char *above = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int directory = -1;
    if (above) {
        do
            directory = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        while (directory < 0 && errno == EINTR);
    }
    if (directory < 0)
        tune_disk_fail(sentence, path, "cannot be written");
    const int error = errno;
    free(above);
    errno = error;
    return directory;
}

bool tune_write_file(const char *path, const gml_wisdom_list *list, char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    tune_text text = {.data = NULL};
    compose(&text, list, true);
    bool fine = false;
    struct stat is;
    char *target = NULL;
    if (!small_enough(&text, path, sentence)) {
        ;
    } else if (stat(path, &is) == 0 && !S_ISREG(is.st_mode)) {
        fine = tune_disk_write_to(path, &text, sentence); /* a pipe or a device stays what it is */
    } else {
        target = realpath(path, NULL); /* a symbolic link stays one */
        const char *name;
        const int directory = open_above(target ? target : path, &name, sentence);
        if (directory >= 0) {
            fine = tune_disk_write(directory, name, path, 0, &text, sentence);
            const int error = errno;
            close(directory);
            errno = error;
        }
    }
    const int error = errno;
    free(target);
    tune_text_free(&text);
    errno = error;
    return fine;
}
