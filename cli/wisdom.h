/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of `gemmule wisdom`: its subcommands, and what they share.
 */
#ifndef GML_CLI_WISDOM_H
#define GML_CLI_WISDOM_H

#include "cli/json.h"
#include "src/api/context.h"
#include "src/plan/wisdom_files.h"
#include "tune/tune.h"

int wisdom_show(int argc, char **argv);
int wisdom_verify(int argc, char **argv);

/* What an entry is to this process. */
typedef enum wisdom_use {
    WISDOM_USED,
    WISDOM_SUPERSEDED, /* another entry for the same problem comes first           */
    WISDOM_FOREIGN,    /* another machine, or a set that this process does not use */
    WISDOM_STALE,      /* another revision                                         */
    WISDOM_USES
} wisdom_use;

/* The machine and kernels of this process. */
typedef struct wisdom_here {
    gml_context *context;
    gml_wisdom_filter filter;
    char fingerprint[GML_FINGERPRINT_TEXT];
} wisdom_here;

wisdom_here wisdom_of_process(void);

/* The use of each entry of a list in the order of precedence; the caller frees it. */
wisdom_use *wisdom_uses(const wisdom_here *here, const gml_wisdom_list *list);

/* Reads a file that the user named, all lines of it; otherwise a sentence, and false. */
bool wisdom_read_named(const char *command, const char *path, gml_wisdom_list *list, gml_wisdom_loaded *loaded,
                       const gml_wisdom_listener *listener);

/* What this process has in use: the first entry of each problem. */
void wisdom_in_use(const wisdom_here *here, const gml_wisdom_places *places, gml_wisdom_list *list);

/* "3 of another machine or kernel set, 1 damaged"; "" for nothing. */
#define WISDOM_IGNORED 200
const char *wisdom_ignored(const gml_wisdom_count *lines, char text[WISDOM_IGNORED]);

/* The same as members of an object. */
void wisdom_json_count(json *to, const gml_wisdom_count *lines);

/* `directory`, or the user's root, which then is in `root`; NULL and a sentence. */
const char *wisdom_root(const char *command, const char *directory, char *root, size_t size);

/* The command that takes a run back; `directory` as the user named it, or NULL. */
void wisdom_print_undo(const char *run, const char *directory);

/* The exit code of something that was not written, after its sentence. errno says what it was. */
int wisdom_not_written(const char *command, const char *sentence);

#endif
