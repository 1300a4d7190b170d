/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f32: the function of pack.inc.
 */
#include "kernels/ref/ref.h"

#define REAL float
#define PACK gml_pack_f32_ref
#include "kernels/ref/pack.inc"
