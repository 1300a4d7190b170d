/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The x86-64 processor as CPUID and XCR0 describe it. A feature counts when the operating system saves its
 * registers, too: XCR0 says so. Bits are those of the Intel SDM, volume 2A, CPUID, and of the AMD APM, volume 3,
 * appendix E.
 */
#include "kernels/kernel.h"
#include "src/core/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };

#define XCR0_AVX    UINT64_C(0x06) /* SSE and upper halves of ymm                  */
#define XCR0_AVX512 UINT64_C(0xe6) /* those, opmasks, upper halves of zmm, zmm16-31 */

static bool bit(uint32_t reg, int at)
{
    return reg >> at & 1;
}

uint64_t gml_x86_features(const gml_x86 *cpu)
{
    uint32_t basic[4], extended[4];
    if (!cpu->cpuid(1, 0, basic) || !bit(basic[ECX], 27)) /* OSXSAVE: xgetbv may be asked */
        return 0;
    const uint64_t state = cpu->xcr0();
    if ((state & XCR0_AVX) != XCR0_AVX || !bit(basic[ECX], 28)) /* AVX */
        return 0;

    uint64_t features = bit(basic[ECX], 12) ? GML_CPU_FMA : 0;
    if (!cpu->cpuid(7, 0, extended))
        return features;
    if (bit(extended[EBX], 5))
        features |= GML_CPU_AVX2;
    if ((state & XCR0_AVX512) != XCR0_AVX512 || !bit(extended[EBX], 16))
        return features;
    features |= GML_CPU_AVX512F;
    if (bit(extended[EBX], 17))
        features |= GML_CPU_AVX512DQ;
    if (bit(extended[EBX], 30))
        features |= GML_CPU_AVX512BW;
    if (bit(extended[EBX], 31))
        features |= GML_CPU_AVX512VL;
    return features;
}

/* Leaf 4 (Intel, Zhaoxin) and leaf 0x8000001d (AMD, Hygon) have the same form: one cache for each subleaf. */
static void caches_of_leaf(const gml_x86 *cpu, uint32_t leaf, gml_machine *machine)
{
    gml_cache *const levels[] = {&machine->l1d, &machine->l2, &machine->l3};
    uint32_t r[4];
    for (uint32_t i = 0; i < 16 && cpu->cpuid(leaf, i, r); i++) {
        const uint32_t type = r[EAX] & 0x1f, level = r[EAX] >> 5 & 7;
        if (type == 0)
            return;
        if (type == 2 || level < 1 || level > 3 || levels[level - 1]->bytes) /* 2: instructions */
            continue;
        const int64_t ways = (r[EBX] >> 22) + 1, partitions = (r[EBX] >> 12 & 0x3ff) + 1;
        const int64_t line = (r[EBX] & 0xfff) + 1, sets = (int64_t)r[ECX] + 1;
        *levels[level - 1] = (gml_cache){.bytes = ways * partitions * line * sets,
                                         .shared = (int32_t)((r[EAX] >> 14 & 0xfff) + 1)};
    }
}

void gml_x86_caches(const gml_x86 *cpu, gml_machine *machine)
{
    uint32_t r[4];
    caches_of_leaf(cpu, 4, machine);
    if (cpu->cpuid(0x80000001, 0, r) && bit(r[ECX], 22)) /* TOPOEXT */
        caches_of_leaf(cpu, 0x8000001d, machine);
}

/* Leaf 1: the extended family counts where the family is 15, the extended model where it is 6 or 15. */
void gml_x86_family(const gml_x86 *cpu, gml_machine *machine)
{
    uint32_t r[4];
    if (!cpu->cpuid(1, 0, r))
        return;
    const uint32_t family = r[EAX] >> 8 & 15, model = r[EAX] >> 4 & 15;
    machine->family = (int32_t)(family + (family == 15 ? r[EAX] >> 20 & 255 : 0));
    machine->variant = (int32_t)(model + (family == 6 || family == 15 ? (r[EAX] >> 16 & 15) << 4 : 0));
}

static bool cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    return __get_cpuid_count(leaf, subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) != 0;
}

static uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static const gml_x86 this_cpu = {.cpuid = cpuid, .xcr0 = xcr0};

uint64_t gml_cpu_features(void)
{
    return gml_x86_features(&this_cpu);
}

void gml_cpu_identify(const char *root, gml_machine *machine)
{
    (void)root;
    uint32_t r[12];
    if (cpuid(0, 0, r)) {
        memcpy(machine->vendor, &r[EBX], 4);
        memcpy(machine->vendor + 4, &r[EDX], 4);
        memcpy(machine->vendor + 8, &r[ECX], 4);
        machine->vendor[12] = '\0';
    }
    if (cpuid(0x80000002, 0, r) && cpuid(0x80000003, 0, r + 4) && cpuid(0x80000004, 0, r + 8)) {
        char brand[sizeof r + 1];
        memcpy(brand, r, sizeof r);
        brand[sizeof r] = '\0';
        snprintf(machine->model, sizeof machine->model, "%s", brand + strspn(brand, " "));
        for (size_t n = strlen(machine->model); n > 0 && machine->model[n - 1] == ' '; n--)
            machine->model[n - 1] = '\0';
    }
    gml_x86_family(&this_cpu, machine);
    gml_x86_caches(&this_cpu, machine);
}

#endif
