/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sentence of a thread's last failure. It lies in thread-local storage of the dynamic model, which neither
 * needs room in the static block when the library is loaded by dlopen, nor a destructor that would outlive it.
 */
#include "src/api/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char sentence[256];

gml_status gml_fail(gml_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return status;
}

const char *gml_status_name(gml_status status)
{
    switch (status) {
    case GML_OK:
        return "GML_OK";
    case GML_ERR_ARGUMENT:
        return "GML_ERR_ARGUMENT";
    case GML_ERR_OVERLAP:
        return "GML_ERR_OVERLAP";
    case GML_ERR_DESCRIPTOR:
        return "GML_ERR_DESCRIPTOR";
    case GML_ERR_ISA:
        return "GML_ERR_ISA";
    case GML_ERR_MEMORY:
        return "GML_ERR_MEMORY";
    }
    return "unknown status";
}

size_t gml_last_error(char *buffer, size_t size)
{
    const size_t length = strlen(sentence);
    if (size > 0) {
        const size_t copied = length < size - 1 ? length : size - 1;
        memcpy(buffer, sentence, copied);
        buffer[copied] = '\0';
    }
    return length;
}
