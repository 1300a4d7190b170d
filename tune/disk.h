/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that are whole or not there: what is written goes to a temporary beside its name, is synced, renamed, and then
 * the directory is synced. Calls that a signal interrupts go on; that a disk is full shows in write, fsync or, on network
 * file systems, close, and leaves what was there before.
 *
 * Functions that fail say why in a sentence that begins with the path, unless there is one already, and in errno.
 */
#ifndef GML_TUNE_DISK_H
#define GML_TUNE_DISK_H

#include "tune/store.h"
#include <sys/stat.h>

/* Text that grows. */
typedef struct tune_text {
    char *data;
    size_t size, room;
    bool failed; /* memory was missing: what was added since is not there */
} tune_text;

void tune_text_add(tune_text *text, const char *data, size_t size);
void tune_text_free(tune_text *text);

/* "<path>: <what>: <errno's text>". Always false; errno stays. */
bool tune_disk_fail(char sentence[TUNE_SENTENCE], const char *path, const char *what);

/* Opens a directory; where it is missing, it is made with those above it, mode 0700. -1: it cannot be. */
int tune_disk_directory(const char *path, char sentence[TUNE_SENTENCE]);

/* The same for one in an open directory, `path` being its own. Who may read the parent may read it; it is no symbolic
 * link, as readers would not follow one. */
int tune_disk_subdirectory(int parent, const char *name, const char *path, char sentence[TUNE_SENTENCE]);

/* Writes a file into an open directory, `path` being the file's. `mode` is what it gets, whatever the umask is; 0: what
 * the umask leaves of 0644. */
bool tune_disk_write(int directory, const char *name, const char *path, mode_t mode, const tune_text *text,
                     char sentence[TUNE_SENTENCE]);

/* Writes to what is there and no regular file: a pipe, a device. */
bool tune_disk_write_to(const char *path, const tune_text *text, char sentence[TUNE_SENTENCE]);

/* Temporaries are named like this: ".<name>.<digits>.tmp". */
bool tune_disk_is_temporary(const char *name);

/* Random bits that no other process has: of the kernel, mixed with the clock, the process and the host in case it has none
 * yet. With equal seeds they differ too. */
uint64_t tune_disk_random(uint64_t seed);

#endif
