/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom on disk, read. What is decided about a file is decided of what was opened, so that nobody can exchange it between
 * a look and a read. Ten thousand ranks may start at once on one file system: a root that is not there costs one system
 * call, a machine's directory of n files eight and four for each.
 */
#include "src/plan/wisdom_files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GML_LISTINGS 4 /* of a directory that a tuner tidies up meanwhile, which it does once in many runs */

static const char suffix[] = ".wisdom";

/* What is being read, for whom. */
typedef struct reading {
    gml_wisdom_list *list;
    const gml_wisdom_filter *filter;
    gml_wisdom_loaded *loaded;
    const gml_wisdom_listener *listener;
} reading;

const char *gml_wisdom_refusal_text(gml_wisdom_refusal refusal)
{
    static const char *const texts[GML_WISDOM_REFUSALS] = {
        [GML_WISDOM_READ] = "was read",
        [GML_WISDOM_UNREADABLE] = "cannot be read",
        [GML_WISDOM_NO_FILE] = "is no regular file",
        [GML_WISDOM_OWNER] = "belongs to another user",
        [GML_WISDOM_WRITABLE] = "may be written by others",
        [GML_WISDOM_TOO_LARGE] = "is larger than 8 MiB",
        [GML_WISDOM_NO_WISDOM] = "does not begin as wisdom does",
    };
    return texts[refusal];
}

static void conclude(const reading *r, const char *path, gml_wisdom_refusal refusal,
                     const gml_wisdom_count *lines)
{
    gml_wisdom_count *sum = &r->loaded->lines;
    r->loaded->files[refusal]++;
    sum->accepted += lines->accepted;
    sum->foreign += lines->foreign;
    sum->stale += lines->stale;
    sum->damaged += lines->damaged;
    sum->invalid += lines->invalid;
    if (r->listener)
        r->listener->told(r->listener->host, path, refusal, lines);
}

/* Whether nobody but this user and root can have written what was opened. */
static gml_wisdom_refusal trust(const struct stat *status)
{
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return GML_WISDOM_OWNER;
    const bool fenced = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX);
    return (status->st_mode & (S_IWGRP | S_IWOTH)) && !fenced ? GML_WISDOM_WRITABLE : GML_WISDOM_READ;
}

