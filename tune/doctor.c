/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The doctor asks the kernel's files, one question after the other. What a file does not say is no finding.
 */
#include "tune/doctor.h"
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU "/sys/devices/system/cpu"

#define LATE          0.05 /* of all periods: throttled so often, samples are */
#define TAKEN         0.01 /* of the time: stolen so much, samples suffer     */
#define TAKEN_SEEN    0.001
#define LITTLE_MEMORY ((int64_t)512 << 20) /* bytes: operands, their copies and the results to compare with */
#define NOISE_SEEN    0.02

typedef struct doctor {
    const char *root;
    const gml_machine *machine;
    int32_t threads;
    tune_diagnosis *out;
} doctor;

/* Adds a finding, without advice. */
static tune_finding *find(tune_diagnosis *out, tune_severity severity, const char *name, const char *format,
                          ...) __attribute__((format(printf, 4, 5)));

static tune_finding *find(tune_diagnosis *out, tune_severity severity, const char *name, const char *format,
                          ...)
{
    static tune_finding beyond;
    tune_finding *finding = out->count < TUNE_FINDINGS ? &out->finding[out->count++] : &beyond;
    finding->severity = severity;
    finding->name = name;
    finding->advice[0] = '\0';
    va_list list;
    va_start(list, format);
    vsnprintf(finding->text, sizeof finding->text, format, list);
    va_end(list);
    return finding;
}

static void advise(tune_finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void advise(tune_finding *finding, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(finding->advice, sizeof finding->advice, format, list);
    va_end(list);
}

/* The first word of a file; false where there is none. */
static bool read_word(const doctor *d, const char *path, char word[32])
{
    char text[64];
    return gml_cpu_read(d->root, path, text, sizeof text) && sscanf(text, "%31s", word) == 1;
}

static const char *plural(int32_t n)
{
    return n == 1 ? "" : "s";
}

static void look_at_affinity(const doctor *d)
{
    const int32_t allowed = d->machine->cpus_allowed, online = d->machine->cpus_online;
    if (allowed > 0 && allowed < d->threads)
        advise(find(d->out, TUNE_WARNING, "affinity", "The affinity mask has %d CPU%s for %d threads.",
                    allowed, plural(allowed), d->threads),
               "Start it with a wider mask (taskset, cpuset of the container), or with --threads %d.",
               allowed);
    else if (allowed > 0 && allowed < online)
        find(d->out, TUNE_NOTE, "affinity", "The affinity mask has %d of %d CPUs.", allowed, online);
}

static void look_at_quota(const doctor *d)
{
    const int32_t quota = d->machine->cpus_quota;
    if (quota <= 0)
        return;
    if (quota < d->threads)
        advise(find(d->out, TUNE_WARNING, "quota", "The cgroup's quota is that of %d CPU%s for %d threads.",
                    quota, plural(quota), d->threads),
               "Raise the quota (cpu.max), or use --threads %d.", quota);
    else if (quota < d->machine->cpus_online)
        advise(
            find(d->out, TUNE_NOTE, "quota", "The cgroup's quota is that of %d CPU%s.", quota, plural(quota)),
            "Whoever uses it up stands still until the next period; a set of CPUs of its own (cpuset) does "
            "not.");
}

static void look_at_accounts(const doctor *d)
{
    const tune_account account = tune_accounts(d->root);
    if (account.throttled > 0) {
        const double share = (double)account.throttled / (double)(account.periods > 0 ? account.periods : 1);
        advise(find(d->out, share > LATE ? TUNE_WARNING : TUNE_NOTE, "throttling",
                    "The cgroup stood still in %lld of %lld periods, as its quota was used up.",
                    (long long)account.throttled, (long long)account.periods),
               "Use fewer threads than the quota has CPUs, or raise it (cpu.max).");
    }
    const double share = account.worked > 0 ? account.stolen / account.worked : 0;
    if (share > TAKEN_SEEN)
        advise(find(d->out, share > TAKEN ? TUNE_WARNING : TUNE_NOTE, "steal",
                    "The hypervisor gave %.1f %% of this machine's working time to others.", 100 * share),
               "Ask for CPUs of your own (dedicated, or pinned), or measure when the host is idle.");
}

/* Both the running processes of the moment and the average of a minute are to say so: the one is over in a moment, the
 * other goes on after it. */
static void look_at_load(const doctor *d)
{
    char text[128];
    double average;
    int running;
    if (!gml_cpu_read(d->root, "/proc/loadavg", text, sizeof text) ||
        sscanf(text, "%lf %*f %*f %d/", &average, &running) != 2)
        return;
    const int32_t others = running - 1, idle = d->machine->cpus_online - d->threads;
    const bool now = others > idle, lately = average > idle + 0.5;
    if (!now && !lately)
        return;
    advise(find(d->out, now && lately ? TUNE_WARNING : TUNE_NOTE, "load",
                "Others run: %d process%s now, %.2f on average in the last minute, on %d CPU%s.",
                others > 0 ? others : 0, others == 1 ? "" : "es", average, d->machine->cpus_online,
                plural(d->machine->cpus_online)),
           "End what else runs, or wait for it; `top` shows what it is.");
}

static void look_at_clocks(const doctor *d)
{
    char governor[32], driver[32] = "", word[32];
    if (read_word(d, CPU "/cpu0/cpufreq/scaling_governor", governor) &&
        strcmp(governor, "performance") != 0) {
        read_word(d, CPU "/cpu0/cpufreq/scaling_driver", driver);
        /* Where the processor itself sets the clock, "powersave" still goes up to the highest. */
        const bool slow = strcmp(governor, "powersave") == 0 && !strstr(driver, "pstate");
        advise(find(d->out, slow ? TUNE_WARNING : TUNE_NOTE, "governor", "The clock is governed by \"%s\"%s.",
                    governor,
                    slow ? ", which keeps it at its lowest" : ", which raises it when work has begun"),
               "cpupower frequency-set -g performance");
    }
    const bool boosts = (read_word(d, CPU "/cpufreq/boost", word) && strcmp(word, "1") == 0) ||
                        (read_word(d, CPU "/intel_pstate/no_turbo", word) && strcmp(word, "0") == 0);
    if (boosts)
        advise(find(d->out, TUNE_NOTE, "boost",
                    "The clock rises above its base with heat and idle cores, and falls again."),
               "Compare within one run only; for steady figures switch it off (" CPU "/cpufreq/boost).");
}

static void look_at_power(const doctor *d)
{
    char path[320], type[32], word[32];
    snprintf(path, sizeof path, "%s/sys/class/power_supply", d->root);
    DIR *directory = opendir(path);
    if (!directory)
        return;
    bool plugged = false, unplugged = false, discharging = false;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/type", entry->d_name);
        if (!read_word(d, path, type))
            continue;
        const bool mains = strcmp(type, "Mains") == 0;
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/%s", entry->d_name,
                 mains ? "online" : "status");
        if (!read_word(d, path, word))
            continue;
        plugged |= mains && strcmp(word, "1") == 0;
        unplugged |= mains && strcmp(word, "0") == 0;
        discharging |= strcmp(type, "Battery") == 0 && strcmp(word, "Discharging") == 0;
    }
    closedir(directory);
    if (!plugged && (unplugged || discharging))
        advise(
            find(d->out, TUNE_WARNING, "battery", "The machine runs on its battery, which limits the clock."),
            "Plug it in.");
}

