/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the ways of computing a softmax share: a row, its segments and its state.
 *
 * Rows are independent. A row is reduced by segments of RS0 columns, whose maxima and sums merge in ascending order;
 * then every segment is finished by its own factor. Where the exponentials of a row are to stay meanwhile is a question
 * of memory alone, as are the ways of this header.
 */
#ifndef GML_CORE_SOFTMAX_PATHS_H
#define GML_CORE_SOFTMAX_PATHS_H

#include "kernels/arithmetic.h"
#include "src/core/integers.h"
#include "src/core/softmax.h"
#include <math.h>

/* Segments of a row whose maxima are kept on the stack: four million columns. */
#define GML_SEGMENTS_KEPT 1024

typedef struct gml_softmax_job {
    const gml_kernel_set *set;
    const gml_softmax_kernel_f32 *kernel;
    const gml_softmax_plan *plan;
    const gml_softmax_problem *problem;
    bool plain;        /* scores have no option but a scale above 0  */
    float inverse_cap;
    char *scratch;     /* of all threads, or NULL                    */
    _Atomic int64_t next; /* row nobody has drawn yet, of all matrices */
} gml_softmax_job;

typedef struct gml_softmax_row {
    int64_t cols;      /* present ones: causality makes the rest absent */
    int64_t position;
    const float *x, *bias;
    const uint8_t *keep;
    const float *slope;
    float sink;
    float *y, *lse;    /* lse or NULL */
} gml_softmax_row;

#define GML_SEGMENTS_WAITING 16

/* What has been merged so far, and segments that wait to be: their exponentials are formed many at a time. */
typedef struct gml_softmax_state {
    float m, l;
    int32_t waiting;
    float m_of[GML_SEGMENTS_WAITING], l_of[GML_SEGMENTS_WAITING];
} gml_softmax_state;

/* What finishes a row: y = e * exp(m_s - z) * inverse, or (t - z) - g. */
typedef struct gml_softmax_end {
    float z, inverse, g;
    bool empty;
} gml_softmax_end;

/* Row i of matrix l. */
gml_softmax_row gml_softmax_row_of(const gml_softmax_job *job, int64_t l, int64_t i);

/* Reduces n columns from j on, which stand at x, into e. */
void gml_softmax_reduce(const gml_softmax_job *job, const gml_softmax_row *row, int64_t j, int64_t n,
                        const float *x, float *e, float *m, float *l);
void gml_softmax_start(gml_softmax_state *state);
void gml_softmax_merge(const gml_kernel_set *set, gml_softmax_state *state, float m, float l);

/* Of a row without a sink, from its maximum and sum. */
float gml_softmax_logsumexp(float m, float l);

/* After the last segment: merges the sink, stores the logsumexp. */
gml_softmax_end gml_softmax_close(const gml_softmax_job *job, const gml_softmax_row *row,
                                  gml_softmax_state *state);

/* The factors of n segments, in place of their maxima. */
void gml_softmax_factors(const gml_kernel_set *set, const gml_softmax_end *end, int64_t n, float *m);

/* n results at y from what reduce left in e, of a segment whose maximum is m; y may be e. */
void gml_softmax_finish(const gml_softmax_job *job, const gml_softmax_end *end, float m, int64_t n,
                        const float *e, bool stream, float *y);

/* The results of columns from j to the end, which are absent, at y with contiguous columns. */
void gml_softmax_fill_absent(const gml_softmax_job *job, int64_t j, int64_t n, float *y);

/* Rows of one matrix, whose columns are contiguous in x and y; thread's scratch or NULL. */
void gml_softmax_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end, float *scratch);

/* Rows of one matrix, whose columns are not contiguous. */
void gml_softmax_strided_rows(const gml_softmax_job *job, int64_t l, int64_t first, int64_t end, float *scratch);

/* All rows, each shared by the threads; false where memory cannot be had, or there is no use in it. */
bool gml_softmax_split(gml_runtime *runtime, gml_softmax_job *job);

#endif
