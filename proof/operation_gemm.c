/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/arithmetic.h"
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/gemm.h"
#include <gemmule/gemm.h>
#include <math.h>

/* One operand of all products of a batch: one in the arena, or one for each product where they are listed. */
typedef struct matrices {
    size_t element;
    int64_t rs, cs, bs;
    int64_t operands;
    proof_operand *operand[PROOF_LIST];
    void *list[PROOF_LIST]; /* the pointers that the subject gets, where listed */
} matrices;

typedef struct gemm_call {
    const proof_subject *subject;
    const proof_gemm *g;
    matrices a, b, c;
    const proof_operand *bias_m, *bias_n;
    gml_gemm_plan plan;                 /* of an executor, as what follows */
    gml_gemm_packed packed_a, packed_b; /* those without data are not packed (yet) */
    gml_status status;
} gemm_call;

static bool listed(const proof_gemm *g)
{
    return g->batching == PROOF_LISTED;
}

static void *data_of(const matrices *x)
{
    return x->operands ? x->operand[0]->data : NULL;
}

/* The image of product l. */
static void *image_of(const matrices *x, int64_t l)
{
    if (x->operands > 1)
        return x->operand[l]->image;
    return (char *)x->operand[0]->image + l * x->bs * (int64_t)x->element;
}

/* The call without what differs between a plan and a descriptor. */
static gml_gemm_problem problem_of(const gemm_call *c)
{
    const proof_gemm *g = c->g;
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = (int32_t)g->type, p.threads = g->threads;
    p.m = g->m, p.n = g->n, p.k = g->k;
    p.alpha = g->alpha, p.beta = g->beta;
    p.rs_a = c->a.rs, p.cs_a = c->a.cs;
    p.rs_b = c->b.rs, p.cs_b = c->b.cs;
    p.rs_c = c->c.rs, p.cs_c = c->c.cs;
    p.batch = g->batch;
    p.bias_m = c->bias_m ? c->bias_m->data : NULL;
    p.bias_n = c->bias_n ? c->bias_n->data : NULL;
    p.activation = g->activation;
    if (listed(g)) {
        p.a_list = g->packed_a ? NULL : (const void *const *)c->a.list;
        p.b_list = g->packed_b ? NULL : (const void *const *)c->b.list;
        p.c_list = c->c.list;
    } else {
        p.bs_a = c->a.bs, p.bs_b = c->b.bs, p.bs_c = c->c.bs;
    }
    return p;
}

/* Packs what is to be packed; an operand alone is packed for a product of another extent on the other side, which does
 * not matter. */
static gml_status pack_public(const gemm_call *c, gml_packed **a, gml_packed **b)
{
    gml_gemm_problem for_a = problem_of(c), for_b = for_a;
    gml_status status = GML_OK;
    for_a.a = data_of(&c->a), for_b.b = data_of(&c->b);
    if (!c->g->packed_b)
        for_a.n = (for_a.n + 2) / 3;
    if (!c->g->packed_a)
        for_b.m = (for_b.m + 2) / 3;
    if (c->g->packed_a)
        status = gml_gemm_pack_a(a, c->subject->context, &for_a);
    if (c->g->packed_b && status == GML_OK)
        status = gml_gemm_pack_b(b, c->subject->context, &for_b);
    return status;
}

static gml_status run_simple(const gemm_call *c)
{
    const proof_gemm *g = c->g;
    if (g->type == GML_F32)
        return gml_gemm_f32(c->subject->context, g->m, g->n, g->k, (float)g->alpha, data_of(&c->a), c->a.rs,
                            c->a.cs, data_of(&c->b), c->b.rs, c->b.cs, (float)g->beta, data_of(&c->c),
                            c->c.rs, c->c.cs);
    return gml_gemm_f64(c->subject->context, g->m, g->n, g->k, g->alpha, data_of(&c->a), c->a.rs, c->a.cs,
                        data_of(&c->b), c->b.rs, c->b.cs, g->beta, data_of(&c->c), c->c.rs, c->c.cs);
}

