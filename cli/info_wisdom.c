/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom in `gemmule info`: the search that the library makes, listened to.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"
#include "cli/info.h"
#include "cli/table.h"
#include "cli/wisdom.h"
#include "src/api/context.h"
#include "src/plan/wisdom_files.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct found {
    char path[PATH_MAX];
    gml_wisdom_refusal refusal;
    gml_wisdom_count lines;
} found;

typedef struct search {
    char user[PATH_MAX], fingerprint[GML_FINGERPRINT_TEXT];
    gml_wisdom_places places;
    gml_wisdom_filter filter;
    gml_wisdom_loaded loaded;
    found *file;
    size_t files;
} search;

static void told(void *host, const char *path, gml_wisdom_refusal refusal, const gml_wisdom_count *lines)
{
    search *self = host;
    self->file = cli_reallocate(self->file, self->files + 1, sizeof *self->file);
    found *one = &self->file[self->files++];
    *one = (found){.refusal = refusal, .lines = *lines};
    snprintf(one->path, sizeof one->path, "%s", path);
}

static search *find(void)
{
    const gml_context *context = gml_context_or_default(NULL);
    search *self = cli_allocate(1, sizeof *self);
    *self = (search){.file = NULL};
    self->places = gml_wisdom_places_of_process(self->user, sizeof self->user);
    self->filter = (gml_wisdom_filter){.machine = gml_fingerprint(&context->machine, self->fingerprint),
                                       .set = context->runtime.set};
    const gml_wisdom_listener listener = {told, self};
    gml_wisdom_list list = {0};
    gml_wisdom_search_places(&list, &self->places, &self->filter, &self->loaded, &listener);
    gml_wisdom_list_free(&list);
    return self;
}

static void forget(search *self)
{
    free(self->file);
    free(self);
}

static bool is_off(const search *self)
{
    return self->places.list && !strcmp(self->places.list, "off");
}

static void print_places(const search *self)
{
    if (is_off(self)) {
        printf("Searched  nothing: GEMMULE_WISDOM=off\n");
        return;
    }
    printf("Searched  ");
    if (self->places.list)
        printf("%s (GEMMULE_WISDOM), ", self->places.list);
    printf("%s, %s\n", self->places.user ? self->places.user : "no home", self->places.system);
}

static void print_record(void)
{
    const char *name = getenv("GEMMULE_RECORD");
    if (!name || !*name)
        printf("Record    off: GEMMULE_RECORD is not set\n");
    else if (gml_environment_read()->record.ignored)
        printf("Record    off: GEMMULE_RECORD=%s is ignored, too long for a path\n", name);
    else
        printf("Record    on: GEMMULE_RECORD=%s\n", name);
}

void info_wisdom_print(void)
{
    search *self = find();
    const gml_wisdom_count *sum = &self->loaded.lines;
    const int64_t ignored = sum->foreign + sum->stale + sum->damaged + sum->invalid;
    printf("\nWisdom    %" PRId64 " entries of %" PRId64 " files", sum->accepted,
           self->loaded.files[GML_WISDOM_READ]);
    if (ignored)
        printf("; ignored: %" PRId64 " of another machine or kernel set, %" PRId64
               " of kernels that have changed, %" PRId64 " damaged, %" PRId64 " invalid",
               sum->foreign, sum->stale, sum->damaged, sum->invalid);
    printf("\nMachine   %016" PRIx64 ": %s\n", self->filter.machine, self->fingerprint);
    print_places(self);
    print_record();
    if (self->files) {
        table t =
            table_open("file of wisdom", "", ">accepted", ">foreign", ">stale", ">damaged", ">invalid", NULL);
        for (size_t i = 0; i < self->files; i++) {
            const found *one = &self->file[i];
            const gml_wisdom_count *n = &one->lines;
            table_row(&t, "%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64, one->path,
                      gml_wisdom_refusal_text(one->refusal), n->accepted, n->foreign, n->stale, n->damaged,
                      n->invalid);
        }
        printf("\n");
        table_print(&t, stdout);
    }
    forget(self);
}

void info_wisdom_json(json *out)
{
    search *self = find();
    char machine[17];
    snprintf(machine, sizeof machine, "%016" PRIx64, self->filter.machine);
    json_object(out, "wisdom");
    json_text(out, "environment", self->places.list);
    json_bool(out, "off", is_off(self));
    json_text(out, "machine", machine);
    json_text(out, "fingerprint", self->fingerprint);
    json_array(out, "roots");
    if (!is_off(self) && self->places.user)
        json_text(out, NULL, self->places.user);
    if (!is_off(self))
        json_text(out, NULL, self->places.system);
    json_end(out);
    wisdom_json_count(out, &self->loaded.lines);
    json_array(out, "files");
    for (size_t i = 0; i < self->files; i++) {
        json_object(out, NULL);
        json_text(out, "path", self->file[i].path);
        json_bool(out, "read", self->file[i].refusal == GML_WISDOM_READ);
        json_text(out, "why", gml_wisdom_refusal_text(self->file[i].refusal));
        wisdom_json_count(out, &self->file[i].lines);
        json_end(out);
    }
    json_end(out);
    json_end(out);
    json_object(out, "record");
    json_text(out, "environment", getenv("GEMMULE_RECORD"));
    json_bool(out, "ignored", gml_environment_read()->record.ignored);
    json_end(out);
    forget(self);
}
