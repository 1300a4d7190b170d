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
    gml_softmax_plan plan; /* of an executor */
    gml_status status;
} softmax_call;

/* The plan of an executor; false when the model's is refused. */
static bool choose_plan(proof_session *session, softmax_call *c)
{
    const proof_subject *subject = c->subject;
    char why[160];
    if (subject->softmax) {
        c->plan = *subject->softmax;
        return true;
    }
    const gml_softmax_problem resolved = gml_softmax_resolve(&c->problem);
    c->plan = gml_model_softmax(subject->machine, &resolved, subject->runtime->threads, subject->choice);
    if (gml_softmax_plan_check(&c->plan, why, sizeof why))
        return true;
    proof_fail(session, "the plan is refused: %s", why);
    return false;
}

static void run(void *argument)
{
    softmax_call *c = argument;
    if (!c->subject->runtime) {
        c->status = gml_softmax_f32(c->subject->context, &c->problem);
        return;
    }
    const gml_softmax_problem resolved = gml_softmax_resolve(&c->problem);
    gml_softmax_run_f32(c->subject->runtime, &c->plan, &resolved);
}

/* [batch][rows][cols] */
static proof_shape shape_of(const proof_softmax *s, proof_axis axis)
{
    proof_shape shape = {{1, s->batch, s->rows, s->cols}, {0, 0, 0, 0}};
    int64_t *stride = shape.stride;
    switch (axis) {
    case PROOF_BY_COLUMNS:
        stride[2] = 1, stride[3] = s->rows + s->gap, stride[1] = s->cols * stride[3];
        break;
    case PROOF_BY_MATRICES:
        stride[1] = 1, stride[3] = s->batch, stride[2] = s->cols * s->batch + s->gap;
        break;
    case PROOF_SPACED:
        stride[3] = 2, stride[2] = 2 * s->cols + s->gap, stride[1] = s->rows * stride[2] + s->gap;
        break;
    default:
        stride[3] = 1, stride[2] = s->cols + s->gap, stride[1] = s->rows * stride[2];
    }
    stride[3] += stride[3] == 0; /* of a matrix without rows; 0 stands for 1 */
    return shape;
}

/* bias and keep: columns contiguous, broadcast where they are. */
static proof_shape mask_shape(const proof_softmax *s, bool one_row, bool one_matrix)
{
    proof_shape shape = shape_of(s, PROOF_BY_ROWS);
    if (one_row)
        shape.stride[2] = 0, shape.stride[1] = s->cols + s->gap;
    if (one_matrix)
        shape.stride[1] = 0;
    return shape;
}

static proof_operand *place(proof_arena *arena, const char *name, size_t element, proof_shape shape,
                            proof_random *random)
{
    return proof_place(arena, name, element, element, shape, proof_any_edge(random));
}

typedef struct masking {
    proof_random *random;
    int64_t once_in;
} masking;

static void mask_element(void *argument, void *element)
{
    const masking *mask = argument;
    if (proof_once_in(mask->random, mask->once_in))
        *(float *)element = -INFINITY;
}

static void mask_some(proof_operand *bias, proof_random *random, int64_t once_in)
{
    masking mask = {random, once_in};
    proof_each(bias, mask_element, &mask);
}

/* Slopes as models have them, and anything else; sinks likewise, and none. */
static void fill_slopes(proof_operand *alibi, int64_t n, proof_random *random, proof_values values)
{
    for (int64_t l = 0; l < n; l++)
        ((float *)alibi->data)[l] = proof_once_in(random, 6) ? proof_value(random, values)
                                                             : ldexpf(1.0f, -(int)proof_below(random, 9));
}

static void fill_sinks(proof_operand *sinks, int64_t n, proof_random *random, proof_values values)
{
    for (int64_t l = 0; l < n; l++)
        ((float *)sinks->data)[l] = proof_once_in(random, 6) ? -INFINITY : proof_value(random, values);
}

