/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/proof.h"
#include "proof/cases.h"
#include "proof/expected.h"
#include "proof/operations.h"
#include "proof/trap.h"
#include "src/core/select.h"
#include <string.h>

static void list_kernel(proof_report *report, const char *name, const gml_kernel_set *set)
{
    for (int i = 0; i < report->kernels; i++)
        if (strcmp(report->kernel[i].name, name) == 0)
            return;
    if (report->kernels == PROOF_MAX_KERNELS)
        return;
    proof_kernel *kernel = &report->kernel[report->kernels++];
    *kernel = (proof_kernel){.isa = set->isa, .available = proof_available(set)};
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
}

static void list_gemm(proof_report *report, const gml_gemm_kernels *kernels, const gml_kernel_set *set)
{
    static const char *const ops[] = {"gemm_rows", "gemm_dots", "gemm_update", "gemm_finish", "pack"};
    char name[48];
    for (int i = 0; i < kernels->n_tiles; i++)
        list_kernel(report, kernels->tiles[i].name, set);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        list_kernel(report, proof_kernel_name(name, ops[i], kernels->type, set), set);
}

static void list_kernels(proof_report *report)
{
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        char name[48];
        list_gemm(report, (*set)->gemm_f32, *set);
        list_gemm(report, (*set)->gemm_f64, *set);
        list_kernel(report, (*set)->softmax_f32->name, *set);
        for (int i = 0; i < (*set)->n_attention_f32; i++)
            list_kernel(report, (*set)->attention_f32[i].name, *set);
        list_kernel(report, (*set)->attention_row_f32->name, *set);
        list_kernel(report, proof_kernel_name(name, "attention_scale", "f32", *set), *set);
        list_kernel(report, proof_kernel_name(name, "attention", "keep", *set), *set);
        list_kernel(report, proof_kernel_name(name, "exp2", "f32", *set), *set);
        list_kernel(report, proof_kernel_name(name, "exp", "f32", *set), *set);
    }
}

/* The numbered list and random operations through the public interface. */
static void through_context(proof_session *session, const gml_kernel_set *set, int32_t threads)
{
    const proof_options *options = session->options;
    proof_report *report = session->report;
    gml_context_options wish = GML_CONTEXT_OPTIONS_INIT;
    gml_context *context = NULL;
    wish.isa = set->isa;
    wish.threads = threads;
    if (gml_context_create(&context, &wish) != GML_OK) {
        gml_last_error(report->error, sizeof report->error);
        return;
    }
    const proof_subject subject = {.context = context};
    session->kernel = NULL;
    snprintf(session->subject, sizeof session->subject, "%s, threads %d", set->isa, (int)threads);
    if (options->parts & PROOF_FIXED && report->hashes < PROOF_MAX_HASHES) {
        proof_hash *hash = &report->hash[report->hashes++];
        hash->isa = set->isa;
        hash->threads = threads;
        proof_fixed_cases(session, &subject, hash->hex);
        hash->expected = strcmp(hash->hex, PROOF_EXPECTED_HASH) == 0;
        proof_case_label(session, "the numbered list");
        if (!hash->expected)
            proof_fail(session, "SHA-256 is %s, must be %s", hash->hex, PROOF_EXPECTED_HASH);
    }
    if (options->parts & PROOF_RANDOM)
        proof_random_operations(session, &subject, options->cases);
    gml_context_destroy(context);
}

static void prove_set(proof_session *session, const gml_kernel_set *set)
{
    const proof_options *options = session->options;
    if (options->parts & PROOF_KERNELS) {
        proof_kernels_gemm(session, set);
        proof_kernels_stream(session, set);
        proof_kernels_finish(session, set);
        proof_kernels_softmax(session, set);
        proof_kernels_attention(session, set);
        proof_kernels_vector(session, set);
        session->kernel = NULL;
    }
    const int32_t first = options->threads ? options->threads : 1,
                  last = options->threads ? options->threads : 2;
    for (int32_t threads = first; threads <= last; threads++) {
        if (options->parts & (PROOF_FIXED | PROOF_RANDOM))
            through_context(session, set, threads);
        if (options->parts & PROOF_PLANS)
            proof_odd_plans(session, set, threads, options->cases);
        if (options->parts & PROOF_CHOICES)
            proof_chosen_plans(session, set, threads, options->cases);
    }
}

bool proof_run(const proof_options *asked, proof_report *report)
{
    proof_options options = *asked;
    if (options.cases == 0)
        options.cases = options.thorough ? 40 * PROOF_CASES : PROOF_CASES;
    proof_session session = {.options = &options, .report = report, .arena = proof_arena_create()};
    const int64_t failures = report->failures;
    report->error[0] = 0;
    if (!session.arena) {
        snprintf(report->error, sizeof report->error, "no memory");
        return false;
    }
    list_kernels(report);
    if (options.isa && (!gml_set_by_name(options.isa) || !proof_available(gml_set_by_name(options.isa))))
        snprintf(report->error, sizeof report->error, "%s is no instruction set of this build and this CPU",
                 options.isa);

    proof_trap_begin();
    for (const gml_kernel_set *const *set = gml_sets(); *set && !report->error[0]; set++)
        if (proof_available(*set) && (!options.isa || strcmp(options.isa, (*set)->isa) == 0))
            prove_set(&session, *set);
    proof_trap_end();
    if (options.progress)
        fprintf(options.progress, "\r\033[K");
    proof_arena_destroy(session.arena);
    return report->failures == failures && !report->error[0];
}

bool proof_specification_hash(char hex[65])
{
    const proof_options options = PROOF_OPTIONS_INIT;
    proof_report report = {0};
    proof_session session = {.options = &options, .report = &report, .arena = proof_arena_create()};
    if (!session.arena)
        return false;
    proof_fixed_cases(&session, NULL, hex);
    proof_arena_destroy(session.arena);
    return true;
}
