/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/arithmetic.h"
#include "proof/attention_operands.h"
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/attention.h"
#include <math.h>
#include <stdarg.h>

#define COUNT(table) ((int64_t)(sizeof table / sizeof *table))

typedef struct attention_call {
    const proof_subject *subject;
    gml_attention_problem problem;
    gml_attention_plan plan; /* the model's */
    gml_status status;
} attention_call;

/* false when the model's plan is refused. */
static bool choose_plan(proof_session *session, attention_call *c)
{
    const proof_subject *subject = c->subject;
    const gml_kernel_set *set = subject->runtime->set;
    char why[160];
    c->plan =
        gml_model_attention(subject->machine, set, &c->problem, subject->runtime->threads, subject->choice);
    if (gml_attention_plan_check(&c->plan, set, c->problem.head_dim, c->problem.v_head_dim, why, sizeof why))
        return true;
    proof_fail(session, "the plan is refused: %s", why);
    return false;
}

static void run(void *argument)
{
    attention_call *c = argument;
    if (!c->subject->runtime) {
        c->status = gml_attention_f32(c->subject->context, &c->problem);
        return;
    }
    /* What the public function resolves before it asks for a plan. */
    gml_attention_problem p = c->problem;
    if (p.scale == 0.0f)
        p.scale = (float)(1.0 / sqrt((double)p.head_dim));
    gml_attention_run_f32(c->subject->runtime, c->subject->machine ? &c->plan : c->subject->attention, &p);
}

typedef struct text {
    char characters[320];
    size_t length;
} text;

static void add(text *to, bool present, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(text *to, bool present, const char *format, ...)
{
    if (!present)
        return;
    va_list list;
    va_start(list, format);
    const int n = vsnprintf(to->characters + to->length, sizeof to->characters - to->length, format, list);
    va_end(list);
    to->length += (size_t)n;
    if (to->length >= sizeof to->characters)
        to->length = sizeof to->characters - 1;
}

static void label(proof_session *session, const proof_attention *a)
{
    static const char *const documents[PROOF_DOCUMENTS] = {"", ", documents", ", arbitrary documents"};
    text options = {.length = 0};
    add(&options, a->causal, ", causal %d", (int)a->causal);
    add(&options, a->causal == GML_CAUSAL_OFFSET, ", offset %lld", (long long)a->causal_offset);
    add(&options, a->window_left, ", left %lld", (long long)a->window_left);
    add(&options, a->window_right, ", right %lld", (long long)a->window_right);
    add(&options, a->softcap != 0.0f, ", softcap %g", (double)a->softcap);
    add(&options, a->lengths, ", lengths");
    add(&options, a->prefix, ", prefix");
    add(&options, true, "%s", documents[a->documents]);
    add(&options, a->alibi, ", alibi");
    add(&options, a->sinks, ", sinks");
    add(&options, a->bias, ", bias");
    add(&options, a->keep, ", keep");
    add(&options, a->weights, ", weights");
    add(&options, a->token_major, ", token major");
    add(&options, a->k_transposed, ", k transposed");
    add(&options, a->in_place, ", in place");
    add(&options, a->dead, ", dead %lld", (long long)a->dead);
    add(&options, a->hot, ", hot %lld", (long long)a->hot);
    add(&options, a->sunk, ", sunk %lld", (long long)a->sunk);
    proof_case_label(session,
                     "attention batch %lld, heads %lld of %lld, q_len %lld, kv_len %lld, head_dim %lld and "
                     "%lld, scale %g%s, %s, case seed %llu",
                     (long long)a->batch, (long long)a->heads, (long long)a->kv_heads, (long long)a->q_len,
                     (long long)a->kv_len, (long long)a->head_dim, (long long)a->v_head_dim, (double)a->scale,
                     options.characters, proof_values_name[a->values], (unsigned long long)a->seed);
}

void proof_attention_case(proof_session *session, const proof_subject *subject, const proof_attention *a,
                          proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(a->seed, 8);
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    proof_case_begin(session);
    const proof_attention_operands x = proof_attention_place(session, a, &problem, &random);
    proof_case_images(session);

    proof_attention_point(&problem, &x, true);
    spec_attention_f32(&problem);
    proof_attention_point(&problem, &x, false);
    label(session, a);
    attention_call call = {.subject = subject, .problem = problem};
    if (subject && subject->machine && !choose_plan(session, &call))
        return;
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha) {
        proof_hash_operand(sha, x.o, !subject);
        if (x.lse)
            proof_hash_operand(sha, x.lse, !subject);
        if (x.weights)
            proof_hash_operand(sha, x.weights, !subject);
    }
}

static int64_t any_dim(proof_random *random)
{
    static const int64_t usual[] = {1, 8, 16, 32, 40, 64, 64, 72, 80, 96, 112, 128, 192, 256};
    return proof_once_in(random, 2) ? usual[proof_below(random, COUNT(usual))]
                                    : proof_log_between(random, 1, 140);
}

static int64_t any_window(proof_random *random, const proof_attention *a)
{
    switch (proof_below(random, 6)) {
    case 0:
        return proof_between(random, 1, 2);
    case 1:
        return proof_around(random, GML_KB0, 2);
    case 2:
        return a->kv_len + proof_between(random, 1, 200);
    case 3:
        return INT64_MAX - proof_below(random, 2);
    default:
        return proof_log_between(random, 1, a->kv_len + 1);
    }
}

