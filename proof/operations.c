/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations, through the public interface and through the executors with plans that no model makes:
 * tiny blocks, every kernel of the set, more threads than work, no memory.
 */
#include "proof/operations.h"
#include "proof/compare.h"
#include "src/core/gemm.h"
#include <gemmule/softmax.h>

#define GEMM_PLANS      4 /* for one of each other operation: they have more to choose */
#define ATTENTION_PLANS 3 /* with threads, of more: parts of the keys, whose order shows from three on */

typedef struct hashing {
    proof_sha256 *sha;
    size_t element;     /* bytes: of a float or a double */
    ptrdiff_t to_image; /* from an element of the data to the one to be hashed */
} hashing;

static void hash_element(void *argument, void *element)
{
    const hashing *h = argument;
    const char *at = (char *)element + h->to_image;
    const uint64_t bits = h->element == sizeof(double) ? proof_canonical_f64(*(const double *)at)
                                                       : proof_canonical(*(const float *)at);
    unsigned char little[8];
    for (int i = 0; i < 8; i++)
        little[i] = (unsigned char)(bits >> 8 * i);
    proof_sha256_add(h->sha, little, h->element);
}

void proof_hash_operand(proof_sha256 *sha, const proof_operand *operand, bool image)
{
    hashing h = {sha, operand->element, image ? (char *)operand->image - (char *)operand->data : 0};
    proof_each(operand, hash_element, &h);
}

/* Each case has its own generator: case i is the same however many are run. */
static proof_random generator(const proof_session *session, int64_t i, int operation)
{
    return proof_random_seeded(session->options->seed, (uint64_t)(1000 + 5 * i + operation));
}

void proof_random_operations(proof_session *session, const proof_subject *subject, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        proof_random random = generator(session, i, 0);
        const proof_gemm g = proof_gemm_random(&random);
        proof_gemm_case(session, subject, &g, NULL);
        random = generator(session, i, 1);
        const proof_softmax s = proof_softmax_random(&random);
        proof_softmax_case(session, subject, &s, NULL);
        random = generator(session, i, 2);
        const proof_attention a = proof_attention_random(&random);
        proof_attention_case(session, subject, &a, NULL);
        random = generator(session, i, 3);
        const proof_merge m = proof_merge_random(&random);
        proof_merge_case(session, subject, &m, NULL);
    }
}

static void *refuse(void *host, size_t bytes, size_t alignment)
{
    (void)host;
    (void)bytes;
    (void)alignment;
    return NULL;
}

static gml_runtime runtime_for(const gml_kernel_set *set, int32_t threads, bool memory)
{
    return (gml_runtime){.set = set,
                         .threads = threads,
                         .threads_asked = true,
                         .allocate = memory ? gml_default_allocate : refuse,
                         .release = gml_default_release};
}

/* The subject's name with a kernel and what else is odd. */
static void name_plan(proof_session *session, const char *kernel, const char *what, int64_t number,
                      int32_t threads)
{
    snprintf(session->subject, sizeof session->subject, "%s, %s %lld, threads %d", kernel, what,
             (long long)number, (int)threads);
}

/* Whether the columns of B, of the product that is executed, are contiguous. */
static bool contiguous_b(const proof_gemm *g, bool transpose)
{
    const proof_layout *layout = transpose ? &g->a : &g->b;
    return layout->inner == 1 && layout->by_column == transpose;
}

/* Any legal plan for a product: any kernel of its type, path, blocks and grid. */
static gml_gemm_plan any_gemm_plan(const gml_kernel_set *set, const proof_gemm *g, int64_t number,
                                   int32_t threads, proof_random *random)
{
    gml_gemm_plan plan = {
        .kernels = gml_gemm_kernels_of(set, g->type), .grid_m = 1, .grid_n = 1, .grid_batch = 1};
    plan.kernel = &plan.kernels->tiles[number % plan.kernels->n_tiles];
    plan.path = (gml_gemm_path)proof_below(random, GML_GEMM_PATHS);
    plan.transpose = proof_once_in(random, 2);
    const bool stream = plan.path == GML_GEMM_STREAM;
    plan.mc = (stream ? 1 : plan.kernel->mr) * proof_log_between(random, 1, 8);
    plan.kc = plan.kernels->kc0 * proof_between(random, 1, 3);
    plan.nc = (stream ? plan.kernels->lanes : plan.kernel->nr) * proof_log_between(random, 1, 8);
    plan.pack_a = !stream && proof_once_in(random, 2);
    plan.pack_b = !stream && (!contiguous_b(g, plan.transpose) || proof_once_in(random, 2));
    plan.stream_c = proof_once_in(random, 4);
    switch (proof_below(random, 3)) {
    case 0:
        plan.grid_batch = threads;
        break;
    case 1:
        *(plan.path == GML_GEMM_PANELS ? &plan.grid_m : &plan.grid_n) = threads;
        break;
    default:
        plan.grid_n = threads;
        if (plan.path == GML_GEMM_PANELS && proof_once_in(random, 2)) {
            plan.grid_m = plan.grid_n = 2; /* threads that share panels of B, and have columns of them each */
            plan.nc *= 2;
            plan.pack_b = true;
        }
    }
    return plan;
}

