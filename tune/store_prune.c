/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Taking wisdom back: files are replaced by what stays of them.
 *
 * A compaction beside may have read what is removed here. Either it finds out, since the file is not the same any more,
 * or what it wrote is there before the directory is read again; so that is done until there is nothing left to remove.
 */
#include "src/core/select.h"
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

/* Others that write at the same time can only undo so much. */
#define ROUNDS 64

#define MACHINE_DIGITS 16

typedef struct pruning {
    const tune_prune *what;
    uint64_t machine; /* whose directory it is */
} pruning;

static bool is_stale(const gml_wisdom_entry *entry, uint64_t machine)
{
    const gml_kernel_set *set = gml_set_by_name(entry->isa);
    return entry->machine != machine || !set ||
           entry->revision !=
               gml_revision(set, (gml_operation)entry->key.operation, (gml_type)entry->key.type);
}

static bool keep(const void *host, const tune_line *line)
{
    const pruning *with = host;
    const tune_prune *what = with->what;
    if (what->everything)
        return false;
    if (!line->known)
        return true;
    if (what->run && !strcmp(line->entry.run, what->run))
        return false;
    return !what->stale || !is_stale(&line->entry, with->machine);
}

/* Whether a file holds something to remove; -1: no memory. */
static int concerns(const tune_file *file, const pruning *with)
{
    tune_lines lines = {.line = NULL};
    int found = tune_lines_read(&lines, file, 0) ? 0 : -1;
    for (int64_t i = 0; found == 0 && i < lines.count; i++)
        found = !keep(with, &lines.line[i]);
    free(lines.line);
    return found;
}

/* Goes through the files once. 1: there was something to remove, look again; 0: there is nothing; -1: a sentence. */
static int prune_round(int directory, const char *path, const pruning *with, int64_t *dropped, bool *busy,
                       char *sentence)
{
    tune_files files;
    if (!tune_files_read(&files, directory, path, (int64_t)time(NULL), false, sentence))
        return -1;
    bool *which = calloc((size_t)files.count + 1, sizeof *which);
    int result = which ? 0 : -1;
    for (int i = 0; result >= 0 && i < files.count; i++) {
        const int found = concerns(&files.file[i], with);
        if (found < 0) {
            result = -1;
        } else if (found && !files.file[i].finished) {
            *busy = true;
        } else if (found) {
            which[i] = true;
            result = tune_files_replace(directory, path, &files, which, keep, with, dropped, sentence) < 0
                         ? -1
                         : 1;
            which[i] = false;
        }
    }
    if (result < 0) {
        errno = errno ? errno : ENOMEM;
        tune_disk_fail(sentence, path, "cannot be read");
    }
    const int error = errno;
    free(which);
    tune_files_free(&files);
    errno = error;
    return result;
}

/* Prunes the directory of a machine, which may be missing. */
static bool prune_directory(const char *root, const char *digits, const tune_prune *what, int64_t *dropped,
                            char *sentence)
{
    char *path;
    if (asprintf(&path, "%s/%s", root, digits) < 0)
        return tune_disk_fail(sentence, root, "cannot be read");
    const pruning with = {.what = what, .machine = strtoull(digits, NULL, 16)};
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = directory >= 0 || errno == ENOENT || tune_disk_fail(sentence, path, "cannot be opened");
    bool busy = false;
    int round = 1;
    for (int i = 0; directory >= 0 && round == 1 && i < ROUNDS; i++) {
        busy = false;
        round = prune_round(directory, path, &with, dropped, &busy, sentence);
    }
    if (directory >= 0 && round < 0)
        fine = false;
    if (fine && busy && what->run) {
        errno = EBUSY;
        fine = tune_disk_fail(sentence, path, "the run is still being written");
    }
    const int error = errno;
    if (directory >= 0)
        close(directory);
    free(path);
    errno = error;
    return fine;
}

static bool is_machine(const char *name)
{
    return strlen(name) == MACHINE_DIGITS && strspn(name, "0123456789abcdef") == MACHINE_DIGITS;
}

int64_t tune_store_prune(const char *root, const gml_machine *machine, const tune_prune *what,
                         char sentence[TUNE_SENTENCE])
{
    *sentence = '\0';
    int64_t dropped = 0;
    if (machine) {
        char text[GML_FINGERPRINT_TEXT], digits[MACHINE_DIGITS + 1];
        snprintf(digits, sizeof digits, "%016" PRIx64, gml_fingerprint(machine, text));
        return prune_directory(root, digits, what, &dropped, sentence) ? dropped : -1;
    }
    DIR *list = opendir(root);
    if (!list)
        return errno == ENOENT ? 0 : (tune_disk_fail(sentence, root, "cannot be read"), -1);
    bool fine = true;
    const struct dirent *entry;
    while (fine && (entry = readdir(list)))
        if (is_machine(entry->d_name))
            fine = prune_directory(root, entry->d_name, what, &dropped, sentence);
    const int error = errno;
    closedir(list);
    errno = error;
    return fine ? dropped : -1;
}
