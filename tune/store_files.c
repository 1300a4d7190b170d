/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files of a directory of wisdom as writers see them: reading them, and their lines.
 */
#include "tune/store_files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static size_t span(const char *text, size_t length, const char *digits)
{
    size_t count = 0;
    while (count < length && text[count] && strchr(digits, text[count]))
        count++;
    return count;
}

/* "20260101T120000Z-9f2c41d7ab12", then perhaps "-0123456ab". */
bool tune_run_is_name(const char *name, size_t length)
{
    static const char decimal[] = "0123456789", hexadecimal[] = "0123456789abcdef";
    if (length >= GML_RUN_TEXT || length < 18 || span(name, 8, decimal) != 8 || name[8] != 'T' ||
        span(name + 9, 6, decimal) != 6 || name[15] != 'Z')
        return false;
    size_t at = 16;
    for (int parts = 0; parts < 2 && at < length; parts++) {
        const size_t digits = name[at] == '-' ? span(name + at + 1, length - at - 1, hexadecimal) : 0;
        if (!digits)
            return false;
        at += 1 + digits;
    }
    return at == length;
}

static bool is_file_name(const char *name)
{
    const size_t length = strlen(name), suffix = strlen(TUNE_SUFFIX);
    return length > suffix && !strcmp(name + length - suffix, TUNE_SUFFIX) &&
           tune_run_is_name(name, length - suffix);
}

/* Whether the last line is a whole `end`. */
static bool has_end(const tune_file *file)
{
    if (!file->size || file->text[file->size - 1] != '\n')
        return false;
    const char *last = memrchr(file->text, '\n', file->size - 1);
    last = last ? last + 1 : file->text;
    const size_t length = (size_t)(file->text + file->size - last);
    int64_t lines = 0;
    char line[GML_WISDOM_LINE];
    if (length >= sizeof line)
        return false;
    memcpy(line, last, length);
    line[length] = '\0';
    if (sscanf(line, "end lines=%9" SCNd64 " ", &lines) != 1)
        return false;
    char is[GML_WISDOM_LINE];
    return gml_wisdom_write_end(lines, is) == length && !memcmp(is, last, length);
}

/* Whether it is of the format this library writes, and one file, not several that were joined: others are left alone. */
static bool has_begin(const tune_file *file)
{
    static const char more[] = "\ngemmule-wisdom";
    char line[GML_WISDOM_LINE];
    const size_t length = gml_wisdom_write_begin(line);
    return file->size >= length && !memcmp(file->text, line, length) &&
           !memmem(file->text, file->size, more, sizeof more - 1);
}

