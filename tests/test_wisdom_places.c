/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where wisdom is looked for: the order of the places, the environment that names them, and that raised privileges leave
 * one of them only. What is raised is a copy of this program that belongs to root.
 */
#define _GNU_SOURCE
#include "src/api/context.h"
#include "tests/wisdom_search.h"
#include <sys/auxv.h>

START_TEST(places_in_their_order)
{
    char path[MADE_PATH], user[MADE_PATH], system[MADE_PATH], file[MADE_PATH], list[4 * MADE_PATH];
    made_machine_directory(path, "user");
    strcat(path, "/1.wisdom");
    put(path, 64);
    made_machine_directory(path, "system");
    strcat(path, "/9.wisdom");
    put(path, 96);
    made_path(user, "user");
    made_path(system, "system");
    put(made_path(file, "file"), 128);

    outcome o = {.told = 0};
    search(&o, NULL, user, system);
    ck_assert_int_eq(first_nc(&o), 64);
    ck_assert_int_eq(o.list.count, 2);
    forget(&o);
    search(&o, NULL, NULL, system);
    ck_assert_int_eq(first_nc(&o), 96);
    forget(&o);
    search(&o, file, user, system);
    ck_assert_int_eq(first_nc(&o), 128);
    ck_assert_int_eq(o.list.count, 3);
    forget(&o);

    /* Files and roots, in the order of the list; empty names are none. */
    snprintf(list, sizeof list, "::%s::%s:", system, file);
    search(&o, list, user, NULL);
    ck_assert_int_eq(first_nc(&o), 96);
    ck_assert_int_eq(o.list.count, 3);
    ck_assert_int_eq(o.told, 3);
    forget(&o);

    /* What is named must be there; what is not named need not. */
    snprintf(list, sizeof list, "/nowhere/at/all:%s", file);
    search(&o, list, "/nowhere", "/nowhere/else");
    ck_assert_int_eq(first_nc(&o), 128);
    ck_assert_int_eq(o.told, 2);
    ck_assert_str_eq(o.first, "/nowhere/at/all");
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_UNREADABLE], 1);
    forget(&o);

    search(&o, "off", user, system);
    ck_assert_int_eq(o.told, 0);
    search(&o, "", user, system);
    ck_assert_int_eq(first_nc(&o), 64);
    forget(&o);

    char *endless = malloc(3 * PATH_MAX);
    ck_assert_ptr_nonnull(endless);
    memset(endless, 'x', 3 * PATH_MAX);
    snprintf(endless + 2 * PATH_MAX, PATH_MAX, ":%s", file);
    search(&o, endless, NULL, NULL);
    ck_assert_int_eq(o.loaded.files[GML_WISDOM_UNREADABLE], 1);
    ck_assert_int_eq(first_nc(&o), 128);
    forget(&o);
    free(endless);
}
END_TEST

static void expect_user(const char *data, const char *home, const char *expected)
{
    char path[PATH_MAX] = "untouched";
    data ? setenv("XDG_DATA_HOME", data, 1) : unsetenv("XDG_DATA_HOME");
    home ? setenv("HOME", home, 1) : unsetenv("HOME");
    ck_assert_int_eq(gml_wisdom_user_root(path, sizeof path), expected != NULL);
    if (expected)
        ck_assert_str_eq(path, expected);
}

START_TEST(the_user_root)
{
    expect_user("/data", "/home/u", "/data/gemmule/wisdom");
    expect_user(NULL, "/home/u", "/home/u/.local/share/gemmule/wisdom");
    expect_user("", "/home/u", "/home/u/.local/share/gemmule/wisdom");
    expect_user("data", "/home/u", "/home/u/.local/share/gemmule/wisdom"); /* the XDG specification says so */
    expect_user("data", NULL, NULL);
    expect_user(NULL, "", NULL);
    expect_user(NULL, "home", NULL);
    expect_user("/data", NULL, "/data/gemmule/wisdom");
    char small[16];
    ck_assert(!gml_wisdom_user_root(small, sizeof small));
    setenv("GEMMULE_WISDOM", "off", 1);
    char user[PATH_MAX];
    const gml_wisdom_places places = gml_wisdom_places_of_process(user, sizeof user);
    ck_assert_str_eq(places.list, "off");
    ck_assert_str_eq(places.user, "/data/gemmule/wisdom");
    ck_assert_str_eq(places.system, "/etc/gemmule/wisdom");
}
END_TEST

#ifndef GML_TEST_SANITIZED
enum { NOBODY = 65534 };

/* What a process with raised privileges sees of an environment in which everything is set. */
static int raised(void)
{
    char user[PATH_MAX];
    if (!getauxval(AT_SECURE))
        return SUITE_SKIPPED;
    const gml_wisdom_places places = gml_wisdom_places_of_process(user, sizeof user);
    return places.list || places.user || gml_context_or_default(NULL)->recording ? EXIT_FAILURE
                                                                                 : EXIT_SUCCESS;
}

START_TEST(raised_privileges)
{
    char path[MADE_PATH], command[3 * MADE_PATH];
    if (geteuid() != 0) {
        puts("wisdom_places: raised privileges are left out: only root can raise them");
        return;
    }
    snprintf(command, sizeof command, "cp /proc/%ld/exe %s && chmod 4755 %s && chmod 711 %s", (long)getpid(),
             made_path(path, "raised"), path, made_root);
    ck_assert_int_eq(system(command), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setenv("GEMMULE_WISDOM", "off", 1);
        setenv("XDG_DATA_HOME", "/data", 1);
        setenv("HOME", "/home", 1);
        setenv("GEMMULE_RECORD", "record", 1);
        if (setgid(NOBODY) || setuid(NOBODY))
            _exit(127);
        execl(path, "test_wisdom_places", "raised", (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == SUITE_SKIPPED)
        puts("wisdom_places: raised privileges are left out: this file system, or container, has none");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

#endif

int main(int argc, char **argv)
{
#ifndef GML_TEST_SANITIZED
    if (argc == 2 && !strcmp(argv[1], "raised"))
        return raised();
#endif
    (void)argc, (void)argv;
    umask(022);
    if (!search_prepare() || !made_root_make())
        return EXIT_FAILURE;
    const int code = suite_run("wisdom_places", 60,
                               (const TTest *const[]){places_in_their_order, the_user_root,
#ifndef GML_TEST_SANITIZED
                                                      raised_privileges,
#endif
                                                      NULL});
    return made_root_remove() ? code : EXIT_FAILURE;
}
