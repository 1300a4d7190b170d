/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fingerprints of machines, and the revisions of the code: what they depend on, and what they do not.
 */
#include "kernels/kernel.h"
#include "src/core/select.h"
#include "src/plan/wisdom.h"
#include "tests/suite.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KB INT64_C(1024)
#define MB (1024 * KB)

#if defined(__x86_64__)
#define ARCHITECTURE "x86"

static uint32_t fake_eax, fake_leaves;

static bool fake_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    (void)subleaf;
    memset(r, 0, 4 * sizeof *r);
    r[0] = leaf == 1 ? fake_eax : 0;
    return leaf <= fake_leaves;
}

static uint64_t fake_xcr0(void)
{
    return 0;
}

START_TEST(families_and_models_of_x86)
{
    static const struct {
        uint32_t eax;
        int32_t family, variant;
    } cases[] = {
        {0x00b20f21, 26, 0x22}, /* Zen 5: 15 + 11                  */
        {0x00a20f10, 25, 0x21}, /* Zen 3                           */
        {0x000806f8, 6, 0x8f},  /* Sapphire Rapids                 */
        {0x00000f4a, 15, 4},    /* no extension                    */
        {0x0ff00543, 5, 4},     /* extensions that do not count    */
        {0xffffffff, 270, 0xff},
    };
    static const gml_x86 cpu = {fake_cpuid, fake_xcr0};
    fake_leaves = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gml_machine machine = {0};
        fake_eax = cases[i].eax;
        gml_x86_family(&cpu, &machine);
        ck_assert_int_eq(machine.family, cases[i].family);
        ck_assert_int_eq(machine.variant, cases[i].variant);
    }
    gml_machine machine = {0};
    fake_leaves = 0;
    gml_x86_family(&cpu, &machine);
    ck_assert_int_eq(machine.family, 0);
    ck_assert_int_eq(machine.variant, 0);
}
END_TEST

#else
#define ARCHITECTURE "arm"

START_TEST(parts_and_variants_of_arm)
{
    static const char path[] = "/sys/devices/system/cpu/cpu0/regs/identification/midr_el1";
    char root[] = "/tmp/gemmule-midr-XXXXXX", name[200];
    ck_assert_ptr_nonnull(mkdtemp(root));
    gml_machine machine = {0};
    gml_cpu_identify(root, &machine);
    ck_assert_int_eq(machine.family, 0);
    for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
        snprintf(name, sizeof name, "%s%.*s", root, (int)(slash - path), path);
        ck_assert_int_eq(mkdir(name, 0700), 0);
    }
    snprintf(name, sizeof name, "%s%s", root, path);
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    fputs("0x00000000413fd0c1\n", file); /* Neoverse N1 r3p1 */
    ck_assert_int_eq(fclose(file), 0);
    gml_cpu_identify(root, &machine);
    ck_assert_str_eq(machine.vendor, "0x41");
    ck_assert_int_eq(machine.family, 0xd0c);
    ck_assert_int_eq(machine.variant, 3);
    ck_assert_int_eq(remove(name), 0);
    for (char *slash = name + strlen(name); strlen(name) > strlen(root); slash = strrchr(name, '/')) {
        *slash = '\0';
        ck_assert_int_eq(rmdir(name), 0);
    }
}
END_TEST
#endif

static gml_machine made_up(void)
{
    gml_machine machine = {.features = GML_CPU_AVX2 | GML_CPU_FMA,
                           .vendor = "AuthenticAMD",
                           .family = 25,
                           .variant = 33,
                           .l1d = {32 * KB, 2},
                           .l2 = {512 * KB, 2},
                           .l3 = {33 * MB / 2, 16}};
    return machine;
}

