/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Products against exact sums: those of floats in double, those of doubles in pairs of doubles (Dekker, "A
 * floating-point technique for extending the available precision", 1971; Ogita, Rump and Oishi, "Accurate sum and dot
 * product", 2005). The naive computation multiplies, rounds, adds and rounds, in ascending order of k.
 */
#include "proof/generate.h"
#include "tests/accuracy.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { M = 24, N = 24 };

static const struct {
    const char *problem;
    int64_t k;
    bool f64, positive; /* elements in [0, 1) instead of [-1, 1) */
} cases[] = {
    {"f32, k = 64", 64, false, false},
    {"f32, k = 512", 512, false, false},
    {"f32, k = 4096", 4096, false, false},
    {"f32, k = 65536", 65536, false, false},
    {"f32, k = 4096, no cancellation", 4096, false, true},
    {"f64, k = 64", 64, true, false},
    {"f64, k = 512", 512, true, false},
    {"f64, k = 4096", 4096, true, false},
    {"f64, k = 4096, no cancellation", 4096, true, true},
};

/* One element: exactly, naively, and the size of what it is a sum of. */
typedef struct sums {
    double exact, rest; /* their sum */
    double naive, size;
    float naive_f32;
} sums;

static void add_f64(sums *s, double a, double b)
{
    const double product = a * b, low = fma(a, b, -product);
    const double sum = s->exact + product, part = sum - s->exact;
    s->rest += ((s->exact - (sum - part)) + (product - part)) + low;
    s->exact = sum;
    s->naive = s->naive + product;
    s->size += fabs(product);
}

static void add_f32(sums *s, float a, float b)
{
    const float product = a * b;
    s->exact += (double)a * (double)b;
    s->naive_f32 = s->naive_f32 + product;
    s->size += fabs((double)a * (double)b);
}

typedef struct errors {
    double largest, squares;
} errors;

static void add_error(errors *e, double off, double unit)
{
    const double error = fabs(off) / unit;
    e->largest = error > e->largest ? error : e->largest;
    e->squares += error * error;
}

static accuracy accuracy_of(const errors *e)
{
    return (accuracy){e->largest, sqrt(e->squares / (M * N))};
}

static bool measure(int64_t k, bool f64, bool positive, accuracy_row *row)
{
    double *a = malloc((size_t)(M * k) * sizeof(double)), *b = malloc((size_t)(k * N) * sizeof(double));
    double *c = malloc(M * N * sizeof(double));
    errors ours = {0}, naive = {0};
    proof_random random = proof_random_seeded(8, 1);
    bool done = false;
    if (!a || !b || !c)
        goto end;
    float *const a_f32 = (float *)a, *const b_f32 = (float *)b, *const c_f32 = (float *)c;
    for (int64_t i = 0; i < (M + N) * k; i++) {
        const int64_t at = i < M * k ? i : i - M * k;
        if (f64) {
            const double x = proof_value_f64(&random, PROOF_UNIFORM);
            (i < M * k ? a : b)[at] = positive ? fabs(x) : x;
        } else {
            const float x = proof_value(&random, PROOF_UNIFORM);
            (i < M * k ? a_f32 : b_f32)[at] = positive ? fabsf(x) : x;
        }
    }
    if ((f64 ? gml_gemm_f64(NULL, M, N, k, 1.0, a, k, 1, b, N, 1, 0.0, c, N, 1)
             : gml_gemm_f32(NULL, M, N, k, 1.0f, a_f32, k, 1, b_f32, N, 1, 0.0f, c_f32, N, 1)) != GML_OK)
        goto end;
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            sums s = {0};
            for (int64_t p = 0; p < k; p++)
                if (f64)
                    add_f64(&s, a[i * k + p], b[p * N + j]);
                else
                    add_f32(&s, a_f32[i * k + p], b_f32[p * N + j]);
            const double unit = (f64 ? 0x1p-53 : 0x1p-24) * s.size;
            const double result = f64 ? c[i * N + j] : (double)c_f32[i * N + j];
            add_error(&ours, (result - s.exact) - s.rest, unit);
            add_error(&naive, ((f64 ? s.naive : (double)s.naive_f32) - s.exact) - s.rest, unit);
        }
    row->ours = accuracy_of(&ours), row->naive = accuracy_of(&naive);
    done = true;
end:
    free(a);
    free(b);
    free(c);
    return done;
}

int accuracy_of_gemm(accuracy_row *rows)
{
    const int n = sizeof cases / sizeof *cases;
    for (int i = 0; i < n; i++) {
        rows[i] = (accuracy_row){.problem = cases[i].problem};
        if (!measure(cases[i].k, cases[i].f64, cases[i].positive, &rows[i]))
            return 0;
    }
    return n;
}
