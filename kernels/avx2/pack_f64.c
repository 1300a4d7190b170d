/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f64: the function of pack.inc.
 */
#include "kernels/avx2/f64.h"

#define PACK gml_pack_f64_avx2
#include "kernels/avx2/pack.inc"
