/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom on disk: every reason to refuse a file, the order of what is read, the places, and that nothing is left open. The
 * files are made up in a directory of our own. As root, what belongs to others and what cannot be read is tried as well.
 */
#define _GNU_SOURCE
#include "tests/wisdom_search.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NOBODY = 65534, SWAPS = 200 };

static gml_wisdom_refusal load(outcome *o, const char *name)
{
    char path[MADE_PATH];
    const gml_wisdom_listener listener = {told, o};
    return gml_wisdom_load_file(&o->list, *name == '/' ? name : made_path(path, name), &filter, &o->loaded,
                                &listener);
}

static void expect_refusal(const char *name, gml_wisdom_refusal refusal)
{
    outcome o = {.told = 0};
    ck_assert_msg(load(&o, name) == refusal, "%s", name);
    ck_assert_int_eq(o.told, 1);
    ck_assert_int_eq(o.refusal, refusal);
    ck_assert_int_eq(o.loaded.files[refusal], 1);
    ck_assert_int_eq(o.list.count, refusal == GML_WISDOM_READ);
    ck_assert(!o.loaded.no_memory);
    forget(&o);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    close(listener);
}

static int descriptors;

START_TEST(what_is_open)
{
    descriptors = made_descriptors();
}
END_TEST

START_TEST(files_that_are_none)
{
    char path[MADE_PATH], target[MADE_PATH];
    expect_refusal("missing", GML_WISDOM_UNREADABLE);
    expect_refusal("missing/at/all", GML_WISDOM_UNREADABLE);
    ck_assert_int_eq(mkdir(made_path(path, "directory"), 0755), 0);
    expect_refusal("directory", GML_WISDOM_NO_FILE);
    ck_assert_int_eq(mkfifo(made_path(path, "fifo"), 0600), 0);
    expect_refusal("fifo", GML_WISDOM_NO_FILE);
    make_socket(made_path(path, "socket"));
    expect_refusal("socket", GML_WISDOM_NO_FILE);
    expect_refusal("/dev/null", GML_WISDOM_NO_FILE);
    ck_assert_int_eq(symlink("loop", made_path(path, "loop")), 0);
    expect_refusal("loop", GML_WISDOM_NO_FILE);
    put(made_path(target, "target"), 64);
    ck_assert_int_eq(symlink(target, made_path(path, "link")), 0);
    expect_refusal("link", GML_WISDOM_READ); /* whoever names a link means what it points to */
}
END_TEST

START_TEST(files_of_others)
{
    char path[MADE_PATH];
    static const struct {
        mode_t mode;
        gml_wisdom_refusal refusal;
    } modes[] = {{0600, GML_WISDOM_READ},     {0444, GML_WISDOM_READ},     {0755, GML_WISDOM_READ},
                 {0620, GML_WISDOM_WRITABLE}, {0602, GML_WISDOM_WRITABLE}, {0666, GML_WISDOM_WRITABLE},
                 {01666, GML_WISDOM_WRITABLE}};
    put(made_path(path, "modes"), 64);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(path, modes[i].mode), 0);
        expect_refusal("modes", modes[i].refusal);
    }
    if (geteuid() != 0) {
        puts("wisdom_files: owners are left out: only root can give files away");
        return;
    }
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(chown(path, NOBODY, (gid_t)-1), 0);
    expect_refusal("modes", GML_WISDOM_OWNER);
    ck_assert_int_eq(chmod(made_root, 0711), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    expect_refusal("modes", GML_WISDOM_READ); /* it is their own */
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    expect_refusal("modes", GML_WISDOM_READ); /* root's is everybody's */
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    expect_refusal("modes", GML_WISDOM_UNREADABLE);
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(contents)
{
    char path[MADE_PATH];
    made_file(made_path(path, "empty"), "", 0, 0644);
    expect_refusal("empty", GML_WISDOM_NO_WISDOM);
    made_file(made_path(path, "other"), "#!/bin/sh\n", 10, 0644);
    expect_refusal("other", GML_WISDOM_NO_WISDOM);

    /* As large as may be, and one byte more. */
    put(made_path(path, "large"), 64);
    ck_assert_int_eq(truncate(path, (off_t)GML_WISDOM_FILE_MOST), 0);
    expect_refusal("large", GML_WISDOM_READ);
    ck_assert_int_eq(truncate(path, (off_t)GML_WISDOM_FILE_MOST + 1), 0);
    expect_refusal("large", GML_WISDOM_TOO_LARGE);

    /* Cut anywhere, a file is what is left of it. */
    const gml_wisdom_entry entries[2] = {made_entry(key_text, "nc=64"), made_entry(key_text, "nc=96")};
    char line[GML_WISDOM_LINE];
    size_t size;
    char *text = made_text(entries, 2, &size);
    const size_t head = gml_wisdom_write_begin(line), one = head + gml_wisdom_write(&entries[0], line);
    for (size_t length = 0; length <= size; length++) {
        made_file(made_path(path, "cut"), text, length, 0644);
        outcome o = {.told = 0};
        ck_assert_int_eq(load(&o, "cut"), length < head ? GML_WISDOM_NO_WISDOM : GML_WISDOM_READ);
        ck_assert_int_ge(o.list.count, length >= one);
        ck_assert_int_le(o.list.count, length >= head ? 2 : 0);
        ck_assert_int_eq(first_nc(&o), length >= one ? 64 : 0);
        forget(&o);
    }
    free(text);
}
END_TEST

START_TEST(every_reason_has_a_text)
{
    for (int i = 0; i < GML_WISDOM_REFUSALS; i++) {
        ck_assert_ptr_nonnull(gml_wisdom_refusal_text((gml_wisdom_refusal)i));
        ck_assert_uint_gt(strlen(gml_wisdom_refusal_text((gml_wisdom_refusal)i)), 5);
    }
}
END_TEST

START_TEST(the_newest_file_counts)
{
    char directory[MADE_PATH], path[MADE_PATH], root[MADE_PATH];
    made_machine_directory(directory, "order");
    made_path(root, "order");
    static const char *const names[] = {"20260101T000000Z-1.wisdom", "20260301T000000Z-0.wisdom",
                                        "20260201T000000Z-2.wisdom"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%.400s/%s", directory, names[i]);
        put(path, 64 + 32 * i);
    }
    /* None of these is a file of wisdom. */
    static const char *const others[] = {"99990101T000000Z-9.wisdom.1-0.tmp", ".99990101T000000Z.wisdom",
                                         ".wisdom", "99990101T000000Z", "99990101.wisdomx"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%.400s/%s", directory, others[i]);
        put(path, 1024);
    }
    outcome o = {.told = 0};
    search(&o, NULL, root, NULL);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_READ], 3);
    ck_assert_int_eq(o.told, 3);
    ck_assert_int_eq(o.list.count, 3);
    ck_assert_int_eq(first_nc(&o), 96);
    snprintf(path, sizeof path, "%.400s/%s", directory, names[1]);
    ck_assert_str_eq(o.first, path);
    forget(&o);

    /* Of other machines nothing is opened; a filter of none reads them all. */
    const gml_wisdom_filter ours = filter;
    filter.machine ^= 1;
    search(&o, NULL, root, NULL);
    ck_assert_int_eq(o.told, 0);
    filter = (gml_wisdom_filter){0};
    search(&o, NULL, root, NULL);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_READ], 3);
    filter = ours;
    forget(&o);
}
END_TEST

