/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The AArch64 processor as the kernel describes it: features from the auxiliary vector, which holds for every
 * core the process may be moved to; the name from MIDR_EL1, where sysfs shows it. Caches come from sysfs.
 */
#include "kernels/kernel.h"
#include "src/core/cpu.h"

#if defined(__aarch64__)

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#define HWCAP_ADVANCED_SIMD (UINT64_C(1) << 1) /* HWCAP_ASIMD of the kernel's <asm/hwcap.h> */

uint64_t gml_cpu_features(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ADVANCED_SIMD ? GML_CPU_NEON : 0;
}

void gml_cpu_identify(const char *root, gml_machine *machine)
{
    char text[32];
    if (!gml_cpu_read(root, "/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", text, sizeof text))
        return;
    const unsigned long long midr = strtoull(text, NULL, 16);
    const unsigned implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;
    machine->family = (int32_t)part;
    machine->variant = (int32_t)(midr >> 20 & 15);
    snprintf(machine->vendor, sizeof machine->vendor, "0x%02x", implementer);
    snprintf(machine->model, sizeof machine->model, "0x%02x/0x%03x", implementer, part);
}

#endif
