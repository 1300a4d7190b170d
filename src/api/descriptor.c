/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/api/descriptor.h"
#include "src/api/status.h"
#include <string.h>

gml_status gml_descriptor_read(void *to, size_t known, const void *from, const char *function)
{
    if (!from)
        return gml_fail(GML_ERR_ARGUMENT, "%s: problem is NULL", function);
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size)
        return gml_fail(GML_ERR_DESCRIPTOR,
                        "%s: size is %zu, must be that of the structure, as its INIT macro sets", function,
                        size);
    if (size > GML_DESCRIPTOR_MOST)
        return gml_fail(GML_ERR_DESCRIPTOR, "%s: size is %zu, must be at most %d in any version", function,
                        size, GML_DESCRIPTOR_MOST);
    const unsigned char *bytes = from;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return gml_fail(
                GML_ERR_DESCRIPTOR,
                "%s: size is %zu, and what lies beyond the %zu bytes known to this version is not zero",
                function, size, known);
    const size_t copied = size < known ? size : known;
    memcpy(to, from, copied);
    memset((char *)to + copied, 0, known - copied);
    memcpy(to, &known, sizeof known);
    return GML_OK;
}
