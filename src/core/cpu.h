/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The machine: what CPU, operating system and container say of themselves. Features come from CPUID and
 * XCR0 or from HWCAP, never from tables of models.
 */
#ifndef GML_CORE_CPU_H
#define GML_CORE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gml_cache {
    int64_t bytes;  /* per instance; 0: unknown              */
    int32_t shared; /* logical CPUs that share an instance; 0: unknown */
} gml_cache;

typedef struct gml_machine {
    uint64_t features;           /* GML_CPU_... of kernels/kernel.h                            */
    char vendor[16];             /* CPUID vendor or MIDR implementer; for show only            */
    char model[64];              /* CPUID brand string or "implementer/part"; for show only    */
    int32_t family, variant;     /* x86: display family and model; Arm: part and variant of MIDR; 0: unknown. They tell
                                    what was measured where, and decide nothing                */
    gml_cache l1d, l2, l3;       /* as reported                                                */
    int32_t cpus_online;         /* >= 1                                                       */
    int32_t cpus_allowed;        /* in the affinity mask before OpenMP bound this thread, >= 1 */
    int32_t cpus_quota;          /* cgroup CPU quota rounded up; 0: none                       */
} gml_machine;

/* Reads everything. Never fails: what cannot be read is 0 (or 1 for CPU counts). */
void gml_machine_detect(gml_machine *machine);

/* The pieces, for tests with made-up file systems: `root` replaces "" before /sys and /proc. Caches are
 * filled in where `machine` has 0 bytes: first by the kernel's account, then by the processor's. */
uint64_t gml_cpu_features(void);
void gml_cpu_caches(const char *root, gml_machine *machine);
void gml_cpu_identify(const char *root, gml_machine *machine); /* vendor to variant, and on x86 the caches */
int32_t gml_cpu_quota(const char *root);

/* Calls visit for each directory of the cgroups that this process is in and that may limit its time on CPUs, from its own
 * group to the root of every hierarchy, and wherever these may be mounted: it need not exist. `path` is without root and
 * ends at `end`, where a file name of GML_CGROUP_FILE_MOST characters fits; version is 1 or 2. */
#define GML_CGROUP_FILE_MOST 24
typedef void gml_cgroup_fn(const char *root, char *path, char *end, int version, void *argument);
void gml_cpu_cgroups(const char *root, gml_cgroup_fn *visit, void *argument);

/* The names of the features; NULL behind the last. */
typedef struct gml_cpu_feature {
    uint64_t bit; /* GML_CPU_... */
    const char *name;
} gml_cpu_feature;

extern const gml_cpu_feature gml_cpu_feature_names[];

/* The contents of root + path, cut to size - 1 bytes; "" and false when it cannot be read. */
bool gml_cpu_read(const char *root, const char *path, char *text, size_t size);

#if defined(__x86_64__)
/* What cpu_x86.c asks the processor, for tests with made-up processors. */
typedef struct gml_x86 {
    bool (*cpuid)(uint32_t leaf, uint32_t subleaf, uint32_t regs[4]); /* eax .. edx; false: no such leaf */
    uint64_t (*xcr0)(void);                                          /* called where CPUID has OSXSAVE   */
} gml_x86;

uint64_t gml_x86_features(const gml_x86 *cpu);
void gml_x86_caches(const gml_x86 *cpu, gml_machine *machine);
void gml_x86_family(const gml_x86 *cpu, gml_machine *machine);
#endif

/* The cache sizes to plan with: reported ones where they are sane, otherwise the common lower bound
 * 32 KB L1d, 256 KB L2, and no L3. Hypervisors report none, or a terabyte. Always increasing, > 0 for
 * L1 and L2; l3 may be 0. Bytes a thread may count on: a shared cache is divided by those of `threads`,
 * spread evenly over the CPUs allowed, that share it. */
typedef struct gml_cache_budget {
    int64_t l1d, l2, l3;
} gml_cache_budget;

gml_cache_budget gml_cache_budget_of(const gml_machine *machine, int32_t threads);

/* CPUs this process may use: the smaller of affinity mask and quota, >= 1. */
int32_t gml_machine_cpus(const gml_machine *machine);

#endif
