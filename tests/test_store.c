/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The writer of wisdom: runs and their files, and what a disk may do to them. Compaction and pruning are tested in
 * test_store_files.c, what happens when processes are killed in test_store_kill.c.
 */
#include "tests/store.h"
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

START_TEST(names_of_runs)
{
    char run[GML_RUN_TEXT], other[GML_RUN_TEXT];
    tune_run_name(run, 1767268800, UINT64_C(0x9f2c41d7ab12ffff)); /* 2026-01-01 12:00:00 */
    ck_assert_str_eq(run, "20260101T120000Z-9f2c41d7ab12");
    tune_run_name(run, 0, 0);
    ck_assert_str_eq(run, "19700101T000000Z-000000000000");
    tune_run_name(run, -1, 0);
    ck_assert_str_eq(run, "19700101T000000Z-000000000000");
    tune_run_name(run, INT64_MAX, 0);
    ck_assert_str_eq(run, "99991231T235959Z-000000000000");
    tune_run_name(run, 951827696, 1);
    ck_assert_str_eq(run, "20000229T123456Z-000000000000");

    static const struct {
        const char *name;
        bool is;
    } names[] = {{"20260101T120000Z-9f2c41d7", true},
                 {"20260101T120000Z-9f2c41d7ab12-0123456ab", true},
                 {"20260101T120000Z-9f2c41d7ab12-0123456abc", false}, /* too long */
                 {"20260101T120000Z", false},
                 {"20260101T120000Z-", false},
                 {"20260101T120000Z-9f-", false},
                 {"20260101T120000Z-9f-0-0", false},
                 {"20260101T120000Z-9F", false},
                 {"20260101t120000Z-9f", false},
                 {"2026010xT120000Z-9f", false},
                 {"fleet", false},
                 {"", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(tune_run_is_name(names[i].name, strlen(names[i].name)) == names[i].is, "%s",
                      names[i].name);

    /* of equal seeds in one second */
    for (int i = 0; i < 1000; i++) {
        tune_run_name(run, 0, tune_disk_random(1));
        tune_run_name(other, 0, tune_disk_random(1));
        ck_assert_str_ne(run, other);
    }
}
END_TEST

/* Of two runs the one that begins later comes first, whatever the clock says. */
START_TEST(runs_are_in_order)
{
    begin();
    char run[20][GML_RUN_TEXT];
    for (int i = 0; i < 20; i++) {
        write_run(1, 2, run[i]);
        ck_assert(i == 0 || strcmp(run[i], run[i - 1]) > 0);
    }
    char name[GML_RUN_TEXT];
    put_run(INT64_C(4102444800), 1, 2, true, name); /* 2100-01-01 */
    ck_assert(!strncmp(name, "21000101T000000Z", 16));
    tune_store *store = opened();
    ck_assert(!strncmp(tune_store_run(store), "21000101T000001Z-", 17));
    ck_assert(tune_store_close(store, sentence));
    put_run(INT64_MAX, 1, 2, true, name); /* as late as it gets */
    store = opened();
    ck_assert(!strncmp(tune_store_run(store), "99991231T235959Z-", 17));
    ck_assert(tune_store_close(store, sentence));
    finish();
}
END_TEST

START_TEST(a_run_has_one_file_that_is_always_whole)
{
    begin();
    tune_store *store = opened();
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, 0); /* nothing is written before the first entry */
    char path[512], run[GML_RUN_TEXT];
    snprintf(path, sizeof path, "%s", tune_store_path(store));
    snprintf(run, sizeof run, "%s", tune_store_run(store));
    for (int i = 1; i <= 5; i++) {
        gml_wisdom_entry entry = numbered(i);
        entry.machine = 1; /* the run's counts */
        ck_assert_msg(tune_store_add(store, &entry, sentence), "%s", sentence);
        read_contents(&in);
        ck_assert_int_eq(in.files, 1);
        ck_assert_int_eq(in.temporaries, 0);
        ck_assert_int_eq(in.list.count, i);
        ck_assert_str_eq(in.list.entry[i - 1].run, run);
        ck_assert_uint_eq(in.list.entry[i - 1].machine, MACHINE);
        ck_assert_int_eq(in.list.entry[i - 1].key.size[0], i);
        gml_wisdom_list_free(&in.list);
    }
    gml_wisdom_entry again = numbered(3); /* the last word on a problem counts */
    again.choice.value[GML_CHOOSE_NC] = 960;
    ck_assert(tune_store_add(store, &again, sentence));
    ck_assert_int_eq(unlink(path), 0); /* somebody took the file: it is written anew */
    add(store, 6);
    ck_assert(tune_store_close(store, sentence));
    read_contents(&in);
    ck_assert_int_eq(in.list.count, 6);
    ck_assert_int_eq(occurrences(&in, 3), 1);
    ck_assert_int_eq(in.list.entry[2].choice.value[GML_CHOOSE_NC], 960);
    gml_wisdom_list_free(&in.list);

    store = opened(); /* without entries there is no file, nor anything to end */
    ck_assert(tune_store_close(store, sentence));
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

static unsigned mode_of(const char *path)
{
    struct stat is;
    ck_assert_msg(stat(path, &is) == 0, "%s", path);
    return is.st_mode & 0777;
}

START_TEST(permissions)
{
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        begin();
        char *deep, *machine, path[512];
        ck_assert_int_ge(asprintf(&deep, "%s/share/gemmule/wisdom/", root), 0);
        ck_assert_int_ge(asprintf(&machine, "%s%s", deep, MACHINE_DIGITS), 0);
        const mode_t old = umask(masks[i]);
        tune_store *store = tune_store_open(deep, MACHINE, 0, sentence);
        ck_assert_msg(store != NULL, "%s", sentence);
        add(store, 1);
        umask(old);
        snprintf(path, sizeof path, "%s", tune_store_path(store));
        ck_assert_uint_eq(mode_of(path), 0600);
        ck_assert_uint_eq(mode_of(machine), 0700);
        ck_assert_uint_eq(mode_of(deep), 0700);
        ck_assert(tune_store_close(store, sentence));
        free(deep);
        free(machine);

        /* who may read a root that is there may read what is made in it */
        ck_assert_int_eq(chmod(root, 0755), 0);
        umask(masks[i]);
        write_run(1, 2, NULL);
        write_run(2, 3, NULL);
        ck_assert_int_ge(tune_store_compact(directory, sentence), 2);
        umask(old);
        ck_assert_uint_eq(mode_of(directory), 0755);
        contents in;
        read_contents(&in);
        ck_assert_int_ge(snprintf(path, sizeof path, "%s/%s", directory, in.name[0]), 0);
        ck_assert_uint_eq(mode_of(path), 0644);
        gml_wisdom_list_free(&in.list);
        finish();
    }
}
END_TEST

static void refused(const char *at, const char *what, int error)
{
    tune_store *store = tune_store_open(at, MACHINE, 0, sentence);
    const int is = errno;
    ck_assert_msg(!store, "%s was opened", at);
    ck_assert_msg(strstr(sentence, what) && !strncmp(sentence, at, strlen(at) < 200 ? strlen(at) : 200),
                  "'%s' does not say '%s'", sentence, what);
    ck_assert_int_eq(is, error);
}

START_TEST(directories_that_are_none)
{
    begin();
    char *path;
    put("file", "", 0);
    ck_assert_int_ge(asprintf(&path, "%s/file", directory), 0);
    refused(path, "Not a directory", ENOTDIR);
    free(path);
    ck_assert_int_ge(asprintf(&path, "%s/file/below", directory), 0);
    refused(path, "Not a directory", ENOTDIR);
    free(path);
    refused("", "No such file or directory", ENOENT);
    refused("/proc/gemmule", "cannot be made", ENOENT);
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    refused(longest, "File name too long", ENAMETOOLONG);

    ck_assert_int_eq(chmod(directory, 0770), 0); /* it would not be read */
    refused(root, "may be written by others", EPERM);
    remove_tree(directory);
    ck_assert_int_eq(symlink("/", directory), 0); /* nor would this be followed */
    ck_assert_ptr_null(tune_store_open(root, MACHINE, 0, sentence));
    ck_assert_int_eq(unlink(directory), 0);
    put_run(0, 1, 2, true, (char[GML_RUN_TEXT]){0});
    finish();
    ck_assert_int_eq(tune_store_compact("/nowhere", sentence), -1);
    ck_assert_str_eq(sentence, "/nowhere: cannot be opened: No such file or directory");
}
END_TEST

/* What a child finds out in a world of its own: 0 as it should be, 77 that it cannot have such a world. */
static void in_child(int (*look)(void))
{
    fflush(stdout);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child)
        _exit(look());
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child died by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == SUITE_SKIPPED)
        puts("skipped: a disk that root would have to make");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* Adds entries until that fails, and tells by which error; then what was there before must be there still. */
