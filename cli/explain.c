/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule explain`: the plan that a problem gets on this machine, each number of it with the resource that
 * bounds it. The plan is made by the same functions as in a call; nothing is run.
 */
#include "cli/explain.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "src/api/snapshot.h"
#include "src/core/select.h"
#include <gemmule/info.h>
#include <inttypes.h>
#include <string.h>

typedef struct form {
    gml_operation operation;
    const char *sizes[EXPLAIN_SIZES]; /* their names         */
    int64_t most;                     /* of each size        */
    explain_fn *explain;
} form;

static const form forms[] = {
    {GML_OPERATION_GEMM, {"M", "N", "K"}, INT64_C(1) << 40, explain_gemm},
    {GML_OPERATION_SOFTMAX, {"ROWS", "COLS"}, INT64_C(1) << 30, explain_softmax},
    {GML_OPERATION_ATTENTION,
     {"BATCH", "HEADS", "Q_LEN", "KV_LEN", "HEAD_DIM"},
     INT64_C(1) << 20,
     explain_attention},
};

static int count_of(const form *f)
{
    int count = 0;
    while (count < EXPLAIN_SIZES && f->sizes[count])
        count++;
    return count;
}

/* Where a plan comes from, in words: "model: nothing was measured on this machine". */
static const char *say_why(char *text, size_t size, const gml_wisdom *wisdom, const gml_origin *origin)
{
    const char *source = gml_source_name(origin->source);
    const gml_wisdom_entry *entry = origin->entry;
    if (!entry)
        snprintf(text, size, "%s: cache sizes and the problem; %s", source,
                 origin->refused ? "what was measured nearby does not fit this problem"
                 : wisdom        ? "neither it nor a problem near it was measured"
                                 : "nothing was measured on this machine");
    else if (gml_choice_is_model(&origin->choice))
        snprintf(text, size, "%s: the model's plan, as nothing was proven to be faster, in run %s", source,
                 entry->run);
    else
        snprintf(text, size,
                 "%s: %.3f times as fast as the model's plan (%.3f to %.3f, of %d samples)%s, in run %s",
                 source, entry->gain, entry->low, entry->high, (int)entry->samples,
                 origin->source == GML_SOURCE_PREDICTED ? " at a problem near it" : "", entry->run);
    return text;
}

static void print_origin_json(json *to, const form *f, const gml_origin *origin, const char *why)
{
    char choice[GML_CHOICE_TEXT];
    const gml_wisdom_entry *entry = gml_choice_is_model(&origin->choice) ? NULL : origin->entry;
    gml_choice_write(f->operation, &origin->choice, choice, sizeof choice);
    json_text(to, "source", gml_source_name(origin->source));
    json_text(to, "choice", choice);
    json_real(to, "gain", entry ? entry->gain : 1.0);
    json_real(to, "gain_low", entry ? entry->low : 1.0);
    json_real(to, "gain_high", entry ? entry->high : 1.0);
    json_text(to, "why", why);
}

static void print_json(const explain_setting *with, const form *f, const int64_t *sizes,
                       const explain_report *out, const char *why)
{
    json to = json_open(stdout);
    json_object(&to, NULL);
    json_text(&to, "operation", gml_operation_name(f->operation));
    json_array(&to, "sizes");
    for (int i = 0; i < count_of(f); i++)
        json_integer(&to, NULL, sizes[i]);
    json_end(&to);
    json_text(&to, "isa", with->set->isa);
    json_bool(&to, "available", gml_isa_available(with->set->isa));
    json_text(&to, "kernel", out->kernel);
    if (out->path) {
        json_text(&to, "path", out->path);
        json_bool(&to, "small", out->small);
    }
    print_origin_json(&to, f, &out->origin, why);
    json_integer(&to, "threads", out->threads);
    json_integer(&to, "threads_allowed", with->threads);
    json_array(&to, "plan");
    for (int i = 0; i < out->rows; i++) {
        json_object(&to, NULL);
        json_text(&to, "name", out->row[i].name);
        json_integer(&to, "value", out->row[i].value);
        json_text(&to, "bound", out->row[i].bound);
        json_end(&to);
    }
    json_end(&to);
    json_object(&to, "scratch");
    json_integer(&to, "shared", (int64_t)out->shared);
    json_integer(&to, "per_thread", (int64_t)out->own);
    json_integer(&to, "total", (int64_t)(out->shared + (size_t)out->threads * out->own));
    json_end(&to);
    json_text(&to, "refused", *out->refused ? out->refused : NULL);
    json_close(&to);
}

static void print_text(const explain_setting *with, const form *f, const int64_t *sizes,
                       const explain_report *out, const char *why)
{
    char choice[GML_CHOICE_TEXT], shared[CLI_BYTES], own[CLI_BYTES];
    printf("%s", gml_operation_name(f->operation));
    for (int i = 0; i < count_of(f); i++)
        printf("%s %s %" PRId64, i ? "," : "", f->sizes[i], sizes[i]);
    printf("\n\nKernel   %s%s\n", out->kernel,
           gml_isa_available(with->set->isa) ? "" : " (this CPU cannot run it)");
    if (out->path)
        printf("Path     %s%s\n", out->path,
               out->small ? "; but a call so small runs one kernel without a plan, where C is contiguous"
                          : "");
    printf("Threads  %d of %" PRId64 "%s\n", out->threads, with->threads,
           out->threads < with->threads ? ": the work pays for no more" : "");
    printf("Source   %s\n", why);
    gml_choice_write(f->operation, &out->origin.choice, choice, sizeof choice);
    if (!gml_choice_is_model(&out->origin.choice))
        printf("Choice   %s; all else is the model's\n", choice);
    printf("Scratch  %s shared, %s for each thread\n\n", cli_bytes(shared, (int64_t)out->shared),
           cli_bytes(own, (int64_t)out->own));
    table t = table_open("number", ">value", "bounded by", NULL);
    for (int i = 0; i < out->rows; i++)
        table_row(&t, "%s\t%" PRId64 "\t%s", out->row[i].name, out->row[i].value, out->row[i].bound);
    table_print(&t, stdout);
    if (*out->refused)
        printf("\nThe plan does not pass the check: %s. The call takes the path without scratch memory.\n",
               out->refused);
}

static const form *find_form(const char *operation)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(operation, gml_operation_name(forms[i].operation)))
            return &forms[i];
    return NULL;
}

/* Reads the sizes of a form; otherwise a sentence and false. */
static bool read_sizes(const char *command, const form *f, int count, const char **words, int64_t *sizes)
{
    if (count != count_of(f)) {
        cli_usage_error(command, "%s takes %d sizes, there are %d (see %s --help)",
                        gml_operation_name(f->operation), count_of(f), count, command);
        return false;
    }
    for (int i = 0; i < count; i++)
        if (!cli_number(command, f->sizes[i], words[i], 1, f->most, &sizes[i]))
            return false;
    return true;
}

/* Options that say nothing of this operation, types that are none, and key heads that do not divide the heads. */
static bool options_fit(const char *command, const form *f, const explain_setting *with, const int64_t *sizes)
{
    const char *stray = f->explain == explain_gemm ? NULL
                        : with->trans_b            ? "--trans-b"
                        : with->type               ? "--type"
                                                   : NULL;
    if (f->explain != explain_attention)
        stray = with->kv_heads     ? "--kv-heads"
                : with->v_head_dim ? "--v-head-dim"
                : with->causal     ? "--causal"
                                   : stray;
    if (stray) {
        cli_usage_error(command, "%s has no option %s", gml_operation_name(f->operation), stray);
        return false;
    }
    if (with->type && strcmp(with->type, "f32") != 0 && strcmp(with->type, "f64") != 0) {
        cli_usage_error(command, "--type is '%s', must be f32 or f64", with->type);
        return false;
    }
    if (with->kv_heads && sizes[1] % with->kv_heads) {
        cli_usage_error(command, "HEADS is %" PRId64 ", must be a multiple of --kv-heads, %" PRId64, sizes[1],
                        with->kv_heads);
        return false;
    }
    return true;
}

/* Fills in what follows from the options; otherwise a sentence and false. A set that cannot run here has no wisdom. */
static bool settle(const char *command, explain_setting *with)
{
    if (!with->isa)
        with->isa = gml_context_isa(NULL);
    with->set = gml_set_by_name(with->isa);
    if (!with->set) {
        cli_usage_error(command, "there is no kernel set '%s' in this build (see gemmule info)", with->isa);
        return false;
    }
    if (!with->threads)
        with->threads = gml_context_threads(NULL);
    gml_machine_detect(&with->machine);
    with->planner = (gml_planner){.machine = &with->machine, .set = with->set};
    if (gml_isa_available(with->isa)) {
        gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
        options.isa = with->isa;
        if (gml_context_create(&with->context, &options) == GML_OK)
            with->planner.wisdom = gml_planner_of(with->context).wisdom;
    }
    with->cache = gml_cache_budget_of(&with->machine, (int32_t)with->threads);
    return true;
}

int gemmule_explain(int argc, char **argv)
{
    explain_setting with = {0};
    const int64_t most = INT64_C(1) << 20;
    const cli_option options[] = {
        CLI_NUMBER("--threads", "T", &with.threads, 1, 1024,
                   "the most threads to use; default: see gemmule info"),
        CLI_TEXT("--isa", "NAME", &with.isa, "a kernel set of this build; default: the one in use"),
        CLI_TEXT("--type", "TYPE", &with.type, "gemm: of the elements, f32 or f64; default: f32"),
        CLI_FLAG("--trans-b", &with.trans_b, "gemm: B is stored transposed"),
        CLI_NUMBER("--kv-heads", "H", &with.kv_heads, 1, most, "attention: key heads; default: HEADS"),
        CLI_NUMBER("--v-head-dim", "D", &with.v_head_dim, 1, most,
                   "attention: width of a value; default: HEAD_DIM"),
        CLI_FLAG("--causal", &with.causal, "attention: a query sees no later keys"),
        CLI_FLAG("--json", &with.json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {
        "gemmule explain",
        "gemm M N K [--type TYPE] [--trans-b] [--threads T] [--isa NAME] [--json]\n"
        "softmax ROWS COLS [--threads T] [--isa NAME] [--json]\n"
        "attention BATCH HEADS Q_LEN KV_LEN HEAD_DIM [--kv-heads H]\n"
        "                [--v-head-dim D] [--causal] [--threads T] [--isa NAME] [--json]",
        "Prints the plan of a problem: kernel, blocking and threads, each number with\n"
        "the resource that bounds it, and the scratch memory it takes. Runs nothing.\n",
        options,
    };
    const char *words[EXPLAIN_SIZES + 1];
    int64_t sizes[EXPLAIN_SIZES] = {0};
    int code = CLI_FINE;
    const int count = cli_parse(&usage, argc, argv, words, EXPLAIN_SIZES + 1, &code);
    if (count < 0)
        return code;
    if (count == 0)
        return cli_usage_error(usage.command, "an operation is missing: gemm, softmax or attention");
    const form *f = find_form(words[0]);
    if (!f)
        return cli_usage_error(usage.command, "there is no operation '%s', only gemm, softmax and attention",
                               words[0]);
    if (!read_sizes(usage.command, f, count - 1, words + 1, sizes) ||
        !options_fit(usage.command, f, &with, sizes) || !settle(usage.command, &with))
        return CLI_USAGE;

    explain_report out = {0};
    f->explain(&with, sizes, &out);
    char why[EXPLAIN_WHY];
    say_why(why, sizeof why, with.planner.wisdom, &out.origin);
    if (with.json)
        print_json(&with, f, sizes, &out, why);
    else
        print_text(&with, f, sizes, &out, why);
    gml_context_destroy(with.context);
    return CLI_FINE;
}
