/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule wisdom verify`: winners against the model's plan once more, on fresh samples. What now surely loses is retired
 * by a run that says so: for its problem it comes before all others.
 */
#define _DEFAULT_SOURCE /* PATH_MAX */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/tune.h"
#include "cli/wisdom.h"
#include "tune/retire.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char command[] = "gemmule wisdom verify";

typedef struct verification {
    const char *directory, *root; /* --directory, or NULL; and what is meant */
    double budget;
    bool json, quiet;
    gml_wisdom_list list; /* the winners */
    tune_duel *duel;
    int64_t count[4]; /* by verdict                */
    int64_t retired;  /* of those, and written down */
    char run[GML_RUN_TEXT];
} verification;

static const char *verdict_of(const tune_duel *duel)
{
    if (duel->verdict == TUNE_WRONG)
        return "wrong";
    if (tune_is_lost(duel))
        return "loses";
    return duel->verdict == TUNE_NOT_REACHED ? "not reached"
           : duel->verdict == TUNE_STANDS    ? "stands"
                                             : "unsure";
}

static bool progress(void *host, int64_t done, const gml_wisdom_entry *entry, const tune_duel *duel)
{
    const verification *with = host;
    if (!with->quiet) {
        char problem[TUNE_PROBLEM_TEXT];
        fprintf(stderr, "\r%" PRId64 " of %" PRId64 "  %.70s: %s\033[K", done, with->list.count,
                tune_problem_text(&entry->key, problem), verdict_of(duel));
        fflush(stderr);
    }
    return !tune_signalled();
}

/* Leaves what chooses something. */
static void leave_winners(gml_wisdom_list *list)
{
    int64_t count = 0;
    for (int64_t i = 0; i < list->count; i++)
        if (!list->entry[i].error && !gml_choice_is_model(&list->entry[i].choice))
            list->entry[count++] = list->entry[i];
    list->count = count;
}

static void print_text(const verification *with)
{
    if (!with->list.count) {
        printf("No winners are in use from %s.\n", with->root);
        return;
    }
    table t = table_open("problem", "choice", ">gain", "95 %", ">before", "", NULL);
    for (int64_t i = 0; i < with->list.count; i++) {
        const gml_wisdom_entry *e = &with->list.entry[i];
        const tune_duel *d = &with->duel[i];
        char problem[TUNE_PROBLEM_TEXT], choice[GML_CHOICE_TEXT], gain[48] = "\t";
        gml_choice_write((gml_operation)e->key.operation, &e->choice, choice, sizeof choice);
        if (d->samples)
            snprintf(gain, sizeof gain, "%.3f\t%.3f to %.3f", d->gain, d->low, d->high);
        table_row(&t, "%s\t%s\t%s\t%.3f\t%s", tune_problem_text(&e->key, problem), choice, gain, e->gain,
                  verdict_of(d));
    }
    table_print(&t, stdout);
    printf("\n%" PRId64 " winners: %" PRId64 " stand, %" PRId64 " are not seen to win any more, %" PRId64
           " lose, %" PRId64 " are wrong, %" PRId64 " not reached\n",
           with->list.count, with->count[TUNE_STANDS], with->count[TUNE_NO_FASTER],
           with->retired - with->count[TUNE_WRONG], with->count[TUNE_WRONG], with->count[TUNE_NOT_REACHED]);
    if (with->retired) {
        printf("Retired   %" PRId64 ", which keep the model's plan from now on\n", with->retired);
        wisdom_print_undo(with->run, with->directory);
    }
}

static void print_json(const verification *with)
{
    json to = json_open(stdout);
    json_object(&to, NULL);
    json_text(&to, "directory", with->root);
    json_real(&to, "budget", with->budget);
    json_integer(&to, "winners", with->list.count);
    json_integer(&to, "stand", with->count[TUNE_STANDS]);
    json_integer(&to, "unsure", with->count[TUNE_NO_FASTER]);
    json_integer(&to, "wrong", with->count[TUNE_WRONG]);
    json_integer(&to, "not_reached", with->count[TUNE_NOT_REACHED]);
    json_integer(&to, "retired", with->retired);
    json_text(&to, "run", with->retired ? with->run : NULL);
    json_array(&to, "entries");
    for (int64_t i = 0; i < with->list.count; i++) {
        const gml_wisdom_entry *e = &with->list.entry[i];
        const tune_duel *d = &with->duel[i];
        char text[GML_KEY_TEXT + GML_CHOICE_TEXT];
        json_object(&to, NULL);
        gml_key_write(&e->key, text, sizeof text);
        json_text(&to, "problem", text);
        gml_choice_write((gml_operation)e->key.operation, &e->choice, text, sizeof text);
        json_text(&to, "choice", text);
        json_text(&to, "verdict", verdict_of(d));
        json_real(&to, "before", e->gain);
        json_real(&to, "gain", d->gain);
        json_real(&to, "low", d->low);
        json_real(&to, "high", d->high);
        json_integer(&to, "samples", d->samples);
        json_end(&to);
    }
    json_end(&to);
    json_close(&to);
}

static int verify(verification *with)
{
    const wisdom_here here = wisdom_of_process();
    const gml_wisdom_places places = {.user = with->root};
    char sentence[TUNE_SENTENCE];
    wisdom_in_use(&here, &places, &with->list);
    leave_winners(&with->list);
    with->duel = cli_allocate((size_t)with->list.count, sizeof *with->duel);
    const tune_duels duels = {.on = {&here.context->machine, &here.context->runtime},
                              .budget = with->budget,
                              .seed = 1,
                              .told = progress,
                              .host = with};
    tune_signals_watch();
    const bool fine = !with->list.count || tune_duel_again(&duels, &with->list, with->duel);
    if (!with->quiet)
        fputs("\r\033[K", stderr);
    if (!fine) {
        fprintf(stderr, "%s: out of memory\n", command);
        return CLI_FAILED;
    }
    with->retired =
        tune_retire(with->root, here.filter.machine, &with->list, with->duel, with->run, sentence);
    if (with->retired < 0)
        return wisdom_not_written(command, sentence);
    for (int64_t i = 0; i < with->list.count; i++)
        with->count[with->duel[i].verdict] +=
            with->duel[i].verdict == TUNE_WRONG || !tune_is_lost(&with->duel[i]);
    if (with->json)
        print_json(with);
    else
        print_text(with);
    return with->retired ? CLI_FINDING : with->count[TUNE_NOT_REACHED] ? CLI_INCONCLUSIVE : CLI_FINE;
}

int wisdom_verify(int argc, char **argv)
{
    verification with = {.quiet = !isatty(STDERR_FILENO)};
    const char *budget = "60s";
    const cli_option options[] = {
        CLI_TEXT("--budget", "TIME", &budget, "of all: 30s, 5m, 1.5h; default: 60s"),
        CLI_TEXT("--directory", "DIR", &with.directory, "root of the wisdom; default: the user's"),
        CLI_FLAG("--json", &with.json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {command, "[--budget TIME] [--directory DIR] [--json]",
                             "Measures the winners in a directory against the model's plans once more, and\n"
                             "retires those that now surely lose, or that give other results.\n"
                             "\n"
                             "Exit codes: 0 all stand; 1 some were retired; 3 not all were reached.\n",
                             options};
    int code;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;
    if (!tune_duration(budget, &with.budget))
        return cli_usage_error(
            command, "--budget is '%.40s', must be a time of more than 0, as 90, 30s, 5m or 1.5h", budget);
    char user[PATH_MAX];
    with.root = wisdom_root(command, with.directory, user, sizeof user);
    if (!with.root)
        return CLI_FAILED;
    code = verify(&with);
    free(with.duel);
    gml_wisdom_list_free(&with.list);
    return code;
}
