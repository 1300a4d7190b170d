/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the bodies that serve both types (gemm.inc, stream.inc, finish.inc, pack.inc) call the operations on float.
 */
#ifndef GML_NEON_F32_H
#define GML_NEON_F32_H

#include "kernels/neon/neon.h"

#define REAL     float
#define VECTOR   float32x4_t
#define LANES    4
#define OP(name) name##_f32

#define LOAD_PART  neon_load
#define STORE_PART neon_store
#define LOAD_FIRST neon_load_first
#define GATHER     neon_gather
#define FMA_LANE   neon_fma_lane
#define FMA_SCALAR fmaf
#define TRANSPOSE  neon_transpose

#endif
