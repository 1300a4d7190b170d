/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The machine as the operating system describes it: affinity, cgroup quota, caches; and the cache sizes to
 * plan with. Everything read here may be absent or absurd, and none of it may fail a call.
 */
#include "src/core/cpu.h"
#include "kernels/kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KB INT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)

/* What a cache of each level may measure to be believed, and what is planned with where it is not. The lower
 * end of what a thread may count on keeps a tile in place when a report of sharers is absurd. */
#define L1D_LOW     (8 * KB)
#define L1D_HIGH    (192 * KB)
#define L1D_UNKNOWN (32 * KB)
#define L2_LOW      (64 * KB)
#define L2_HIGH     (128 * MB)
#define L2_UNKNOWN  (256 * KB)
#define L3_LOW      (256 * KB)
#define L3_HIGH     (4 * GB)

const gml_cpu_feature gml_cpu_feature_names[] = {
    {GML_CPU_AVX2, "avx2"},         {GML_CPU_FMA, "fma"},
    {GML_CPU_AVX512F, "avx512f"},   {GML_CPU_AVX512DQ, "avx512dq"},
    {GML_CPU_AVX512BW, "avx512bw"}, {GML_CPU_AVX512VL, "avx512vl"},
    {GML_CPU_NEON, "neon"},         {0, NULL},
};

bool gml_cpu_read(const char *root, const char *path, char *text, size_t size)
{
    char name[PATH_MAX];
    text[0] = '\0';
    const int length = snprintf(name, sizeof name, "%s%s", root, path);
    if (length < 0 || (size_t)length >= sizeof name)
        return false;
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t got = 0;
    while (got < size - 1) {
        const ssize_t n = read(file, text + got, size - 1 - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    text[got] = '\0';
    close(file);
    return got > 0;
}

/* Caches: /sys/devices/system/cpu/cpu0/cache. */

static bool read_cache_file(const char *root, int index, const char *file, char *text, size_t size)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file);
    return gml_cpu_read(root, path, text, size);
}

/* "48K", "2M"; 0 when it is no size. */
static int64_t parse_size(const char *text)
{
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (end == text || errno || number <= 0)
        return 0;
    const int64_t unit = *end == 'K' ? KB : *end == 'M' ? MB : *end == 'G' ? GB : 1;
    int64_t bytes;
    return __builtin_mul_overflow((int64_t)number, unit, &bytes) ? 0 : bytes;
}

/* How many CPUs "0-3,8" names; 0 when it is no list. */
static int32_t parse_cpu_list(const char *text)
{
    int64_t count = 0;
    for (;; text++) {
        char *end;
        const long first = strtol(text, &end, 10);
        if (end == text || first < 0)
            return 0;
        long last = first;
        if (*end == '-') {
            text = end + 1;
            last = strtol(text, &end, 10);
            if (end == text || last < first)
                return 0;
        }
        count += (int64_t)last - first + 1;
        if (count > INT32_MAX)
            return 0;
        text = end;
        if (*text != ',')
            return (int32_t)count;
    }
}

void gml_cpu_caches(const char *root, gml_machine *machine)
{
    gml_cache *const levels[] = {&machine->l1d, &machine->l2, &machine->l3};
    char text[256];
    for (int i = 0; read_cache_file(root, i, "level", text, sizeof text); i++) {
        const int level = text[0] - '0';
        if (level < 1 || level > 3 || levels[level - 1]->bytes)
            continue;
        if (!read_cache_file(root, i, "type", text, sizeof text) || text[0] == 'I')
            continue;
        if (!read_cache_file(root, i, "size", text, sizeof text))
            continue;
        levels[level - 1]->bytes = parse_size(text);
        if (read_cache_file(root, i, "shared_cpu_list", text, sizeof text))
            levels[level - 1]->shared = parse_cpu_list(text);
    }
}

/* Quota: /proc/self/cgroup says where the process is, every level above it may limit it. */

static int32_t quota_in_cpus(const char *quota, const char *period)
{
    const long long time = strtoll(quota, NULL, 10), every = strtoll(period, NULL, 10); /* "max" is 0 */
    if (time <= 0 || every <= 0)
        return 0;
    const long long cpus = time / every + (time % every != 0);
    return cpus < INT32_MAX ? (int32_t)cpus : INT32_MAX;
}

/* Visits a group and all above it, up to the root of the hierarchy. Inside a container the path may be one of the host's,
 * which does not exist here; the root of the mount is then the container's group. */
static void visit_along(const char *root, const char *mount, const char *group, int version,
                        gml_cgroup_fn *visit, void *argument)
{
    char path[PATH_MAX];
    int length = strstr(group, "/..") ? 0 : (int)strlen(group);
    for (;;) {
        while (length > 0 && group[length - 1] == '/')
            length--;
        const int used = snprintf(path, sizeof path, "/sys/fs/cgroup%s%.*s", mount, length, group);
        if (used > 0 && (size_t)used < sizeof path - GML_CGROUP_FILE_MOST)
            visit(root, path, path + used, version, argument);
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

void gml_cpu_cgroups(const char *root, gml_cgroup_fn *visit, void *argument)
{
    static const char *const mounts_v1[] = {"/cpu", "/cpu,cpuacct", "/cpuacct,cpu"};
    static const char *const mounts_v2[] = {"", "/unified"};
    char text[8192];
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
            for (size_t i = 0; i < sizeof mounts_v2 / sizeof *mounts_v2; i++)
                visit_along(root, mounts_v2[i], group, 2, visit, argument);
        } else if (names_cpu(controllers)) {
            for (size_t i = 0; i < sizeof mounts_v1 / sizeof *mounts_v1; i++)
                visit_along(root, mounts_v1[i], group, 1, visit, argument);
        }
    }
}

