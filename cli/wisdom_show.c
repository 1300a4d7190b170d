/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule wisdom show`: entries, by the places they come from, and what was ignored and why.
 */
#define _GNU_SOURCE /* timegm */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/wisdom.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char command[] = "gemmule wisdom show";
static const char *const uses[WISDOM_USES] = {"used", "superseded", "foreign", "stale"};

enum { SECTIONS = 256 };

typedef struct source {
    char *path;
    gml_wisdom_refusal refusal;
    gml_wisdom_count lines;
    int64_t first; /* of its entries, of which it has lines.accepted */
} source;

/* What was named, or a place of the search. */
typedef struct section {
    const char *title, *note; /* a path, and what it is */
    int files, end;           /* its files              */
} section;

typedef struct shown {
    wisdom_here here;
    bool all, off;
    gml_wisdom_list list;
    gml_wisdom_loaded loaded;
    wisdom_use *use; /* of each entry */
    source *file;
    int files, sections;
    int64_t told;
    section section[SECTIONS];
} shown;

static void told(void *host, const char *path, gml_wisdom_refusal refusal, const gml_wisdom_count *lines)
{
    shown *self = host;
    self->file = cli_reallocate(self->file, (size_t)self->files + 1, sizeof *self->file);
    source *one = &self->file[self->files++];
    *one = (source){cli_allocate(strlen(path) + 1, 1), refusal, *lines, self->told};
    memcpy(one->path, path, strlen(path) + 1);
    self->told += lines->accepted;
}

static section *begin_section(shown *self, const char *title, const char *note)
{
    section *new = &self->section[self->sections++];
    *new = (section){.title = title, .note = note, .files = self->files, .end = self->files};
    return new;
}

/* Each place of the search by itself, so that it is known what came from where. */
static void search(shown *self, const gml_wisdom_places *places)
{
    const gml_wisdom_filter all = {.machine = 0}, *filter = self->all ? &all : &self->here.filter;
    const gml_wisdom_listener listener = {told, self};
    const gml_wisdom_places place[] = {
        {.list = places->list}, {.user = places->user}, {.system = places->system}};
    const char *const notes[] = {"GEMMULE_WISDOM", "the user's", "the system's"};
    self->off = places->list && !strcmp(places->list, "off");
    for (int i = 0; i < 3 && !self->off; i++) {
        const char *title = i == 0 ? places->list : i == 1 ? places->user : places->system;
        if (!title)
            continue;
        section *here = begin_section(self, title, notes[i]);
        gml_wisdom_search_places(&self->list, &place[i], filter, &self->loaded, &listener);
        here->end = self->files;
    }
}

/* A file or a root that the user named; false: a sentence. */
static bool read_named(shown *self, const char *path)
{
    const gml_wisdom_filter all = {.machine = 0};
    const gml_wisdom_listener listener = {told, self};
    section *here = begin_section(self, path, NULL);
    struct stat is;
    bool fine = true;
    if (stat(path, &is) == 0 && S_ISDIR(is.st_mode))
        gml_wisdom_load_root(&self->list, path, self->all ? &all : &self->here.filter, &self->loaded,
                             &listener);
    else
        fine = wisdom_read_named(command, path, &self->list, &self->loaded, &listener);
    here->end = self->files;
    return fine;
}

/* How long ago a run began, as its name says: "12 min", "3 h", "5 d". */
static const char *age_of(const char *run, char text[16])
{
    struct tm utc = {.tm_isdst = 0};
    const char *end = strptime(run, "%Y%m%dT%H%M%SZ", &utc);
    const double seconds = end && *end == '-' ? difftime(time(NULL), timegm(&utc)) : -1;
    if (seconds < 0)
        snprintf(text, 16, "-");
    else if (seconds < 3600)
        snprintf(text, 16, "%.0f min", floor(seconds / 60));
    else if (seconds < 48 * 3600)
        snprintf(text, 16, "%.0f h", floor(seconds / 3600));
    else
        snprintf(text, 16, "%.0f d", floor(seconds / 86400));
    return text;
}

static void add_entry(table *t, const shown *self, int64_t i)
{
    const gml_wisdom_entry *e = &self->list.entry[i];
    char problem[TUNE_PROBLEM_TEXT], choice[GML_CHOICE_TEXT], interval[32] = "", gain[16] = "", age[16];
    gml_choice_write((gml_operation)e->key.operation, &e->choice, choice, sizeof choice);
    if (!gml_choice_is_model(&e->choice)) {
        snprintf(gain, sizeof gain, "%.3f", e->gain);
        snprintf(interval, sizeof interval, "%.3f to %.3f", e->low, e->high);
    }
    table_row(t, "%s\t%s\t%s\t%s\t%s%s\t%s\t%s%s%s", tune_problem_text(&e->key, problem), choice, gain,
              interval, e->scope == GML_SCOPE_CELL ? "cell" : "exact",
              e->state == GML_STATE_WARM ? ", warm" : "", age_of(e->run, age), e->run, self->all ? "\t" : "",
              self->all ? uses[self->use[i]] : "");
}

/* The entries of a section's files, and how well predictions from them hold. */
static void print_entries(const shown *self, const section *of)
{
    table entries =
        self->all ? table_open("problem", "choice", ">gain", "95 %", "holds for", ">age", "run", "", NULL)
                  : table_open("problem", "choice", ">gain", "95 %", "holds for", ">age", "run", NULL);
    table errors = table_open("predictions", "set", ">error", "run", NULL);
    int hidden = 0;
    for (int f = of->files; f < of->end; f++)
        for (int64_t i = self->file[f].first; i < self->file[f].first + self->file[f].lines.accepted; i++) {
            const gml_wisdom_entry *e = &self->list.entry[i];
            if (self->use[i] != WISDOM_USED && !self->all)
                hidden++;
            else if (e->error)
                table_row(&errors, "%s %s, %d thread%s\t%s\t%.1f %%\t%s",
                          gml_operation_name((gml_operation)e->key.operation),
                          e->key.type == GML_F64 ? "f64" : "f32", e->key.threads,
                          e->key.threads == 1 ? "" : "s", e->isa, 100 * e->gain, e->run);
            else
                add_entry(&entries, self, i);
        }
    table *const tables[] = {&entries, &errors};
    for (int i = 0; i < 2; i++)
        if (tables[i]->rows > 1) {
            putchar('\n');
            table_print(tables[i], stdout);
        } else {
            table_free(tables[i]);
        }
    if (hidden)
        printf("\nand %d that are not in use: --all shows them\n", hidden);
}

static void print_section(const shown *self, const section *of)
{
    char ignored[WISDOM_IGNORED];
    printf("\n%s", of->title);
    if (of->note)
        printf(" (%s)", of->note);
    printf("%s\n", of->files == of->end ? ": nothing" : "");
    for (int f = of->files; f < of->end; f++) {
        const source *file = &self->file[f];
        const char *name = strncmp(file->path, of->title, strlen(of->title)) || !file->path[strlen(of->title)]
                               ? file->path
                               : file->path + strlen(of->title) + 1;
        printf("  %s: ", name);
        if (file->refusal == GML_WISDOM_READ)
            printf("%" PRId64 " entries", file->lines.accepted);
        else
            printf("ignored, it %s", gml_wisdom_refusal_text(file->refusal));
        if (*wisdom_ignored(&file->lines, ignored))
            printf("; ignored: %s", ignored);
        putchar('\n');
    }
    print_entries(self, of);
}

/* Geometric mean over the problems that are in use, those that keep the model's plan included. */
static double mean_gain(const shown *self, int64_t *problems, int64_t *winners)
{
    double sum = 0;
    *problems = *winners = 0;
    for (int64_t i = 0; i < self->list.count; i++)
        if (self->use[i] == WISDOM_USED && !self->list.entry[i].error) {
            ++*problems;
            *winners += !gml_choice_is_model(&self->list.entry[i].choice);
            sum += log(self->list.entry[i].gain);
        }
    return *problems ? exp(sum / (double)*problems) : 1;
}

static void print_text(const shown *self)
{
    int64_t problems, winners;
    const double gain = mean_gain(self, &problems, &winners);
    printf("Machine   %s (%016" PRIx64 "), kernels %s\n", self->here.fingerprint, self->here.filter.machine,
           self->here.filter.set->isa);
    if (self->off)
        printf("GEMMULE_WISDOM=off: nothing is read\n");
    for (int i = 0; i < self->sections; i++)
        print_section(self, &self->section[i]);
    if (problems)
        printf("\nKnown     %" PRId64 " problems; faster plans than the model's: %" PRId64
               "; mean gain %.3f\n",
               problems, winners, gain);
}

void wisdom_json_count(json *to, const gml_wisdom_count *lines)
{
    json_integer(to, "accepted", lines->accepted);
    json_integer(to, "foreign", lines->foreign);
    json_integer(to, "stale", lines->stale);
    json_integer(to, "damaged", lines->damaged);
    json_integer(to, "invalid", lines->invalid);
}

static void json_entry(json *to, const shown *self, int64_t i)
{
    const gml_wisdom_entry *e = &self->list.entry[i];
    char text[GML_KEY_TEXT + GML_CHOICE_TEXT];
    json_object(to, NULL);
    json_text(to, "use", uses[self->use[i]]);
    snprintf(text, sizeof text, "%016" PRIx64, e->machine);
    json_text(to, "machine", text);
    json_text(to, "isa", e->isa);
    snprintf(text, sizeof text, "%08" PRIx32, e->revision);
    json_text(to, "revision", text);
    json_text(to, "run", e->run);
    if (e->error) {
        json_text(to, "operation", gml_operation_name((gml_operation)e->key.operation));
        json_text(to, "type", e->key.type == GML_F64 ? "f64" : "f32");
        json_integer(to, "threads", e->key.threads);
        json_real(to, "error", e->gain);
    } else {
        gml_key_write(&e->key, text, sizeof text);
        json_text(to, "problem", text);
        gml_choice_write((gml_operation)e->key.operation, &e->choice, text, sizeof text);
        json_text(to, "choice", text);
        json_real(to, "gain", e->gain);
        json_real(to, "low", e->low);
        json_real(to, "high", e->high);
        json_integer(to, "samples", e->samples);
        json_text(to, "scope", e->scope == GML_SCOPE_CELL ? "cell" : "exact");
        json_text(to, "state", e->state == GML_STATE_WARM ? "warm" : "rotated");
    }
    json_end(to);
}

/* What entries must have as their revision. */
static void json_revisions(json *to, const gml_kernel_set *set)
{
    json_object(to, "revisions");
    for (int i = 0; i < GML_OPERATIONS; i++)
        for (int type = GML_F32; type <= (i == GML_OPERATION_GEMM ? GML_F64 : GML_F32); type++) {
            char name[32], text[16];
            snprintf(name, sizeof name, "%s %s", gml_operation_name((gml_operation)i),
                     type == GML_F64 ? "f64" : "f32");
            snprintf(text, sizeof text, "%08" PRIx32, gml_revision(set, (gml_operation)i, (gml_type)type));
            json_text(to, name, text);
        }
    json_end(to);
}

static void print_json(const shown *self)
{
    char machine[20];
    int64_t problems, winners;
    const double gain = mean_gain(self, &problems, &winners);
    snprintf(machine, sizeof machine, "%016" PRIx64, self->here.filter.machine);
    json to = json_open(stdout);
    json_object(&to, NULL);
    json_text(&to, "machine", machine);
    json_text(&to, "fingerprint", self->here.fingerprint);
    json_text(&to, "isa", self->here.filter.set->isa);
    json_revisions(&to, self->here.filter.set);
    json_bool(&to, "off", self->off);
    json_integer(&to, "problems", problems);
    json_integer(&to, "winners", winners);
    json_real(&to, "gain", gain);
    wisdom_json_count(&to, &self->loaded.lines);
    json_array(&to, "places");
    for (int s = 0; s < self->sections; s++) {
        json_object(&to, NULL);
        json_text(&to, "path", self->section[s].title);
        json_text(&to, "place", self->section[s].note);
        json_array(&to, "files");
        for (int f = self->section[s].files; f < self->section[s].end; f++) {
            const source *file = &self->file[f];
            json_object(&to, NULL);
            json_text(&to, "path", file->path);
            json_bool(&to, "read", file->refusal == GML_WISDOM_READ);
            json_text(&to, "why", gml_wisdom_refusal_text(file->refusal));
            wisdom_json_count(&to, &file->lines);
            json_array(&to, "entries");
            for (int64_t i = file->first; i < file->first + file->lines.accepted; i++)
                if (self->all || self->use[i] == WISDOM_USED)
                    json_entry(&to, self, i);
            json_end(&to);
            json_end(&to);
        }
        json_end(&to);
        json_end(&to);
    }
    json_end(&to);
    json_close(&to);
}

int wisdom_show(int argc, char **argv)
{
    bool in_json = false;
    shown *self = cli_allocate(1, sizeof *self);
    const char *path[SECTIONS];
    const cli_option options[] = {
        CLI_FLAG("--all", &self->all, "entries that are not in use, too: of other machines, kernels, older"),
        CLI_FLAG("--json", &in_json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {command, "[FILE | DIR ...] [--all] [--json]",
                             "Prints entries of files, or of directories with one for each machine; without\n"
                             "arguments what a process that is started now would read, by place.\n",
                             options};
    int code = CLI_FINE;
    const int operands = cli_parse(&usage, argc, argv, path, SECTIONS, &code);
    char user[PATH_MAX];
    if (operands >= 0) {
        self->here = wisdom_of_process();
        const gml_wisdom_places places = gml_wisdom_places_of_process(user, sizeof user);
        if (!operands)
            search(self, &places);
        for (int i = 0; i < operands; i++)
            if (!read_named(self, path[i]))
                code = CLI_USAGE;
        self->use = wisdom_uses(&self->here, &self->list);
        if (code == CLI_FINE && in_json)
            print_json(self);
        else if (code == CLI_FINE)
            print_text(self);
    }
    for (int i = 0; i < self->files; i++)
        free(self->file[i].path);
    free(self->file);
    free(self->use);
    gml_wisdom_list_free(&self->list);
    free(self);
    return code;
}
