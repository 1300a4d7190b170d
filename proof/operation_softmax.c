/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernels/arithmetic.h"
#include "proof/operations.h"
#include "proof/spec/spec.h"
#include "src/core/softmax.h"
#include <gemmule/softmax.h>
#include <math.h>

typedef struct softmax_call {
    const proof_subject *subject;
    gml_softmax_problem problem;
    gml_status status;
} softmax_call;

static void run(void *argument)
{
    softmax_call *c = argument;
    if (!c->subject->runtime) {
        c->status = gml_softmax_f32(c->subject->context, &c->problem);
        return;
    }
    /* What the public function resolves before it asks for a plan. */
    gml_softmax_problem p = c->problem;
    if (p.scale == 0.0f)
        p.scale = 1.0f;
    if (p.causal == GML_CAUSAL_BOTTOM_RIGHT)
        p.causal_offset = p.cols - p.rows;
    if (p.causal != GML_CAUSAL_NONE)
        p.causal = GML_CAUSAL_OFFSET;
    gml_softmax_run_f32(c->subject->runtime, c->subject->softmax, &p);
}

static void mask_some(proof_operand *bias, proof_random *random, int64_t once_in)
{
    for (int64_t i = 0; i < bias->shape.size[2]; i++)
        for (int64_t j = 0; j < bias->shape.size[3]; j++)
            if (proof_once_in(random, once_in))
                ((float *)bias->data)[i * bias->shape.stride[2] + j] = -INFINITY;
}

void proof_softmax_case(proof_session *session, const proof_subject *subject, const proof_softmax *s,
                        proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(s->seed, 7);
    proof_arena *arena = session->arena;
    const int64_t stride = s->cols + s->gap;
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = s->rows, problem.cols = s->cols, problem.scale = s->scale;
    problem.causal = s->causal, problem.causal_offset = s->causal_offset;
    problem.x_stride = problem.y_stride = stride;
    problem.bias_stride = s->bias_broadcast ? 0 : stride;
    problem.keep_stride = s->keep_broadcast ? 0 : stride;

    proof_case_begin(session);
    proof_operand *x = proof_place_rows(arena, "x", s->rows, s->cols, stride, proof_any_edge(&random));
    proof_operand *y = x, *bias = NULL, *keep = NULL;
    proof_fill(x, &random, s->values);
    if (!s->in_place)
        y = proof_place_rows(arena, "y", s->rows, s->cols, stride, proof_any_edge(&random));
    if (s->bias) {
        bias =
            proof_place_rows(arena, "bias", s->rows, s->cols, problem.bias_stride, proof_any_edge(&random));
        proof_fill(bias, &random, s->values);
        mask_some(bias, &random, s->masked);
    }
    if (s->keep) {
        keep = proof_place(arena, "keep", 1, 1,
                           (proof_shape){{1, 1, s->rows, s->cols}, {0, 0, problem.keep_stride, 1}},
                           proof_any_edge(&random));
        proof_fill_bytes(keep, &random, s->masked);
    }
    proof_case_images(session);

    gml_softmax_problem images = problem;
    problem.x = x->data, images.x = x->image;
    problem.y = y->data, images.y = y->image;
    problem.bias = bias ? bias->data : NULL, images.bias = bias ? bias->image : NULL;
    problem.keep = keep ? keep->data : NULL, images.keep = keep ? keep->image : NULL;
    spec_softmax_f32(&images);
    proof_case_label(
        session,
        "softmax rows %lld, cols %lld, scale %g, causal %d, offset %lld%s%s%s%s%s, masked 1 in %lld, %s, "
        "case seed %llu",
        (long long)s->rows, (long long)s->cols, (double)s->scale, (int)s->causal, (long long)s->causal_offset,
        s->in_place ? ", in place" : "", s->bias ? ", bias" : "", s->bias_broadcast ? " of one row" : "",
        s->keep ? ", keep" : "", s->keep_broadcast ? " of one row" : "", (long long)s->masked,
        proof_values_name[s->values], (unsigned long long)s->seed);
    softmax_call call = {.subject = subject, .problem = problem};
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha)
        proof_hash_operand(sha, y, !subject);
}

proof_softmax proof_softmax_random(proof_random *random)
{
    static const float scales[] = {0.0f, 1.0f, 0.125f, -3.0f, 0x1p-120f, 0x1p100f};
    proof_softmax s = {.scale = scales[proof_below(random, 6)], .masked = 1};
    s.cols = proof_once_in(random, 4) ? proof_around(random, GML_RS0, 3) : proof_log_between(random, 0, 400);
    s.rows = proof_log_between(random, 0, s.cols > 1000 ? 6 : 100);
    s.gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 20);
    s.in_place = proof_once_in(random, 2);
    s.bias = proof_once_in(random, 3);
    s.keep = proof_once_in(random, 3);
    s.bias_broadcast = s.bias && proof_once_in(random, 3);
    s.keep_broadcast = s.keep && proof_once_in(random, 3);
    if (!proof_once_in(random, 8))
        s.masked = proof_between(random, 2, 12);
    s.causal = proof_once_in(random, 2) ? (int32_t)proof_below(random, 4) : GML_CAUSAL_NONE;
    if (s.causal == GML_CAUSAL_OFFSET)
        s.causal_offset = proof_once_in(random, 20) ? INT64_MAX - proof_below(random, 3)
                                                    : proof_between(random, -s.rows - 2, s.cols + 2);
    s.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    s.seed = proof_next(random) >> 32;
    return s;
}