/* Reads one file. false: it is none that readers would take; errno is ENOMEM where that is why. */
static bool read_file(tune_file *to, int directory, int64_t now)
{
    int file;
    do
        file = openat(directory, to->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        return false;
    const bool fine = fstat(file, &to->seen) == 0 && S_ISREG(to->seen.st_mode) &&
                      (to->seen.st_uid == geteuid() || to->seen.st_uid == 0) && !(to->seen.st_mode & 022) &&
                      to->seen.st_size >= 0 && (uintmax_t)to->seen.st_size <= GML_WISDOM_FILE_MOST;
    errno = 0;
    to->size = fine ? (size_t)to->seen.st_size : 0;
    to->text = fine ? malloc(to->size + 1) : NULL;
    size_t at = 0;
    while (to->text && at < to->size) {
        const ssize_t got = read(file, to->text + at, to->size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    const int error = errno;
    close(file);
    if (to->text && (at < to->size || !has_begin(to))) {
        free(to->text);
        to->text = NULL;
        errno = 0;
        return false;
    }
    if (!to->text) {
        errno = fine ? error : 0;
        return false;
    }
    to->finished = has_end(to) || now - (int64_t)to->seen.st_mtime > TUNE_DAY;
    return true;
}

static int newest_first(const void *x, const void *y)
{
    return strcmp(((const tune_file *)y)->name, ((const tune_file *)x)->name);
}

static void remove_old_temporary(int directory, const char *name, int64_t now)
{
    struct stat is;
    if (fstatat(directory, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(is.st_mode) &&
        now - (int64_t)is.st_mtime > TUNE_DAY)
        unlinkat(directory, name, 0);
}

/* Takes a name of the directory into the list if it is one of ours. false: no memory. */
static bool take_name(tune_files *files, int directory, const char *name, int64_t now)
{
    const size_t length = strlen(name);
    if (length >= sizeof files->file->name)
        return true; /* no name of ours */
    for (int i = 0; i < files->count; i++)
        if (!strcmp(files->file[i].name, name))
            return true; /* it was written anew meanwhile, and so comes up once more */
    if (files->count == files->room) {
        const int room = files->room ? 2 * files->room : 16;
        tune_file *grown = realloc(files->file, (size_t)room * sizeof *grown);
        if (!grown)
            return false;
        files->file = grown;
        files->room = room;
    }
    tune_file *file = &files->file[files->count];
    *file = (tune_file){.text = NULL};
    memcpy(file->name, name, length + 1);
    if (read_file(file, directory, now))
        files->count++;
    else if (errno == ENOMEM)
        return false;
    return true;
}

bool tune_files_read(tune_files *files, int directory, const char *path, int64_t now, bool clean,
                     char sentence[TUNE_SENTENCE])
{
    *files = (tune_files){.file = NULL};
    const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closed with the list */
    DIR *list = again >= 0 ? fdopendir(again) : NULL;
    if (!list) {
        const int error = errno;
        if (again >= 0)
            close(again);
        errno = error;
        return tune_disk_fail(sentence, path, "cannot be read");
    }
    bool fine = true;
    const struct dirent *entry;
    while (fine && (errno = 0, entry = readdir(list))) {
        if (is_file_name(entry->d_name))
            fine = take_name(files, directory, entry->d_name, now);
        else if (clean && tune_disk_is_temporary(entry->d_name))
            remove_old_temporary(directory, entry->d_name, now);
    }
    const int error = errno;
    closedir(list);
    if (error) {
        errno = error;
        tune_disk_fail(sentence, path, "cannot be read");
        tune_files_free(files);
        errno = error;
        return false;
    }
    if (files->count)
        qsort(files->file, (size_t)files->count, sizeof *files->file, newest_first);
    return true;
}

int64_t tune_files_next_time(int directory, int64_t now)
{
    const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again >= 0 ? fdopendir(again) : NULL;
    if (!list) {
        if (again >= 0)
            close(again);
        return now;
    }
    const struct dirent *entry;
    while ((entry = readdir(list))) {
        struct tm utc = {.tm_isdst = 0};
        if (!is_file_name(entry->d_name) ||
            sscanf(entry->d_name, "%4d%2d%2dT%2d%2d%2dZ", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
                   &utc.tm_hour, &utc.tm_min, &utc.tm_sec) != 6)
            continue;
        utc.tm_year -= 1900;
        utc.tm_mon -= 1;
        const int64_t time_of = (int64_t)timegm(&utc);
        now = time_of >= now ? time_of + 1 : now;
    }
    closedir(list);
    return now;
}

void tune_files_free(tune_files *files)
{
    for (int i = 0; i < files->count; i++)
        free(files->file[i].text);
    free(files->file);
    *files = (tune_files){.file = NULL};
}

static tune_line *new_line(tune_lines *lines)
{
    if (lines->count == lines->room) {
        const int64_t room = lines->room ? 2 * lines->room : 256;
        tune_line *grown = realloc(lines->line, (size_t)room * sizeof *grown);
        if (!grown)
            return NULL;
        lines->line = grown;
        lines->room = room;
    }
    return &lines->line[lines->count++];
}

/* What a line is: it is read as a file that has no other. */
static bool read_line(tune_lines *lines, const char *text, size_t size, int index, int order)
{
    char alone[2 * GML_WISDOM_LINE];
    const size_t begin = gml_wisdom_write_begin(alone);
    if (!size || *text == '#' || size > GML_WISDOM_LINE || (size >= 4 && !memcmp(text, "end ", 4)))
        return true;
    memcpy(alone + begin, text, size);
    alone[begin + size] = '\n';
    const gml_wisdom_filter all = {.machine = 0};
    gml_wisdom_list list = {.entry = NULL};
    gml_wisdom_count count = {.accepted = 0};
    bool fine = gml_wisdom_read(&list, alone, begin + size + 1, &all, &count);
    if (fine && !count.damaged) {
        tune_line *line = new_line(lines);
        fine = line != NULL;
        if (fine) {
            *line = (tune_line){
                .text = text, .size = size, .known = list.count == 1, .file = index, .order = order};
            if (line->known)
                line->entry = list.entry[0];
        }
    }
    gml_wisdom_list_free(&list);
    return fine;
}

bool tune_lines_read(tune_lines *lines, const tune_file *file, int index)
{
    const char *end = file->text + file->size, *at = memchr(file->text, '\n', file->size);
    int order = 0;
    while (at && ++at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!read_line(lines, at, (size_t)((stop ? stop : end) - at), index, order++))
            return false;
        at = stop;
    }
    return true;
}
