/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f32: the function of pack.inc.
 */
#include "kernels/neon/f32.h"

#define PACK gml_pack_f32_neon
#include "kernels/neon/pack.inc"
