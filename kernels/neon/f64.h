/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the bodies that serve both types (gemm.inc, stream.inc, finish.inc, pack.inc) call the operations on double.
 */
#ifndef GML_NEON_F64_H
#define GML_NEON_F64_H

#include "kernels/neon/neon.h"

#define REAL     double
#define VECTOR   float64x2_t
#define LANES    2
#define OP(name) name##_f64

#define LOAD_PART  neon_load_f64
#define STORE_PART neon_store_f64
#define LOAD_FIRST neon_load_first_f64
#define GATHER     neon_gather_f64
#define FMA_LANE   neon_fma_lane_f64
#define FMA_SCALAR fma
#define TRANSPOSE  neon_transpose_f64

#endif
