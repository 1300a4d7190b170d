/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What tests of wisdom on disk have in common: directories that vanish, numbered entries, and a reader that accepts nothing
 * but whole files. An entry's number is its m; everything else follows from it.
 */
#ifndef GML_TESTS_STORE_H
#define GML_TESTS_STORE_H

#include "tests/suite.h"
#include "tune/store_files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MACHINE UINT64_C(0x5d0f00000000c0de)
#define MACHINE_DIGITS "5d0f00000000c0de"

static char sentence[TUNE_SENTENCE];
static char *root, *directory; /* of MACHINE, in the root */

/* A new directory; its name is the caller's to free. In memory where that can be had: more happens in the same time. */
static inline char *make_scratch(void)
{
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    char *path;
    ck_assert_int_ge(asprintf(&path, "%s/gemmule-store-XXXXXX", base), 0);
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

static inline void remove_tree(const char *path)
{
    DIR *list = opendir(path);
    const struct dirent *entry;
    while (list && (entry = readdir(list))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        char *below;
        ck_assert_int_ge(asprintf(&below, "%s/%s", path, entry->d_name), 0);
        if (unlink(below) != 0)
            remove_tree(below);
        free(below);
    }
    if (list)
        closedir(list);
    rmdir(path);
}

static inline gml_wisdom_entry numbered(int64_t number)
{
    gml_wisdom_entry entry = {.machine = MACHINE, .isa = "ref", .revision = 0x8c1e22f0, .samples = 96};
    snprintf(entry.run, sizeof entry.run, "20260101T120000Z-9f2c41d7ab12");
    entry.key = (gml_key){.operation = GML_OPERATION_GEMM, .type = GML_F32, .threads = 1, .size = {number, 64, 64, 1}};
    entry.choice.value[GML_CHOOSE_NC] = (int32_t)(number % 1000) + 1;
    entry.gain = 1.25;
    entry.low = 1.125;
    entry.high = 1.375;
    return entry;
}

/* What a forked child does where an assertion of Check would write to a file that it shares with its parent; NULL: this is
 * no such child. */
static void (*in_child_fail)(const char *what, const char *how);

static inline void require(bool fine, const char *what, const char *how)
{
    if (!fine && in_child_fail)
        in_child_fail(what, how);
    else if (!fine)
        ck_abort_msg("%s: %s", what, how);
}

/* The text of a file; NULL where it is gone. */
static inline char *read_text(int from, const char *name, size_t *size)
{
    const int file = openat(from, name, O_RDONLY);
    if (file < 0) {
        require(errno == ENOENT, name, "cannot be opened");
        return NULL;
    }
    struct stat is;
    require(fstat(file, &is) == 0, name, "cannot be looked at");
    *size = (size_t)is.st_size;
    char *text = malloc(*size + 1);
    require(text && read(file, text, *size) == (ssize_t)*size, name, "cannot be read");
    text[*size] = '\0';
    close(file);
    return text;
}

/* A listing that is slower than those who write shows all that came and went meanwhile. */
enum { NAMES = 4096 };

typedef struct contents {
    gml_wisdom_list list; /* newest file first */
    int files, temporaries;
    char name[NAMES][GML_RUN_TEXT + sizeof TUNE_SUFFIX];
} contents;

static inline int descending(const void *x, const void *y)
{
    return strcmp(y, x);
}

/* A name that is written anew while the directory is listed may come up again. */
static inline bool is_listed(const contents *out, const char *name)
{
    int i = 0;
    while (i < out->files && strcmp(out->name[i], name) != 0)
        i++;
    return i < out->files;
}

/* Goes through a directory once; false: a file was removed meanwhile. */
static inline bool read_once(int from, contents *out)
{
    *out = (contents){.files = 0};
    DIR *list = fdopendir(openat(from, ".", O_RDONLY | O_DIRECTORY));
    require(list != NULL, directory, "cannot be listed");
    const struct dirent *entry;
    while ((entry = readdir(list))) {
        const char *point = strrchr(entry->d_name, '.');
        if (entry->d_name[0] == '.') {
            out->temporaries += tune_disk_is_temporary(entry->d_name);
        } else if (point && !strcmp(point, TUNE_SUFFIX)) {
            if (is_listed(out, entry->d_name))
                continue;
            require(out->files < NAMES && strlen(entry->d_name) < sizeof out->name[0], entry->d_name, "too many");
            memcpy(out->name[out->files++], entry->d_name, strlen(entry->d_name) + 1);
        }
    }
    closedir(list);
    qsort(out->name, (size_t)out->files, sizeof out->name[0], descending);
    for (int i = 0; i < out->files; i++) {
        size_t size;
        char *text = read_text(from, out->name[i], &size);
        if (!text)
            return false;
        gml_wisdom_count count = {.accepted = 0};
        require(gml_wisdom_read(&out->list, text, size, &(gml_wisdom_filter){.machine = 0}, &count), out->name[i],
                "is no wisdom");
        require(!count.damaged && !count.invalid && text[size - 1] == '\n', out->name[i], "is not whole");
        free(text);
    }
    return true;
}

/* What is in the directory of MACHINE, all of it whole. */
static inline void read_contents(contents *out)
{
    const int from = open(directory, O_RDONLY | O_DIRECTORY);
    require(from >= 0, directory, "cannot be opened");
    while (!read_once(from, out))
        gml_wisdom_list_free(&out->list);
    close(from);
}

/* How often an entry is there. */
static inline int occurrences(const contents *in, int64_t number)
{
    int count = 0;
    for (int64_t i = 0; i < in->list.count; i++)
        count += in->list.entry[i].key.size[0] == number;
    return count;
}

/* Makes a file look as if its run had been killed two days ago. */
static inline bool backdate(const char *path)
{
    const struct timespec then[2] = {{.tv_sec = time(NULL) - 2 * TUNE_DAY}, {.tv_sec = time(NULL) - 2 * TUNE_DAY}};
    return utimensat(AT_FDCWD, path, then, 0) == 0;
}


static inline void begin(void)
{
    root = make_scratch();
    ck_assert_int_ge(asprintf(&directory, "%s/%s", root, MACHINE_DIGITS), 0);
}

static inline void finish(void)
{
    remove_tree(root);
    free(directory);
    free(root);
}

static inline tune_store *opened(void)
{
    tune_store *store = tune_store_open(root, MACHINE, 1, sentence);
    ck_assert_msg(store != NULL, "%s", sentence);
    return store;
}

static inline void add(tune_store *store, int64_t number)
{
    const gml_wisdom_entry entry = numbered(number);
    ck_assert_msg(tune_store_add(store, &entry, sentence), "%s", sentence);
}

/* A run of its own with the numbers [from, to); its name, unless NULL, is stored. */
static inline void write_run(int64_t from, int64_t to, char name[GML_RUN_TEXT])
{
    tune_store *store = opened();
    if (name)
        snprintf(name, GML_RUN_TEXT, "%s", tune_store_run(store));
    for (int64_t i = from; i < to; i++)
        add(store, i);
    ck_assert_msg(tune_store_close(store, sentence), "%s", sentence);
}

/* A file with given text, of the machine. */
static inline void put(const char *name, const char *text, size_t size)
{
    char *path;
    mkdir(directory, 0700);
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, size), (ssize_t)size);
    ck_assert_int_eq(close(file), 0);
    free(path);
}

/* A finished run that began at a given time, with the entries [from, to), as another process would have left it. */
static inline void put_run(int64_t time_of, int64_t from, int64_t to, bool ended, char name[GML_RUN_TEXT])
{
    tune_text text = {.data = NULL};
    char line[GML_WISDOM_LINE], file[2 * GML_RUN_TEXT];
    tune_run_name(name, time_of, (uint64_t)time_of << 40);
    tune_text_add(&text, line, gml_wisdom_write_begin(line));
    for (int64_t i = from; i < to; i++) {
        gml_wisdom_entry entry = numbered(i);
        memcpy(entry.run, name, sizeof entry.run);
        tune_text_add(&text, line, gml_wisdom_write(&entry, line));
    }
    if (ended)
        tune_text_add(&text, line, gml_wisdom_write_end(to - from, line));
    snprintf(file, sizeof file, "%s%s", name, TUNE_SUFFIX);
    put(file, text.data, text.size);
    tune_text_free(&text);
}

static inline void age(const char *name)
{
    char *path;
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    ck_assert(backdate(path));
    free(path);
}

static inline bool exists(const char *name)
{
    char *path;
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    const bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

#endif
