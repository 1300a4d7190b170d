/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule check`: everything this CPU can run against the specification, bit for bit.
 */
#include "cli/cli.h"
#include "cli/json.h"
#include "kernels/arithmetic.h"
#include "proof/cases.h"
#include "proof/compare.h"
#include "proof/expected.h"
#include "proof/proof.h"
#include "src/core/select.h"
#include <gemmule/info.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct setting {
    const char *isa; /* of the operations */
    bool one_isa;    /* asked for: its kernels only */
    const char *kernel;
    bool thorough, json;
    int64_t threads, seed, cases;
} setting;

static int count_kernels(const proof_report *report, const char *isa, bool executed_only)
{
    int count = 0;
    for (int i = 0; i < report->kernels; i++) {
        const proof_kernel *kernel = &report->kernel[i];
        count += (!isa || strcmp(kernel->isa, isa) == 0) && (!executed_only || kernel->cases > 0);
    }
    return count;
}

static void print_kernel_lines(const proof_report *report)
{
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        const char *isa = (*set)->isa;
        const int all = count_kernels(report, isa, false), executed = count_kernels(report, isa, true);
        int64_t cases = 0, failures = 0;
        for (int i = 0; i < report->kernels; i++)
            if (strcmp(report->kernel[i].isa, isa) == 0) {
                cases += report->kernel[i].cases;
                failures += report->kernel[i].failures;
            }
        printf("kernels %-8s", isa);
        if (!gml_isa_available(isa))
            printf("%d skipped: this CPU cannot run them\n", all);
        else if (executed == 0)
            printf("%d not asked for\n", all);
        else
            printf("%d of %d in %" PRId64 " cases, %" PRId64 " failures\n", executed, all, cases, failures);
    }
}

static bool all_expected(const proof_report *report)
{
    for (int i = 0; i < report->hashes; i++)
        if (!report->hash[i].expected)
            return false;
    return true;
}

/* The largest errors over all arguments, in units of the last place; NaN where they were not asked for. */
typedef struct errors {
    double exp2, exp, tanh_below, tanh_above; /* below and from the split of tanh on */
} errors;

static void print_text(const setting *with, const proof_report *report, errors error)
{
    print_kernel_lines(report);
    for (int i = 0; i < report->hashes; i++) {
        const proof_hash *hash = &report->hash[i];
        printf("SHA-256 of cases 1 to %d, %s, threads %d: %s\n  %s\n", (int)proof_case_count(), hash->isa,
               (int)hash->threads, hash->expected ? "as expected" : "NOT as expected", hash->hex);
    }
    char hex[65];
    if (!all_expected(report) && proof_specification_hash(hex))
        printf("The specification itself gives\n  %s\nwhich belongs into proof/expected.h if a case was "
               "meant to change.\n",
               hex);
    if (!isnan(error.exp2))
        printf(
            "All arguments: exp2 is off by at most %.4f units in the last place, exp by %.4f, tanh by %.4f "
            "below %g and by %.4f above\n",
            error.exp2, error.exp, error.tanh_below, (double)GML_TANH_SPLIT, error.tanh_above);
    printf("%" PRId64 " cases with seed %" PRId64 ", %" PRId64 " failures\n", report->cases, with->seed,
           report->failures);
}

static void print_json(const setting *with, const proof_report *report, errors error)
{
    json to = json_open(stdout);
    json_object(&to, NULL);
    json_text(&to, "version", gml_version());
    json_integer(&to, "arithmetic_revision", gml_arithmetic_revision());
    json_text(&to, "isa", with->isa);
    json_bool(&to, "thorough", with->thorough);
    json_integer(&to, "seed", with->seed);
    json_integer(&to, "cases", report->cases);
    json_integer(&to, "failures", report->failures);
    json_integer(&to, "listed_cases", proof_case_count());
    json_text(&to, "expected_hash", PROOF_EXPECTED_HASH);
    json_real(&to, "exp2_error", error.exp2); /* null unless thorough */
    json_real(&to, "exp_error", error.exp);
    json_real(&to, "tanh_error", fmax(error.tanh_below, error.tanh_above));
    json_array(&to, "hashes");
    for (int i = 0; i < report->hashes; i++) {
        json_object(&to, NULL);
        json_text(&to, "isa", report->hash[i].isa);
        json_integer(&to, "threads", report->hash[i].threads);
        json_text(&to, "sha256", report->hash[i].hex);
        json_bool(&to, "expected", report->hash[i].expected);
        json_end(&to);
    }
    json_end(&to);
    json_array(&to, "kernels");
    for (int i = 0; i < report->kernels; i++) {
        json_object(&to, NULL);
        json_text(&to, "name", report->kernel[i].name);
        json_text(&to, "isa", report->kernel[i].isa);
        json_bool(&to, "available", report->kernel[i].available);
        json_integer(&to, "cases", report->kernel[i].cases);
        json_integer(&to, "failures", report->kernel[i].failures);
        json_end(&to);
    }
    json_close(&to);
}

/* exp is for arguments up to 0, tanh is odd. */
static errors measure_errors(void)
{
    const uint32_t infinity = UINT32_C(0x7f800000), sign = UINT32_C(0x80000000);
    const uint32_t split = proof_bits(GML_TANH_SPLIT);
    return (errors){.exp2 = fmax(proof_exp2_error(0, 1, infinity), proof_exp2_error(sign, 1, infinity)),
                    .exp = proof_exp_error(sign, 1, infinity),
                    .tanh_below = proof_tanh_error(0, 1, split),
                    .tanh_above = proof_tanh_error(split, 1, infinity - split)};
}

/* What docs/arithmetic.md promises. */
static bool within_bounds(errors error)
{
    return !(error.exp2 > 1.0 || error.exp > 1.0 || error.tanh_below > 0.73 || error.tanh_above > 1.46);
}

static int check(const setting *with)
{
    static proof_report report; /* some kilobytes */
    proof_options options = PROOF_OPTIONS_INIT;
    options.thorough = with->thorough;
    options.seed = (uint64_t)with->seed;
    options.cases = with->cases;
    options.threads = (int32_t)with->threads;
    options.kernel = with->kernel;
    options.findings = stderr;
    options.progress = isatty(STDERR_FILENO) ? stderr : NULL;

    options.parts = PROOF_KERNELS;
    options.isa = with->one_isa ? with->isa : NULL;
    bool fine = proof_run(&options, &report);
    if (with->kernel && count_kernels(&report, NULL, true) == 0)
        return cli_usage_error("gemmule check", "no kernel that this CPU can run has '%s' in its name",
                               with->kernel);
    if (!with->kernel) {
        options.parts = PROOF_FIXED | PROOF_RANDOM | PROOF_PLANS | PROOF_CHOICES;
        options.isa = with->isa;
        fine = proof_run(&options, &report) && fine;
    }
    if (report.error[0]) {
        fprintf(stderr, "gemmule check: %s\n", report.error);
        return CLI_FAILED;
    }
    const errors error = with->thorough && !with->kernel ? measure_errors() : (errors){NAN, NAN, NAN, NAN};
    if (with->json)
        print_json(with, &report, error);
    else
        print_text(with, &report, error);
    return fine && within_bounds(error) ? CLI_FINE : CLI_FINDING;
}

int gemmule_check(int argc, char **argv)
{
    setting with = {.seed = 1};
    const cli_option options[] = {
        CLI_TEXT("--isa", "NAME", &with.isa, "one set; default: all kernels, operations on the set in use"),
        CLI_NUMBER("--threads", "T", &with.threads, 1, 1024,
                   "threads of the operations; default: 1, and again 2"),
        CLI_FLAG("--thorough", &with.thorough, "all fringes, every argument of exp2 and exp; takes minutes"),
        CLI_NUMBER("--seed", "S", &with.seed, 0, INT64_MAX, "seed of the random cases; default: 1"),
        CLI_NUMBER("--cases", "N", &with.cases, 1, INT64_C(100000000),
                   "random cases of each operation; default: 100, thorough 4000"),
        CLI_TEXT("--kernel", "NAME", &with.kernel, "only kernels with NAME in their names, no operations"),
        CLI_FLAG("--json", &with.json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {
        "gemmule check",
        "[--isa NAME] [--threads T] [--thorough] [--seed S] [--cases N]\n"
        "              [--kernel NAME] [--json]",
        "Runs every kernel that this CPU can run, a numbered list of operations, and random\n"
        "operations against the specification, in memory between inaccessible pages, and\n"
        "compares every bit. The SHA-256 over the numbered list is the same on every machine,\n"
        "for every instruction set and number of threads.\n",
        options,
    };
    const char *operand;
    int code = CLI_FINE;
    if (cli_parse(&usage, argc, argv, &operand, 0, &code) < 0)
        return code;
    with.one_isa = with.isa != NULL;
    if (!with.isa)
        with.isa = gml_context_isa(NULL);
    if (!gml_set_by_name(with.isa))
        return cli_usage_error(usage.command,
                               "there is no instruction set '%s' in this build (see gemmule info)", with.isa);
    if (!gml_isa_available(with.isa))
        return cli_usage_error(usage.command, "this CPU cannot run %s", with.isa);
    return check(&with);
}
