/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of the BLAS, all of them in every test: results against plain loops and, bit for bit, against gml_gemm_f32
 * and gml_gemm_f64; corner cases; and every argument error, by the handlers that are defined here.
 */
#include "tests/blas_routines.h"
#include "tests/suite.h"
#include <gemmule/gemm.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Handlers: they keep what they are told. */

static struct {
    int calls;
    const char *handler;
    char name[64], sentence[256];
    int64_t position;
} reported;

static void keep(const char *handler, const char *name, size_t length, int64_t position)
{
    reported.calls++;
    reported.handler = handler;
    snprintf(reported.name, sizeof reported.name, "%.*s", (int)length, name);
    reported.sentence[0] = 0;
    reported.position = position;
}

#define HANDLER __attribute__((visibility("default")))
HANDLER void xerbla_(const char *name, const int32_t *info, size_t length);
HANDLER void xerbla_64_(const char *name, const int64_t *info, size_t length);
HANDLER void cblas_xerbla(int32_t info, const char *name, const char *format, ...);
HANDLER void cblas_xerbla_64(int64_t info, const char *name, const char *format, ...);

void xerbla_(const char *name, const int32_t *info, size_t length)
{
    keep("xerbla_", name, length, *info);
}

void xerbla_64_(const char *name, const int64_t *info, size_t length)
{
    keep("xerbla_64_", name, length, *info);
}

void cblas_xerbla(int32_t info, const char *name, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    keep("cblas_xerbla", name, strlen(name), info);
    vsnprintf(reported.sentence, sizeof reported.sentence, format, list);
    va_end(list);
}

void cblas_xerbla_64(int64_t info, const char *name, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    keep("cblas_xerbla_64", name, strlen(name), info);
    vsnprintf(reported.sentence, sizeof reported.sentence, format, list);
    va_end(list);
}

/* Operands: floats or doubles, whose elements are seen as double. */

enum { ROOM = 1 << 18, ROOM_C = 1 << 13 };
static double memory_a[ROOM], memory_b[ROOM], memory_c[ROOM_C], before[ROOM_C], expected[ROOM_C];

