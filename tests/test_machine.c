/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Detection, against made-up file systems and processors: what /sys, /proc, CPUID and XCR0 say, and that nothing
 * they say, however absurd, leads to a plan that cannot run. The real machine is compared with /proc/cpuinfo.
 */
#define _GNU_SOURCE 1
#include "kernels/kernel.h"
#include "src/core/cpu.h"
#include "src/core/runtime.h"
#include "src/core/select.h"
#include "src/plan/model.h"
#include "tests/suite.h"
#include "tests/tree.h"
#include <stdio.h>
#include <string.h>

#define KB INT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define TB (1024 * GB)

static void put_cache(int index, const char *level, const char *type, const char *size, const char *shared)
{
    const char *const files[][2] = {
        {"level", level}, {"type", type}, {"size", size}, {"shared_cpu_list", shared}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, files[i][0]);
        if (files[i][1])
            put(path, files[i][1]);
    }
}

static gml_machine caches_here(void)
{
    gml_machine machine = {0};
    gml_cpu_caches(root, &machine);
    return machine;
}

static void expect_cache(gml_cache cache, int64_t bytes, int32_t shared)
{
    ck_assert_int_eq(cache.bytes, bytes);
    ck_assert_int_eq(cache.shared, shared);
}

START_TEST(caches_of_sysfs)
{
    make_root();
    put_cache(0, "1\n", "Instruction\n", "32K\n", "0,64\n");
    put_cache(1, "1\n", "Data\n", "48K\n", "0,64\n");
    put_cache(2, "2\n", "Unified\n", "2048K\n", "0,64\n");
    put_cache(3, "3\n", "Unified\n", "480M\n", "0-31,64-95\n");
    put_cache(4, "4\n", "Unified\n", "1G\n", "0-127\n");
    gml_machine machine = caches_here();
    expect_cache(machine.l1d, 48 * KB, 2);
    expect_cache(machine.l2, 2 * MB, 2);
    expect_cache(machine.l3, 480 * MB, 64);

    /* What is known already stays. */
    machine = (gml_machine){.l2 = {.bytes = 1 * MB, .shared = 1}};
    gml_cpu_caches(root, &machine);
    expect_cache(machine.l1d, 48 * KB, 2);
    expect_cache(machine.l2, 1 * MB, 1);
    remove_root();
}
END_TEST

START_TEST(caches_of_a_bad_sysfs)
{
    static const char *const sizes[] = {
        "",  "\n", "K\n", "none\n", "0K\n", "-48K\n", "99999999999999999999K\n", "9223372036854775807G\n",
        NULL};
    static const char *const lists[] = {"",     "\n",    "-1\n",           "3-1\n", "0-\n",
                                        "0,\n", "all\n", "0-4294967295\n", NULL};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_root();
        put_cache(0, "1\n", "Data\n", sizes[i], lists[i]);
        const gml_machine machine = caches_here();
        expect_cache(machine.l1d, 0, 0);
        remove_root();
    }
    make_root(); /* a level without files, a gap, and levels that do not exist */
    put_cache(0, "0\n", "Data\n", "48K\n", "0\n");
    put_cache(1, "2\n", NULL, "2M\n", "0\n");
    put_cache(2, "x\n", "Unified\n", "2M\n", "0\n");
    put_cache(4, "3\n", "Unified\n", "8M\n", "0-3\n");
    gml_machine machine = caches_here();
    expect_cache(machine.l1d, 0, 0);
    expect_cache(machine.l2, 0, 0);
    expect_cache(machine.l3, 0, 0);
    remove_root();
    machine = caches_here(); /* no file system at all */
    expect_cache(machine.l1d, 0, 0);
}
END_TEST

typedef struct quota_case {
    const char *what, *groups; /* of /proc/self/cgroup */
    const char *files[6];      /* path, text, ... below /sys/fs/cgroup */
    int32_t cpus;
} quota_case;

