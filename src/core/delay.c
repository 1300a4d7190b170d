/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The wait of a kernel that is to be slower. What a thread owes is GML_TEST_DELAY percent of the time of its calls, less
 * what it costs to read the clock around them; it waits until that has passed. A wait ends a little late, and where a
 * call is so short that the readings alone are too much, there is none: either is a credit for the calls to come.
 */
#include "src/core/delay.h"

/* In readings of the clock: a thread that lost its processor while it waited does not skip the waits to come. */
#define MOST_CREDIT 64

/* Ticks of constant length, after all that stands before. */
static inline uint64_t read_clock(void)
{
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high) : : "ecx", "memory");
    return (uint64_t)high << 32 | low;
#else
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
#endif
}

/* The price of a reading: of many together, since a tick may be longer than one. */
static double price_of_reading(void)
{
    enum { rounds = 16, readings = 64 };
    double least = 0.0;
    for (int round = 0; round < rounds; round++) {
        const uint64_t begin = read_clock();
        uint64_t end = begin;
        for (int i = 0; i < readings; i++)
            end = read_clock();
        const double price = (double)(end - begin) / readings;
        if (round == 0 || price < least)
            least = price;
    }
    return least;
}

void gml_delay_block(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel,
                     const gml_gemm_block *block)
{
    static _Thread_local double owed, price;
    if (kernels->element != sizeof(float)) {
        kernel->block(block);
        return;
    }
    if (price == 0.0)
        price = price_of_reading();
    const uint64_t begin = read_clock();
    kernel->block(block);
    const uint64_t end = read_clock();
    owed += ((double)(end - begin) - price) * (GML_TEST_DELAY / 100.0) - 2.0 * price;
    uint64_t now = end;
    while ((double)(now - end) < owed)
        now = read_clock();
    owed -= (double)(now - end);
    if (owed < -MOST_CREDIT * price)
        owed = -MOST_CREDIT * price;
}
