/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The doctor, on made-up machines: a healthy one, of which nothing is found, and for each finding one that differs in
 * what the finding is about.
 */
#define _GNU_SOURCE 1
#include "tests/suite.h"
#include "tests/tree.h"
#include "tune/doctor.h"
#include <math.h>

#define CPU "/sys/devices/system/cpu"

/* Four CPUs, idle, with steady clocks. */
static const char *const healthy[][2] = {
    {"/proc/self/cgroup", "0::/a/b\n"},
    {"/proc/self/status", "Name:\ttest\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\nMems_allowed:\t1\n"},
    {"/proc/loadavg", "0.04 1.22 3.86 1/95 21047\n"},
    {"/proc/stat", "cpu  10000 0 2000 900000 100 0 50 3 0 0\ncpu0 2500 0 500 0 0 0 0 1 0 0\n"},
    {"/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme avx2\n\nprocessor\t: 1\nflags\t\t: fpu\n"},
    {"/proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  200000 kB\nMemAvailable:   15000000 kB\n"},
    {"/sys/fs/cgroup/a/b/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"},
    {CPU "/cpu0/cpufreq/scaling_governor", "performance\n"},
    {CPU "/cpu0/topology/thread_siblings_list", "0\n"},
    {CPU "/cpu1/topology/thread_siblings_list", "1\n"},
    {CPU "/cpufreq/boost", "0\n"},
    {"/sys/class/power_supply/AC/type", "Mains\n"},
    {"/sys/class/power_supply/AC/online", "1\n"},
    {"/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
};

static const gml_machine machine = {
    .l1d = {48 << 10, 1}, .l2 = {1 << 20, 1}, .l3 = {32 << 20, 4}, .cpus_online = 4, .cpus_allowed = 4};

static void make_healthy(void)
{
    make_root();
    for (size_t i = 0; i < sizeof healthy / sizeof *healthy; i++)
        put(healthy[i][0], healthy[i][1]);
}

static const tune_finding *finding_of(const tune_diagnosis *diagnosis, const char *name)
{
    for (int i = 0; i < diagnosis->count; i++)
        if (strcmp(diagnosis->finding[i].name, name) == 0)
            return &diagnosis->finding[i];
    return NULL;
}

START_TEST(a_healthy_machine)
{
    tune_diagnosis diagnosis;
    make_healthy();
    tune_doctor(root, &machine, 4, &diagnosis);
    ck_assert_msg(diagnosis.count == 0, "%s: %s", diagnosis.finding[0].name, diagnosis.finding[0].text);
    ck_assert(!tune_diagnosis_warns(&diagnosis));
    remove_root();
    tune_doctor(root, &machine, 4, &diagnosis); /* no files at all */
    ck_assert_int_eq(diagnosis.count, 0);
}
END_TEST

typedef struct finding_case {
    const char *name;
    tune_severity severity;
    const char *says; /* a piece of the sentence */
    const char *files[6];
    int32_t threads; /* 0: one */
} finding_case;

/* clang-format off */
static const finding_case cases[] = {
    {"throttling", TUNE_NOTE, "in 2 of 100 periods",
     {"/sys/fs/cgroup/a/b/cpu.stat", "nr_periods 100\nnr_throttled 2\n"}, 0},
    {"throttling", TUNE_WARNING, "in 20 of 100 periods",
     {"/sys/fs/cgroup/a/b/cpu.stat", "nr_periods 40\nnr_throttled 15\n",
      "/sys/fs/cgroup/a/cpu.stat", "nr_periods 60\nnr_throttled 5\n"}, 0},
    {"throttling", TUNE_WARNING, "in 6 of 10 periods",
     {"/proc/self/cgroup", "3:cpuset:/x\n4:cpu,cpuacct:/c\n",
      "/sys/fs/cgroup/cpu,cpuacct/c/cpu.stat", "nr_periods 10\nnr_throttled 6\n"}, 0},
    {"steal", TUNE_NOTE, "0.5 %", {"/proc/stat", "cpu  900 50 45 9999 0 0 0 5 0 0\n"}, 0},
    {"steal", TUNE_WARNING, "10.0 %", {"/proc/stat", "cpu  800 50 50 9999 0 0 0 100 0 0\n"}, 0},
    {"load", TUNE_NOTE, "3 processes now", {"/proc/loadavg", "0.10 0.10 0.10 4/99 1\n"}, 2},
    {"load", TUNE_NOTE, "2.60 on average", {"/proc/loadavg", "2.60 0.10 0.10 1/99 1\n"}, 2},
    {"load", TUNE_WARNING, "1 process now, 1.50 on average", {"/proc/loadavg", "1.50 0.10 0.10 2/99 1\n"}, 4},
    {"governor", TUNE_NOTE, "\"schedutil\"", {CPU "/cpu0/cpufreq/scaling_governor", "schedutil\n"}, 0},
    {"governor", TUNE_NOTE, "\"powersave\"",
     {CPU "/cpu0/cpufreq/scaling_governor", "powersave\n", CPU "/cpu0/cpufreq/scaling_driver", "intel_pstate\n"}, 0},
    {"governor", TUNE_WARNING, "at its lowest",
     {CPU "/cpu0/cpufreq/scaling_governor", "powersave\n", CPU "/cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n"}, 0},
    {"boost", TUNE_NOTE, "rises", {CPU "/cpufreq/boost", "1\n"}, 0},
    {"boost", TUNE_NOTE, "rises", {CPU "/intel_pstate/no_turbo", "0\n"}, 0},
    {"battery", TUNE_WARNING, "battery", {"/sys/class/power_supply/AC/online", "0\n"}, 0},
    {"smt", TUNE_NOTE, "2 CPUs are one core", {CPU "/cpu0/topology/thread_siblings_list", "0,64\n"}, 0},
    {"smt", TUNE_NOTE, "2 CPUs are one core",
     {CPU "/cpu0/topology/thread_siblings_list", "0,2\n", CPU "/cpu2/topology/thread_siblings_list", "0,2\n",
      CPU "/cpu1/topology/thread_siblings_list", "1,3\n"}, 2},
    {"smt", TUNE_WARNING, "3 threads share 2 cores",
     {CPU "/cpu0/topology/thread_siblings_list", "0,2\n", CPU "/cpu2/topology/thread_siblings_list", "0,2\n",
      CPU "/cpu1/topology/thread_siblings_list", "1,3\n"}, 3},
    {"smt", TUNE_WARNING, "2 threads share 1 core:",
     {"/proc/self/status", "X:\t1\nCpus_allowed_list:\t0,2\n", CPU "/cpu0/topology/thread_siblings_list", "0-3\n",
      CPU "/cpu2/topology/thread_siblings_list", "0-3\n"}, 2},
    {"hypervisor", TUNE_NOTE, "virtual", {"/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor avx2\n"}, 0},
    {"hypervisor", TUNE_NOTE, "virtual", {"/sys/hypervisor/type", "xen\n"}, 0},
    {"hugepages", TUNE_WARNING, "off",
     {"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"}, 0},
    {"memory", TUNE_WARNING, "100 MiB", {"/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 102400 kB\n"}, 0},
};
/* clang-format on */

static void expect(const tune_diagnosis *diagnosis, const char *name, tune_severity severity,
                   const char *says)
{
    const tune_finding *finding = finding_of(diagnosis, name);
    ck_assert_msg(finding != NULL, "%s: not found", name);
    ck_assert_msg(finding->severity == severity && strstr(finding->text, says), "%s: \"%s\", expected \"%s\"",
                  name, finding->text, says);
    ck_assert_msg(diagnosis->count == 1, "%s and %s", diagnosis->finding[0].name, diagnosis->finding[1].name);
    ck_assert(tune_diagnosis_warns(diagnosis) == (severity == TUNE_WARNING));
    const size_t length = strlen(finding->text);
    ck_assert_msg(length + 1 < sizeof finding->text && finding->text[length - 1] == '.', "%s: \"%s\"", name,
                  finding->text);
}

START_TEST(findings_of_files)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const finding_case *c = &cases[i];
        tune_diagnosis diagnosis;
        make_healthy();
        for (int f = 0; f < 6 && c->files[f]; f += 2)
            put(c->files[f], c->files[f + 1]);
        tune_doctor(root, &machine, c->threads ? c->threads : 1, &diagnosis);
        expect(&diagnosis, c->name, c->severity, c->says);
        remove_root();
    }
}
END_TEST