static void odd_gemm(proof_session *session, const gml_kernel_set *set, int64_t number, int32_t threads,
                     proof_random *random)
{
    char why[160];
    proof_gemm g = proof_gemm_random(random);
    if (g.m == 0 || g.n == 0)
        g.m = g.n = 1; /* executors are not called without elements */
    if (g.batch == 0)
        g.batch = 1;
    const gml_gemm_plan plan = any_gemm_plan(set, &g, number, threads, random);
    gml_runtime runtime = runtime_for(set, threads, !proof_once_in(random, 16));
    const proof_subject subject = {
        .runtime = &runtime, .gemm = &plan, .gemm_plain = proof_once_in(random, 16)};
    snprintf(session->subject, sizeof session->subject,
             "%s, %s%s%s%s%s%s%s, mc %lld, kc %lld, nc %lld, grid %dx%dx%d", plan.kernel->name,
             gml_gemm_path_name(plan.path), plan.transpose ? ", transposed" : "",
             plan.pack_a ? ", pack a" : "", plan.pack_b ? ", pack b" : "", plan.stream_c ? ", stream c" : "",
             subject.gemm_plain ? ", no plan" : "", runtime.allocate == refuse ? ", no memory" : "",
             (long long)plan.mc, (long long)plan.kc, (long long)plan.nc, (int)plan.grid_m, (int)plan.grid_n,
             (int)plan.grid_batch);
    proof_case_label(session, "gemm");
    if (!gml_gemm_plan_check(&plan, set, why, sizeof why))
        proof_fail(session, "the plan is refused: %s", why);
    else
        proof_gemm_case(session, &subject, &g, NULL);
    gml_scratch_clear(&runtime);
}

/* Any legal plan for a softmax: rows split or not, streamed or not, blocks that fit or do not. */
static gml_softmax_plan any_softmax_plan(const proof_softmax *s, int32_t threads, proof_random *random)
{
    gml_softmax_plan plan = {.threads = threads, .rows = proof_log_between(random, 1, 40)};
    plan.split = proof_once_in(random, 3);
    plan.stream = proof_once_in(random, 3);
    if (!proof_once_in(random, 4)) {
        plan.block_rows = proof_log_between(random, 1, 40);
        plan.block_cols = s->cols + proof_below(random, 3) - (s->cols > 0);
    }
    return plan;
}

static void odd_softmax(proof_session *session, const gml_kernel_set *set, int32_t threads,
                        proof_random *random)
{
    char why[160];
    const proof_softmax s = proof_softmax_random(random);
    const gml_softmax_plan plan = any_softmax_plan(&s, threads, random);
    gml_runtime runtime = runtime_for(set, threads, !proof_once_in(random, 8));
    const proof_subject subject = {.runtime = &runtime, .softmax = &plan};
    snprintf(session->subject, sizeof session->subject,
             "%s%s%s%s, rows of a task %lld, block %lld x %lld, threads %d", set->softmax_f32->name,
             plan.split ? ", split" : "", plan.stream ? ", stream" : "",
             runtime.allocate == refuse ? ", no memory" : "", (long long)plan.rows,
             (long long)plan.block_rows, (long long)plan.block_cols, (int)threads);
    proof_case_label(session, "softmax");
    if (!gml_softmax_plan_check(&plan, why, sizeof why))
        proof_fail(session, "the plan is refused: %s", why);
    else if (s.batch > 0 && s.rows > 0)
        proof_softmax_case(session, &subject, &s, NULL);
    gml_scratch_clear(&runtime);
}