static int32_t quota_v2(const char *root, const char *path, char *end)
{
    char text[64];
    strcpy(end, "/cpu.max");
    if (!gml_cpu_read(root, path, text, sizeof text))
        return 0;
    const char *period = strchr(text, ' ');
    return quota_in_cpus(text, period ? period : "100000");
}

static int32_t quota_v1(const char *root, const char *path, char *end)
{
    char quota[32], period[32];
    strcpy(end, "/cpu.cfs_quota_us");
    if (!gml_cpu_read(root, path, quota, sizeof quota))
        return 0;
    strcpy(end, "/cpu.cfs_period_us");
    return gml_cpu_read(root, path, period, sizeof period) ? quota_in_cpus(quota, period) : 0;
}

/* The smallest of all that are set. */
static void add_quota(const char *root, char *path, char *end, int version, void *argument)
{
    int32_t *least = argument;
    const int32_t quota = version == 2 ? quota_v2(root, path, end) : quota_v1(root, path, end);
    if (quota > 0 && (*least == 0 || quota < *least))
        *least = quota;
}

int32_t gml_cpu_quota(const char *root)
{
    int32_t quota = 0;
    gml_cpu_cgroups(root, add_quota, &quota);
    return quota;
}

/* CPUs. */

/* The size of the affinity mask; 0 when it cannot be read. The kernel refuses a set smaller than its own. */
static int32_t cpus_in_affinity_mask(void)
{
    for (int most = 1024; most <= 1 << 20; most *= 2) {
        cpu_set_t *set = CPU_ALLOC(most);
        if (!set)
            return 0;
        const size_t size = CPU_ALLOC_SIZE(most);
        const bool known = sched_getaffinity(0, size, set) == 0;
        const int error = errno;
        const int32_t count = known ? (int32_t)CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (known || error != EINVAL)
            return count;
    }
    return 0;
}

void gml_machine_detect(gml_machine *machine)
{
    memset(machine, 0, sizeof *machine);
    machine->features = gml_cpu_features();
    gml_cpu_caches("", machine);
    gml_cpu_identify("", machine);

    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    machine->cpus_online = online > 0 && online < INT32_MAX ? (int32_t)online : 1;
    machine->cpus_allowed = cpus_in_affinity_mask();
    if (machine->cpus_allowed < 1)
        machine->cpus_allowed = machine->cpus_online;
    /* With OMP_PROC_BIND this thread is bound to one place, but the team will not be: OpenMP remembers. */
    if (omp_get_proc_bind() != omp_proc_bind_false && omp_get_num_procs() > machine->cpus_allowed)
        machine->cpus_allowed = omp_get_num_procs();
    machine->cpus_quota = gml_cpu_quota("");
}

int32_t gml_machine_cpus(const gml_machine *machine)
{
    const int32_t allowed = machine->cpus_allowed > 0 ? machine->cpus_allowed : 1;
    return machine->cpus_quota > 0 && machine->cpus_quota < allowed ? machine->cpus_quota : allowed;
}

/* Budgets. */

static int64_t within(int64_t bytes, int64_t low, int64_t high)
{
    return bytes >= low && bytes <= high ? bytes : 0;
}

/* How many of `threads` share an instance of a cache, when they are spread evenly over the CPUs allowed. */
static int64_t sharers(const gml_machine *machine, int32_t shared, int32_t threads)
{
    const int64_t allowed = machine->cpus_allowed > 0 ? machine->cpus_allowed : 1;
    const int64_t most = shared < allowed ? shared : allowed;
    const int64_t running = threads < 1 ? 1 : threads < allowed ? threads : allowed;
    return (running * most + allowed - 1) / allowed;
}

gml_cache_budget gml_cache_budget_of(const gml_machine *machine, int32_t threads)
{
    int64_t l1d = within(machine->l1d.bytes, L1D_LOW, L1D_HIGH);
    int64_t l2 = within(machine->l2.bytes, L2_LOW, L2_HIGH);
    int64_t l3 = within(machine->l3.bytes, L3_LOW, L3_HIGH);
    if (l1d && l2 && l2 <= l1d)
        l1d = l2 = 0; /* one of them is wrong, and nothing says which */

    /* An unknown number of sharers: one core for the inner levels, everybody for the outer. */
    if (l1d && machine->l1d.shared > 0)
        l1d /= sharers(machine, machine->l1d.shared, threads);
    if (l2 && machine->l2.shared > 0)
        l2 /= sharers(machine, machine->l2.shared, threads);
    l3 /= sharers(machine, machine->l3.shared > 0 ? machine->l3.shared : INT32_MAX, threads);

    l1d = l1d == 0 ? L1D_UNKNOWN : l1d > L1D_LOW ? l1d : L1D_LOW;
    l2 = l2 == 0 ? L2_UNKNOWN : l2 > L2_LOW ? l2 : L2_LOW;
    if (l1d >= l2)
        l1d = l2 / 2;
    if (l3 <= l2)
        l3 = 0; /* a share no larger than L2 holds nothing more */
    return (gml_cache_budget){.l1d = l1d, .l2 = l2, .l3 = l3};
}