START_TEST(a_battery_without_mains)
{
    tune_diagnosis diagnosis;
    make_root();
    put("/sys/class/power_supply/BAT0/type", "Battery\n");
    put("/sys/class/power_supply/BAT0/status", "Discharging\n");
    tune_doctor(root, &machine, 1, &diagnosis);
    expect(&diagnosis, "battery", TUNE_WARNING, "battery");
    put("/sys/class/power_supply/BAT0/status", "Full\n");
    tune_doctor(root, &machine, 1, &diagnosis);
    ck_assert_int_eq(diagnosis.count, 0);
    remove_root();
}
END_TEST

static void expect_of(gml_machine is, int32_t threads, const char *name, tune_severity severity,
                      const char *says)
{
    tune_diagnosis diagnosis;
    tune_doctor(root, &is, threads, &diagnosis);
    expect(&diagnosis, name, severity, says);
}

START_TEST(findings_of_the_machine)
{
    gml_machine is = machine;
    make_healthy();
    is.cpus_allowed = 2;
    expect_of(is, 2, "affinity", TUNE_NOTE, "2 of 4 CPUs");
    expect_of(is, 3, "affinity", TUNE_WARNING, "2 CPUs for 3 threads");
    is = machine;
    is.cpus_quota = 1;
    expect_of(is, 1, "quota", TUNE_NOTE, "1 CPU.");
    expect_of(is, 2, "quota", TUNE_WARNING, "1 CPU for 2 threads");

    tune_diagnosis diagnosis;
    is.cpus_quota = 4; /* of which no more can be used anyway */
    tune_doctor(root, &is, 4, &diagnosis);
    ck_assert_int_eq(diagnosis.count, 0);

    is = machine;
    is.l2.bytes = 0;
    expect_of(is, 1, "caches", TUNE_WARNING, "Not all caches are reported: 48, 0 and 32768 KiB.");
    is = machine;
    is.l3.bytes = INT64_C(1) << 40;
    expect_of(is, 1, "caches", TUNE_WARNING, "cannot be");
    is = machine;
    is.l3 = (gml_cache){0, 0}; /* there are processors without one */
    is.l2.shared = 4;
    tune_doctor(root, &is, 4, &diagnosis);
    ck_assert_int_eq(diagnosis.count, 0);
    remove_root();
}
END_TEST