static gml_status run_problem(const gemm_call *c, const gml_packed *packed_a, const gml_packed *packed_b)
{
    const proof_gemm *g = c->g;
    const void *a = listed(g) || g->packed_a ? NULL : data_of(&c->a);
    const void *b = listed(g) || g->packed_b ? NULL : data_of(&c->b);
    void *to = listed(g) ? NULL : data_of(&c->c);
    gml_gemm_problem p = problem_of(c);
    p.packed_a = packed_a, p.packed_b = packed_b;
    if (g->call != PROOF_PLAN) {
        p.a = a, p.b = b, p.c = to;
        return gml_gemm(c->subject->context, &p);
    }
    gml_plan *plan = NULL;
    gml_status status = gml_plan_create_gemm(&plan, c->subject->context, &p);
    if (status == GML_OK)
        status = gml_plan_run_gemm(plan, a, b, to);
    if (status == GML_OK && g->beta == 0.0) /* the second run writes the same */
        status = gml_plan_run_gemm(plan, a, b, to);
    gml_plan_destroy(plan);
    return status;
}

static void run_public(gemm_call *c)
{
    const proof_gemm *g = c->g;
    gml_packed *packed_a = NULL, *packed_b = NULL;
    const bool plain = g->batch == 1 && !listed(g) && !g->packed_a && !g->packed_b && !g->bias_m &&
                       !g->bias_n && g->activation == GML_ACTIVATION_NONE && g->threads == 0;
    if (g->call == PROOF_SIMPLE && plain) {
        c->status = run_simple(c);
        return;
    }
    c->status = pack_public(c, &packed_a, &packed_b);
    if (c->status == GML_OK)
        c->status = run_problem(c, packed_a, packed_b);
    gml_packed_destroy(packed_a);
    gml_packed_destroy(packed_b);
}

/* The operands without addresses, as far as they are packed. */
static gml_gemm_args args_of(const gemm_call *c)
{
    const proof_gemm *g = c->g;
    return (gml_gemm_args){.type = g->type,
                           .m = g->m,
                           .n = g->n,
                           .k = g->k,
                           .alpha = g->alpha,
                           .beta = g->beta,
                           .rs_a = c->a.rs,
                           .cs_a = c->a.cs,
                           .rs_b = c->b.rs,
                           .cs_b = c->b.cs,
                           .rs_c = c->c.rs,
                           .cs_c = c->c.cs,
                           .packed_a = c->packed_a.data ? &c->packed_a : NULL,
                           .packed_b = c->packed_b.data ? &c->packed_b : NULL,
                           .epilogue = {.bias_m = c->bias_m ? c->bias_m->data : NULL,
                                        .bias_n = c->bias_n ? c->bias_n->data : NULL,
                                        .activation = g->activation}};
}

static void run_executor(const gemm_call *c)
{
    const proof_gemm *g = c->g;
    const bool one = g->batch == 1 && !listed(g);
    gml_gemm_args args = args_of(c);
    gml_gemm_batch batch = {.count = g->batch};
    if (listed(g)) {
        batch.a_list = g->packed_a ? NULL : (const void *const *)c->a.list;
        batch.b_list = g->packed_b ? NULL : (const void *const *)c->b.list;
        batch.c_list = c->c.list;
    } else {
        args.a = g->packed_a ? NULL : data_of(&c->a);
        args.b = g->packed_b ? NULL : data_of(&c->b);
        args.c = data_of(&c->c);
        batch.bs_a = c->a.bs, batch.bs_b = c->b.bs, batch.bs_c = c->c.bs;
    }
    gml_gemm_run(c->subject->runtime, c->subject->gemm_plain ? NULL : &c->plan, &args, one ? NULL : &batch);
}

static void run(void *argument)
{
    gemm_call *c = argument;
    if (c->subject->runtime)
        run_executor(c);
    else
        run_public(c);
}

static int64_t larger_stride(int64_t extent, const proof_layout *layout)
{
    int64_t power = 1;
    if (!layout->power)
        return extent + layout->gap;
    while (power < extent + layout->gap)
        power *= 2;
    return power;
}

