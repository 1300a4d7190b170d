/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The floating-point environment of the contract. Only control bits are changed and compared: the exception
 * flags that the caller has collected stay, and those that a body raises are added to them, as after any
 * arithmetic of the caller's own.
 */
#include "src/core/runtime.h"

#if defined(__x86_64__)

/* MXCSR: flush-to-zero, rounding, exception masks and denormals-are-zero; bits 0 to 5 are the flags. */
#define CONTROL  0xffc0u
#define CONTRACT 0x1f80u /* round to nearest, all exceptions masked */

static uint64_t read_register(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value) : : "memory");
    return value;
}

static void write_register(uint64_t value)
{
    const uint32_t low = (uint32_t)value;
    __asm__ volatile("ldmxcsr %0" : : "m"(low) : "memory");
}

#elif defined(__aarch64__)

/* FPCR: AHP, DN, FZ, rounding (26 to 22), FZ16 (19), trap enables (15, 12 to 8), EBF (13), and NEP, AH, FIZ (2 to
 * 0). The flags are in a register of their own. */
#define CONTROL  UINT64_C(0x07c8bf07)
#define CONTRACT UINT64_C(0)

static uint64_t read_register(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value) : : "memory");
    return value;
}

static void write_register(uint64_t value)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(value) : "memory");
}

#else
#error "Gemmule supports x86-64 and AArch64"
#endif

static void set_control(uint64_t control)
{
    const uint64_t value = read_register();
    if ((value & CONTROL) != control)
        write_register((value & ~(uint64_t)CONTROL) | control);
}

gml_fpenv gml_fpenv_enter(void)
{
    const gml_fpenv found = read_register() & CONTROL;
    if (found != CONTRACT)
        set_control(CONTRACT);
    return found;
}

void gml_fpenv_leave(gml_fpenv found)
{
    if (found != CONTRACT)
        set_control(found);
}
