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
#include "src/plan/model.h"
#include <gemmule/context.h>
#include <gemmule/types.h>

/* Who computes: the public interface in a context, or an executor with a plan (NULL: its path for want of
 * memory), which is given or made by the model. A subject NULL is the specification itself, for its hash. */
typedef struct proof_subject {
    gml_context *context;
    gml_runtime *runtime;       /* NULL: the public interface                         */
    const gml_machine *machine; /* with choice: the model makes those plans that are  */
    const gml_choice *choice;   /* not given; without, gemm is given                  */
    const gml_gemm_plan *gemm;
    bool gemm_plain;            /* the path for want of memory, by a plan that is NULL */
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

/* How a matrix of a batch lies in memory. */
typedef enum proof_axis {
    PROOF_BY_ROWS,     /* columns contiguous                                            */
    PROOF_BY_COLUMNS,  /* rows contiguous: softmax over the outer dimension             */
    PROOF_BY_MATRICES, /* matrices contiguous: neither                                  */
    PROOF_SPACED,      /* by rows, with a gap behind every element                      */
    PROOF_AXES
} proof_axis;

typedef struct proof_softmax {
    int64_t batch, rows, cols;
    int64_t gap; /* between rows, or columns, of every operand     */
    proof_axis x_axis, y_axis;
    bool in_place, lse, bias, keep, alibi, sinks;
    bool bias_broadcast, keep_broadcast; /* one row for all        */
    bool bias_shared, keep_shared;       /* one matrix for all     */
    int64_t masked; /* one element in so many, by bias and by keep */
    float scale, softcap;
    int32_t causal, log;
    int64_t causal_offset;
    proof_values values;
    uint64_t seed;
} proof_softmax;

/* Which of a batch entry's keys belong to its queries. */
typedef enum proof_documents {
    PROOF_NO_DOCUMENTS,
    PROOF_RUNS,      /* one behind the other, queries at their positions in them */
    PROOF_ARBITRARY, /* any numbers anywhere                                     */
    PROOF_DOCUMENTS
} proof_documents;

typedef struct proof_attention {
    int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, v_head_dim;
    bool token_major;  /* [batch, token, head, dim], not [batch, head, token, dim]    */
    bool kv_broadcast; /* K and V the same for the whole batch                        */
    bool k_transposed; /* keys contiguous, dimensions not                             */
    int64_t gap;       /* behind each token of every operand                          */
    bool in_place, lse, weights, bias, keep;
    unsigned bias_broadcast; /* bit d: dimension d of the bias has stride 0           */
    unsigned keep_broadcast;
    int64_t masked; /* one element in so many                                         */
    int64_t dead;   /* keys masked everywhere; where not 0, all that no query sees have NaN and infinity in K and V */
    int64_t hot;    /* keys with NaN or infinity in V, masked or not                  */
    int64_t sunk;   /* so many keys, from the first, score -infinity unmasked         */
    bool lengths, prefix, alibi, sinks; /* of each batch entry or head: none, usual ones, and extremes */
    proof_documents documents;
    bool q_document_broadcast, kv_document_broadcast;
    int64_t window_left, window_right;
    float scale, softcap;
    int32_t causal;
    int64_t causal_offset;
    proof_values values;
    uint64_t seed;
} proof_attention;

typedef struct proof_merge {
    int64_t parts, batch, heads, q_len, v_head_dim;
    bool token_major, lse;
    int64_t gap;   /* behind each token of every operand                              */
    int64_t empty; /* one result in so many has no keys, and NaN for an output        */
    bool specials; /* NaN and infinities among the logsumexps                         */
    proof_values values;
    uint64_t seed;
} proof_merge;

/* Random descriptions, of a cost that the specification computes in about ten milliseconds. */
proof_gemm proof_gemm_random(proof_random *random);
proof_softmax proof_softmax_random(proof_random *random);
proof_attention proof_attention_random(proof_random *random);
proof_merge proof_merge_random(proof_random *random);

/* Run one case. sha, unless NULL, takes the results: of the subject, or of the specification without one. */
void proof_gemm_case(proof_session *session, const proof_subject *subject, const proof_gemm *g,
                     proof_sha256 *sha);
void proof_softmax_case(proof_session *session, const proof_subject *subject, const proof_softmax *s,
                        proof_sha256 *sha);
void proof_attention_case(proof_session *session, const proof_subject *subject, const proof_attention *a,
                          proof_sha256 *sha);
void proof_merge_case(proof_session *session, const proof_subject *subject, const proof_merge *m,
                      proof_sha256 *sha);

/* Adds all elements of an operand in the order of their indices, canonical and little-endian. */
void proof_hash_operand(proof_sha256 *sha, const proof_operand *operand, bool image);

/* Runs `count` random cases of each operation through the public interface; with odd plans through the
 * executors of a set: every kernel of it, every path; with the plans that the model makes of random choices. */
void proof_random_operations(proof_session *session, const proof_subject *subject, int64_t count);
void proof_odd_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count);
void proof_chosen_plans(proof_session *session, const gml_kernel_set *set, int32_t threads, int64_t count);

#endif