/* clang-format off */
static const quota_case quota_cases[] = {
    {"no limit", "0::/\n", {"/cpu.max", "max 100000\n"}, 0},
    {"no files", "0::/a/b\n", {NULL}, 0},
    {"no groups", "", {"/cpu.max", "200000 100000\n"}, 0},
    {"whole", "0::/\n", {"/cpu.max", "200000 100000\n"}, 2},
    {"rounded up", "0::/\n", {"/cpu.max", "150000 100000\n"}, 2},
    {"less than one", "0::/a\n", {"/a/cpu.max", "100 100000\n"}, 1},
    {"above the process", "0::/a/b/c\n",
     {"/a/b/c/cpu.max", "max 100000\n", "/a/cpu.max", "300000 100000\n"}, 3},
    {"least of several", "0::/a/b\n",
     {"/a/b/cpu.max", "400000 50000\n", "/a/cpu.max", "300000 100000\n", "/cpu.max", "500000 100000\n"}, 3},
    {"a container's own root", "0::/docker/0123\n", {"/cpu.max", "200000 100000\n"}, 2},
    {"another's group", "0::/a\n", {"/b/cpu.max", "200000 100000\n"}, 0},
    {"outside", "0::/../a\n", {"/cpu.max", "200000 100000\n", "/../cpu.max", "100000 100000\n"}, 2},
    {"no end of line", "0::/a", {"/a/cpu.max", "200000 100000"}, 2},
    {"no period", "0::/a\n", {"/a/cpu.max", "200000\n"}, 2},
    {"empty", "0::/a\n", {"/a/cpu.max", ""}, 0},
    {"nonsense", "0::/a\n", {"/a/cpu.max", "many often\n"}, 0},
    {"zero", "0::/a\n", {"/a/cpu.max", "0 0\n"}, 0},
    {"negative", "0::/a\n", {"/a/cpu.max", "-100000 100000\n"}, 0},
    {"too many", "0::/a\n", {"/a/cpu.max", "99999999999999999999 1\n"}, INT32_MAX},
    {"lines that are none", "\n:\n::\n0\n0::/a\n", {"/a/cpu.max", "200000 100000\n"}, 2},
    {"version 1", "3:cpuset:/x\n4:cpu,cpuacct:/a/b\n1:name=systemd:/\n",
     {"/cpu/a/b/cpu.cfs_quota_us", "-1\n", "/cpu/a/cpu.cfs_quota_us", "250000\n", "/cpu/a/cpu.cfs_period_us",
      "100000\n"}, 3},
    {"version 1, joint mount", "4:cpu,cpuacct:/\n",
     {"/cpu,cpuacct/cpu.cfs_quota_us", "50000\n", "/cpu,cpuacct/cpu.cfs_period_us", "10000\n"}, 5},
    {"version 1, cpu second", "4:cpuacct,cpu:/\n",
     {"/cpuacct,cpu/cpu.cfs_quota_us", "50000\n", "/cpuacct,cpu/cpu.cfs_period_us", "10000\n"}, 5},
    {"version 1, not cpu", "3:cpuset:/\n4:cpuacct:/\n",
     {"/cpu/cpu.cfs_quota_us", "50000\n", "/cpu/cpu.cfs_period_us", "10000\n"}, 0},
    {"version 1, no period", "4:cpu:/\n", {"/cpu/cpu.cfs_quota_us", "50000\n"}, 0},
    {"both versions", "4:cpu:/a\n0::/a\n",
     {"/cpu/a/cpu.cfs_quota_us", "400000\n", "/cpu/a/cpu.cfs_period_us", "100000\n", "/unified/a/cpu.max",
      "300000 100000\n"}, 3},
};
/* clang-format on */

START_TEST(quota_of_cgroups)
{
    for (size_t i = 0; i < sizeof quota_cases / sizeof *quota_cases; i++) {
        const quota_case *c = &quota_cases[i];
        make_root();
        put("/proc/self/cgroup", c->groups);
        for (int f = 0; f < 6 && c->files[f]; f += 2) {
            char path[128];
            snprintf(path, sizeof path, "/sys/fs/cgroup%s", c->files[f]);
            put(path, c->files[f + 1]);
        }
        const int32_t cpus = gml_cpu_quota(root);
        ck_assert_msg(cpus == c->cpus, "%s: %d CPUs, expected %d", c->what, cpus, c->cpus);
        remove_root();
    }
    ck_assert_int_eq(gml_cpu_quota(root), 0); /* no file system at all */
}
END_TEST

/* A path longer than any that can be opened, cut in the middle by what is read of the file: still the levels that can
 * be opened count. */
