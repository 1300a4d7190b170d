/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A writer of JSON (RFC 8259), indented, one member a line. Keys and texts are escaped; bytes that are not
 * UTF-8 become U+FFFD; a number that is not finite becomes null. key is NULL inside arrays and at the top.
 *
 *     json out = json_open(stdout);
 *     json_object(&out, NULL);
 *     json_text(&out, "isa", "avx2");
 *     json_end(&out);
 *     json_close(&out);
 */
#ifndef GML_CLI_JSON_H
#define GML_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 16

typedef struct json {
    FILE *file;
    int depth;
    bool empty[JSON_DEPTH];  /* nothing written yet at this depth */
    char closer[JSON_DEPTH]; /* '}' or ']'                        */
} json;

json json_open(FILE *file);
void json_close(json *out); /* ends whatever is open, and the line */

void json_object(json *out, const char *key);
void json_array(json *out, const char *key);
void json_end(json *out);

void json_text(json *out, const char *key, const char *text); /* NULL: null */
void json_integer(json *out, const char *key, int64_t value);
void json_real(json *out, const char *key, double value);
void json_bool(json *out, const char *key, bool value);

#endif