START_TEST(fingerprints)
{
    char text[GML_FINGERPRINT_TEXT];
    gml_machine machine = made_up();
    const uint64_t first = gml_fingerprint(&machine, text);
    ck_assert_str_eq(text, ARCHITECTURE " AuthenticAMD 25-33 avx2,fma 32K/512K/16896K");

    /* FNV-1a, one byte after the other. */
    uint64_t hash = 14695981039346656037u;
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    ck_assert_uint_eq(first, hash);

    /* What does not count: its name, who shares, how many there are. */
    snprintf(machine.model, sizeof machine.model, "AMD Ryzen 9 5950X 16-Core Processor");
    machine.l1d.shared = machine.l2.shared = machine.l3.shared = 1;
    machine.cpus_online = 3, machine.cpus_allowed = 2, machine.cpus_quota = 1;
    ck_assert_uint_eq(gml_fingerprint(&machine, text), first);

    /* What does. */
    for (int i = 0; i < 7; i++) {
        gml_machine other = made_up();
        switch (i) {
        case 0:
            other.vendor[0] = 'a';
            break;
        case 1:
            other.family++;
            break;
        case 2:
            other.variant++;
            break;
        case 3:
            other.features |= GML_CPU_AVX512F;
            break;
        case 4:
            other.l1d.bytes *= 2;
            break;
        case 5:
            other.l2.bytes *= 2;
            break;
        default:
            other.l3.bytes = 0;
            break;
        }
        ck_assert_uint_ne(gml_fingerprint(&other, text), first);
    }
}
END_TEST

START_TEST(fingerprints_of_nonsense)
{
    char text[GML_FINGERPRINT_TEXT];
    gml_machine machine = {0};
    gml_fingerprint(&machine, text);
    ck_assert_str_eq(text, ARCHITECTURE " unknown 0-0 none 0/0/0");
    memset(&machine, 0xff, sizeof machine); /* vendors are not terminated, sizes are negative */
    gml_fingerprint(&machine, text);
    ck_assert_str_eq(text, ARCHITECTURE " _______________ -1--1 "
                                        "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,neon -1/-1/-1");
    memset(machine.vendor, ' ', sizeof machine.vendor);
    machine.family = machine.variant = INT32_MIN;
    machine.l1d.bytes = machine.l2.bytes = machine.l3.bytes = INT64_MIN;
    gml_fingerprint(&machine, text); /* the longest there is still fits */
    ck_assert_ptr_nonnull(strstr(text, " _______________ "));
    ck_assert_str_eq(text + strlen(text) - 3, "808");
}
END_TEST

/* Each set has a revision for what it computes, and no two are equal: each hash has other sources. */
START_TEST(revisions)
{
    static const struct {
        gml_operation operation;
        gml_type type;
    } known[] = {{GML_OPERATION_GEMM, GML_F32},
                 {GML_OPERATION_GEMM, GML_F64},
                 {GML_OPERATION_SOFTMAX, GML_F32},
                 {GML_OPERATION_ATTENTION, GML_F32}};
    uint32_t seen[64];
    int count = 0;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        ck_assert_str_eq(gml_wisdom_isa((*set)->isa, strlen((*set)->isa)), (*set)->isa);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            const uint32_t revision = gml_revision(*set, known[i].operation, known[i].type);
            ck_assert_uint_ne(revision, 0);
            for (int j = 0; j < count; j++)
                ck_assert_uint_ne(revision, seen[j]);
            seen[count++] = revision;
        }
        ck_assert_uint_eq(gml_revision(*set, GML_OPERATION_ATTENTION, GML_F64), 0);
    }
    ck_assert_str_eq(gml_wisdom_isa("neon!", 4), "neon"); /* also where this build has it not */
    ck_assert_str_eq(gml_wisdom_isa("avx512", 6), "avx512");
    ck_assert_ptr_null(gml_wisdom_isa("avx512", 5));
    ck_assert_ptr_null(gml_wisdom_isa("avx5120", 7));
    ck_assert_ptr_null(gml_wisdom_isa("", 0));
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("fingerprint", 60, (const TTest *const[]){
#if defined(__x86_64__)
        families_and_models_of_x86,
#else
        parts_and_variants_of_arm,
#endif
        fingerprints,
        fingerprints_of_nonsense,
        revisions,
        NULL,
    });
    /* clang-format on */
}
