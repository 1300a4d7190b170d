/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f32: the function of pack.inc.
 */
#include "kernels/avx2/f32.h"

#define PACK gml_pack_f32_avx2
#include "kernels/avx2/pack.inc"
