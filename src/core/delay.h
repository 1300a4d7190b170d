/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A kernel that is slower by GML_TEST_DELAY percent. It is in builds with the CMake option GEMMULE_TEST_DELAY alone, by
 * which `gemmule perf selftest` shows that its gate sees such a kernel.
 */
#ifndef GML_CORE_DELAY_H
#define GML_CORE_DELAY_H

#include "kernels/kernel.h"

/* kernel->block(block), and a wait in proportion to the time it took, where the elements are f32. */
void gml_delay_block(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel, const gml_gemm_block *block);

#endif