START_TEST(noise_is_a_finding)
{
    tune_diagnosis diagnosis = {0};
    tune_doctor_noise(0.01, &diagnosis);
    tune_doctor_noise(NAN, &diagnosis);
    ck_assert_int_eq(diagnosis.count, 0);
    tune_doctor_noise(0.03, &diagnosis);
    expect(&diagnosis, "noise", TUNE_NOTE, "3.0 %");
    diagnosis.count = 0;
    tune_doctor_noise(0.10, &diagnosis);
    expect(&diagnosis, "noise", TUNE_WARNING, "10.0 %");
}
END_TEST

/* Files that say nothing, or nonsense, are no finding and no harm; nor are more findings than there is room for. */
START_TEST(files_of_nonsense)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "-1\n",
                                        "[",
                                        ":\n::\n0\n0::",
                                        "99999999999999999999 -5 % %s\n",
                                        "cpu\n",
                                        "0-99999999999,\n",
                                        "nr_throttled -7\n"};
    static char endless[20000];
    memset(endless, '9', sizeof endless - 1);
    for (size_t t = 0; t <= sizeof texts / sizeof *texts; t++) {
        tune_diagnosis diagnosis;
        make_healthy();
        for (size_t i = 0; i < sizeof healthy / sizeof *healthy; i++)
            put(healthy[i][0], t < sizeof texts / sizeof *texts ? texts[t] : endless);
        tune_doctor(root, &machine, 2, &diagnosis);
        for (int i = 0; i < diagnosis.count; i++)
            ck_assert_msg(strcmp(diagnosis.finding[i].name, "governor") == 0, "%s: %s",
                          diagnosis.finding[i].name, diagnosis.finding[i].text);
        remove_root();
    }
    tune_diagnosis full = {.count = TUNE_FINDINGS};
    tune_doctor_noise(1.0, &full);
    ck_assert_int_eq(full.count, TUNE_FINDINGS);
}
END_TEST

START_TEST(disturbances_between_two_looks)
{
    make_healthy();
    const tune_disturbance before = tune_disturbances(root);
    put("/sys/fs/cgroup/a/b/cpu.stat", "nr_periods 10\nnr_throttled 3\n");
    put("/proc/stat", "cpu  10000 0 2000 900000 100 0 50 203 0 0\n");
    const tune_disturbance after = tune_disturbances(root);
    ck_assert_int_eq(after.throttled - before.throttled, 3);
    ck_assert_double_eq_tol(after.stolen - before.stolen, 200.0 / (double)sysconf(_SC_CLK_TCK), 1e-9);
    remove_root();
    ck_assert_int_eq(tune_disturbances(root).throttled, 0); /* no files at all */
}
END_TEST

/* This machine, whatever it is: nothing more than that it can be looked at. */
START_TEST(this_machine)
{
    gml_machine here;
    tune_diagnosis diagnosis;
    gml_machine_detect(&here);
    tune_doctor("", &here, 1, &diagnosis);
    for (int i = 0; i < diagnosis.count; i++)
        ck_assert(diagnosis.finding[i].text[0] != '\0');
}
END_TEST

int main(void)
{
    return suite_run("doctor", 60,
                     (const TTest *const[]){a_healthy_machine, findings_of_files, a_battery_without_mains,
                                            findings_of_the_machine, noise_is_a_finding, files_of_nonsense,
                                            disturbances_between_two_looks, this_machine, NULL});
}