#define CPUS_MOST 4096

/* Marks the CPUs that "0,64" or "0-3" names. */
static void mark_cpus(const char *list, bool marked[CPUS_MOST])
{
    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        const long first = strtol(at, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (long cpu = first; cpu <= last && cpu < CPUS_MOST; cpu++)
            marked[cpu] = true;
        at = end + (*end == ',');
    }
}

/* Cores that this process may run on, by the first CPU of each, and the most CPUs of one; 0 where it is not told. */
static int32_t count_cores(const doctor *d, int32_t *siblings)
{
    bool allowed[CPUS_MOST] = {false};
    char text[8192];
    int32_t cores = 0;
    const char *line = gml_cpu_read(d->root, "/proc/self/status", text, sizeof text)
                           ? strstr(text, "\nCpus_allowed_list:\t")
                           : NULL;
    *siblings = 0;
    if (line)
        mark_cpus(strchr(line, '\t') + 1, allowed);
    for (int cpu = 0; cpu < CPUS_MOST; cpu++) {
        bool core[CPUS_MOST] = {false};
        char path[96];
        snprintf(path, sizeof path, CPU "/cpu%d/topology/thread_siblings_list", cpu);
        if (!allowed[cpu] || !gml_cpu_read(d->root, path, text, sizeof text))
            continue;
        mark_cpus(text, core);
        int32_t here = 0, before = 0;
        for (int i = 0; i < CPUS_MOST; i++) {
            here += core[i];
            before += i < cpu && core[i] && allowed[i];
        }
        *siblings = here > *siblings ? here : *siblings;
        cores += before == 0;
    }
    return cores;
}