/* Places the matrices of one operand, `rows` by `cols`. */
static void place(proof_session *session, matrices *to, const char *name, const proof_gemm *g, int64_t rows,
                  int64_t cols, const proof_layout *layout, bool shared, proof_random *random)
{
    const int64_t short_side = layout->by_column ? rows : cols, long_side = layout->by_column ? cols : rows;
    const int64_t extent = short_side > 0 ? (short_side - 1) * layout->inner + 1 : 1;
    const int64_t products = shared || listed(g) ? 1 : g->batch;
    const bool interleaved = g->batching == PROOF_INTERLEAVED && products > 1;
    const int64_t larger = larger_stride(interleaved ? extent * products : extent, layout);
    to->element = g->type == GML_F32 ? sizeof(float) : sizeof(double);
    to->rs = layout->by_column ? layout->inner : larger;
    to->cs = layout->by_column ? larger : layout->inner;
    if (products > 1)
        to->bs = interleaved ? extent : (long_side > 0 ? long_side - 1 : 0) * larger + extent + layout->gap;
    to->operands = listed(g) && !shared ? g->batch : 1;
    for (int64_t i = 0; i < to->operands; i++)
        to->operand[i] = proof_place(session->arena, name, to->element, to->element,
                                     (proof_shape){{1, products, rows, cols}, {0, to->bs, to->rs, to->cs}},
                                     proof_any_edge(random));
    for (int64_t l = 0; l < g->batch && listed(g); l++)
        to->list[l] = to->operand[shared ? 0 : l]->data;
}

static void fill(const matrices *x, proof_random *random, proof_values values)
{
    for (int64_t i = 0; i < x->operands; i++)
        proof_fill(x->operand[i], random, values);
}

static const proof_operand *place_bias(proof_session *session, const char *name, size_t element, int64_t n,
                                       proof_values values, proof_random *random)
{
    proof_operand *bias =
        proof_place_matrix(session->arena, name, element, 1, n, n, 1, proof_any_edge(random));
    proof_fill(bias, random, values);
    return bias;
}

/* Packs an operand for an executor, into the arena. */
static void pack_core(proof_session *session, const gemm_call *c, bool of_b, gml_gemm_packed *packed)
{
    const proof_gemm *g = c->g;
    const gml_gemm_plan *plan = &c->plan;
    const matrices *from = of_b ? &c->b : &c->a;
    *packed = (gml_gemm_packed){.set = c->subject->runtime->set,
                                .kernels = plan->kernels,
                                .kernel = plan->kernel,
                                .transpose = plan->transpose,
                                .of_b = of_b,
                                .extent = of_b ? g->n : g->m,
                                .k = g->k};
    const int64_t elements = (int64_t)(gml_gemm_packed_bytes(packed) / from->element);
    packed->data = proof_place(session->arena, of_b ? "packed b" : "packed a", from->element, GML_ALIGNMENT,
                               (proof_shape){{1, 1, 1, elements}, {0, 0, 0, 1}}, PROOF_AT_END)
                       ->data;
    gml_gemm_pack(c->subject->runtime, packed, data_of(from), of_b ? from->cs : from->rs,
                  of_b ? from->rs : from->cs);
}

static void specify(const gemm_call *c)
{
    const proof_gemm *g = c->g;
    const void *bias_m = c->bias_m ? c->bias_m->image : NULL, *bias_n = c->bias_n ? c->bias_n->image : NULL;
    for (int64_t l = 0; l < g->batch; l++) {
        const void *a = image_of(&c->a, l), *b = image_of(&c->b, l);
        void *to = image_of(&c->c, l);
        if (g->type == GML_F32) {
            spec_gemm_f32(g->m, g->n, g->k, (float)g->alpha, a, c->a.rs, c->a.cs, b, c->b.rs, c->b.cs,
                          (float)g->beta, to, c->c.rs, c->c.cs);
            spec_epilogue_f32(g->m, g->n, bias_m, bias_n, g->activation, to, c->c.rs, c->c.cs);
        } else {
            spec_gemm_f64(g->m, g->n, g->k, g->alpha, a, c->a.rs, c->a.cs, b, c->b.rs, c->b.cs, g->beta, to,
                          c->c.rs, c->c.cs);
            spec_epilogue_f64(g->m, g->n, bias_m, bias_n, g->activation, to, c->c.rs, c->c.cs);
        }
    }
}