static int add_until(int error)
{
    tune_store *store = tune_store_open(root, MACHINE, 0, sentence);
    if (!store)
        return 10;
    int64_t number = 1;
    for (;; number++) {
        const gml_wisdom_entry entry = numbered(number);
        if (!tune_store_add(store, &entry, sentence))
            break;
        if (number == 5000)
            return 11;
    }
    if (errno != error || !strstr(sentence, strerror(error)) || strncmp(sentence, root, strlen(root)))
        return 12;
    contents in;
    read_contents(&in);
    if (in.files != 1 || in.temporaries || in.list.count != number - 1)
        return 13;
    if (tune_store_close(store, sentence) || errno != error)
        return 14;
    read_contents(&in);
    return in.files == 1 && !in.temporaries && in.list.count == number - 1 ? 0 : 15;
}

static int with_a_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {20000, 20000};
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? add_until(EFBIG) : 9;
}

static int on_a_full_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", root, "tmpfs", 0, "size=64k,mode=700") != 0)
        return SUITE_SKIPPED;
    return add_until(ENOSPC);
}

static int on_a_disk_that_is_read_only(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", root, "tmpfs", 0, "mode=700") != 0)
        return SUITE_SKIPPED;
    write_run(1, 2, NULL);
    if (mount(NULL, root, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return SUITE_SKIPPED;
    if (tune_store_open(root, MACHINE, 0, sentence) || errno != EROFS)
        return 20;
    if (tune_store_open(root, MACHINE + 1, 0, sentence) || errno != EROFS)
        return 21;
    return strstr(sentence, "cannot be made: Read-only file system") ? 0 : 22;
}

static int without_permission(void)
{
    if (geteuid() == 0 && (chown(root, 65534, 65534) != 0 || seteuid(65534) != 0))
        return SUITE_SKIPPED;
    if (chmod(root, 0500) != 0)
        return 30;
    if (tune_store_open(root, MACHINE, 0, sentence) || errno != EACCES)
        return 31;
    chmod(root, 0700);
    write_run(1, 2, NULL);
    chmod(directory, 0500);
    const bool fails = !tune_store_open(root, MACHINE, 0, sentence) && errno == EACCES;
    chmod(directory, 0700);
    return fails ? 0 : 32;
}

START_TEST(faults_of_disks)
{
    int (*const looks[])(void) = {with_a_limit, on_a_full_disk, on_a_disk_that_is_read_only,
                                  without_permission};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        begin();
        in_child(looks[i]);
        finish();
    }
}
END_TEST

START_TEST(files_that_people_name)
{
    begin();
    gml_wisdom_list list = {.entry = NULL};
    for (int i = 1; i <= 3; i++) {
        const gml_wisdom_entry entry = numbered(i);
        ck_assert(tune_list_add(&list, &entry));
    }
    put("x.wisdom", "precious", 8);
    char *path, *link;
    ck_assert_int_ge(asprintf(&path, "%s/x.wisdom", directory), 0);
    ck_assert_int_ge(asprintf(&link, "%s/link", directory), 0);
    ck_assert_int_eq(symlink("x.wisdom", link), 0);
    const mode_t old = umask(0);
    ck_assert_msg(tune_write_file(link, &list, sentence), "%s", sentence);
    umask(old);
    struct stat is;
    ck_assert_int_eq(lstat(link, &is), 0);
    ck_assert(S_ISLNK(is.st_mode));
    ck_assert_uint_eq(mode_of(path), 0644);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.list.count, 3);
    ck_assert_int_eq(in.temporaries, 0);
    gml_wisdom_list_free(&in.list);

    ck_assert(!tune_write_file("/dev/full", &list, sentence));
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_str_eq(sentence, "/dev/full: cannot be written: No space left on device");
    ck_assert(tune_write_file("/dev/null", &list, sentence));
    ck_assert_int_eq(stat("/dev/null", &is), 0);
    ck_assert(S_ISCHR(is.st_mode));
    ck_assert(!tune_write_file(directory, &list, sentence));
    ck_assert_int_eq(errno, EISDIR);
    ck_assert(!tune_write_file("/nowhere/x", &list, sentence));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(!tune_write_file("", &list, sentence));

    while (list.count < 45000) { /* no reader would take so much */
        const gml_wisdom_entry entry = numbered(list.count);
        ck_assert(tune_list_add(&list, &entry));
    }
    ck_assert(!tune_write_file(path, &list, sentence));
    ck_assert_int_eq(errno, EFBIG);
    read_contents(&in);
    ck_assert_int_eq(in.list.count, 3);
    gml_wisdom_list_free(&in.list);
    gml_wisdom_list_free(&list);
    free(path);
    free(link);
    finish();
}
END_TEST

int main(void)
{
    return suite_run("store", 60,
                     (const TTest *const[]){names_of_runs, runs_are_in_order,
                                            a_run_has_one_file_that_is_always_whole, permissions,
                                            directories_that_are_none, faults_of_disks,
                                            files_that_people_name, NULL});
}
