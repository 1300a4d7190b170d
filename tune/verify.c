/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verification of a choice before it is timed: small problems between guard pages against the specification, by the
 * harness of proof/, and the key's own sizes against the bytes of the model's plan.
 *
 * Small problems run in the calling thread, one body after the other, forwards and backwards in turn: so an access
 * outside is caught wherever a worker would have made it, and a body that relies on another before it shows. With real
 * threads a plan runs at its own size only.
 */
#include "tune/verify.h"
#include "proof/trap.h"
#include <stdio.h>
#include <string.h>

/* Bytes of scratch that are made NaN: more would take the time of the cases. */
#define POISONED ((size_t)1 << 20)

#define BLOCKS 16 /* of scratch at a time */

/* What small problems run in: bodies in turn, and memory that is given back also by a run that was cut short. */
typedef struct cell {
    bool backwards;
    void *block[BLOCKS];
} cell;

static void in_turn(void *host, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    cell *in = host;
    for (int64_t i = 0; i < n; i++)
        body(argument, in->backwards ? n - 1 - i : i);
    in->backwards = !in->backwards;
}

static void *allocate_poisoned(void *host, size_t bytes, size_t alignment)
{
    cell *in = host;
    int i = 0;
    while (i < BLOCKS && in->block[i])
        i++;
    if (i == BLOCKS)
        return NULL;
    in->block[i] = gml_default_allocate(NULL, bytes, alignment);
    if (in->block[i])
        memset(in->block[i], 0xff, bytes < POISONED ? bytes : POISONED);
    return in->block[i];
}

static void release(void *host, void *pointer, size_t bytes)
{
    cell *in = host;
    for (int i = 0; i < BLOCKS; i++)
        if (in->block[i] == pointer)
            in->block[i] = NULL;
    gml_default_release(NULL, pointer, bytes);
}

static void try_small(tune_trial *trial, const tune_problem *problem, const tune_plan *plan)
{
    switch (plan->operation) {
    case GML_OPERATION_GEMM:
        tune_try_gemm(trial, problem, &plan->gemm);
        return;
    case GML_OPERATION_SOFTMAX:
        tune_try_softmax(trial, problem, &plan->softmax);
        return;
    case GML_OPERATION_ATTENTION:
        tune_try_attention(trial, problem, &plan->attention);
    }
}

/* false, and the first finding, where something differs. */
static bool small_problems(const tune_problem *problem, const tune_plan *plan, const gml_kernel_set *set,
                           char *sentence, size_t size)
{
    static const char no_memory[] = "no memory to verify with";
    char findings[1024] = "";
    cell in = {.backwards = false};
    gml_runtime runtime = {.set = set,
                           .threads = tune_plan_threads(plan),
                           .threads_asked = true,
                           .parallel_for = in_turn,
                           .parallel_host = &in,
                           .allocate = allocate_poisoned,
                           .release = release,
                           .allocator_host = &in};
    proof_options options = PROOF_OPTIONS_INIT;
    proof_report report = {0};
    options.findings = fmemopen(findings, sizeof findings, "w");
    tune_trial trial = {.session = {.options = &options, .report = &report, .arena = proof_arena_create()},
                        .subject = {.runtime = &runtime}};
    const bool begun = options.findings && trial.session.arena;
    if (begun) {
        proof_trap_begin();
        try_small(&trial, problem, plan);
        proof_trap_end();
    }
    proof_arena_destroy(trial.session.arena);
    gml_scratch_clear(&runtime);
    for (int i = 0; i < BLOCKS; i++)
        if (in.block[i])
            release(&in, in.block[i], 0);
    if (options.findings)
        fclose(options.findings);
    if (begun && report.failures == 0)
        return true;
    findings[strcspn(findings, "\n")] = 0;
    snprintf(sentence, size, "%s", begun ? findings : no_memory);
    return false;
}

bool tune_verify(const tune_machine *on, const gml_key *key, const gml_choice *choice, tune_subject *subject,
                 char *sentence, size_t size)
{
    tune_problem problem;
    tune_plan plan;
    if (!tune_describe(on, key, &problem) || !tune_plan_of(on, key, choice, &plan)) {
        snprintf(sentence, size, "the plan does not pass its check");
        return false;
    }
    const gml_fpenv found = gml_fpenv_enter(); /* the specification asks for it */
    const bool right = small_problems(&problem, &plan, on->runtime->set, sentence, size) &&
                       (!subject || tune_subject_agrees(subject, &plan, sentence, size));
    gml_fpenv_leave(found);
    return right;
}
