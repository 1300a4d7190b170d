/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checks a call as the reference BLAS does, and hands it to gml_gemm. Storage orders and transpositions are strides
 * there, and need no cases of their own.
 */
#include "blas/gemm.h"
#include "blas/xerbla.h"
#include <gemmule/blas.h>
#include <gemmule/gemm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arguments that can be wrong, and their places in the lists of Fortran's gemm and gemm_batch_strided. */
typedef enum argument {
    ARG_NONE,
    ARG_TRANSA,
    ARG_TRANSB,
    ARG_M,
    ARG_N,
    ARG_K,
    ARG_A,
    ARG_LDA,
    ARG_STRIDEA,
    ARG_B,
    ARG_LDB,
    ARG_STRIDEB,
    ARG_C,
    ARG_LDC,
    ARG_STRIDEC,
    ARG_BATCH
} argument;

static const signed char places[2][ARG_BATCH + 1] = {
    {0, 1, 2, 3, 4, 5, 7, 8, 0, 9, 10, 0, 12, 13, 0, 0},
    {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17},
};

static void report(const gml_blas_routine *routine, bool row_major, argument wrong, const char *sentence)
{
    gml_blas_report(routine, row_major, places[routine->batch][wrong] + routine->cblas, sentence);
}

/* How many elements of a matrix lie side by side: a leading dimension is at least that. */
static int64_t extent_a(const gml_blas_call *call)
{
    return call->transa == call->row_major ? call->m : call->k;
}

static int64_t extent_b(const gml_blas_call *call)
{
    return call->transb == call->row_major ? call->k : call->n;
}

static int64_t extent_c(const gml_blas_call *call)
{
    return call->row_major ? call->n : call->m;
}

static bool too_small(int64_t ld, int64_t extent)
{
    return ld < extent || ld < 1;
}

/*
 * The first wrong argument, in the order of the reference. That computes a row-major product as a column-major one with
 * its operands exchanged, and so looks at n before m and at b before a.
 */
static argument first_wrong(const gml_blas_call *call)
{
    const bool exchanged = call->row_major;
    if (exchanged ? call->n < 0 : call->m < 0)
        return exchanged ? ARG_N : ARG_M;
    if (exchanged ? call->m < 0 : call->n < 0)
        return exchanged ? ARG_M : ARG_N;
    if (call->k < 0)
        return ARG_K;
    const bool lda = too_small(call->lda, extent_a(call)), ldb = too_small(call->ldb, extent_b(call));
    if (exchanged ? ldb : lda)
        return exchanged ? ARG_LDB : ARG_LDA;
    if (exchanged ? lda : ldb)
        return exchanged ? ARG_LDA : ARG_LDB;
    if (too_small(call->ldc, extent_c(call)))
        return ARG_LDC;
    if (call->stridea < 0)
        return ARG_STRIDEA;
    if (call->strideb < 0)
        return ARG_STRIDEB;
    if (call->stridec < 0)
        return ARG_STRIDEC;
    return call->batch < 0 ? ARG_BATCH : ARG_NONE;
}

/* Names every member, because compilers clear what is left out with a loop that costs more than a small product. */
static gml_gemm_problem describe(const gml_blas_routine *routine, const gml_blas_call *call)
{
    const bool rows_a = call->transa != call->row_major, rows_b = call->transb != call->row_major;
    const bool rows_c = call->row_major;
    return (gml_gemm_problem){.size = sizeof(gml_gemm_problem),
                              .type = routine->type,
                              .threads = 0,
                              .m = call->m,
                              .n = call->n,
                              .k = call->k,
                              .alpha = call->alpha,
                              .beta = call->beta,
                              .a = call->a,
                              .rs_a = rows_a ? call->lda : 1,
                              .cs_a = rows_a ? 1 : call->lda,
                              .b = call->b,
                              .rs_b = rows_b ? call->ldb : 1,
                              .cs_b = rows_b ? 1 : call->ldb,
                              .c = call->c,
                              .rs_c = rows_c ? call->ldc : 1,
                              .cs_c = rows_c ? 1 : call->ldc,
                              .batch = call->batch,
                              .bs_a = call->stridea,
                              .bs_b = call->strideb,
                              .bs_c = call->stridec,
                              .a_list = NULL,
                              .b_list = NULL,
                              .c_list = NULL,
                              .packed_a = NULL,
                              .packed_b = NULL,
                              .bias_m = NULL,
                              .bias_n = NULL,
                              .activation = GML_ACTIVATION_NONE,
                              .reserved = 0,
                              .label = routine->label};
}

