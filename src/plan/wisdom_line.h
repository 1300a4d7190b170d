/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What reader and writer of the lines of wisdom must agree upon.
 */
#ifndef GML_PLAN_WISDOM_LINE_H
#define GML_PLAN_WISDOM_LINE_H

#define GML_WISDOM_FORMAT "gemmule-wisdom"
#define GML_WISDOM_VERSION "1"

/* Ratios are whole numbers of millionths: exact as text, without the C library's idea of a decimal point. */
#define GML_WISDOM_PARTS 1000000
#define GML_WISDOM_RATIO_MOST 1000

extern const char *const gml_wisdom_scopes[2]; /* by gml_scope */
extern const char *const gml_wisdom_states[2]; /* by gml_state */

#endif