static void label(proof_session *session, const proof_softmax *s)
{
    static const char *const axes[PROOF_AXES] = {"rows", "columns", "matrices", "spaced rows"};
    proof_case_label(session,
                     "softmax batch %lld, rows %lld, cols %lld, gap %lld, x by %s, y by %s%s, scale %g, "
                     "softcap %g, causal %d, "
                     "offset %lld%s%s%s%s%s%s%s%s%s%s, masked 1 in %lld, %s, case seed %llu",
                     (long long)s->batch, (long long)s->rows, (long long)s->cols, (long long)s->gap,
                     axes[s->x_axis], axes[s->y_axis], s->in_place ? ", in place" : "", (double)s->scale,
                     (double)s->softcap, (int)s->causal, (long long)s->causal_offset, s->log ? ", log" : "",
                     s->lse ? ", lse" : "", s->alibi ? ", alibi" : "", s->sinks ? ", sinks" : "",
                     s->bias ? ", bias" : "", s->bias_broadcast ? " of one row" : "",
                     s->bias_shared ? " of one matrix" : "", s->keep ? ", keep" : "",
                     s->keep_broadcast ? " of one row" : "", s->keep_shared ? " of one matrix" : "",
                     (long long)s->masked, proof_values_name[s->values], (unsigned long long)s->seed);
}

void proof_softmax_case(proof_session *session, const proof_subject *subject, const proof_softmax *s,
                        proof_sha256 *sha)
{
    proof_random random = proof_random_seeded(s->seed, 7);
    proof_arena *arena = session->arena;
    const proof_shape x_shape = shape_of(s, s->x_axis);
    proof_shape y_shape = s->in_place ? x_shape : shape_of(s, s->y_axis);
    if (!s->in_place && s->y_axis != PROOF_BY_MATRICES && s->gap % 3 == 1)
        y_shape.stride[1] += s->gap; /* matrices apart, where those of x are not */
    const proof_shape bias_shape = mask_shape(s, s->bias_broadcast, s->bias_shared);
    const proof_shape keep_shape = mask_shape(s, s->keep_broadcast, s->keep_shared);
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.batch = s->batch, problem.rows = s->rows, problem.cols = s->cols;
    problem.scale = s->scale, problem.softcap = s->softcap, problem.log = s->log;
    problem.causal = s->causal, problem.causal_offset = s->causal_offset;
    problem.x_batch_stride = x_shape.stride[1], problem.y_batch_stride = y_shape.stride[1];
    problem.x_stride = x_shape.stride[2], problem.y_stride = y_shape.stride[2];
    problem.x_col_stride = x_shape.stride[3], problem.y_col_stride = y_shape.stride[3];
    if (s->seed % 2 && problem.x_col_stride == 1 && problem.y_col_stride == 1)
        problem.x_col_stride = problem.y_col_stride = 0;
    problem.bias_batch_stride = bias_shape.stride[1], problem.bias_stride = bias_shape.stride[2];
    problem.keep_batch_stride = keep_shape.stride[1], problem.keep_stride = keep_shape.stride[2];
    problem.lse_stride = 1 + s->gap % 3, problem.lse_batch_stride = s->rows * problem.lse_stride;

    proof_case_begin(session);
    proof_operand *x = place(arena, "x", sizeof(float), x_shape, &random), *y = x;
    proof_operand *lse = NULL, *bias = NULL, *keep = NULL, *alibi = NULL, *sinks = NULL;
    proof_fill(x, &random, s->values);
    if (!s->in_place)
        y = place(arena, "y", sizeof(float), y_shape, &random);
    if (s->lse)
        lse = place(
            arena, "lse", sizeof(float),
            (proof_shape){{1, 1, s->batch, s->rows}, {0, 0, problem.lse_batch_stride, problem.lse_stride}},
            &random);
    if (s->bias) {
        bias = place(arena, "bias", sizeof(float), bias_shape, &random);
        proof_fill(bias, &random, s->values);
        mask_some(bias, &random, s->masked);
    }
    if (s->keep) {
        keep = place(arena, "keep", sizeof(uint8_t), keep_shape, &random);
        proof_fill_bytes(keep, &random, s->masked);
    }
    if (s->alibi) {
        alibi = proof_place_vector(arena, "alibi", s->batch, proof_any_edge(&random));
        fill_slopes(alibi, s->batch, &random, s->values);
    }
    if (s->sinks) {
        sinks = proof_place_vector(arena, "sinks", s->batch, proof_any_edge(&random));
        fill_sinks(sinks, s->batch, &random, s->values);
    }
    proof_case_images(session);

    gml_softmax_problem images = problem;
    problem.x = x->data, images.x = x->image;
    problem.y = y->data, images.y = y->image;
    problem.lse = lse ? lse->data : NULL, images.lse = lse ? lse->image : NULL;
    problem.bias = bias ? bias->data : NULL, images.bias = bias ? bias->image : NULL;
    problem.keep = keep ? keep->data : NULL, images.keep = keep ? keep->image : NULL;
    problem.alibi = alibi ? alibi->data : NULL, images.alibi = alibi ? alibi->image : NULL;
    problem.sinks = sinks ? sinks->data : NULL, images.sinks = sinks ? sinks->image : NULL;
    spec_softmax_f32(&images);
    label(session, s);
    softmax_call call = {.subject = subject, .problem = problem};
    if (subject && subject->runtime && !choose_plan(session, &call))
        return;
    if (subject && proof_case_end(session, run, &call) && call.status != GML_OK)
        proof_fail(session, "%s", gml_status_name(call.status));
    if (sha) {
        proof_hash_operand(sha, y, !subject);
        if (lse)
            proof_hash_operand(sha, lse, !subject);
    }
}