START_TEST(quota_of_an_endless_path)
{
    static char groups[20000] = "0::";
    make_root();
    for (size_t i = 3; i < sizeof groups - 1; i++)
        groups[i] = i % 2 ? '/' : 'd';
    put("/proc/self/cgroup", groups);
    put("/sys/fs/cgroup/d/d/cpu.max", "300000 100000\n");
    ck_assert_int_eq(gml_cpu_quota(root), 3);
    remove_root();
}
END_TEST

START_TEST(cpus_are_the_smaller_of_mask_and_quota)
{
    ck_assert_int_eq(gml_machine_cpus(&(gml_machine){.cpus_allowed = 8}), 8);
    ck_assert_int_eq(gml_machine_cpus(&(gml_machine){.cpus_allowed = 8, .cpus_quota = 3}), 3);
    ck_assert_int_eq(gml_machine_cpus(&(gml_machine){.cpus_allowed = 2, .cpus_quota = 3}), 2);
    ck_assert_int_eq(gml_machine_cpus(&(gml_machine){0}), 1);
}
END_TEST

typedef struct budget_case {
    const char *what;
    gml_cache l1d, l2, l3;
    int32_t allowed, threads;
    gml_cache_budget budget;
} budget_case;

/* clang-format off */
static const budget_case budget_cases[] = {
    {"all three levels missing", {0, 0}, {0, 0}, {0, 0}, 4, 4, {32 * KB, 256 * KB, 0}},
    {"as reported", {48 * KB, 1}, {2 * MB, 1}, {32 * MB, 8}, 8, 1, {48 * KB, 2 * MB, 32 * MB}},
    {"L3 among its threads", {48 * KB, 1}, {2 * MB, 1}, {32 * MB, 8}, 8, 4, {48 * KB, 2 * MB, 8 * MB}},
    {"two L3, threads spread over both", {32 * KB, 1}, {512 * KB, 1}, {32 * MB, 8}, 16, 4,
     {32 * KB, 512 * KB, 16 * MB}},
    {"sharers that are not ours", {32 * KB, 1}, {512 * KB, 1}, {32 * MB, 64}, 4, 4,
     {32 * KB, 512 * KB, 8 * MB}},
    {"hyperthreads, half of them used", {48 * KB, 2}, {2 * MB, 2}, {0, 0}, 8, 4, {48 * KB, 2 * MB, 0}},
    {"hyperthreads, all used", {48 * KB, 2}, {2 * MB, 2}, {0, 0}, 8, 8, {24 * KB, 1 * MB, 0}},
    {"more threads than CPUs", {48 * KB, 2}, {2 * MB, 2}, {0, 0}, 8, 1000, {24 * KB, 1 * MB, 0}},
    {"sharers unknown", {32 * KB, 0}, {1 * MB, 0}, {16 * MB, 0}, 4, 4, {32 * KB, 1 * MB, 4 * MB}},
    {"L3 of 1 TB", {32 * KB, 1}, {1 * MB, 1}, {TB, 1}, 4, 1, {32 * KB, 1 * MB, 0}},
    {"L2 of 1 TB", {32 * KB, 1}, {TB, 1}, {16 * MB, 1}, 4, 1, {32 * KB, 256 * KB, 16 * MB}},
    {"L1 of 1 TB", {TB, 1}, {1 * MB, 1}, {16 * MB, 1}, 4, 1, {32 * KB, 1 * MB, 16 * MB}},
    {"L2 missing", {48 * KB, 1}, {0, 0}, {16 * MB, 1}, 4, 1, {48 * KB, 256 * KB, 16 * MB}},
    {"L2 below L1", {128 * KB, 1}, {64 * KB, 1}, {16 * MB, 1}, 4, 1, {32 * KB, 256 * KB, 16 * MB}},
    {"L3 below L2", {32 * KB, 1}, {2 * MB, 1}, {1 * MB, 1}, 4, 1, {32 * KB, 2 * MB, 0}},
    {"a share of L3 below L2", {32 * KB, 1}, {2 * MB, 1}, {4 * MB, 4}, 4, 4, {32 * KB, 2 * MB, 0}},
    {"a share of L2 below L1", {64 * KB, 1}, {512 * KB, 16}, {0, 0}, 16, 16, {32 * KB, 64 * KB, 0}},
    {"a few bytes", {1, 1}, {2, 1}, {3, 1}, 4, 1, {32 * KB, 256 * KB, 0}},
    {"negative", {-1, 1}, {-1, 1}, {-1, 1}, 4, 1, {32 * KB, 256 * KB, 0}},
};
/* clang-format on */

