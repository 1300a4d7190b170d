/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole operations as cases: a description, which together with its seed fixes every element, and a function
 * that builds the operands, lets the specification and a subject compute them, and compares.
 */
#ifndef GML_PROOF_OPERATIONS_H
#define GML_PROOF_OPERATIONS_H

#include "proof/session.h"
#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <gemmule/context.h>
#include <gemmule/types.h>

/* Who computes: the public interface in a context, or an executor with a plan (NULL: its path for want of
 * memory). A subject NULL is the specification itself, for its hash. */
typedef struct proof_subject {
    gml_context *context;
    gml_runtime *runtime;      /* NULL: the public interface */
    const gml_gemm_plan *gemm; /* never NULL: packed operands are made for it        */
    bool gemm_plain;           /* the path for want of memory, by a plan that is NULL */
    const gml_softmax_plan *softmax;
    const gml_attention_plan *attention;
} proof_subject;

typedef struct proof_layout {
    bool by_column;
    int64_t inner; /* the smaller stride, 1 in the usual storage orders     */
    int64_t gap;   /* what the larger stride exceeds its least value by     */
    bool power;    /* ... which then is rounded up to a power of two        */
} proof_layout;

/* How a product is asked for through the public interface. */
typedef enum proof_call {
    PROOF_SIMPLE,     /* gml_gemm_f32 or gml_gemm_f64, where they can say the problem   */
    PROOF_DESCRIPTOR, /* gml_gemm                                                       */
    PROOF_PLAN,       /* a plan, made without addresses, and run                        */
    PROOF_CALLS
} proof_call;

/* Where the matrices of a batch lie. */
typedef enum proof_batching {
    PROOF_STRIDED,     /* one behind the other                                          */
    PROOF_INTERLEAVED, /* row by row, or column by column, as heads of attention do     */
    PROOF_LISTED,      /* anywhere, in lists of pointers; at most PROOF_LIST            */
    PROOF_BATCHINGS
} proof_batching;

#define PROOF_LIST 12

typedef struct proof_gemm {
    gml_type type;
    int64_t m, n, k;
    double alpha, beta; /* values of the type */
    proof_layout a, b, c;
    int64_t batch;
    proof_batching batching;
    bool shared_a, shared_b; /* one matrix for the whole batch                  */
    bool packed_a, packed_b; /* packed before, and so shared as well            */
    bool bias_m, bias_n;
    int32_t activation;
    proof_call call;
    int32_t threads; /* of the call, unless simple; 0: the context decides     */
    proof_values values;
    uint64_t seed;
} proof_gemm;

typedef struct proof_softmax {
    int64_t rows, cols;
    int64_t gap; /* between rows of every operand                  */
    bool in_place, bias, keep;
    bool bias_broadcast, keep_broadcast;
    int64_t masked; /* one element in so many, by bias and by keep    */
    float scale;
    int32_t causal;
    int64_t causal_offset;
    proof_values values;
    uint64_t seed;
} proof_softmax;

typedef struct proof_attention {
    int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, v_head_dim;
    bool token_major;  /* [batch, token, head, dim], not [batch, head, token, dim] */
    bool kv_broadcast; /* K and V the same for the whole batch                     */
    int64_t gap;       /* behind each token of every operand                       */
    bool in_place, lse, bias, keep;
    unsigned bias_broadcast; /* bit d: dimension d of the bias has stride 0              */
    unsigned keep_broadcast;
    int64_t masked; /* one element in so many                                   */
    int64_t dead;   /* keys masked everywhere, with NaN and infinity in K and V */
    int64_t hot;    /* keys with NaN or infinity in V, masked or not            */
    int64_t sunk;   /* so many keys, from the first, score -infinity unmasked   */
    float scale;
    int32_t causal;
    int64_t causal_offset;
    proof_values values;
    uint64_t seed;
} proof_attention;

/* Random descriptions, of a cost that the specification computes in about ten milliseconds. */
proof_gemm proof_gemm_random(proof_random *random);
proof_softmax proof_softmax_random(proof_random *random);
proof_attention proof_attention_random(proof_random *random);

/* Run one case. sha, unless NULL, takes the results: of the subject, or of the specification without one. */
void proof_gemm_case(proof_session *session, const proof_subject *subject, const proof_gemm *g,
                     proof_sha256 *sha);
void proof_softmax_case(proof_session *session, const proof_subject *subject, const proof_softmax *s,
                        proof_sha256 *sha);
void proof_attention_case(proof_session *session, const proof_subject *subject, const proof_attention *a,
                          proof_sha256 *sha);

/* Adds all elements of an operand in the order of their indices, canonical and little-endian. */
void proof_hash_operand(proof_sha256 *sha, const proof_operand *operand, bool image);

/* Runs `count` random cases of each operation through the public interface; with odd plans through the
 * executors of a set: every kernel of it, every path. */
void proof_random_operations(proof_session *session, const proof_subject *subject, int64_t count);
void proof_odd_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count);

#endif