/* The plan, and what is packed for it; false when the model's is refused. */
static bool prepare(proof_session *session, gemm_call *c)
{
    const proof_subject *subject = c->subject;
    const gml_kernel_set *set = subject->runtime->set;
    const int32_t threads = subject->runtime->threads;
    char why[160];
    gml_gemm_args args = args_of(c);
    c->plan = subject->gemm
                  ? *subject->gemm
                  : gml_model_gemm(subject->machine, set, &args, c->g->batch, threads, subject->choice);
    if (c->g->packed_a)
        pack_core(session, c, false, &c->packed_a);
    if (c->g->packed_b)
        pack_core(session, c, true, &c->packed_b);
    if (subject->gemm)
        return true;
    args = args_of(c);
    c->plan = gml_model_gemm(subject->machine, set, &args, c->g->batch, threads, subject->choice);
    if (gml_gemm_plan_check(&c->plan, set, why, sizeof why))
        return true;
    proof_fail(session, "the plan is refused: %s", why);
    return false;
}

static void label(proof_session *session, const gemm_call *c)
{
    static const char *const calls[] = {"simple", "descriptor", "plan"};
    static const char *const batchings[] = {"strided", "interleaved", "listed"};
    const proof_gemm *g = c->g;
    proof_case_label(session,
                     "gemm f%d, m %lld, n %lld, k %lld, alpha %g, beta %g, a %lld:%lld%s, b %lld:%lld%s, c "
                     "%lld:%lld, batch %lld %s%s"
                     "%s, bias %d%d, act %d, %s, threads %d, %s, case seed %llu",
                     (int)(c->c.element * 8), (long long)g->m, (long long)g->n, (long long)g->k, g->alpha,
                     g->beta, (long long)c->a.rs, (long long)c->a.cs, g->packed_a ? " packed" : "",
                     (long long)c->b.rs, (long long)c->b.cs, g->packed_b ? " packed" : "", (long long)c->c.rs,
                     (long long)c->c.cs, (long long)g->batch, batchings[g->batching],
                     g->shared_a ? ", one a" : "", g->shared_b ? ", one b" : "", g->bias_m, g->bias_n,
                     (int)g->activation, calls[g->call], (int)g->threads, proof_values_name[g->values],
                     (unsigned long long)g->seed);
}

void proof_gemm_case(proof_session *session, const proof_subject *subject, const proof_gemm *g,
                     proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(g->seed, 6);
    gemm_call call = {.subject = subject, .g = g};
    proof_case_begin(session);
    place(session, &call.a, "a", g, g->m, g->k, &g->a, g->shared_a || g->packed_a, &random);
    place(session, &call.b, "b", g, g->k, g->n, &g->b, g->shared_b || g->packed_b, &random);
    place(session, &call.c, "c", g, g->m, g->n, &g->c, false, &random);
    fill(&call.a, &random, g->values);
    fill(&call.b, &random, g->values);
    if (g->beta != 0.0) /* otherwise C stays poisoned: it must not be read */
        fill(&call.c, &random, g->values);
    if (g->bias_m)
        call.bias_m = place_bias(session, "bias_m", call.c.element, g->m, g->values, &random);
    if (g->bias_n)
        call.bias_n = place_bias(session, "bias_n", call.c.element, g->n, g->values, &random);
    label(session, &call);
    if (subject && subject->runtime && !prepare(session, &call))
        return;
    proof_case_images(session);
    specify(&call);
    if (subject)
        proof_case_end(session, run, &call);
    if (call.status != GML_OK) {
        char why[160];
        gml_last_error(why, sizeof why);
        proof_fail(session, "%s: %s", gml_status_name(call.status), why);
    }
    for (int64_t i = 0; sha && i < call.c.operands; i++)
        proof_hash_operand(sha, call.c.operand[i], !subject);
}

