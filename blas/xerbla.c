/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Illegal arguments are reported to the error handler that the process has: xerbla_ for Fortran, cblas_xerbla for C,
 * xerbla_64_ and cblas_xerbla_64 where integers have 64 bits. These are weak references: a handler of the program wins,
 * then that of the BLAS beside us; where there is none, the standard's sentence goes to stderr, and the call returns.
 *
 * The handlers are not defined here, not even weakly: to the dynamic linker a weak definition is like any other, and
 * being in front of the BLAS and of LAPACK, we should take the errors of all their routines, too.
 */
#include "blas/xerbla.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HANDLER __attribute__((weak, visibility("default")))

/* The last argument is Fortran's hidden length of the name. */
extern void xerbla_(const char *name, const int32_t *info, size_t length) HANDLER;
extern void xerbla_64_(const char *name, const int64_t *info, size_t length) HANDLER;
extern void cblas_xerbla(int32_t info, const char *name, const char *format, ...) HANDLER;
extern void cblas_xerbla_64(int64_t info, const char *name, const char *format, ...) HANDLER;

static void report_fortran(const gml_blas_routine *routine, int position)
{
    const size_t length = strlen(routine->name);
    const int32_t info = position;
    const int64_t info_64 = position;
    if (routine->wide && xerbla_64_)
        xerbla_64_(routine->name, &info_64, length);
    else if (!routine->wide && xerbla_)
        xerbla_(routine->name, &info, length);
    else
        fprintf(stderr, " ** On entry to %.*s parameter number %2d had an illegal value\n",
                (int)strcspn(routine->name, " "), routine->name, position);
}

/*
 * A variable of the reference CBLAS, and a protocol between it and its handlers. Having exchanged the operands of a
 * row-major product, it finds the wrong one under the other's position, sets the variable, and leaves it to the handler
 * to exchange the positions, too. Where the variable is, the handler expects that.
 */
extern int RowMajorStrg HANDLER;

static int exchanged(int position)
{
    switch (position) {
    case 4:
        return 5;
    case 5:
        return 4;
    case 9:
        return 11;
    case 11:
        return 9;
    default:
        return position;
    }
}

static void report_c(const gml_blas_routine *routine, bool row_major, int position, const char *sentence)
{
    if (routine->wide ? !cblas_xerbla_64 : !cblas_xerbla) {
        fprintf(stderr, "Parameter %d to routine %s was incorrect\n%s", position, routine->name, sentence);
        return;
    }
    if (&RowMajorStrg) {
        RowMajorStrg = row_major;
        position = row_major ? exchanged(position) : position;
    }
    if (routine->wide)
        cblas_xerbla_64(position, routine->name, "%s", sentence);
    else
        cblas_xerbla(position, routine->name, "%s", sentence);
    if (&RowMajorStrg)
        RowMajorStrg = 0;
}

void gml_blas_report(const gml_blas_routine *routine, bool row_major, int position, const char *sentence)
{
    if (routine->cblas)
        report_c(routine, row_major, position, sentence);
    else
        report_fortran(routine, position);
}