proof_softmax proof_softmax_random(proof_random *random)
{
    static const float scales[] = {0.0f, 1.0f, 0.125f, -3.0f, 0x1p-120f, 0x1p100f};
    static const float softcaps[] = {1.0f, 30.0f, 0x1p-100f, 1e30f};
    proof_softmax s = {.scale = scales[proof_below(random, 6)], .masked = 1};
    s.cols = proof_once_in(random, 4) ? proof_around(random, GML_RS0, 3) : proof_log_between(random, 0, 400);
    s.rows = proof_log_between(random, 0, s.cols > 1000 ? 6 : 100);
    s.batch = proof_once_in(random, 2) ? 1 : proof_log_between(random, 0, s.cols > 1000 ? 2 : 5);
    s.gap = proof_once_in(random, 2) ? 0 : proof_between(random, 1, 20);
    if (proof_once_in(random, 3))
        s.x_axis = (proof_axis)proof_below(random, PROOF_AXES);
    s.y_axis = proof_once_in(random, 4) ? (proof_axis)proof_below(random, PROOF_AXES) : s.x_axis;
    s.in_place = proof_once_in(random, 2);
    s.lse = proof_once_in(random, 2);
    s.log = proof_once_in(random, 3);
    if (proof_once_in(random, 3))
        s.softcap = softcaps[proof_below(random, 4)];
    s.alibi = proof_once_in(random, 4);
    s.sinks = proof_once_in(random, 4);
    s.bias = proof_once_in(random, 3);
    s.keep = proof_once_in(random, 3);
    s.bias_broadcast = s.bias && proof_once_in(random, 3);
    s.keep_broadcast = s.keep && proof_once_in(random, 3);
    s.bias_shared = s.bias && proof_once_in(random, 3);
    s.keep_shared = s.keep && proof_once_in(random, 3);
    if (!proof_once_in(random, 8))
        s.masked = proof_between(random, 2, 12);
    s.causal = proof_once_in(random, 2) ? (int32_t)proof_below(random, 4) : GML_CAUSAL_NONE;
    if (s.causal == GML_CAUSAL_OFFSET) {
        s.causal_offset = proof_between(random, -s.rows - 2, s.cols + 2);
        if (proof_once_in(random, 20))
            s.causal_offset = INT64_MAX - proof_below(random, 3);
        else if (proof_once_in(random, 20))
            s.causal_offset = GML_ALIBI_FAR + proof_below(random, 2 * GML_RS0);
    }
    s.values = (proof_values)proof_below(random, PROOF_N_VALUES);
    s.seed = proof_next(random) >> 32;
    return s;
}
