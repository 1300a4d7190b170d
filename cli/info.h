/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The part of `gemmule info` about wisdom: where it is looked for, what was found, what of it is in use.
 */
#ifndef GML_CLI_INFO_H
#define GML_CLI_INFO_H

#include "cli/json.h"

/* Searches as the first plan of a process does, and prints what that came to. */
void info_wisdom_print(void);
void info_wisdom_json(json *out);

#endif
