/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one place of the library that writes files, and only where it was asked to.
 */
#include "src/api/save.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GML_SAVE_TRIES 100 /* names: of threads of this process, and of what died before its rename */

/* Opens a new file beside `path`. */
static int open_beside(char name[PATH_MAX], const char *path)
{
    for (int i = 0; i < GML_SAVE_TRIES; i++) {
        const int length = snprintf(name, PATH_MAX, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        if (length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static int write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(file, text, size);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return fsync(file) < 0 && errno != EINVAL && errno != ENOSYS ? errno : 0;
}

/* The new name is on the disk once its directory is; not all file systems can say so. */
static void sync_directory(char name[PATH_MAX])
{
    char *slash = strrchr(name, '/');
    if (slash)
        slash[slash == name] = '\0';
    const int directory = open(slash ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    (void)fsync(directory);
    close(directory);
}

/* 0, or why a file must not take the place of what is there: a device would be gone. */
static int refuses(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
        return 0;
    return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
}

int gml_save(const char *path, const char *text, size_t size)
{
    char name[PATH_MAX];
    const int refused = refuses(path);
    if (refused)
        return refused;
    const int file = open_beside(name, path);
    if (file < 0)
        return errno;
    int error = write_all(file, text, size);
    if (close(file) < 0 && !error && errno != EINTR)
        error = errno;
    if (!error && rename(name, path) < 0)
        error = errno;
    if (error)
        unlink(name);
    else
        sync_directory(name);
    return error;
}
