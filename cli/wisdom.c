/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule wisdom`: what tuning found out, looked at, carried elsewhere, pooled, taken back.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "cli/wisdom.h"
#include "cli/cli.h"
#include "src/core/select.h"
#include "tune/store_files.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wisdom_here wisdom_of_process(void)
{
    wisdom_here here = {.context = gml_context_or_default(NULL)};
    here.filter.machine = gml_fingerprint(&here.context->machine, here.fingerprint);
    here.filter.set = here.context->runtime.set;
    return here;
}

/* An entry and its place. */
typedef struct placed {
    const gml_wisdom_entry *entry;
    int64_t place;
} placed;

static int by_problem(const void *x, const void *y)
{
    const placed *a = x, *b = y;
    const int order = tune_compare_problem(a->entry, b->entry);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

wisdom_use *wisdom_uses(const wisdom_here *here, const gml_wisdom_list *list)
{
    wisdom_use *use = cli_allocate((size_t)list->count, sizeof *use);
    placed *all = cli_allocate((size_t)list->count, sizeof *all);
    for (int64_t i = 0; i < list->count; i++)
        all[i] = (placed){&list->entry[i], i};
    qsort(all, (size_t)list->count, sizeof *all, by_problem);
    for (int64_t i = 0; i < list->count; i++) {
        const gml_wisdom_entry *e = all[i].entry;
        const gml_kernel_set *set = gml_set_by_name(e->isa);
        const bool ours = e->machine == here->filter.machine && set == here->filter.set;
        use[all[i].place] =
            !ours ? WISDOM_FOREIGN
            : e->revision != gml_revision(set, (gml_operation)e->key.operation, (gml_type)e->key.type)
                ? WISDOM_STALE
            : i && !tune_compare_problem(all[i - 1].entry, e) ? WISDOM_SUPERSEDED
                                                              : WISDOM_USED;
    }
    free(all);
    return use;
}

bool wisdom_read_named(const char *command, const char *path, gml_wisdom_list *list,
                       gml_wisdom_loaded *loaded, const gml_wisdom_listener *listener)
{
    const gml_wisdom_filter all = {.machine = 0};
    errno = 0;
    const gml_wisdom_refusal refusal = gml_wisdom_load_file(list, path, &all, loaded, listener);
    if (refusal == GML_WISDOM_READ)
        return true;
    const bool why = refusal == GML_WISDOM_UNREADABLE && errno;
    fprintf(stderr, "%s: %s %s%s%s\n", command, path, gml_wisdom_refusal_text(refusal), why ? ": " : "",
            why ? strerror(errno) : "");
    return false;
}

void wisdom_in_use(const wisdom_here *here, const gml_wisdom_places *places, gml_wisdom_list *list)
{
    gml_wisdom_loaded loaded = {0};
    gml_wisdom_search_places(list, places, &here->filter, &loaded, NULL);
    wisdom_use *use = wisdom_uses(here, list);
    int64_t count = 0;
    for (int64_t i = 0; i < list->count; i++)
        if (use[i] == WISDOM_USED)
            list->entry[count++] = list->entry[i];
    list->count = count;
    free(use);
}

const char *wisdom_ignored(const gml_wisdom_count *lines, char text[WISDOM_IGNORED])
{
    const struct {
        int64_t count;
        const char *what;
    } reasons[] = {{lines->foreign, "of another machine or kernel set"},
                   {lines->stale, "of kernels that have changed"},
                   {lines->damaged, "damaged"},
                   {lines->invalid, "invalid"}};
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].count)
            used += (size_t)snprintf(text + used, WISDOM_IGNORED - used, "%s%" PRId64 " %s", used ? ", " : "",
                                     reasons[i].count, reasons[i].what);
    return text;
}

const char *wisdom_root(const char *command, const char *directory, char *root, size_t size)
{
    char sentence[TUNE_SENTENCE];
    if (directory)
        return directory;
    if (tune_user_root(root, size, sentence))
        return root;
    fprintf(stderr, "%s: %s; --directory names another place\n", command, sentence);
    return NULL;
}

void wisdom_print_undo(const char *run, const char *directory)
{
    printf("Undo      gemmule wisdom prune --run %s", run);
    if (directory)
        printf(" --directory '%s'", directory);
    putchar('\n');
}

int wisdom_not_written(const char *command, const char *sentence)
{
    static const int named[] = {ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, EROFS, ENAMETOOLONG, ELOOP, EBUSY};
    int code = CLI_FAILED;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (errno == named[i]) /* it is the name that is wrong, not the disk */
            code = CLI_USAGE;
    fprintf(stderr, "%s: %s\n", command, sentence);
    return code;
}

/* The first line of a file, its entries and its last line. */
static void print_file(const gml_wisdom_list *list)
{
    char line[GML_WISDOM_LINE];
    fwrite(line, 1, gml_wisdom_write_begin(line), stdout);
    for (int64_t i = 0; i < list->count; i++)
        fwrite(line, 1, gml_wisdom_write(&list->entry[i], line), stdout);
    fwrite(line, 1, gml_wisdom_write_end(list->count, line), stdout);
}

/* Writes what came of a command where it belongs. */
static int put_out(const char *command, const char *output, const gml_wisdom_list *list)
{
    char sentence[TUNE_SENTENCE];
    if (!output)
        print_file(list);
    else if (!tune_write_file(output, list, sentence))
        return wisdom_not_written(command, sentence);
    return CLI_FINE;
}

static int wisdom_export(int argc, char **argv)
{
    static const char command[] = "gemmule wisdom export";
    const char *output = NULL;
    const cli_option options[] = {
        CLI_TEXT("--output", "FILE", &output, "write there; default: standard output"),
        CLI_END,
    };
    const cli_usage usage = {
        command, "[--output FILE]",
        "Writes all wisdom that a process started now would use, as one file that can be\n"
        "imported elsewhere: on machines of the same kind, with the same kernels.\n",
        options};
    int code;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;
    const wisdom_here here = wisdom_of_process();
    char user[PATH_MAX];
    const gml_wisdom_places places = gml_wisdom_places_of_process(user, sizeof user);
    gml_wisdom_list list = {0};
    wisdom_in_use(&here, &places, &list);
    code = put_out(command, output, &list);
    if (code == CLI_FINE && (output || !list.count))
        fprintf(output ? stdout : stderr, "Exported  %" PRId64 " entries%s%s\n", list.count,
                output ? " to " : "", output ? output : ": no wisdom is in use");
    gml_wisdom_list_free(&list);
    return code;
}

/* Leaves what some kernel set of this machine can use, and counts the rest. */
static void sieve(const wisdom_here *here, gml_wisdom_list *list, gml_wisdom_count *lines)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < list->count; i++) {
        const gml_wisdom_entry *e = &list->entry[i];
        const gml_kernel_set *set = gml_set_by_name(e->isa);
        const bool runs = set && !(set->needs & ~here->context->machine.features);
        if (e->machine != here->filter.machine || !runs)
            lines->foreign++;
        else if (e->revision != gml_revision(set, (gml_operation)e->key.operation, (gml_type)e->key.type))
            lines->stale++;
        else
            list->entry[kept++] = *e;
    }
    list->count = lines->accepted = kept;
}

/* Writes a list as a run of its own. */
static int keep_run(const char *command, const wisdom_here *here, const char *directory,
                    const gml_wisdom_list *list, const char *from)
{
    char sentence[TUNE_SENTENCE], user[PATH_MAX], run[GML_RUN_TEXT];
    const char *root = wisdom_root(command, directory, user, sizeof user);
    if (!root)
        return CLI_FAILED;
    tune_store *store = tune_store_open(root, here->filter.machine, 0, sentence);
    if (!store)
        return wisdom_not_written(command, sentence);
    snprintf(run, sizeof run, "%s", tune_store_run(store));
    bool fine = tune_store_add_all(store, list, sentence);
    if (fine)
        fine = tune_store_close(store, sentence);
    else
        tune_store_discard(store);
    if (!fine)
        return wisdom_not_written(command, sentence);
    printf("Imported  %" PRId64 " entries of %s into %s\n", list->count, from, root);
    wisdom_print_undo(run, directory);
    return CLI_FINE;
}

static int wisdom_import(int argc, char **argv)
{
    static const char command[] = "gemmule wisdom import";
    const char *directory = NULL, *path = NULL;
    const cli_option options[] = {
        CLI_TEXT("--directory", "DIR", &directory, "root of the wisdom; default: the user's"),
        CLI_END,
    };
    const cli_usage usage = {
        command, "FILE [--directory DIR]",
        "Takes the entries of FILE that hold for this machine and these kernels into the\n"
        "user's directory, as a run of its own that comes before all earlier ones.\n"
        "\n"
        "Exit codes: 0 imported; 1 none of it holds here; 2 the file is not to be read.\n",
        options};
    int code;
    const int operands = cli_parse(&usage, argc, argv, &path, 1, &code);
    if (operands < 0)
        return code;
    if (!operands)
        return cli_usage_error(command, "a file is missing (see %s --help)", command);
    gml_wisdom_list list = {0};
    gml_wisdom_loaded loaded = {0};
    code = CLI_USAGE;
    if (wisdom_read_named(command, path, &list, &loaded, NULL)) {
        const wisdom_here here = wisdom_of_process();
        sieve(&here, &list, &loaded.lines);
        code = list.count ? keep_run(command, &here, directory, &list, path) : CLI_FINDING;
        char ignored[WISDOM_IGNORED];
        if (!list.count)
            printf("Nothing of %s holds here; nothing was written.\n", path);
        if ((code == CLI_FINE || code == CLI_FINDING) && *wisdom_ignored(&loaded.lines, ignored))
            printf("Ignored   %s\n", ignored);
    }
    gml_wisdom_list_free(&list);
    return code;
}

static int wisdom_merge(int argc, char **argv)
{
    enum { MOST = 1024 };
    static const char command[] = "gemmule wisdom merge";
    static const char *path[MOST];
    const char *output = NULL;
    const cli_option options[] = {
        CLI_TEXT("--output", "FILE", &output, "write there; default: standard output"),
        CLI_END,
    };
    const cli_usage usage = {
        command, "FILE... [--output FILE]",
        "Pools the evidence of several runs into one file, one entry for each problem.\n"
        "Gains of the same choice are averaged by their precision; of different choices\n"
        "the one that is surer to gain stands; where runs contradict each other, the\n"
        "model's plan does. Files may be of any machines; each keeps its entries.\n",
        options};
    int code;
    const int operands = cli_parse(&usage, argc, argv, path, MOST, &code);
    if (operands < 0)
        return code;
    if (!operands)
        return cli_usage_error(command, "files are missing (see %s --help)", command);
    gml_wisdom_list list = {0}, merged = {0};
    gml_wisdom_loaded loaded = {0};
    code = CLI_FINE;
    for (int i = 0; i < operands; i++)
        if (!wisdom_read_named(command, path[i], &list, &loaded, NULL))
            code = CLI_USAGE;
    if (code == CLI_FINE && !tune_merge(&list, &merged)) {
        fprintf(stderr, "%s: out of memory\n", command);
        code = CLI_FAILED;
    }
    if (code == CLI_FINE)
        code = put_out(command, output, &merged);
    if (code == CLI_FINE) {
        char ignored[WISDOM_IGNORED];
        FILE *to = output ? stdout : stderr;
        fprintf(to, "Merged    %" PRId64 " entries of %d files: %" PRId64 " problems%s%s\n", list.count,
                operands, merged.count, output ? ", to " : "", output ? output : "");
        if (*wisdom_ignored(&loaded.lines, ignored))
            fprintf(to, "Ignored   %s\n", ignored);
    }
    gml_wisdom_list_free(&list);
    gml_wisdom_list_free(&merged);
    return code;
}

static int wisdom_prune(int argc, char **argv)
{
    static const char command[] = "gemmule wisdom prune";
    tune_prune what = {.run = NULL};
    const char *directory = NULL;
    const cli_option options[] = {
        CLI_TEXT("--run", "RUN", &what.run, "what this run wrote: the entries before it count again"),
        CLI_FLAG("--stale", &what.stale, "what this machine's kernels do not match any more"),
        CLI_FLAG("--all", &what.everything, "all of this machine"),
        CLI_TEXT("--directory", "DIR", &directory, "root of the wisdom; default: the user's"),
        CLI_END,
    };
    const cli_usage usage = {command, "--run RUN | --stale | --all [--directory DIR]",
                             "Removes entries. Those of other machines in the same directory stay.\n",
                             options};
    int code;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;
    if ((what.run != NULL) + what.stale + what.everything != 1)
        return cli_usage_error(command, "one of --run, --stale and --all is needed (see %s --help)", command);
    char user[PATH_MAX], sentence[TUNE_SENTENCE];
    const char *root = wisdom_root(command, directory, user, sizeof user);
    if (!root)
        return CLI_FAILED;
    const wisdom_here here = wisdom_of_process();
    const int64_t removed = tune_store_prune(root, what.run ? NULL : &here.context->machine, &what, sentence);
    if (removed < 0)
        return wisdom_not_written(command, sentence);
    if (!removed && what.run)
        return cli_usage_error(command, "%s has no entry of the run '%s'", root, what.run);
    printf("Removed   %" PRId64 " entries from %s\n", removed, root);
    return CLI_FINE;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"show", wisdom_show, "what is known, where from, and what was ignored and why"},
    {"export", wisdom_export, "all that is in use, as one file"},
    {"import", wisdom_import, "take a file into the user's directory"},
    {"merge", wisdom_merge, "pool the evidence of several runs"},
    {"verify", wisdom_verify, "measure the winners again, and retire those that lose"},
    {"prune", wisdom_prune, "take back a run, or what has become stale"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int print_help(void)
{
    printf("Usage: gemmule wisdom COMMAND [OPTIONS]\n"
           "\n"
           "What gemmule tune found out about this machine.\n"
           "\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].help);
    printf("\ngemmule wisdom COMMAND --help says more of each.\n");
    return CLI_FINE;
}

int gemmule_wisdom(int argc, char **argv)
{
    static const char command[] = "gemmule wisdom";
    if (argc < 2)
        return cli_usage_error(command, "a command is missing (see %s --help)", command);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return print_help();
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    return cli_usage_error(command, "there is no command '%s' (see %s --help)", argv[1], command);
}