static proof_layout any_layout(proof_random *random)
{
    static const int64_t gaps[] = {0, 0, 1, 17, 64};
    return (proof_layout){.by_column = proof_once_in(random, 2),
                          .inner = proof_once_in(random, 6) ? proof_between(random, 2, 3) : 1,
                          .gap = gaps[proof_below(random, 5)],
                          .power = proof_once_in(random, 8)};
}

static double any_factor(proof_random *random, gml_type type)
{
    static const double usual[] = {0, -0.0, 1, 1, 1, -1, 0.75, -2.5, 0x1p-100, 1 / 3.0};
    const double x = proof_once_in(random, 40) ? NAN : usual[proof_below(random, 10)];
    return type == GML_F32 ? (double)(float)x : x;
}

/* Sizes that each path is made for, and any. */
static void any_size(proof_gemm *g, proof_random *random)
{
    static const int64_t odd[] = {5, 13, 23};
    const int64_t few = proof_between(random, 1, 12), many = proof_log_between(random, 1, 5000);
    switch (proof_below(random, 8)) {
    case 0: /* few rows, few columns */
        g->m = few, g->n = many, g->k = proof_log_between(random, 1, 700);
        break;
    case 1:
        g->m = many, g->n = few, g->k = proof_log_between(random, 1, 700);
        break;
    case 2: /* a small C and a long k */
        g->m = proof_log_between(random, 1, 60), g->n = proof_log_between(random, 1, 60);
        g->k = proof_log_between(random, 1, 8000);
        break;
    case 3: /* tiny */
        g->m = proof_between(random, 1, 8), g->n = proof_between(random, 1, 8),
        g->k = proof_between(random, 1, 8);
        break;
    case 4:
        g->m = odd[proof_below(random, 3)], g->n = odd[proof_below(random, 3)],
        g->k = odd[proof_below(random, 3)];
        break;
    case 5: /* rank k */
        g->m = proof_log_between(random, 1, 500), g->n = proof_log_between(random, 1, 500);
        g->k = proof_between(random, 0, 8);
        break;
    default:
        g->m = proof_log_between(random, 0, 300), g->n = proof_log_between(random, 0, 300);
        g->k = proof_once_in(random, 3) ? proof_around(random, GML_KC0_F32, 3)
                                        : proof_log_between(random, 0, 1200);
    }
}

proof_gemm proof_gemm_random(proof_random *random)
{
    const int64_t budget = 1 << 19;
    proof_gemm g = {.type = proof_once_in(random, 2) ? GML_F32 : GML_F64, .batch = 1};
    g.alpha = any_factor(random, g.type);
    g.beta = any_factor(random, g.type);
    any_size(&g, random);
    if (proof_once_in(random, 3)) {
        g.batching = (proof_batching)proof_below(random, PROOF_BATCHINGS);
        g.batch = proof_log_between(random, 0, listed(&g) ? PROOF_LIST : 40);
        g.shared_a = proof_once_in(random, 4);
        g.shared_b = proof_once_in(random, 4);
    }
    while (g.m * g.n * g.k * g.batch > budget)
        *(g.m > g.n ? &g.m : g.n > 16 ? &g.n : &g.k) /= 2;
    if (g.m > 0 && g.n > 0 && g.k > 0 && g.batch > 0) {
        g.packed_a = proof_once_in(random, 6);
        g.packed_b = proof_once_in(random, 6);
    }
    if (proof_once_in(random, 3)) {
        g.bias_m = proof_once_in(random, 2);
        g.bias_n = proof_once_in(random, 2);
        g.activation = (int32_t)proof_below(random, g.type == GML_F32 ? GML_ACTIVATION_SILU + 1 : 2);
    }
    g.a = any_layout(random);
    g.b = any_layout(random);
    g.c = any_layout(random);
    g.call = (proof_call)proof_below(random, PROOF_CALLS);
    g.threads = proof_once_in(random, 3) ? (int32_t)proof_between(random, 1, 4) : 0;
    g.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    g.seed = proof_next(random) >> 32;
    return g;
}