START_TEST(no_more_than_the_most)
{
    char directory[MADE_PATH], path[MADE_PATH], root[MADE_PATH];
    made_machine_directory(directory, "many");
    for (int i = 0; i < GML_WISDOM_FILES_MOST + 9; i++) {
        snprintf(path, sizeof path, "%.400s/%04d.wisdom", directory, i * 7 % (GML_WISDOM_FILES_MOST + 9));
        put(path, 1 + i * 7 % (GML_WISDOM_FILES_MOST + 9));
    }
    outcome o = {.told = 0};
    search(&o, NULL, made_path(root, "many"), NULL);
    ck_assert_int_eq(o.told, GML_WISDOM_FILES_MOST);
    ck_assert_int_eq(o.list.count, GML_WISDOM_FILES_MOST);
    for (int i = 0; i < GML_WISDOM_FILES_MOST; i++)
        ck_assert_int_eq(o.list.entry[i].choice.value[GML_CHOOSE_NC], GML_WISDOM_FILES_MOST + 9 - i);
    forget(&o);
}
END_TEST

static void expect_directory(const char *root, gml_wisdom_refusal refusal)
{
    outcome o = {.told = 0};
    search(&o, NULL, root, NULL);
    ck_assert_int_eq(o.told, 1);
    ck_assert_int_eq(o.refusal, refusal);
    ck_assert_int_eq(o.list.count, refusal == GML_WISDOM_READ);
    forget(&o);
}

START_TEST(directories_of_others)
{
    char directory[MADE_PATH], path[MADE_PATH], root[MADE_PATH], elsewhere[MADE_PATH];
    made_machine_directory(directory, "shared");
    made_path(root, "shared");
    snprintf(path, sizeof path, "%.400s/1.wisdom", directory);
    put(path, 64);
    static const struct {
        mode_t mode;
        gml_wisdom_refusal refusal;
    } modes[] = {{0755, GML_WISDOM_READ},
                 {0775, GML_WISDOM_WRITABLE},
                 {0757, GML_WISDOM_WRITABLE},
                 {01777, GML_WISDOM_READ}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(directory, modes[i].mode), 0);
        expect_directory(root, modes[i].refusal);
    }
    ck_assert_int_eq(chmod(directory, 0755), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(directory, NOBODY, (gid_t)-1), 0);
        expect_directory(root, GML_WISDOM_OWNER);
        ck_assert_int_eq(chown(directory, 0, (gid_t)-1), 0);
        ck_assert_int_eq(chmod(directory, 0700), 0);
        ck_assert_int_eq(chmod(made_root, 0711), 0);
        ck_assert_int_eq(seteuid(NOBODY), 0);
        expect_directory(root, GML_WISDOM_UNREADABLE);
        ck_assert_int_eq(seteuid(0), 0);
    }
    /* A link in place of the machine, or of a file, is not followed. */
    snprintf(elsewhere, sizeof elsewhere, "%s", made_path(path, "elsewhere"));
    ck_assert_int_eq(rename(directory, elsewhere), 0);
    ck_assert_int_eq(symlink(elsewhere, directory), 0);
    expect_directory(root, GML_WISDOM_NO_FILE);
    ck_assert_int_eq(unlink(directory), 0);
    put(directory, 64);
    expect_directory(root, GML_WISDOM_NO_FILE);
}
END_TEST

