/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Selection of a kernel set. select.c is the only code that knows every instruction set.
 */
#ifndef GML_CORE_SELECT_H
#define GML_CORE_SELECT_H

#include "kernels/kernel.h"

/* All sets of this build, best first, ended by NULL. */
const gml_kernel_set *const *gml_sets(void);

/* The set with this name, or NULL. */
const gml_kernel_set *gml_set_by_name(const char *isa);

/* The best set that `features` can run and that is not above `highest` (NULL: no limit). Never NULL: the
 * ref set needs nothing. */
const gml_kernel_set *gml_set_select(uint64_t features, const gml_kernel_set *highest);

#endif
