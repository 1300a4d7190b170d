/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a call fails.
 */
#ifndef GML_API_STATUS_H
#define GML_API_STATUS_H

#include <gemmule/status.h>

/* Keeps the sentence for gml_last_error, cut to 255 characters, and returns status:
 *
 *     return gml_fail(GML_ERR_ARGUMENT, "%s: m is %" PRId64 ", must be at least 0", function, m);
 */
gml_status gml_fail(gml_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