START_TEST(what_lies_among_the_files)
{
    char directory[MADE_PATH], path[MADE_PATH], root[MADE_PATH], target[MADE_PATH];
    made_machine_directory(directory, "mixed");
    put(made_path(target, "mixed-target"), 96);
    snprintf(path, sizeof path, "%.400s/9.wisdom", directory);
    ck_assert_int_eq(symlink(target, path), 0);
    snprintf(path, sizeof path, "%.400s/8.wisdom", directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%.400s/7.wisdom", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%.400s/6.wisdom", directory);
    put(path, 128);
    ck_assert_int_eq(chmod(path, 0666), 0);
    snprintf(path, sizeof path, "%.400s/5.wisdom", directory);
    put(path, 64);
    outcome o = {.told = 0};
    search(&o, NULL, made_path(root, "mixed"), NULL);
    ck_assert_int_eq(o.told, 5);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_NO_FILE], 3);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_WRITABLE], 1);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_READ], 1);
    ck_assert_int_eq(o.list.count, 1);
    ck_assert_int_eq(first_nc(&o), 64);
    forget(&o);
}
END_TEST

/* A tuner that joins files: what it removes is in what it has written before. */
typedef struct joiner {
    char old[MADE_PATH], new[MADE_PATH], beside[MADE_PATH];
    atomic_bool stop;
} joiner;

static void *join(void *argument)
{
    joiner *self = argument;
    for (int i = 0; !atomic_load(&self->stop); i++) {
        put(self->beside, 64);
        rename(self->beside, i % 2 ? self->old : self->new);
        usleep(500);
        unlink(i % 2 ? self->new : self->old);
        usleep(500);
    }
    return NULL;
}

START_TEST(files_that_are_joined_meanwhile)
{
    char directory[MADE_PATH], root[MADE_PATH];
    joiner self = {.stop = false};
    made_machine_directory(directory, "joined");
    made_path(root, "joined");
    snprintf(self.old, sizeof self.old, "%.400s/1.wisdom", directory);
    snprintf(self.new, sizeof self.new, "%.400s/2.wisdom", directory);
    snprintf(self.beside, sizeof self.beside, "%.400s/2.wisdom.tmp", directory);
    put(self.old, 64);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, join, &self), 0);
    int missed = 0;
    for (int i = 0; i < SWAPS; i++) {
        outcome o = {.told = 0};
        search(&o, NULL, root, NULL);
        missed += o.list.count == 0;
        ck_assert_int_le(o.list.count, 2);
        ck_assert_int_eq(o.list.count, o.loaded.lines.accepted);
        forget(&o);
    }
    atomic_store(&self.stop, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(missed, 0);
}
END_TEST

#ifndef GML_TEST_SANITIZED /* a sanitizer needs the address space itself */
START_TEST(no_memory)
{
    char path[MADE_PATH];
    put(made_path(path, "huge"), 64);
    ck_assert_int_eq(truncate(path, (off_t)GML_WISDOM_FILE_MOST), 0);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    const struct rlimit old = limit;
    limit.rlim_cur = 1;
    outcome o = {.told = 0};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    const gml_wisdom_refusal refusal = load(&o, "huge");
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
    ck_assert_int_eq(refusal, GML_WISDOM_UNREADABLE);
    ck_assert(o.loaded.no_memory);
    ck_assert_int_eq(o.list.count, 0);
    forget(&o);
}
END_TEST

#endif

START_TEST(nothing_is_left_open)
{
    ck_assert_int_eq(made_descriptors(), descriptors);
}
END_TEST

int main(void)
{
    setenv("GEMMULE_WISDOM", "off", 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what is large and freed goes back, and has to be asked for again */
    umask(022);
    if (!search_prepare() || !made_root_make())
        return EXIT_FAILURE;
    /* The threads of files_that_are_joined_meanwhile leave an arena behind, where memory is always to be had. */
    const int code = suite_run(
        "wisdom_files", 60,
        (const TTest *const[]){what_is_open, files_that_are_none, files_of_others, contents,
                               every_reason_has_a_text, the_newest_file_counts, no_more_than_the_most,
                               directories_of_others, what_lies_among_the_files,
#ifndef GML_TEST_SANITIZED
                               no_memory,
#endif
                               files_that_are_joined_meanwhile, nothing_is_left_open, NULL});
    return made_root_remove() ? code : EXIT_FAILURE;
}
