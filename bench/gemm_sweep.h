/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every size of a range, to see where time is not smooth.
 */
#ifndef GML_BENCH_GEMM_SWEEP_H
#define GML_BENCH_GEMM_SWEEP_H

#include "bench/gemm_measure.h"

namespace bench
{

/*
 * Squares, and each of M, N and K alone, for sizes 1 to `last`: prints CSV, a line for each size and subject. Then says
 * on the standard error stream which sizes of ours take longer than a larger one does, by more than 5 %; returns their
 * number.
 */
int sweep(Type type, bool transposed, int64_t last, const Subjects &subjects, const Settings &settings);

} // namespace bench

#endif
