/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts of the kernel that tell what happened behind a measurement's back: cpu.stat of the cgroups, and /proc/stat.
 */
#include "tune/doctor.h"
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
static void add_throttling(const char *root, char *path, char *end, int version, void *argument)
{
    tune_account *account = argument;
    char text[2048];
    (void)version; /* the same words in both */
    strcpy(end, "/cpu.stat");
    if (gml_cpu_read(root, path, text, sizeof text)) {
        account->throttled += number_of(text, "nr_throttled");
        account->periods += number_of(text, "nr_periods");
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
    gml_cpu_cgroups(root, add_throttling, &account);
    add_stolen(root, &account);
    return account;
}

tune_disturbance tune_disturbances(const char *root)
{
    const tune_account account = tune_accounts(root);
    return (tune_disturbance){.throttled = account.throttled, .stolen = account.stolen};
}
