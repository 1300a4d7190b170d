/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the harness share. A case goes
 *
 *     proof_case_begin      forgets the operands of the last case
 *     proof_place, fill     its operands
 *     proof_case_images     images of the operands: the specification computes in these
 *     proof_case_end        runs the subject, guarded, and compares
 */
#ifndef GML_PROOF_SESSION_H
#define GML_PROOF_SESSION_H

#include "kernels/kernel.h"
#include "proof/arena.h"
#include "proof/proof.h"
#include "proof/sha256.h"

typedef struct proof_session {
    const proof_options *options;
    proof_report *report;
    proof_arena *arena;
    proof_kernel *kernel; /* whose cases these are, or NULL             */
    char subject[144];    /* "avx2, 2 threads": the start of each label */
    char label[512];
    int64_t shown;    /* findings                                   */
    int64_t progress; /* second of the last progress line           */
} proof_session;

void proof_case_begin(proof_session *session);
void proof_case_images(proof_session *session);

/* Names the case. The subject is put before it. */
void proof_case_label(proof_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs body(argument), compares, counts. false on a failure, which has been reported. */
bool proof_case_end(proof_session *session, void (*body)(void *), void *argument);

/* Counts a case that needs no memory of the arena. */
void proof_count(proof_session *session);

/* Counts a failure of the labelled case that has another cause than its bits. */
void proof_fail(proof_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Chooses the kernel whose cases follow; false when the options exclude it or this CPU cannot run it. */
bool proof_kernel_begin(proof_session *session, const char *name);

/* The name of a kernel that stands in no row of its own: "pack" of "f32" in set avx2 is "pack_f32_avx2". Returns
 * name. */
const char *proof_kernel_name(char name[48], const char *op, const char *type, const gml_kernel_set *set);

/* True for every case when thorough, otherwise once in `n`. */
bool proof_sampled(const proof_session *session, proof_random *random, int64_t n);

/* True when this CPU and its operating system run the set. */
bool proof_available(const gml_kernel_set *set);

/* Where to put the next operand: mostly at the end of its memory. */
proof_edge proof_any_edge(proof_random *random);

/* The parts. */
void proof_kernels_gemm(proof_session *session, const gml_kernel_set *set);
void proof_kernels_stream(proof_session *session, const gml_kernel_set *set); /* rows, dots and update */
void proof_kernels_finish(proof_session *session, const gml_kernel_set *set);
void proof_kernels_softmax(proof_session *session, const gml_kernel_set *set);
void proof_kernels_attention(proof_session *session, const gml_kernel_set *set);
void proof_few_attention(proof_session *session, const gml_attention_row_f32 *kernel,
                         proof_random *random); /* products and values */
void proof_kernels_vector(proof_session *session, const gml_kernel_set *set); /* pack and maps */

#endif
