/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the machine can do, measured: every result of the suites is also a fraction of these.
 */
#ifndef GML_BENCH_PEAK_H
#define GML_BENCH_PEAK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds on a monotonic clock. */
double peak_now(void);

/*
 * Fused multiply-adds of one thread, in operations (two each) per second, with the vector width of an instruction
 * set ("avx512", "avx2", "neon"; "ref" measures scalars). Independent chains in registers, no memory.
 * Runs for about `seconds`. 0 for an unknown name.
 */
double peak_fma_f32(const char *isa, double seconds);
double peak_fma_f64(const char *isa, double seconds);

/* The same of `threads` at once, all together. */
double peak_fma_f32_of(const char *isa, double seconds, int threads);

/* Bytes read per second in one pass over 64-byte aligned data, and bytes read plus written per second by a copy of such
 * data with streaming stores, each thread taking an equal part. */
double peak_read(const void *data, size_t bytes, int threads);
double peak_copy(void *to, const void *from, size_t bytes, int threads);

#ifdef __cplusplus
}
#endif

#endif
