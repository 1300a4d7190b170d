/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel sets of this build, from kernels/isa.def, best first.
 */
#include "src/core/select.h"
#include <stddef.h>
#include <string.h>

static const gml_kernel_set *const sets[] = {
#define GML_SET(isa) &gml_set_##isa,
#include "kernels/isa.def"
#undef GML_SET
    NULL,
};

const gml_kernel_set *const *gml_sets(void)
{
    return sets;
}

const gml_kernel_set *gml_set_by_name(const char *isa)
{
    for (const gml_kernel_set *const *set = sets; *set; set++)
        if (strcmp((*set)->isa, isa) == 0)
            return *set;
    return NULL;
}

const gml_kernel_set *gml_set_select(uint64_t features, const gml_kernel_set *highest)
{
    const gml_kernel_set *const *set = sets;
    while (highest && *set != highest)
        set++;
    while ((*set)->needs & ~features) /* ends at ref, the last one, which needs nothing */
        set++;
    return *set;
}
