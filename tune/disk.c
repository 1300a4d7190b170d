/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that are whole or not there.
 */
#include "tune/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void tune_text_add(tune_text *text, const char *data, size_t size)
{
    if (text->failed)
        return;
    if (text->room - text->size < size) {
        size_t room = text->room ? text->room : 4096;
        while (room - text->size < size)
            room *= 2;
        char *grown = realloc(text->data, room);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->data = grown;
        text->room = room;
    }
    if (size)
        memcpy(text->data + text->size, data, size);
    text->size += size;
}

void tune_text_free(tune_text *text)
{
    free(text->data);
    *text = (tune_text){.data = NULL};
}

bool tune_disk_fail(char sentence[TUNE_SENTENCE], const char *path, const char *what)
{
    const int error = errno;
    if (!*sentence)
        snprintf(sentence, TUNE_SENTENCE, "%.200s: %s: %s", path, what, strerror(error));
    errno = error;
    return false;
}

/* Not every file system syncs directories: then there is nothing to wait for. */
static bool sync_directory(int directory)
{
    int result;
    do
        result = fsync(directory);
    while (result < 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS || errno == EBADF;
}

static int open_directory(int at, const char *path, int flags)
{
    int directory;
    do
        directory = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    while (directory < 0 && errno == EINTR);
    return directory;
}

/* Makes a directory in an open one and opens it. Another process may make it at the same time. */
static int make_directory(int parent, const char *name, const char *path, mode_t mode, int flags,
                          char *sentence)
{
    const bool made = mkdirat(parent, name, mode) == 0;
    if (!made && errno != EEXIST) {
        tune_disk_fail(sentence, path, "cannot be made");
        return -1;
    }
    int directory = open_directory(parent, name, flags);
    if (directory < 0 && made && errno == EACCES && fchmodat(parent, name, mode, 0) == 0)
        directory = open_directory(parent, name, flags); /* the umask had taken the owner's permissions */
    if (directory < 0) {
        tune_disk_fail(sentence, path, "cannot be opened");
        return -1;
    }
    if (made && (fchmod(directory, mode) != 0 || !sync_directory(parent))) {
        tune_disk_fail(sentence, path, "cannot be made");
        close(directory);
        return -1;
    }
    return directory;
}

int tune_disk_directory(const char *path, char sentence[TUNE_SENTENCE])
{
    int directory = open_directory(AT_FDCWD, path, 0);
    if (directory >= 0)
        return directory;
    if (errno != ENOENT || !*path) {
        tune_disk_fail(sentence, path, "cannot be opened");
        return -1;
    }
    char *above = strdup(path);
    if (!above) {
        tune_disk_fail(sentence, path, "cannot be opened");
        return -1;
    }
    size_t length = strlen(above);
    while (length > 1 && above[length - 1] == '/')
        above[--length] = '\0';
    char *slash = strrchr(above, '/');
    const char *name = slash ? slash + 1 : above;
    if (slash == above) {
        directory = open_directory(AT_FDCWD, "/", 0);
    } else if (slash) {
        *slash = '\0';
        directory = tune_disk_directory(above, sentence);
    } else {
        directory = open_directory(AT_FDCWD, ".", 0);
    }
    if (directory >= 0) {
        const int parent = directory;
        directory = make_directory(parent, name, path, 0700, 0, sentence);
        const int error = errno;
        close(parent);
        errno = error;
    } else {
        tune_disk_fail(sentence, path, "cannot be made");
    }
    const int error = errno;
    free(above);
    errno = error;
    return directory;
}

int tune_disk_subdirectory(int parent, const char *name, const char *path, char sentence[TUNE_SENTENCE])
{
    struct stat above;
    if (fstat(parent, &above) != 0) {
        tune_disk_fail(sentence, path, "cannot be made");
        return -1;
    }
    return make_directory(parent, name, path, 0700 | (above.st_mode & 055), O_NOFOLLOW, sentence);
}

static bool write_all(int file, const tune_text *text)
{
    for (size_t at = 0; at < text->size;) {
        const ssize_t written = write(file, text->data + at, text->size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            if (written == 0)
                errno = EIO;
            return false;
        }
        at += (size_t)written;
    }
    return true;
}

static bool sync_file(int file)
{
    int result;
    do
        result = fsync(file);
    while (result < 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP ||
           errno == ENOSYS; /* the file system has no such thing */
}

bool tune_disk_write(int directory, const char *name, const char *path, mode_t mode, const tune_text *text,
                     char sentence[TUNE_SENTENCE])
{
    if (text->failed) {
        errno = ENOMEM;
        return tune_disk_fail(sentence, path, "cannot be written");
    }
    char temporary[NAME_MAX + 1];
    int file;
    do {
        snprintf(temporary, sizeof temporary, ".%.200s.%08" PRIx32 ".tmp", name,
                 (uint32_t)tune_disk_random(0));
        file = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      mode ? mode : 0644);
    } while (file < 0 && (errno == EEXIST || errno == EINTR));
    if (file < 0)
        return tune_disk_fail(sentence, path, "cannot be written");

    bool fine = (!mode || fchmod(file, mode) == 0) && write_all(file, text) && sync_file(file);
    int error = errno;
    if (close(file) != 0 && fine && errno != EINTR) {
        fine = false;
        error = errno;
    }
    if (fine) {
        fine = renameat(directory, temporary, directory, name) == 0;
        error = errno;
    }
    if (!fine) {
        unlinkat(directory, temporary, 0);
        errno = error;
        return tune_disk_fail(sentence, path, "cannot be written");
    }
    return sync_directory(directory) || tune_disk_fail(sentence, path, "cannot be written");
}

bool tune_disk_write_to(const char *path, const tune_text *text, char sentence[TUNE_SENTENCE])
{
    if (text->failed) {
        errno = ENOMEM;
        return tune_disk_fail(sentence, path, "cannot be written");
    }
    int file;
    do
        file = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        return tune_disk_fail(sentence, path, "cannot be written");
    const bool fine = write_all(file, text);
    const int error = errno;
    const bool closed = close(file) == 0 || errno == EINTR;
    if (!fine)
        errno = error;
    return (fine && closed) || tune_disk_fail(sentence, path, "cannot be written");
}

bool tune_disk_is_temporary(const char *name)
{
    const size_t length = strlen(name);
    return name[0] == '.' && length > 4 && !strcmp(name + length - 4, ".tmp");
}

/* The finaliser of splitmix64: each bit of x counts for each of the result. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t tune_disk_random(uint64_t seed)
{
    static uint64_t calls;
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits)
        bits = 0;
    struct timespec real, since_boot;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &since_boot);
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    uint64_t random = mix(bits) ^ seed;
    random = mix(random ^ (uint64_t)getpid());
    random = mix(random ^ (uint64_t)real.tv_sec ^ (uint64_t)real.tv_nsec << 32);
    random = mix(random ^ (uint64_t)since_boot.tv_sec << 32 ^ (uint64_t)since_boot.tv_nsec);
    for (const char *at = host; *at; at++)
        random = mix(random ^ (unsigned char)*at);
    return mix(random ^ __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED));
}
