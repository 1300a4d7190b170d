/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts of the kernel that tell what happened behind a measurement's back: cpu.stat of the cgroups, and /proc/stat.
 */
#include "tune/doctor.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number behind a word that begins a line; 0 where there is none. */
static int64_t number_of(const char *text, const char *word)
{
    const size_t length = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, length) == 0 && line[length] == ' ') {
            const long long number = strtoll(line + length, NULL, 10);
            return number > 0 ? number : 0;
        }
    }
    return 0;
}

/* Of a group and all above it, as each may have a quota. */
static void add_groups(const char *root, const char *mount, const char *group, tune_account *account)
{
    char path[PATH_MAX], text[2048];
    int length = strstr(group, "/..") ? 0 : (int)strlen(group);
    for (;;) {
        while (length > 0 && group[length - 1] == '/')
            length--;
        const int used = snprintf(path, sizeof path, "/sys/fs/cgroup%s%.*s/cpu.stat", mount, length, group);
        if (used > 0 && (size_t)used < sizeof path && gml_cpu_read(root, path, text, sizeof text)) {
            account->throttled += number_of(text, "nr_throttled");
            account->periods += number_of(text, "nr_periods");
        }
        if (length == 0)
            return;
        while (length > 0 && group[length - 1] != '/')
            length--;
    }
}

/* "cpu", alone or with others: "cpu,cpuacct". */
static bool names_cpu(const char *controllers)
{
    for (const char *name = controllers; name; name = strchr(name, ',')) {
        name += *name == ',';
        if (strncmp(name, "cpu", 3) == 0 && (name[3] == ',' || name[3] == '\0'))
            return true;
    }
    return false;
}

static void add_throttling(const char *root, tune_account *account)
{
    char text[8192], mount[64];
    gml_cpu_read(root, "/proc/self/cgroup", text, sizeof text);
    for (char *line = text, *next; *line; line = next) { /* id:controllers:path */
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(++controllers, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        if (*controllers == '\0') {
            add_groups(root, "", group, account);
            add_groups(root, "/unified", group, account);
        } else if (names_cpu(controllers) && strlen(controllers) < sizeof mount - 1) {
            snprintf(mount, sizeof mount, "/%s", controllers);
            add_groups(root, mount, group, account);
            if (strcmp(controllers, "cpu") != 0) /* often mounted, or linked, under the name alone */
                add_groups(root, "/cpu", group, account);
        }
    }
}

/* "cpu  user nice system idle iowait irq softirq steal ...", in ticks. */
static void add_stolen(const char *root, tune_account *account)
{
    char text[512];
    long long user, nice, system, idle, wait, irq, soft, steal;
    if (!gml_cpu_read(root, "/proc/stat", text, sizeof text) ||
        sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle, &wait, &irq,
               &soft, &steal) != 8)
        return;
    const double second = (double)sysconf(_SC_CLK_TCK);
    account->stolen = (double)steal / second;
    account->worked = ((double)user + (double)nice + (double)system + (double)steal) / second;
}

tune_account tune_accounts(const char *root)
{
    tune_account account = {0};
    add_throttling(root, &account);
    add_stolen(root, &account);
    return account;
}

tune_disturbance tune_disturbances(const char *root)
{
    const tune_account account = tune_accounts(root);
    return (tune_disturbance){.throttled = account.throttled, .stolen = account.stolen};
}
