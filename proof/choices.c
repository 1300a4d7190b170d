/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random problems by plans that the model makes of random choices, on machines of any caches: each plan is legal, and no
 * choice changes a bit.
 */
#include "proof/operations.h"
#include "src/core/attention.h"
#include "src/core/gemm.h"
#include <string.h>

#define GEMM_CASES 3 /* for one of each other operation: it has more to choose */

/* Caches as they are reported, and none, as hypervisors have it. */
static gml_machine any_machine(proof_random *random)
{
    static const int64_t l1d[] = {0, 32 << 10, 48 << 10}, l2[] = {0, 256 << 10, 1 << 20};
    static const int64_t l3[] = {0, 4 << 20, 32 << 20};
    gml_machine machine = {.cpus_online = 8, .cpus_allowed = 8};
    if (proof_once_in(random, 3))
        return machine;
    machine.l1d = (gml_cache){l1d[proof_below(random, 3)], 1};
    machine.l2 = (gml_cache){l2[proof_below(random, 3)], (int32_t)proof_below(random, 3)};
    machine.l3 = (gml_cache){l3[proof_below(random, 3)], 8};
    return machine;
}

/* A value of a parameter: a name's, or a number that sizes of cases make a difference to. */
static int32_t any_value(const gml_parameter *parameter, proof_random *random)
{
    int32_t names = 0;
    if (!parameter->names)
        return (int32_t)proof_log_between(random, 1, parameter->most < 4000 ? parameter->most : 4000);
    while (parameter->names[names])
        names++;
    return 1 + (int32_t)proof_below(random, names);
}

/* The tiles and strips that there are, mostly. */
static void choose_kernel(gml_operation operation, const gml_kernel_set *set, gml_choice *choice,
                          proof_random *random)
{
    const gml_gemm_kernels *kernels = proof_once_in(random, 2) ? set->gemm_f32 : set->gemm_f64;
    const gml_gemm_kernel *tile = &kernels->tiles[proof_below(random, kernels->n_tiles)];
    if (operation == GML_OPERATION_GEMM && choice->value[GML_CHOOSE_MR] && !proof_once_in(random, 4))
        choice->value[GML_CHOOSE_MR] = tile->mr, choice->value[GML_CHOOSE_NR] = tile->nr;
    if (operation == GML_OPERATION_ATTENTION && choice->value[GML_CHOOSE_ATTENTION_BQ] &&
        !proof_once_in(random, 4))
        choice->value[GML_CHOOSE_ATTENTION_BQ] =
            set->attention_f32[proof_below(random, set->n_attention_f32)].bq;
}

static gml_choice any_choice(gml_operation operation, const gml_kernel_set *set, proof_random *random)
{
    gml_choice choice = {.value = {0}};
    const int64_t once_in = proof_between(random, 1, 4);
    const gml_parameter *parameter = gml_parameters(operation, NULL);
    for (int i = 0; parameter[i].name; i++)
        if (proof_once_in(random, once_in))
            choice.value[i] = any_value(&parameter[i], random);
    choose_kernel(operation, set, &choice, random);
    return choice;
}

/* A choice is known by its text: what the text does not say would be lost in a file. */
static bool survives_text(proof_session *session, gml_operation operation, const gml_choice *choice)
{
    char text[GML_CHOICE_TEXT];
    gml_choice again;
    const size_t length = gml_choice_write(operation, choice, text, sizeof text);
    const int n = (int)strlen(session->subject);
    snprintf(session->subject + n, sizeof session->subject - (size_t)n, ", %s", text);
    proof_case_label(session, "%s", gml_operation_name(operation));
    if (length < sizeof text && gml_choice_read(operation, text, length, &again) &&
        gml_choice_compare(choice, &again) == 0)
        return true;
    proof_fail(session, "the choice is not read as it was written");
    return false;
}

static void gemm(proof_session *session, const proof_subject *subject, proof_random *random)
{
    proof_gemm g = proof_gemm_random(random);
    if (g.m == 0 || g.n == 0 || g.k == 0) /* nothing is planned without products */
        g.m = g.n = g.k = 1;
    if (g.batch == 0)
        g.batch = 1;
    proof_gemm_case(session, subject, &g, NULL);
}

static void softmax(proof_session *session, const proof_subject *subject, proof_random *random)
{
    const proof_softmax s = proof_softmax_random(random);
    if (s.batch > 0 && s.rows > 0)
        proof_softmax_case(session, subject, &s, NULL);
}

static void attention(proof_session *session, const proof_subject *subject, proof_random *random)
{
    const proof_attention a = proof_attention_random(random);
    if (a.batch > 0 && a.q_len > 0)
        proof_attention_case(session, subject, &a, NULL);
}

static void chosen(proof_session *session, gml_operation operation, const gml_kernel_set *set,
                   int32_t threads, proof_random *random)
{
    static void (*const run[GML_OPERATIONS])(proof_session *, const proof_subject *,
                                             proof_random *) = {[GML_OPERATION_GEMM] = gemm,
                                                                [GML_OPERATION_SOFTMAX] = softmax,
                                                                [GML_OPERATION_ATTENTION] = attention};
    const gml_machine machine = any_machine(random);
    const gml_choice choice = any_choice(operation, set, random);
    gml_runtime runtime = {.set = set,
                           .threads = threads,
                           .threads_asked = true,
                           .allocate = gml_default_allocate,
                           .release = gml_default_release};
    const proof_subject subject = {.runtime = &runtime, .machine = &machine, .choice = &choice};
    snprintf(session->subject, sizeof session->subject, "%s, threads %d", set->isa, (int)threads);
    if (survives_text(session, operation, &choice))
        run[operation](session, &subject, random);
    gml_scratch_clear(&runtime);
}

void proof_chosen_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        proof_random random = proof_random_seeded(session->options->seed, (uint64_t)(500000 + i));
        for (int64_t j = 0; j < GEMM_CASES; j++)
            chosen(session, GML_OPERATION_GEMM, set, threads, &random);
        chosen(session, GML_OPERATION_SOFTMAX, set, threads, &random);
        chosen(session, GML_OPERATION_ATTENTION, set, threads, &random);
    }
}