START_TEST(budgets)
{
    for (size_t i = 0; i < sizeof budget_cases / sizeof *budget_cases; i++) {
        const budget_case *c = &budget_cases[i];
        const gml_machine machine = {.l1d = c->l1d, .l2 = c->l2, .l3 = c->l3, .cpus_allowed = c->allowed};
        const gml_cache_budget is = gml_cache_budget_of(&machine, c->threads), be = c->budget;
        ck_assert_msg(is.l1d == be.l1d && is.l2 == be.l2 && is.l3 == be.l3, "%s: %lld %lld %lld", c->what,
                      (long long)is.l1d, (long long)is.l2, (long long)is.l3);
    }
}
END_TEST

/* A problem for each path, and extents beyond all memory. */
static const int64_t products[][3] = {
    {2000, 3000, 1000}, {1, 5000, 5000},          {5000, 3, 5000},          {16, 16, 100000},
    {40, 40, 40},       {INT64_C(1) << 40, 7, 9}, {9, 9, INT64_C(1) << 40}, {100000, 100000, 100000}};

static void expect_legal(const gml_machine *machine, const gml_kernel_set *set, int i, int32_t threads)
{
    const int64_t m = products[i / 2][0], n = products[i / 2][1], k = products[i / 2][2];
    gml_gemm_args args = {.type = i % 2 ? GML_F64 : GML_F32, .m = m, .n = n, .k = k, .alpha = 1.0};
    args.rs_a = k, args.cs_a = 1, args.rs_c = n, args.cs_c = 1;
    args.rs_b = threads % 2 ? n : 1, args.cs_b = threads % 2 ? 1 : k;
    char why[256] = "";
    const gml_gemm_plan plan = gml_model_gemm(machine, set, &args, threads > 100 ? 50 : 1, threads, NULL);
    ck_assert_msg(gml_gemm_plan_check(&plan, set, why, sizeof why), "%s: %lld x %lld x %lld: %s", set->isa,
                  (long long)m, (long long)n, (long long)k, why);
}

/* Every combination of absurd reports gives increasing budgets, and plans that pass the check. */
static void expect_sane(const gml_machine *machine, int32_t threads)
{
    const gml_cache_budget budget = gml_cache_budget_of(machine, threads);
    ck_assert(budget.l1d >= 8 * KB && budget.l1d < budget.l2 && budget.l2 <= 128 * MB);
    ck_assert(budget.l3 == 0 || (budget.l3 > budget.l2 && budget.l3 <= 4 * GB));
    if (threads < 1)
        return;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++)
        for (int i = 0; i < 2 * (int)(sizeof products / sizeof *products); i++)
            expect_legal(machine, *set, i, threads);
}

START_TEST(absurd_machines_are_planned_for)
{
    static const int64_t bytes[] = {0, -1, 1, 4 * KB, 32 * KB, 192 * KB, 64 * MB, TB, INT64_MAX};
    static const int32_t shared[] = {INT32_MIN, 0, 1, 3, INT32_MAX}, cpus[] = {0, 1, 6, INT32_MAX};
    static const int32_t threads[] = {-1, 1, 7, GML_MAX_THREADS};
    enum { BYTES = sizeof bytes / sizeof *bytes, SHARED = sizeof shared / sizeof *shared };
    for (int i = 0; i < BYTES * BYTES * BYTES; i++)
        for (int s = 0; s < SHARED; s++)
            for (int c = 0; c < 4; c++) {
                const gml_machine machine = {.l1d = {bytes[i % BYTES], shared[s]},
                                             .l2 = {bytes[i / BYTES % BYTES], shared[s]},
                                             .l3 = {bytes[i / BYTES / BYTES], shared[s]},
                                             .cpus_allowed = cpus[c]};
                for (int t = 0; t < 4; t++)
                    expect_sane(&machine, threads[t]);
            }
}
END_TEST

#if defined(__x86_64__)

/* A processor of our own. */
static struct {
    uint32_t most, most_extended; /* leaves */
    uint32_t basic_ecx, extended_ebx, topology_ecx;
    uint64_t xcr0;
    int xcr0_asked;
    const uint32_t (*caches)[4]; /* of the leaf cache_leaf, ended by type 0 */
    uint32_t cache_leaf;
} fake;

