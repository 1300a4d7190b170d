/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, f64: the function of pack.inc.
 */
#include "kernels/ref/ref.h"

#define REAL double
#define PACK gml_pack_f64_ref
#include "kernels/ref/pack.inc"
