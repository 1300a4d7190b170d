/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Made-up wisdom for tests, of this machine and the set in use: entries, files of them, and directories that are gone in
 * the end.
 */
#ifndef GML_TESTS_MADE_WISDOM_H
#define GML_TESTS_MADE_WISDOM_H

#include "src/api/context.h"
#include "src/plan/wisdom.h"
#include "tests/suite.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* This machine's fingerprint. */
static inline uint64_t made_machine(void)
{
    char text[GML_FINGERPRINT_TEXT];
    return gml_fingerprint(&gml_context_or_default(NULL)->machine, text);
}

/* A key and a choice, from text. */
static inline gml_wisdom_entry made_entry(const char *key, const char *choice)
{
    const gml_kernel_set *set = gml_context_or_default(NULL)->runtime.set;
    gml_wisdom_entry entry = {.machine = made_machine(), .isa = set->isa, .run = "20260101T000000Z-test", .samples = 40};
    ck_assert_msg(gml_key_read(key, strlen(key), &entry.key), "%s", key);
    const gml_operation of = (gml_operation)entry.key.operation;
    ck_assert_msg(gml_choice_read(of, choice, strlen(choice), &entry.choice), "%s", choice);
    entry.revision = gml_revision(set, of, (gml_type)entry.key.type);
    const bool model = gml_choice_is_model(&entry.choice);
    entry.gain = model ? 1 : 1.5;
    entry.low = model ? 1 : 1.25;
    entry.high = model ? 1 : 1.75;
    return entry;
}

/* The text of a file of wisdom; the caller frees it. */
static inline char *made_text(const gml_wisdom_entry *entries, int64_t count, size_t *size)
{
    char *text = malloc((size_t)(count + 2) * GML_WISDOM_LINE);
    ck_assert_ptr_nonnull(text);
    *size = gml_wisdom_write_begin(text);
    for (int64_t i = 0; i < count; i++)
        *size += gml_wisdom_write(&entries[i], text + *size);
    *size += gml_wisdom_write_end(count, text + *size);
    return text;
}

static inline void made_file(const char *path, const char *text, size_t size, mode_t mode)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_msg(file >= 0, "%s", path);
    ck_assert_int_eq(write(file, text, size), (ssize_t)size);
    ck_assert_int_eq(fchmod(file, mode), 0);
    close(file);
}

static inline void made_wisdom(const char *path, const gml_wisdom_entry *entries, int64_t count)
{
    size_t size;
    char *text = made_text(entries, count, &size);
    made_file(path, text, size, 0644);
    free(text);
}

/* A directory of our own, and what lies in it, by its name. */
static char made_root[64];

static inline bool made_root_make(void)
{
    snprintf(made_root, sizeof made_root, "/tmp/gemmule-test-XXXXXX");
    return mkdtemp(made_root) != NULL;
}

static inline bool made_root_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", made_root);
    return system(command) == 0;
}

#define MADE_PATH 512

static inline const char *made_path(char path[MADE_PATH], const char *name)
{
    snprintf(path, MADE_PATH, "%s/%s", made_root, name);
    return path;
}

/* <root>/<name>/<machine>, with the directories on the way there. */
static inline void made_machine_directory(char path[MADE_PATH], const char *name)
{
    made_path(path, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    const size_t used = strlen(path);
    snprintf(path + used, MADE_PATH - used, "/%016llx", (unsigned long long)made_machine());
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static inline int made_descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 1024; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

#endif
