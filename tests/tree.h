/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file system of a test's own, for what reads /sys and /proc.
 */
#ifndef GML_TESTS_TREE_H
#define GML_TESTS_TREE_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/gemmule-test-XXXXXX";

static void make_root(void)
{
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_root(void)
{
    ck_assert_int_eq(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void put(const char *path, const char *text)
{
    char name[512];
    ck_assert_int_lt(snprintf(name, sizeof name, "%s%s", root, path), (int)sizeof name);
    for (char *slash = name + sizeof root; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(name, 0700);
    }
    FILE *file = fopen(name, "w");
    ck_assert_msg(file != NULL, "%s", name);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

#endif
