/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f64: the function of pack.inc.
 */
#include "kernels/neon/f64.h"

#define PACK gml_pack_f64_neon
#include "kernels/neon/pack.inc"