/* Up to `size` bytes; fewer than there were, when the file shrinks. -1: an error. */
static ssize_t read_all(int file, char *text, size_t size)
{
    size_t got = 0;
    while (got < size) {
        const ssize_t n = read(file, text + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* false is either for want of memory, which has nothing to do with the file, or because the file is none of ours. */
static gml_wisdom_refusal read_text(const reading *r, const char *text, size_t size, gml_wisdom_count *lines)
{
    if (gml_wisdom_read(r->list, text, size, r->filter, lines))
        return GML_WISDOM_READ;
    r->loaded->no_memory |= r->list->no_memory;
    return r->list->no_memory ? GML_WISDOM_UNREADABLE : GML_WISDOM_NO_WISDOM;
}

/* Reads what was opened, and closes it. */
static gml_wisdom_refusal read_opened(const reading *r, int file, gml_wisdom_count *lines)
{
    struct stat status;
    gml_wisdom_refusal refusal = GML_WISDOM_UNREADABLE;
    if (fstat(file, &status) == 0) {
        refusal = S_ISREG(status.st_mode) ? trust(&status) : GML_WISDOM_NO_FILE;
        if (refusal == GML_WISDOM_READ && (uint64_t)status.st_size > GML_WISDOM_FILE_MOST)
            refusal = GML_WISDOM_TOO_LARGE;
    }
    if (refusal != GML_WISDOM_READ) {
        close(file);
        return refusal;
    }
    char *text = malloc((size_t)status.st_size + 1);
    const ssize_t size = text ? read_all(file, text, (size_t)status.st_size) : -1;
    const int error = errno;
    close(file);
    errno = error;
    refusal = size < 0 ? GML_WISDOM_UNREADABLE : read_text(r, text, (size_t)size, lines);
    r->loaded->no_memory |= !text;
    free(text);
    return refusal;
}

/* Of a file that could not be opened. */
static gml_wisdom_refusal refusal_of_open(int error)
{
    return error == ELOOP || error == ENXIO ? GML_WISDOM_NO_FILE : GML_WISDOM_UNREADABLE;
}

/* Neither a FIFO nor a device may keep us waiting, nor a terminal become ours. */
#define GML_OPEN_FILE      (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define GML_OPEN_DIRECTORY (O_RDONLY | O_CLOEXEC | O_DIRECTORY)

/* A directory's files, the newest first; the others, if there are more, are left alone. */
typedef struct listed {
    char name[NAME_MAX + 1];
    gml_wisdom_refusal refusal;
    gml_wisdom_count lines;
} listed;

typedef struct listing {
    int count;
    listed file[GML_WISDOM_FILES_MOST];
} listing;

static bool is_wisdom(const char *name)
{
    const size_t length = strlen(name), end = sizeof suffix - 1;
    return name[0] != '.' && length > end && length <= NAME_MAX && !strcmp(name + length - end, suffix);
}

static void insert(listing *files, const char *name, bool regular)
{
    int place = files->count;
    while (place > 0 && strcmp(files->file[place - 1].name, name) < 0)
        place--;
    if (place == GML_WISDOM_FILES_MOST)
        return;
    const int last = files->count < GML_WISDOM_FILES_MOST ? files->count++ : GML_WISDOM_FILES_MOST - 1;
    memmove(&files->file[place + 1], &files->file[place], (size_t)(last - place) * sizeof *files->file);
    files->file[place] = (listed){.refusal = regular ? GML_WISDOM_READ : GML_WISDOM_NO_FILE};
    memcpy(files->file[place].name, name, strlen(name) + 1);
}

static void list_directory(DIR *directory, listing *files)
{
    files->count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (is_wisdom(entry->d_name))
            insert(files, entry->d_name, entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN);
}

/* Whether a file has gone since it was listed; ESTALE is how NFS tells of it after the file was opened. */
static bool gone(gml_wisdom_refusal refusal)
{
    return refusal == GML_WISDOM_UNREADABLE && (errno == ENOENT || errno == ESTALE);
}

/* Reads the files of a listing; false: one of them is gone, and it is worth listing them again. */
static bool read_listing(const reading *r, int directory, listing *files, bool again)
{
    for (int i = 0; i < files->count; i++) {
        listed *one = &files->file[i];
        if (one->refusal != GML_WISDOM_READ)
            continue; /* it may be a device, which has effects when it is opened */
        const int file = openat(directory, one->name, GML_OPEN_FILE | O_NOFOLLOW);
        one->refusal = file < 0 ? refusal_of_open(errno) : read_opened(r, file, &one->lines);
        if (gone(one->refusal) && again)
            return false;
    }
    return true;
}

/* Reads the files of a machine; what was read in vain is taken back. */
static void read_directory(const reading *r, const char *path, DIR *directory)
{
    listing *files = malloc(sizeof *files);
    if (!files) {
        r->loaded->no_memory = true;
        return;
    }
    const int64_t before = r->list->count;
    for (int i = 0; i < GML_LISTINGS; i++) {
        r->list->count = before;
        if (i > 0)
            rewinddir(directory);
        list_directory(directory, files);
        if (read_listing(r, dirfd(directory), files, i < GML_LISTINGS - 1))
            break;
    }
    char name[PATH_MAX];
    for (int i = 0; i < files->count; i++) {
        const int length = snprintf(name, sizeof name, "%s/%s", path, files->file[i].name);
        conclude(r, length < PATH_MAX ? name : files->file[i].name, files->file[i].refusal,
                 &files->file[i].lines);
    }
    free(files);
}

/* A directory by its name under an opened one. What is not there is nothing; what is not to be trusted is told. */
static void load_directory(const reading *r, int root, const char *name, const char *path)
{
    static const gml_wisdom_count no_lines;
    const int file = openat(root, name, GML_OPEN_DIRECTORY | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT)
        return;
    struct stat status;
    gml_wisdom_refusal refusal = GML_WISDOM_UNREADABLE;
    if (file < 0)
        refusal = errno == ENOTDIR || errno == ELOOP ? GML_WISDOM_NO_FILE : GML_WISDOM_UNREADABLE;
    else if (fstat(file, &status) == 0)
        refusal = trust(&status);
    DIR *directory = refusal == GML_WISDOM_READ ? fdopendir(file) : NULL;
    if (directory) {
        read_directory(r, path, directory);
        closedir(directory);
        return;
    }
    if (file >= 0)
        close(file);
    conclude(r, path, refusal == GML_WISDOM_READ ? GML_WISDOM_UNREADABLE : refusal, &no_lines);
}

static bool is_machine(const char *name)
{
    return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

/* The machines of an opened root, which is closed: one, or all. */
static void load_machines(const reading *r, int root, const char *path)
{
    char name[PATH_MAX], machine[17];
    if (r->filter->machine) {
        snprintf(machine, sizeof machine, "%016" PRIx64, r->filter->machine);
        snprintf(name, sizeof name, "%s/%s", path, machine);
        load_directory(r, root, machine, name);
        close(root);
        return;
    }
    DIR *directory = fdopendir(root);
    if (!directory) {
        close(root);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (is_machine(entry->d_name)) {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            load_directory(r, dirfd(directory), entry->d_name, name);
        }
    closedir(directory);
}

/* A root that need not be there. */
static void load_root(const reading *r, const char *root)
{
    static const gml_wisdom_count no_lines;
    const int file = open(root, GML_OPEN_DIRECTORY);
    if (file >= 0)
        load_machines(r, file, root);
    else if (errno != ENOENT && errno != ENOTDIR)
        conclude(r, root, GML_WISDOM_UNREADABLE, &no_lines);
}

/* A file, or a root: what was named must be there. */
static gml_wisdom_refusal load_named(const reading *r, const char *path)
{
    gml_wisdom_count lines = {0};
    struct stat status;
    const int file = open(path, GML_OPEN_FILE);
    if (file >= 0 && fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        load_machines(r, file, path);
        return GML_WISDOM_READ;
    }
    const gml_wisdom_refusal refusal = file < 0 ? refusal_of_open(errno) : read_opened(r, file, &lines);
    conclude(r, path, refusal, &lines);
    return refusal;
}

gml_wisdom_refusal gml_wisdom_load_file(gml_wisdom_list *list, const char *path,
                                        const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded,
                                        const gml_wisdom_listener *listener)
{
    const reading r = {list, filter, loaded, listener};
    gml_wisdom_count lines = {0};
    const int file = open(path, GML_OPEN_FILE);
    const gml_wisdom_refusal refusal = file < 0 ? refusal_of_open(errno) : read_opened(&r, file, &lines);
    conclude(&r, path, refusal, &lines);
    return refusal;
}

gml_wisdom_refusal gml_wisdom_load_text(gml_wisdom_list *list, const char *text, size_t size,
                                        const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded)
{
    const reading r = {list, filter, loaded, NULL};
    gml_wisdom_count lines = {0};
    const gml_wisdom_refusal refusal = read_text(&r, text, size, &lines);
    conclude(&r, "", refusal, &lines);
    return refusal;
}

void gml_wisdom_load_root(gml_wisdom_list *list, const char *root, const gml_wisdom_filter *filter,
                          gml_wisdom_loaded *loaded, const gml_wisdom_listener *listener)
{
    const reading r = {list, filter, loaded, listener};
    load_root(&r, root);
}

/* The places of the list, one after the other; those without a name are none. */
static void load_list(const reading *r, const char *places)
{
    static const gml_wisdom_count no_lines;
    char path[PATH_MAX];
    for (size_t length; length = strcspn(places, ":"), length || *places;
         places += length + (places[length] == ':')) {
        const bool fits = length < sizeof path;
        snprintf(path, sizeof path, "%.*s", (int)(fits ? length : sizeof path - 1), places);
        if (!fits)
            conclude(r, path, GML_WISDOM_UNREADABLE, &no_lines);
        else if (length)
            load_named(r, path);
    }
}

bool gml_wisdom_user_root(char *path, size_t size)
{
    const char *data = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
    int length;
    if (data && *data == '/') /* a relative one is to be ignored */
        length = snprintf(path, size, "%s/gemmule/wisdom", data);
    else if (home && *home == '/')
        length = snprintf(path, size, "%s/.local/share/gemmule/wisdom", home);
    else
        return false;
    return (size_t)length < size;
}

gml_wisdom_places gml_wisdom_places_of_process(char *user, size_t size)
{
    return (gml_wisdom_places){.list = secure_getenv("GEMMULE_WISDOM"),
                               .user = gml_wisdom_user_root(user, size) ? user : NULL,
                               .system = GML_WISDOM_SYSTEM_ROOT};
}

void gml_wisdom_search_places(gml_wisdom_list *list, const gml_wisdom_places *places,
                              const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded,
                              const gml_wisdom_listener *listener)
{
    const reading r = {list, filter, loaded, listener};
    if (places->list && !strcmp(places->list, "off"))
        return;
    if (places->list)
        load_list(&r, places->list);
    if (places->user)
        load_root(&r, places->user);
    if (places->system)
        load_root(&r, places->system);
}

void gml_wisdom_search(gml_wisdom_list *list, const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded,
                       const gml_wisdom_listener *listener)
{
    char user[PATH_MAX];
    const gml_wisdom_places places = gml_wisdom_places_of_process(user, sizeof user);
    gml_wisdom_search_places(list, &places, filter, loaded, listener);
}
