/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The planner: a problem's key finds a choice, the model makes a plan of it, and the one check lets it pass. Where there is
 * no wisdom, the key is not even formed.
 */
#include "src/plan/planner.h"

static const gml_choice none;

const char *gml_source_name(gml_source source)
{
    static const char *const names[] = {[GML_SOURCE_MODEL] = "model",
                                        [GML_SOURCE_EXACT] = "measured",
                                        [GML_SOURCE_CELL] = "cell",
                                        [GML_SOURCE_PREDICTED] = "predicted"};
    return names[source];
}

static bool knows(const gml_planner *with)
{
    return with->wisdom && gml_wisdom_entries(with->wisdom)->count > 0;
}

/* The choice for a key, the model's for want of one; `found` says where it comes from. */
static const gml_choice *choose(const gml_planner *with, const gml_key *key, gml_origin *found)
{
    const gml_choice *choice = gml_wisdom_find(with->wisdom, key, &found->source, &found->entry);
    return choice && !gml_choice_is_model(choice) ? choice : NULL;
}

/* What is told of a plan: `found` belongs to the choice it was made by, NULL for the model's own. A plan that stands in
 * for one that did not pass rests on nothing. */
static void tell(gml_origin *origin, const gml_origin *found, const gml_choice *choice, bool stands_in)
{
    if (!origin)
        return;
    *origin = stands_in ? (gml_origin){.source = GML_SOURCE_MODEL, .refused = true} : *found;
    origin->choice = choice && !stands_in ? *choice : none;
}

bool gml_plan_gemm(const gml_planner *with, const gml_gemm_args *args, int64_t batch, int32_t threads,
                   gml_gemm_plan *plan, gml_origin *origin)
{
    gml_origin found = {.source = GML_SOURCE_MODEL};
    const gml_choice *choice = NULL;
    if (knows(with)) {
        const gml_key key = gml_key_gemm(args, batch, threads);
        choice = choose(with, &key, &found);
    }
    *plan = gml_model_gemm(with->machine, with->set, args, batch, threads, choice);
    bool passes = gml_gemm_plan_check(plan, with->set, NULL, 0);
    const bool stands_in = !passes && choice;
    if (stands_in) {
        *plan = gml_model_gemm(with->machine, with->set, args, batch, threads, NULL);
        passes = gml_gemm_plan_check(plan, with->set, NULL, 0);
    }
    tell(origin, &found, choice, stands_in);
    return passes;
}

gml_gemm_plan gml_plan_packing(const gml_planner *with, const gml_gemm_args *args, int32_t threads)
{
    gml_gemm_args plain = *args;
    plain.alpha = 1.0, plain.beta = 0.0;
    plain.rs_a = plain.k, plain.cs_a = 1;
    plain.rs_b = plain.n, plain.cs_b = 1;
    plain.packed_a = plain.packed_b = NULL;
    const gml_choice *choice = NULL;
    if (knows(with)) {
        const gml_gemm_packed b = {.transpose = plain.cs_c != 1 && plain.rs_c == 1};
        gml_gemm_args packed = plain;
        packed.packed_b = &b;
        gml_origin found;
        gml_key key = gml_key_gemm(&packed, 1, threads);
        choice = choose(with, &key, &found);
        if (!choice) {
            key = gml_key_gemm(&plain, 1, threads);
            choice = choose(with, &key, &found);
        }
    }
    return gml_model_gemm(with->machine, with->set, &plain, 1, threads, choice);
}

bool gml_plan_softmax(const gml_planner *with, const gml_softmax_problem *problem, int32_t threads,
                      gml_softmax_plan *plan, gml_origin *origin)
{
    gml_origin found = {.source = GML_SOURCE_MODEL};
    const gml_choice *choice = NULL;
    if (knows(with) && problem->cols > 0) {
        const gml_key key = gml_key_softmax(problem, threads);
        choice = choose(with, &key, &found);
    }
    *plan = gml_model_softmax(with->machine, problem, threads, choice);
    bool passes = gml_softmax_plan_check(plan, NULL, 0);
    const bool stands_in = !passes && choice;
    if (stands_in) {
        *plan = gml_model_softmax(with->machine, problem, threads, NULL);
        passes = gml_softmax_plan_check(plan, NULL, 0);
    }
    tell(origin, &found, choice, stands_in);
    return passes;
}

bool gml_plan_attention(const gml_planner *with, const gml_attention_problem *problem, int32_t threads,
                        gml_attention_plan *plan, gml_origin *origin)
{
    const int64_t dim = problem->head_dim, v_dim = problem->v_head_dim;
    gml_origin found = {.source = GML_SOURCE_MODEL};
    const gml_choice *choice = NULL;
    if (knows(with)) {
        const gml_key key = gml_key_attention(problem, threads);
        choice = choose(with, &key, &found);
    }
    *plan = gml_model_attention(with->machine, with->set, problem, threads, choice);
    bool passes = gml_attention_plan_check(plan, with->set, dim, v_dim, NULL, 0);
    const bool stands_in = !passes && choice;
    if (stands_in) {
        *plan = gml_model_attention(with->machine, with->set, problem, threads, NULL);
        passes = gml_attention_plan_check(plan, with->set, dim, v_dim, NULL, 0);
    }
    tell(origin, &found, choice, stands_in);
    return passes;
}