static int64_t any_offset(proof_random *random, const proof_attention *a)
{
    if (!proof_once_in(random, 8))
        return proof_between(random, -a->q_len - 2, a->kv_len + 2);
    return proof_once_in(random, 2) ? INT64_MAX - proof_below(random, 3) : INT64_MIN + proof_below(random, 3);
}

/* Prefill, or a few queries against many keys, as decoding does. */
static void choose_sizes(proof_attention *a, proof_random *random)
{
    const int64_t budget = 1 << 21;
    a->kv_heads = proof_log_between(random, 1, 4);
    a->batch = proof_log_between(random, 1, 3);
    a->heads = a->kv_heads * proof_log_between(random, 1, 8);
    a->q_len = proof_log_between(random, 0, 150);
    a->kv_len =
        proof_once_in(random, 2) ? proof_around(random, GML_KB0, 3) : proof_log_between(random, 0, 200);
    a->head_dim = any_dim(random);
    a->v_head_dim = proof_once_in(random, 2) ? a->head_dim : any_dim(random);
    if (proof_once_in(random, 3)) {
        a->q_len = proof_log_between(random, 1, 8);
        a->kv_len = proof_log_between(random, 1, 1000);
    }
    if (proof_once_in(random, 40))
        a->batch = 0;
    while (a->batch * a->heads * a->q_len * a->kv_len * (a->head_dim + a->v_head_dim) > budget)
        a->batch > 1             ? a->batch--
        : a->heads > a->kv_heads ? (a->heads -= a->kv_heads)
        : a->q_len > 8           ? (a->q_len = a->q_len * 3 / 4)
                                 : (a->kv_len = a->kv_len * 3 / 4);
}

static void choose_masks(proof_attention *a, proof_random *random)
{
    a->bias = proof_once_in(random, 3);
    a->keep = proof_once_in(random, 3);
    a->bias_broadcast = (unsigned)proof_below(random, 16) & ~(proof_once_in(random, 8) ? 0u : 8u);
    a->keep_broadcast = (unsigned)proof_below(random, 16) & ~(proof_once_in(random, 8) ? 0u : 8u);
    if (!proof_once_in(random, 8))
        a->masked = proof_between(random, 2, 12);
    a->dead = proof_once_in(random, 3) ? proof_between(random, 1, 5) : 0;
    a->hot = proof_once_in(random, 4) ? proof_between(random, 1, 3) : 0;
    if (proof_once_in(random, 10))
        a->sunk = proof_once_in(random, 2) ? a->kv_len : proof_between(random, 0, a->kv_len);
}

static void choose_structure(proof_attention *a, proof_random *random)
{
    a->causal = proof_once_in(random, 2) ? (int32_t)proof_below(random, 4) : GML_CAUSAL_NONE;
    if (proof_once_in(random, 8)) { /* a last key that the first rows alone do not see */
        a->q_len = a->q_len > 3 ? proof_between(random, 2, 3) : a->q_len;
        a->causal = GML_CAUSAL_BOTTOM_RIGHT;
    }
    if (a->causal == GML_CAUSAL_OFFSET)
        a->causal_offset = any_offset(random, a);
    a->lengths = proof_once_in(random, 3);
    a->prefix = proof_once_in(random, 5);
    if (proof_once_in(random, 3))
        a->window_left = any_window(random, a);
    if (proof_once_in(random, 4))
        a->window_right = any_window(random, a);
    if (proof_once_in(random, 5))
        a->documents = proof_once_in(random, 4) ? PROOF_ARBITRARY : PROOF_RUNS;
    a->q_document_broadcast = proof_once_in(random, 4);
    a->kv_document_broadcast = proof_once_in(random, 4);
}

proof_attention proof_attention_random(proof_random *random)
{
    static const float scales[] = {0.0f, 0.0f, 1.0f, -0.25f, 0x1p-100f};
    static const float caps[] = {20.0f, 30.0f, 50.0f, 1.5f, 0x1p-100f, 0x1p100f};
    proof_attention a = {.masked = 1};
    choose_sizes(&a, random);
    choose_masks(&a, random);
    choose_structure(&a, random);
    a.token_major = proof_once_in(random, 2);
    a.kv_broadcast = proof_once_in(random, 6);
    a.k_transposed = proof_once_in(random, 6);
    a.gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 20);
    a.in_place = a.head_dim == a.v_head_dim && proof_once_in(random, 4);
    a.lse = proof_once_in(random, 2);
    a.weights = proof_once_in(random, 6);
    a.alibi = proof_once_in(random, 4);
    a.sinks = proof_once_in(random, 4);
    a.scale = scales[proof_below(random, COUNT(scales))];
    if (proof_once_in(random, 4))
        a.softcap = caps[proof_below(random, COUNT(caps))];
    a.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    if (a.values == PROOF_EXTREME || a.values == PROOF_WIDE)
        a.values = proof_once_in(random, 3) ? a.values : PROOF_SPREAD;
    a.seed = proof_next(random) >> 32;
    return a;
}
