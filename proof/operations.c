/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations, through the public interface and through the executors with plans that no model makes:
 * tiny blocks, every kernel of the set, more threads than work, no memory.
 */
#include "proof/operations.h"
#include "kernels/arithmetic.h"
#include "proof/compare.h"

typedef struct hashing {
    proof_sha256 *sha;
    ptrdiff_t to_image; /* from an element of the data to the one to be hashed */
} hashing;

static void hash_element(void *argument, void *element)
{
    const hashing *h = argument;
    const uint32_t bits = proof_canonical(*(float *)((char *)element + h->to_image));
    const unsigned char little[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                     (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
    proof_sha256_add(h->sha, little, sizeof little);
}

void proof_hash_operand(proof_sha256 *sha, const proof_operand *operand, bool image)
{
    hashing h = {sha, image ? (char *)operand->image - (char *)operand->data : 0};
    proof_each(operand, hash_element, &h);
}

/* Each case has its own generator: case i is the same however many are run. */
static proof_random generator(const proof_session *session, int64_t i, int operation)
{
    return proof_random_seeded(session->options->seed, (uint64_t)(1000 + 4 * i + operation));
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
static void name_plan(proof_session *session, const char *kernel, const char *format, int64_t x, int64_t y,
                      int64_t z, int32_t threads)
{
    char blocks[64];
    snprintf(blocks, sizeof blocks, format, (long long)x, (long long)y, (long long)z);
    snprintf(session->subject, sizeof session->subject, "%s, %s, threads %d", kernel, blocks, (int)threads);
}

static void odd_gemm(proof_session *session, const gml_kernel_set *set, const gml_gemm_kernel_f32 *kernel,
                     int32_t threads, proof_random *random)
{
    char why[160];
    proof_gemm g = proof_gemm_random(random);
    gml_gemm_plan plan = {.kernel = kernel,
                          .mc = kernel->mr * proof_log_between(random, 1, 8),
                          .kc = GML_KC0_F32 * proof_between(random, 1, 3),
                          .nc = kernel->nr * proof_log_between(random, 1, 8),
                          .grid_m = 1,
                          .grid_n = 1};
    *(proof_once_in(random, 2) ? &plan.grid_m : &plan.grid_n) = threads;
    gml_runtime runtime = runtime_for(set, threads, !proof_once_in(random, 16));
    const proof_subject subject = {.runtime = &runtime, .gemm = proof_once_in(random, 16) ? NULL : &plan};
    name_plan(session, kernel->name, "mc %lld, kc %lld, nc %lld", plan.mc, plan.kc, plan.nc, threads);
    if (g.m == 0 || g.n == 0)
        g.m = g.n = 1; /* executors are not called without elements */
    proof_case_label(session, "gemm");
    if (!gml_gemm_plan_check(&plan, set, why, sizeof why))
        proof_fail(session, "the plan is refused: %s", why);
    else
        proof_gemm_case(session, &subject, &g, NULL);
    gml_scratch_clear(&runtime);
}

static void odd_softmax(proof_session *session, const gml_kernel_set *set, int32_t threads,
                        proof_random *random)
{
    proof_softmax s = proof_softmax_random(random);
    const gml_softmax_plan plan = {.threads = threads, .rows = proof_log_between(random, 1, 40)};
    gml_runtime runtime = runtime_for(set, threads, true);
    const proof_subject subject = {.runtime = &runtime, .softmax = &plan};
    name_plan(session, set->softmax_f32->name, "rows of a task %lld", plan.rows, 0, 0, threads);
    if (s.rows > 0 && s.cols > 0)
        proof_softmax_case(session, &subject, &s, NULL);
    gml_scratch_clear(&runtime);
}

static void odd_attention(proof_session *session, const gml_kernel_set *set,
                          const gml_attention_kernel_f32 *kernel, int32_t threads, proof_random *random)
{
    char why[160];
    const proof_attention a = proof_attention_random(random);
    const gml_attention_plan plan = {.kernel = kernel,
                                     .threads = threads,
                                     .strips = (int32_t)proof_log_between(random, 1, GML_MAX_STRIPS)};
    gml_runtime runtime = runtime_for(set, threads, !proof_once_in(random, 16));
    const proof_subject subject = {.runtime = &runtime, .attention = proof_once_in(random, 8) ? NULL : &plan};
    name_plan(session, kernel->name, "strips %lld", plan.strips, 0, 0, threads);
    proof_case_label(session, "attention");
    if (!gml_attention_plan_check(&plan, set, a.head_dim, a.v_head_dim, why, sizeof why))
        proof_fail(session, "the plan is refused: %s", why);
    else if (a.batch > 0 && a.q_len > 0)
        proof_attention_case(session, &subject, &a, NULL);
    gml_scratch_clear(&runtime);
}

void proof_odd_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        proof_random random = generator(session, i, 3);
        odd_gemm(session, set, &set->gemm_f32[i % set->n_gemm_f32], threads, &random);
        odd_softmax(session, set, threads, &random);
        odd_attention(session, set, &set->attention_f32[i % set->n_attention_f32], threads, &random);
    }
}