/* Parts of several blocks, some of which lie behind what the first queries see. */
static void make_long(proof_attention *a, proof_random *random)
{
    a->batch = a->kv_heads = 1;
    a->heads = proof_between(random, 1, 3);
    a->q_len = proof_log_between(random, 1, 8);
    a->kv_len = proof_between(random, 2 * GML_KB0 + 1, 8 * GML_KB0);
    a->hot = proof_below(random, 3);
    if (proof_once_in(random, 2))
        a->causal = GML_CAUSAL_BOTTOM_RIGHT, a->causal_offset = 0, a->lengths = false;
}

static void odd_attention(proof_session *session, const gml_kernel_set *set,
                          const gml_attention_kernel_f32 *kernel, int32_t threads, proof_random *random)
{
    char why[160];
    proof_attention a = proof_attention_random(random);
    const gml_gemm_kernels *gemm = set->gemm_f32;
    const gml_attention_path other = proof_once_in(random, 2) ? GML_ATTENTION_TILES : GML_ATTENTION_BLOCKS;
    const gml_attention_plan plan = {.path = proof_once_in(random, 2) ? GML_ATTENTION_FEW : other,
                                     .pack_k = proof_once_in(random, 2),
                                     .kernel = kernel,
                                     .threads = threads,
                                     .strips = (int32_t)proof_log_between(random, 1, GML_MAX_STRIPS),
                                     .products = &gemm->tiles[proof_below(random, gemm->n_tiles)],
                                     .values = &gemm->tiles[proof_below(random, gemm->n_tiles)],
                                     .rows = (int32_t)proof_log_between(random, 1, GML_FEW_ROWS),
                                     .step = (int32_t)proof_log_between(random, 1, GML_FEW_ROWS),
                                     .span = (int32_t)proof_log_between(random, 1, GML_FEW_SPAN),
                                     .split = (int32_t)proof_between(random, 1, threads),
                                     .hold = (int32_t)proof_log_between(random, 1, 8)};
    if (plan.path == GML_ATTENTION_FEW && proof_once_in(random, 2))
        make_long(&a, random);
    gml_runtime runtime = runtime_for(set, threads, !proof_once_in(random, 16));
    const proof_subject subject = {.runtime = &runtime, .attention = proof_once_in(random, 8) ? NULL : &plan};
    if (plan.path == GML_ATTENTION_BLOCKS)
        snprintf(session->subject, sizeof session->subject, "%s, %s, blocks, rows %d, step %d, threads %d",
                 plan.products->name, plan.values->name, (int)plan.rows, (int)plan.step, (int)threads);
    else if (plan.path == GML_ATTENTION_FEW)
        snprintf(session->subject, sizeof session->subject,
                 "%s, few, rows %d, span %d, split %d, hold %d, threads %d", set->isa, (int)plan.rows,
                 (int)plan.span, (int)plan.split, (int)plan.hold, (int)threads);
    else
        name_plan(session, kernel->name, "strips", plan.strips, threads);
    proof_case_label(session, "attention");
    if (!gml_attention_plan_check(&plan, set, a.head_dim, a.v_head_dim, why, sizeof why))
        proof_fail(session, "the plan is refused: %s", why);
    else if (a.batch > 0 && a.q_len > 0)
        proof_attention_case(session, &subject, &a, NULL);
    gml_scratch_clear(&runtime);
}

static void odd_merge(proof_session *session, const gml_kernel_set *set, int32_t threads,
                      proof_random *random)
{
    const proof_merge m = proof_merge_random(random);
    gml_runtime runtime = runtime_for(set, threads, true);
    const proof_subject subject = {.runtime = &runtime};
    snprintf(session->subject, sizeof session->subject, "%s, threads %d", set->isa, (int)threads);
    if (m.batch > 0 && m.heads > 0 && m.q_len > 0)
        proof_merge_case(session, &subject, &m, NULL);
    gml_scratch_clear(&runtime);
}

void proof_odd_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        proof_random random = generator(session, i, 4);
        for (int64_t j = 0; j < GEMM_PLANS; j++)
            odd_gemm(session, set, i + j, threads, &random);
        odd_softmax(session, set, threads, &random);
        for (int64_t j = 0; j < ATTENTION_PLANS; j++)
            odd_attention(session, set, &set->attention_f32[(i + j) % set->n_attention_f32],
                          threads > 1 ? threads + (int32_t)proof_below(&random, 4) : threads, &random);
        odd_merge(session, set, threads, &random);
    }
}