/* Copies all C_l between their places and the matrices at `copy`, which follow each other without gaps. */
static void move(const gml_blas_call *call, size_t element, char *copy, bool back)
{
    const int64_t inner = extent_c(call), outer = call->row_major ? call->m : call->n;
    const size_t bytes = (size_t)inner * element;
    for (int64_t l = 0; l < call->batch; l++)
        for (int64_t j = 0; j < outer; j++, copy += bytes) {
            char *c = (char *)call->c + (size_t)(l * call->stridec + j * call->ldc) * element;
            memcpy(back ? c : copy, back ? copy : c, bytes);
        }
}

/* C shares elements with A or B, as the standard forbids: as if A and B were read before anything is written. */
static gml_status compute_aside(gml_gemm_problem *problem, const gml_blas_call *call)
{
    const size_t element = problem->type == GML_F64 ? sizeof(double) : sizeof(float);
    /* cannot overflow: the C_l are apart, or gml_gemm had said so first */
    char *copy = malloc((size_t)call->batch * (size_t)call->m * (size_t)call->n * element);
    if (!copy)
        return GML_ERR_OVERLAP;
    problem->c = copy;
    problem->rs_c = call->row_major ? call->n : 1;
    problem->cs_c = call->row_major ? 1 : call->m;
    problem->bs_c = call->m * call->n;
    if (call->beta != 0.0)
        move(call, element, copy, false);
    const gml_status status = gml_gemm(NULL, problem);
    if (status == GML_OK)
        move(call, element, copy, true);
    free(copy);
    return status;
}

static bool fits(int64_t extent, int64_t ld, int64_t steps)
{
    int64_t elements;
    return steps < 2 ||
           (!__builtin_mul_overflow(ld, steps - 1, &elements) && elements <= INT64_MAX / 8 - extent);
}

/* What gml_gemm refused although the reference would have tried: no memory can be as described. */
static argument refused(const gml_blas_call *call)
{
    const bool read = call->alpha != 0.0 && call->k > 0;
    if (read && !call->a)
        return ARG_A;
    if (read && !call->b)
        return ARG_B;
    if (!call->c)
        return ARG_C;
    if (read && !fits(extent_a(call), call->lda, call->transa == call->row_major ? call->k : call->m))
        return ARG_LDA;
    if (read && !fits(extent_b(call), call->ldb, call->transb == call->row_major ? call->n : call->k))
        return ARG_LDB;
    if (!fits(extent_c(call), call->ldc, call->row_major ? call->m : call->n))
        return ARG_LDC;
    return call->batch > 1 ? ARG_STRIDEC : ARG_C;
}

static void compute(const gml_blas_routine *routine, const gml_blas_call *call)
{
    const argument wrong = first_wrong(call);
    if (wrong) {
        report(routine, call->row_major, wrong, "");
        return;
    }
    if ((call->alpha == 0.0 || call->k == 0) && call->beta == 1.0)
        return; /* C stays as it is, and need not be there */
    gml_gemm_problem problem = describe(routine, call);
    gml_status status = gml_gemm(NULL, &problem);
    if (status == GML_ERR_OVERLAP)
        status = compute_aside(&problem, call);
    if (status != GML_OK) {
        char sentence[256];
        gml_last_error(sentence, sizeof sentence - 1);
        strcat(sentence, "\n");
        report(routine, call->row_major, refused(call), sentence);
    }
}

static bool letter(char given, bool *transposed)
{
    switch (given) {
    case 'N':
    case 'n':
        *transposed = false;
        return true;
    case 'T':
    case 't':
    case 'C':
    case 'c':
        *transposed = true;
        return true;
    default:
        return false;
    }
}

void gml_blas_fortran(const gml_blas_routine *routine, const char *transa, const char *transb,
                      gml_blas_call *call)
{
    call->row_major = false;
    if (!letter(*transa, &call->transa))
        report(routine, false, ARG_TRANSA, "");
    else if (!letter(*transb, &call->transb))
        report(routine, false, ARG_TRANSB, "");
    else
        compute(routine, call);
}

static bool known(int given)
{
    return given == CblasNoTrans || given == CblasTrans || given == CblasConjTrans;
}

static void report_setting(const gml_blas_routine *routine, int position, const char *what, int given)
{
    char sentence[64];
    snprintf(sentence, sizeof sentence, "Illegal %s setting, %d\n", what, given);
    gml_blas_report(routine, false, position, sentence);
}

void gml_blas_cblas(const gml_blas_routine *routine, int layout, int transa, int transb, gml_blas_call *call)
{
    if (layout != CblasColMajor && layout != CblasRowMajor) {
        report_setting(routine, 1, "layout", layout);
    } else if (!known(transa)) {
        report_setting(routine, 2, "TransA", transa);
    } else if (!known(transb)) {
        report_setting(routine, 3, "TransB", transb);
    } else {
        call->row_major = layout == CblasRowMajor;
        call->transa = transa != CblasNoTrans;
        call->transb = transb != CblasNoTrans;
        compute(routine, call);
    }
}
