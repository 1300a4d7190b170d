/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom on disk. A root is a directory; under it, a directory for each machine, named by its fingerprint in 16 digits;
 * in that, files that are never changed once they are there: `<run>.wisdom`. Names of runs begin with their time, so the
 * last in order is the newest, and that is the one whose entries count first.
 *
 * Files are hostile until proven otherwise. Ignored, each with its reason counted: what is no regular file, belongs
 * neither to this user nor to root, may be written by group or others, or is larger than GML_WISDOM_FILE_MOST. A directory
 * that is listed is held to the same (one with the sticky bit may be written by others, as they can only add files of
 * their own); that of a file which was named is not, as a umask of 002 is common. Symbolic links are followed on the way to
 * a root, and where GEMMULE_WISDOM or an import names one. A process that runs with raised privileges reads /etc alone.
 */
#ifndef GML_PLAN_WISDOM_FILES_H
#define GML_PLAN_WISDOM_FILES_H

#include "src/plan/wisdom.h"

#define GML_WISDOM_SYSTEM_ROOT "/etc/gemmule/wisdom"
#define GML_WISDOM_FILE_MOST ((size_t)8 << 20)
#define GML_WISDOM_FILES_MOST 64 /* of a directory that are read, newest first */

typedef enum gml_wisdom_refusal {
    GML_WISDOM_READ,       /* not refused                                  */
    GML_WISDOM_UNREADABLE, /* missing, no permission, an error of the disk */
    GML_WISDOM_NO_FILE,    /* a device, a socket, a symbolic link          */
    GML_WISDOM_OWNER,
    GML_WISDOM_WRITABLE,
    GML_WISDOM_TOO_LARGE,
    GML_WISDOM_NO_WISDOM,  /* the first line is another                    */
    GML_WISDOM_REFUSALS
} gml_wisdom_refusal;

/* A sentence's end: "belongs to another user". */
const char *gml_wisdom_refusal_text(gml_wisdom_refusal refusal);

/* What loading came to. */
typedef struct gml_wisdom_loaded {
    gml_wisdom_count lines;
    int64_t files[GML_WISDOM_REFUSALS]; /* by what became of them */
    bool no_memory;
} gml_wisdom_loaded;

/* Told of each file: for `gemmule wisdom show`. NULL: nobody is. */
typedef void gml_wisdom_told_fn(void *host, const char *path, gml_wisdom_refusal refusal,
                                const gml_wisdom_count *lines);
typedef struct gml_wisdom_listener {
    gml_wisdom_told_fn *told;
    void *host;
} gml_wisdom_listener;

/* Appends what a file holds, or text, or the directories of the machine under a root. Of a file that cannot be opened,
 * errno says why. */
gml_wisdom_refusal gml_wisdom_load_file(gml_wisdom_list *list, const char *path, const gml_wisdom_filter *filter,
                                        gml_wisdom_loaded *loaded, const gml_wisdom_listener *listener);
gml_wisdom_refusal gml_wisdom_load_text(gml_wisdom_list *list, const char *text, size_t size,
                                        const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded);
void gml_wisdom_load_root(gml_wisdom_list *list, const char *root, const gml_wisdom_filter *filter,
                          gml_wisdom_loaded *loaded, const gml_wisdom_listener *listener);

/* Where wisdom is looked for, in the order of precedence: GEMMULE_WISDOM, a list of files and roots separated by ':' ("off":
 * nothing at all is read, the following neither); the user's root; /etc/gemmule/wisdom. What is not there is an error in
 * the list only. NULL: no such place. */
typedef struct gml_wisdom_places {
    const char *list, *user, *system;
} gml_wisdom_places;

void gml_wisdom_search_places(gml_wisdom_list *list, const gml_wisdom_places *places, const gml_wisdom_filter *filter,
                              gml_wisdom_loaded *loaded, const gml_wisdom_listener *listener);

/* The same with the places of this process; `user` has room for the user's root. */
gml_wisdom_places gml_wisdom_places_of_process(char *user, size_t size);
void gml_wisdom_search(gml_wisdom_list *list, const gml_wisdom_filter *filter, gml_wisdom_loaded *loaded,
                       const gml_wisdom_listener *listener);

/* $XDG_DATA_HOME/gemmule/wisdom, or ~/.local/share/gemmule/wisdom; false where there is no home, or it does not fit. */
bool gml_wisdom_user_root(char *path, size_t size);

#endif