static void look_at_siblings(const doctor *d)
{
    int32_t siblings;
    const int32_t cores = count_cores(d, &siblings);
    if (siblings < 2)
        return;
    if (d->threads > cores)
        advise(find(d->out, TUNE_WARNING, "smt", "%d threads share %d core%s: %d CPUs are one.", d->threads,
                    cores, plural(cores), siblings),
               "Use --threads %d, and bind threads to cores (OMP_PLACES=cores OMP_PROC_BIND=close).", cores);
    else
        advise(find(d->out, TUNE_NOTE, "smt", "%d CPUs are one core: who runs on one slows the others down.",
                    siblings),
               "Bind threads to cores (OMP_PLACES=cores OMP_PROC_BIND=close), and leave siblings idle.");
}

/* Whether a flag stands among those of the first processor. */
static bool has_flag(const doctor *d, const char *flag)
{
    char text[8192];
    gml_cpu_read(d->root, "/proc/cpuinfo", text, sizeof text);
    char *flags = strstr(text, "\nflags");
    if (!flags)
        return false;
    flags[1 + strcspn(flags + 1, "\n")] = '\0';
    for (char *save, *word = strtok_r(flags, " \t\n:", &save); word; word = strtok_r(NULL, " \t:", &save))
        if (strcmp(word, flag) == 0)
            return true;
    return false;
}

static void look_at_caches(const doctor *d)
{
    char word[32];
    if (has_flag(d, "hypervisor") || read_word(d, "/sys/hypervisor/type", word))
        advise(find(d->out, TUNE_NOTE, "hypervisor",
                    "This is a virtual machine: others may use its cores, caches and memory, unseen."),
               "Trust differences that a second run confirms (gemmule wisdom verify).");
    gml_machine alone = *d->machine;
    alone.l1d.shared = alone.l2.shared = alone.l3.shared = 1;
    const gml_cache_budget budget = gml_cache_budget_of(&alone, 1);
    if (budget.l1d == alone.l1d.bytes && budget.l2 == alone.l2.bytes && budget.l3 == alone.l3.bytes)
        return;
    const bool reported = alone.l1d.bytes > 0 && alone.l2.bytes > 0;
    advise(find(d->out, TUNE_WARNING, "caches",
                reported ? "The caches are reported as %lld, %lld and %lld KiB, which cannot be."
                         : "Not all caches are reported: %lld, %lld and %lld KiB.",
                (long long)(alone.l1d.bytes >> 10), (long long)(alone.l2.bytes >> 10),
                (long long)(alone.l3.bytes >> 10)),
           "Have the hypervisor pass them on (QEMU: -cpu host, host-cache-info=on). Until then, tuning "
           "brings more.");
}

static void look_at_memory(const doctor *d)
{
    char text[4096];
    if (gml_cpu_read(d->root, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text) &&
        strstr(text, "[never]"))
        advise(find(d->out, TUNE_WARNING, "hugepages",
                    "Transparent huge pages are off: large operands miss the TLB all the time."),
               "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    long long available;
    const char *line =
        gml_cpu_read(d->root, "/proc/meminfo", text, sizeof text) ? strstr(text, "MemAvailable:") : NULL;
    if (line && sscanf(line, "MemAvailable: %lld kB", &available) == 1 && available < LITTLE_MEMORY >> 10)
        advise(find(d->out, TUNE_WARNING, "memory", "%lld MiB of memory are left.", available >> 10),
               "End what holds it: problems that do not fit are not tuned, and swapping is measured as "
               "computing.");
}

void tune_doctor(const char *root, const gml_machine *machine, int32_t threads, tune_diagnosis *out)
{
    const doctor d = {root, machine, threads, out};
    out->count = 0;
    look_at_affinity(&d);
    look_at_quota(&d);
    look_at_accounts(&d);
    look_at_load(&d);
    look_at_clocks(&d);
    look_at_power(&d);
    look_at_siblings(&d);
    look_at_caches(&d);
    look_at_memory(&d);
}

void tune_doctor_noise(double noise, tune_diagnosis *out)
{
    if (!(noise > NOISE_SEEN))
        return;
    advise(find(out, noise > TUNE_NOISE_MOST ? TUNE_WARNING : TUNE_NOTE, "noise",
                "One and the same product, timed twice, differs by %.1f %%.", 100 * noise),
           "See what else is found here; differences below that cannot be told.");
}

bool tune_diagnosis_warns(const tune_diagnosis *diagnosis)
{
    for (int i = 0; i < diagnosis->count; i++)
        if (diagnosis->finding[i].severity == TUNE_WARNING)
            return true;
    return false;
}
