/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The record of GEMMULE_RECORD: distinct problems of this process, and how often each was planned. A call that is not
 * recorded pays for one comparison:
 *
 *     if (gml_recording(context))
 *         gml_record_softmax(&problem, threads);
 */
#ifndef GML_API_RECORD_H
#define GML_API_RECORD_H

#include "src/api/context.h"
#include "src/plan/key.h"

static inline bool gml_recording(const gml_context *context)
{
    return __builtin_expect(context->recording, 0);
}

/* Arguments as those of the keys. */
void gml_record_gemm(const gml_gemm_args *args, int64_t batch, int32_t threads);
void gml_record_softmax(const gml_softmax_problem *problem, int32_t threads);
void gml_record_attention(const gml_attention_problem *problem, int32_t threads);

/* Begins the record that ends in a file of that name; false: the name is too long, or there is no memory. Once, before
 * the first context is known. */
bool gml_record_begin(const char *name);

/* Called in a forked child. */
void gml_record_forked(void);

#endif