static double get(const routine *r, const void *x, int64_t i)
{
    return r->f64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void set(const routine *r, void *x, int64_t i, double value)
{
    if (r->f64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

static unsigned state = 1;

/* Whole numbers in [-8, 8), whose sums of products are exact; or multiples of 1 / 4096, whose sums are rounded. */
static void fill(const routine *r, void *x, int64_t n, bool whole)
{
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        const int bits = (int)(state >> 16);
        set(r, x, i, whole ? bits % 16 - 8 : (bits - 32768) / 4096.0);
    }
}

/* Where element (i, j) of a matrix lies that is stored by columns, or by rows; transposed, (j, i). */
static int64_t at(int64_t i, int64_t j, int64_t ld, bool rows)
{
    return rows ? i * ld + j : j * ld + i;
}

static bool rows_of(const arguments *x, int64_t transpose)
{
    return (x->layout == CblasRowMajor) == (transpose == CblasNoTrans);
}

/* The least leading dimensions and strides, and `more`. */
static void lay_out(arguments *x, int64_t more)
{
    const bool a = rows_of(x, x->transa), b = rows_of(x, x->transb), c = rows_of(x, CblasNoTrans);
    const int64_t least_a = a ? x->k : x->m, least_b = b ? x->n : x->k, least_c = c ? x->n : x->m;
    x->lda = (least_a ? least_a : 1) + more;
    x->ldb = (least_b ? least_b : 1) + more;
    x->ldc = (least_c ? least_c : 1) + more;
    x->stridea = x->lda * (a ? x->m : x->k) + more;
    x->strideb = x->ldb * (b ? x->k : x->n) + more;
    x->stridec = x->ldc * (c ? x->m : x->n) + more;
}

static arguments make(const routine *r, int64_t layout, int64_t m, int64_t n, int64_t k)
{
    return (arguments){.layout = r->cblas ? layout : CblasColMajor,
                       .transa = CblasNoTrans,
                       .transb = CblasNoTrans,
                       .m = m,
                       .n = n,
                       .k = k,
                       .batch_size = r->batch ? 3 : 1,
                       .alpha = 1.0,
                       .a = memory_a,
                       .b = memory_b,
                       .c = memory_c};
}

/* Calls the routine with memory_c as it is in `before`, and compares all of it with `expected`. */
static void expect(const routine *r, const arguments *x, const char *what)
{
    memcpy(memory_c, before, sizeof memory_c);
    reported.calls = 0;
    r->call(x);
    ck_assert_msg(reported.calls == 0, "%s, %s: position %d was refused: %s", r->name, what,
                  (int)reported.position, reported.sentence);
    ck_assert_msg(!memcmp(memory_c, expected, sizeof memory_c),
                  "%s, %s: layout %d, trans %c %c, %d x %d x %d, alpha %g, beta %g", r->name, what,
                  (int)x->layout, letter(x->transa), letter(x->transb), (int)x->m, (int)x->n, (int)x->k,
                  x->alpha, x->beta);
}

/* Results */

static void plain_loops(const routine *r, const arguments *x)
{
    const bool a = rows_of(x, x->transa), b = rows_of(x, x->transb), c = rows_of(x, CblasNoTrans);
    for (int64_t l = 0; l < x->batch_size; l++)
        for (int64_t i = 0; i < x->m; i++)
            for (int64_t j = 0; j < x->n; j++) {
                double sum = 0.0;
                for (int64_t p = 0; p < x->k; p++)
                    sum += get(r, x->a, l * x->stridea + at(i, p, x->lda, a)) *
                           get(r, x->b, l * x->strideb + at(p, j, x->ldb, b));
                const int64_t place = l * x->stridec + at(i, j, x->ldc, c);
                const double old = x->beta == 0.0 ? 0.0 : x->beta * get(r, before, place);
                const bool product = x->alpha != 0.0 && x->k > 0;
                set(r, expected, place,
                    !product         ? old
                    : x->beta == 0.0 ? x->alpha * sum
                                     : x->alpha * sum + old);
            }
}

static void all_operands(const routine *r, int64_t layout, int64_t m, int64_t n, int64_t k)
{
    static const int64_t transposes[] = {CblasNoTrans, CblasTrans, CblasConjTrans};
    static const double alphas[] = {1.0, -2.0, 0.0}, betas[] = {0.0, 1.0, 3.0};
    for (int i = 0; i < 81; i++) {
        arguments x = make(r, layout, m, n, k);
        x.transa = transposes[i % 3];
        x.transb = transposes[i / 3 % 3];
        x.alpha = alphas[i / 9 % 3];
        x.beta = betas[i / 27];
        lay_out(&x, i % 4);
        if (i % 5 == 0 && r->batch)
            x.stridea = 0;
        memcpy(expected, before, sizeof before);
        plain_loops(r, &x);
        expect(r, &x, "plain loops");
    }
}

START_TEST(results)
{
    static const int64_t shapes[][3] = {{1, 1, 1}, {5, 3, 4}, {1, 7, 9}, {8, 1, 3}, {17, 33, 2},
                                        {0, 4, 3}, {4, 0, 3}, {3, 4, 0}, {0, 0, 0}, {31, 20, 40}};
    for (const routine *r = routines; r < end; r++) {
        fill(r, memory_a, 8192, true);
        fill(r, memory_b, 8192, true);
        memset(before, 0x7b, sizeof before); /* gaps hold what they held */
        fill(r, before, 8192, true);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            all_operands(r, CblasColMajor, shapes[s][0], shapes[s][1], shapes[s][2]);
            if (r->cblas)
                all_operands(r, CblasRowMajor, shapes[s][0], shapes[s][1], shapes[s][2]);
        }
    }
}
END_TEST

static gml_status native(const routine *r, const arguments *x, int64_t l)
{
    const bool a = rows_of(x, x->transa), b = rows_of(x, x->transb), c = rows_of(x, CblasNoTrans);
    const int64_t rs_a = a ? x->lda : 1, cs_a = a ? 1 : x->lda, rs_b = b ? x->ldb : 1, cs_b = b ? 1 : x->ldb;
    const int64_t rs_c = c ? x->ldc : 1, cs_c = c ? 1 : x->ldc;
    if (r->f64)
        return gml_gemm_f64(NULL, x->m, x->n, x->k, x->alpha, (const double *)x->a + l * x->stridea, rs_a,
                            cs_a, (const double *)x->b + l * x->strideb, rs_b, cs_b, x->beta,
                            expected + l * x->stridec, rs_c, cs_c);
    return gml_gemm_f32(NULL, x->m, x->n, x->k, (float)x->alpha, (const float *)x->a + l * x->stridea, rs_a,
                        cs_a, (const float *)x->b + l * x->strideb, rs_b, cs_b, (float)x->beta,
                        (float *)expected + l * x->stridec, rs_c, cs_c);
}

/* The bits are those of the native calls: at k beyond a block of the arithmetic, and with scalars that round. */
START_TEST(bits)
{
    for (const routine *r = routines; r < end; r++) {
        fill(r, memory_a, ROOM, false);
        fill(r, memory_b, ROOM, false);
        fill(r, before, ROOM_C, false);
        for (int i = 0; i < 8; i++) {
            arguments x = make(r, i & 1 ? CblasRowMajor : CblasColMajor, 41, 37, 1100);
            x.transa = i & 2 ? CblasTrans : CblasNoTrans;
            x.transb = i & 4 ? CblasTrans : CblasNoTrans;
            x.alpha = 0.7;
            x.beta = i % 3 ? -1.3 : 0.0;
            lay_out(&x, i);
            memcpy(expected, before, sizeof before);
            for (int64_t l = 0; l < x.batch_size; l++)
                ck_assert_int_eq(native(r, &x, l), GML_OK);
            expect(r, &x, "native call");
        }
    }
}
END_TEST

/* What need not be there is not looked at, and what is not read may hold NaN. */
START_TEST(corners)
{
    for (const routine *r = routines; r < end; r++) {
        fill(r, before, 8192, true);
        for (int i = 0; i < 64; i++)
            set(r, memory_a, i, (double)NAN);

        arguments x = make(r, CblasRowMajor, 4, 3, 2);
        lay_out(&x, 0);
        x.a = x.b = NULL;
        x.alpha = 0.0;
        x.beta = 3.0;
        memcpy(expected, before, sizeof before);
        arguments zero = x; /* as k = 0 makes it, for the loops to see no operand */
        zero.k = 0;
        plain_loops(r, &zero);
        expect(r, &x, "alpha 0");
        zero.alpha = 1.0;
        expect(r, &zero, "k 0");

        memcpy(expected, before, sizeof before);
        x.a = x.b = memory_a;
        x.beta = 1.0;
        expect(r, &x, "alpha 0, beta 1");
        x.c = NULL;
        expect(r, &x, "alpha 0, beta 1, C NULL");
        x.a = x.b = NULL;
        x.alpha = x.beta = 2.0;
        x.k = 0;
        for (int i = 0; i < 2 + r->batch; i++) {
            arguments none = x;
            *(i == 0 ? &none.m : i == 1 ? &none.n : &none.batch_size) = 0;
            expect(r, &none, "nothing to compute");
        }

        fill(r, memory_a, 64, true);
        fill(r, memory_b, 64, true);
        x = make(r, CblasColMajor, 4, 3, 2);
        lay_out(&x, 1);
        for (int64_t i = 0; i < 64; i++)
            set(r, expected, i, (double)NAN);
        memcpy(before, expected, sizeof before);
        plain_loops(r, &x);
        expect(r, &x, "beta 0");
    }
}
END_TEST

/* The standard forbids that C shares elements with A or B; done all the same, A and B are read first. */
START_TEST(aliases)
{
    for (const routine *r = routines; r < end; r++)
        for (int i = 0; i < 8; i++) {
            arguments x = make(r, i & 1 ? CblasRowMajor : CblasColMajor, i & 4 ? 5 : 6, i & 4 ? 6 : 5, 6);
            x.beta = i & 2 ? 2.0 : 0.0;
            lay_out(&x, 2);
            fill(r, memory_a, 512, true);
            fill(r, memory_b, 512, true);
            memset(before, 0x7b, sizeof before);
            memcpy(before, i & 4 ? memory_a : memory_b, 512 * sizeof(float));
            memcpy(expected, before, sizeof before);
            plain_loops(r, &x);
            *(i & 4 ? &x.a : &x.b) = memory_c;
            expect(r, &x, "C is an operand");
        }
}
END_TEST

/* Errors */

static const char single[] = "transa transb m n k alpha a lda b ldb beta c ldc ";
static const char batched[] =
    "transa transb m n k alpha a lda stridea b ldb strideb beta c ldc stridec batch_size ";

static int64_t position(const routine *r, const char *argument)
{
    char word[16];
    snprintf(word, sizeof word, "%s ", argument);
    const char *list = r->batch ? batched : single;
    int64_t place = 1 + r->cblas;
    for (; strncmp(list, word, strlen(word)) != 0; place++)
        list = strchr(list, ' ') + 1;
    return place;
}

static void refused(const routine *r, const arguments *x, const char *argument)
{
    static const char *const handlers[2][2] = {{"xerbla_", "xerbla_64_"},
                                               {"cblas_xerbla", "cblas_xerbla_64"}};
    const int64_t place = strcmp(argument, "layout") ? position(r, argument) : 1;
    memcpy(memory_c, before, sizeof memory_c);
    reported.calls = 0;
    r->call(x);
    ck_assert_msg(reported.calls == 1, "%s: a wrong %s was reported %d times", r->name, argument,
                  reported.calls);
    ck_assert_msg(reported.position == place, "%s: a wrong %s is position %d, and was reported as %d",
                  r->name, argument, (int)place, (int)reported.position);
    ck_assert_str_eq(reported.name, r->name);
    ck_assert_str_eq(reported.handler, handlers[r->cblas][r->wide]);
    ck_assert_mem_eq(memory_c, before, sizeof memory_c);
}

/* Sets the argument to a value just out of its range, and expects its position. */
#define WRONG(ARGUMENT, VALUE)                                                                               \
    do {                                                                                                     \
        arguments wrong = x;                                                                                 \
        wrong.ARGUMENT = VALUE;                                                                              \
        refused(r, &wrong, #ARGUMENT);                                                                       \
    } while (0)

static void each_argument(const routine *r, arguments x)
{
    WRONG(transa, 114);
    if (r->cblas)
        ck_assert_str_eq(reported.sentence, "Illegal TransA setting, 114\n");
    WRONG(transb, 110);
    if (r->cblas) {
        ck_assert_str_eq(reported.sentence, "Illegal TransB setting, 110\n");
        WRONG(layout, 103);
        ck_assert_str_eq(reported.sentence, "Illegal layout setting, 103\n");
    }
    WRONG(m, -1);
    WRONG(n, -1);
    WRONG(k, -1);
    WRONG(lda, x.lda - 1);
    WRONG(ldb, x.ldb - 1);
    WRONG(ldc, x.ldc - 1);
    WRONG(a, NULL);
    WRONG(b, NULL);
    WRONG(c, NULL);
    if (r->batch) {
        WRONG(stridea, -1);
        WRONG(strideb, -1);
        WRONG(stridec, -1);
        WRONG(stridec, 0); /* the products would share C */
        WRONG(batch_size, -1);
    }
    arguments unread = x;
    unread.alpha = 0.0;
    unread.a = unread.b = unread.c = NULL;
    refused(r, &unread, "c");
    /* A leading dimension is at least 1, whatever the sizes. */
    x.m = x.n = x.k = 0;
    WRONG(lda, 0);
    WRONG(ldb, 0);
    WRONG(ldc, 0);
}

/* Of several, the one that the reference sees first: it exchanges the operands of a row-major product. */
static void first_of_several(const routine *r, arguments x)
{
    const bool rows = x.layout == CblasRowMajor;
    x.stridea = x.strideb = x.stridec = x.batch_size = x.lda = x.ldb = x.ldc = x.m = x.n = x.k = -1;
    x.transa = x.transb = 0;
    refused(r, &x, "transa");
    x.transa = CblasTrans;
    refused(r, &x, "transb");
    x.transb = CblasTrans;
    refused(r, &x, rows ? "n" : "m");
    *(rows ? &x.n : &x.m) = 0;
    refused(r, &x, rows ? "m" : "n");
    x.m = x.n = 0;
    refused(r, &x, "k");
    x.k = 0;
    refused(r, &x, rows ? "ldb" : "lda");
    *(rows ? &x.ldb : &x.lda) = 1;
    refused(r, &x, rows ? "lda" : "ldb");
    x.lda = x.ldb = 1;
    refused(r, &x, "ldc");
    x.ldc = 1;
    if (r->batch) {
        refused(r, &x, "stridea");
        x.stridea = 0;
        refused(r, &x, "strideb");
        x.strideb = 0;
        refused(r, &x, "stridec");
        x.stridec = 0;
        refused(r, &x, "batch_size");
    }
}

START_TEST(errors)
{
    for (const routine *r = routines; r < end; r++) {
        fill(r, memory_a, 8192, true);
        fill(r, memory_b, 8192, true);
        fill(r, before, 8192, true);
        for (int i = 0; i < 8; i++) {
            arguments x = make(r, i & 1 ? CblasRowMajor : CblasColMajor, 3, 4, 5);
            x.transa = i & 2 ? CblasTrans : CblasNoTrans;
            x.transb = i & 4 ? CblasConjTrans : CblasNoTrans;
            lay_out(&x, 0);
            each_argument(r, x);
            first_of_several(r, x);
        }
    }
}
END_TEST

/* No memory holds such matrices; the reference would run out of the address space. */
START_TEST(beyond_memory)
{
    for (const routine *r = routines; r < end; r++)
        if (r->wide) {
            arguments x = make(r, CblasColMajor, 2, 2, 2);
            lay_out(&x, 0);
            WRONG(lda, INT64_MAX / 2);
            WRONG(ldb, INT64_MAX / 2);
            WRONG(ldc, INT64_MAX / 2);
        }
}
END_TEST

int main(void)
{
    return suite_run("blas", 120,
                     (const TTest *const[]){results, bits, corners, aliases, errors, beyond_memory, NULL});
}