static bool fake_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    if (leaf > (leaf >> 31 ? fake.most_extended : fake.most))
        return false;
    memset(r, 0, 4 * sizeof *r);
    if (leaf == 1)
        r[2] = fake.basic_ecx;
    else if (leaf == 7 && subleaf == 0)
        r[1] = fake.extended_ebx;
    else if (leaf == 0x80000001)
        r[2] = fake.topology_ecx;
    else if (leaf == fake.cache_leaf && fake.caches)
        memcpy(r, fake.caches[subleaf], 4 * sizeof *r);
    return true;
}

static uint64_t fake_xcr0(void)
{
    fake.xcr0_asked++;
    return fake.xcr0;
}

static const gml_x86 fake_cpu = {fake_cpuid, fake_xcr0};

#define ECX_ALL    (1u << 12 | 1u << 27 | 1u << 28)                      /* FMA, OSXSAVE, AVX */
#define EBX_ALL    (1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) /* AVX2, AVX-512 F DQ BW VL */
#define AVX2_ALL   (GML_CPU_AVX2 | GML_CPU_FMA)
#define AVX512_ALL (AVX2_ALL | GML_CPU_AVX512F | GML_CPU_AVX512DQ | GML_CPU_AVX512BW | GML_CPU_AVX512VL)

static uint64_t features_with(uint32_t most, uint32_t ecx, uint32_t ebx, uint64_t xcr0)
{
    memset(&fake, 0, sizeof fake);
    fake.most = most, fake.basic_ecx = ecx, fake.extended_ebx = ebx, fake.xcr0 = xcr0;
    return gml_x86_features(&fake_cpu);
}

START_TEST(x86_features_need_cpu_and_system)
{
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL, 0xe7), AVX512_ALL);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL, 0x07), AVX2_ALL); /* a system without AVX-512 */
    for (int lost = 5; lost <= 7; lost++)
        ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL, 0xe7 & ~(UINT64_C(1) << lost)), AVX2_ALL);
    for (int lost = 1; lost <= 2; lost++) /* xmm, ymm */
        ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL, 0xe7 & ~(UINT64_C(1) << lost)), 0);
    ck_assert_uint_eq(features_with(7, ECX_ALL & ~(1u << 28), EBX_ALL, 0xe7), 0);
    ck_assert_uint_eq(features_with(7, ECX_ALL & ~(1u << 12), EBX_ALL, 0xe7), AVX512_ALL & ~GML_CPU_FMA);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL & ~(1u << 5), 0xe7), AVX512_ALL & ~GML_CPU_AVX2);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL & ~(1u << 16), 0xe7), AVX2_ALL);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL & ~(1u << 17), 0xe7), AVX512_ALL & ~GML_CPU_AVX512DQ);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL & ~(1u << 30), 0xe7), AVX512_ALL & ~GML_CPU_AVX512BW);
    ck_assert_uint_eq(features_with(7, ECX_ALL, EBX_ALL & ~(1u << 31), 0xe7), AVX512_ALL & ~GML_CPU_AVX512VL);
    ck_assert_uint_eq(features_with(6, ECX_ALL, EBX_ALL, 0xe7), GML_CPU_FMA); /* no leaf 7 */
    ck_assert_uint_eq(features_with(0, ECX_ALL, EBX_ALL, 0xe7), 0);
    ck_assert_uint_eq(features_with(7, ECX_ALL & ~(1u << 27), EBX_ALL, 0xe7), 0);
    ck_assert_int_eq(fake.xcr0_asked, 0); /* xgetbv faults without OSXSAVE */
}
END_TEST

/* eax: type, level, sharers - 1; ebx: line - 1, partitions - 1, ways - 1; ecx: sets - 1. */
/* clang-format off */
static const uint32_t fake_caches[][4] = {
    {2 | 1 << 5 | 1 << 14, 63 | 7u << 22, 63, 0},      /* 32 KB, instructions  */
    {1 | 1 << 5 | 1 << 14, 63 | 11u << 22, 63, 0},     /* 48 KB, data, 2       */
    {3 | 2 << 5 | 1 << 14, 63 | 15u << 22, 2047, 0},   /* 2 MB, 2              */
    {3 | 3 << 5 | 63 << 14, 63 | 1 << 12 | 14u << 22, 16383, 0}, /* 30 MB in two partitions, 64 */
    {3 | 4 << 5, 63 | 15u << 22, 65535, 0},            /* a level 4            */
    {0, 0, 0, 0},
};
/* clang-format on */

