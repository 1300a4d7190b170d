/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention: one batch entry, whose heads are the sequences of the key. What changes scores is a bias for each query
 * and key, the same for all heads; what leaves keys out is a window of a quarter of them.
 */
#include "src/core/attention.h"
#include "src/core/integers.h"
#include "tune/subject_parts.h"
#include <math.h>

#define WINDOW 4 /* one key in so many is seen */

/* Strides of [head][token][dim], or of [token][head][dim], where a single head still leaves a gap, so that the layout
 * shows; and the elements of all. */
static int64_t lay(int64_t stride[3], bool tokens, int64_t heads, int64_t length, int64_t dim)
{
    stride[1] = tokens ? dim : saturated(length, dim);
    stride[2] = tokens ? saturated(max64(heads, 2), dim) : dim;
    stride[0] = tokens ? saturated(length, stride[2]) : saturated(heads, stride[1]);
    return stride[0];
}

static bool describe(const tune_machine *on, const gml_key *key, tune_problem *problem)
{
    const int64_t kv_heads = key->size[0], heads = saturated(kv_heads, key->size[1]), q_len = key->size[2],
                  kv_len = key->size[3], dim = key->size[4], v_dim = key->size[5];
    const unsigned layout = key->layout;
    const bool tokens = layout & GML_LAYOUT_TOKENS;
    (void)on;
    if (kv_heads < 1 || heads < 1 || q_len < 1 || kv_len < 1 || dim < 1 || v_dim < 1)
        return false;
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1, p.heads = heads, p.kv_heads = kv_heads;
    p.q_len = q_len, p.kv_len = kv_len, p.head_dim = dim, p.v_head_dim = v_dim;
    p.scale = (float)(1.0 / sqrt((double)dim));
    p.q = tune_nowhere(0), p.k = tune_nowhere(1), p.v = tune_nowhere(2), p.o = tune_nowhere(3);
    tune_add(problem, TUNE_READ, GML_F32, lay(p.q_stride, tokens, heads, q_len, dim));
    if (layout & GML_LAYOUT_K_COLUMNS) {
        p.k_stride[2] = 1, p.k_dim_stride = max64(kv_len, 2);
        p.k_stride[1] = saturated(dim, p.k_dim_stride);
        p.k_stride[0] = saturated(kv_heads, p.k_stride[1]);
    } else {
        lay(p.k_stride, tokens, kv_heads, kv_len, dim);
        p.k_dim_stride = 1;
    }
    tune_add(problem, TUNE_STREAMED, GML_F32, p.k_stride[0]);
    tune_add(problem, TUNE_STREAMED, GML_F32, lay(p.v_stride, tokens, kv_heads, kv_len, v_dim));
    tune_add(problem, TUNE_WRITTEN, GML_F32, lay(p.o_stride, tokens, heads, q_len, v_dim));
    if (layout & GML_LAYOUT_CAUSAL)
        p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    if (layout & GML_LAYOUT_SPARSE) {
        p.window_left = max64(kv_len / WINDOW, 1);
        p.window_right = layout & GML_LAYOUT_CAUSAL ? 0 : p.window_left;
    }
    if (layout & GML_LAYOUT_SCORES) {
        p.bias = tune_nowhere(4);
        p.bias_stride[2] = kv_len, p.bias_stride[3] = 1;
    }
    tune_add(problem, TUNE_READ, GML_F32, p.bias ? saturated(q_len, kv_len) : 0);
    if (layout & GML_LAYOUT_WEIGHTS) {
        p.weights = tune_nowhere(5);
        p.weights_stride[3] = 1, p.weights_stride[2] = kv_len;
        p.weights_stride[1] = saturated(q_len, kv_len);
        p.weights_stride[0] = saturated(heads, p.weights_stride[1]);
    }
    tune_add(problem, TUNE_WRITTEN, GML_F32, p.weights_stride[0]);
    problem->attention = p;
    return true;
}

static void place(tune_problem *problem, char *const address[TUNE_ARRAYS])
{
    gml_attention_problem *p = &problem->attention;
    p->q = (const float *)address[0];
    p->k = (const float *)address[1];
    p->v = (const float *)address[2];
    p->o = (float *)address[3];
    p->bias = p->bias ? (const float *)address[4] : NULL;
    p->weights = p->weights ? (float *)address[5] : NULL;
}

static bool plan_of(const tune_machine *on, const tune_problem *problem, const gml_choice *choice,
                    tune_plan *plan)
{
    const gml_attention_problem *p = &problem->attention;
    const gml_kernel_set *set = on->runtime->set;
    plan->attention = gml_model_attention(on->machine, set, p, problem->key.threads, choice);
    return gml_attention_plan_check(&plan->attention, set, p->head_dim, p->v_head_dim, NULL, 0);
}

static bool equal(const tune_plan *one, const tune_plan *other)
{
    const gml_attention_plan *x = &one->attention, *y = &other->attention;
    if (x->path != y->path || x->threads != y->threads)
        return false;
    switch (x->path) {
    case GML_ATTENTION_TILES:
        return x->kernel == y->kernel && x->strips == y->strips && x->pack_k == y->pack_k;
    case GML_ATTENTION_FEW:
        return x->rows == y->rows && x->span == y->span && x->split == y->split &&
               (x->split == 1 || x->hold == y->hold);
    default:
        return x->products == y->products && x->values == y->values && x->rows == y->rows &&
               x->step == y->step;
    }
}

static int32_t threads_of(const tune_plan *plan)
{
    return plan->attention.threads;
}

static void run(gml_runtime *runtime, const tune_problem *problem, const tune_plan *plan)
{
    gml_attention_run_f32(runtime, &plan->attention, &problem->attention);
}

const tune_operation tune_attention = {describe, place, plan_of, equal, threads_of, run};