START_TEST(x86_caches_of_either_leaf)
{
    static const struct {
        uint32_t leaf, topology;
        bool known;
    } cases[] = {{4, 0, true}, {0x8000001d, 1u << 22, true}, {0x8000001d, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&fake, 0, sizeof fake);
        fake.most = 7, fake.most_extended = 0x8000001e;
        fake.caches = fake_caches, fake.cache_leaf = cases[i].leaf, fake.topology_ecx = cases[i].topology;
        gml_machine machine = {0};
        gml_x86_caches(&fake_cpu, &machine);
        expect_cache(machine.l1d, cases[i].known ? 48 * KB : 0, cases[i].known ? 2 : 0);
        expect_cache(machine.l2, cases[i].known ? 2 * MB : 0, cases[i].known ? 2 : 0);
        expect_cache(machine.l3, cases[i].known ? 30 * MB : 0, cases[i].known ? 64 : 0);
    }
    fake.most = 1, fake.most_extended = 0; /* neither leaf */
    gml_machine machine = {.l2 = {.bytes = 1 * MB, .shared = 1}};
    gml_x86_caches(&fake_cpu, &machine);
    expect_cache(machine.l1d, 0, 0);
    expect_cache(machine.l2, 1 * MB, 1);
}
END_TEST

#endif

/* The line of /proc/cpuinfo with the CPU's features, with blanks around each word; false when there is none. */
static bool cpuinfo_features(const char *key, char *line, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (file && !found && fgets(line, (int)size, file))
        found = strncmp(line, key, strlen(key)) == 0;
    if (file)
        fclose(file);
    line[strcspn(line, "\n")] = ' ';
    return found;
}

START_TEST(this_machine)
{
    gml_machine machine;
    memset(&machine, 0x55, sizeof machine);
    gml_machine_detect(&machine);
    ck_assert_int_ge(machine.cpus_online, 1);
    ck_assert_int_ge(machine.cpus_allowed, 1);
    ck_assert_int_ge(machine.cpus_quota, 0);
    ck_assert_int_le(gml_machine_cpus(&machine), machine.cpus_allowed);
    ck_assert_ptr_nonnull(memchr(machine.vendor, 0, sizeof machine.vendor));
    ck_assert_ptr_nonnull(memchr(machine.model, 0, sizeof machine.model));
    expect_sane(&machine, 1);

#if defined(__x86_64__)
    static const char key[] = "flags";
    static const struct {
        const char *name;
        uint64_t bit;
    } words[] = {{" avx2 ", GML_CPU_AVX2},         {" fma ", GML_CPU_FMA},
                 {" avx512f ", GML_CPU_AVX512F},   {" avx512dq ", GML_CPU_AVX512DQ},
                 {" avx512bw ", GML_CPU_AVX512BW}, {" avx512vl ", GML_CPU_AVX512VL}};
#else
    static const char key[] = "Features";
    static const struct {
        const char *name;
        uint64_t bit;
    } words[] = {{" asimd ", GML_CPU_NEON}};
    ck_assert_uint_eq(machine.features, GML_CPU_NEON); /* part of the architecture */
#endif
    static char line[8192];
    if (!cpuinfo_features(key, line, sizeof line)) {
        fprintf(stderr, "test_machine: not compared with /proc/cpuinfo, which has no line '%s'\n", key);
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert_msg((strstr(line, words[i].name) != NULL) == ((machine.features & words[i].bit) != 0), "%s",
                      words[i].name);
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("machine", 60, (const TTest *const[]){
        caches_of_sysfs,
        caches_of_a_bad_sysfs,
        quota_of_cgroups,
        quota_of_an_endless_path,
        cpus_are_the_smaller_of_mask_and_quota,
        budgets,
        absurd_machines_are_planned_for,
#if defined(__x86_64__)
        x86_features_need_cpu_and_system,
        x86_caches_of_either_leaf,
#endif
        this_machine,
        NULL,
    });
    /* clang-format on */
}
