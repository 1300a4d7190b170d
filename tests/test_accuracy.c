/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accuracy: no error is more than twice that of the same computation done naively, and docs/accuracy.md says what the
 * errors are. Results have the same bits everywhere, and so has that page.
 *
 *     test_accuracy PAGE             compares
 *     test_accuracy --write PAGE     writes (scripts/accuracy.sh)
 */
#include "kernels/arithmetic.h"
#include "proof/proof.h"
#include "proof/spec/spec.h"
#include "tests/accuracy.h"
#include "tests/suite.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct table {
    const char *title, *text;
    int (*measure)(accuracy_row *rows);
    int has_lse;
    int n;
    accuracy_row rows[ACCURACY_ROWS];
} table;

static table tables[] = {
    {"Attention",
     "Errors of the output, in units of 2^-24 of its largest element, and of the logsumexp, of its largest "
     "or\n"
     "of 1. Queries, keys and values are uniform; scores have a deviation of 1 where nothing is said.",
     accuracy_of_attention,
     1,
     0,
     {{0}}},
    {"Softmax",
     "Relative errors of the weights, in units of 2^-24, for those above 2^-20; with logarithms, of these.\n"
     "Logits are uniform.",
     accuracy_of_softmax,
     1,
     0,
     {{0}}},
    {"GEMM",
     "Errors of an element, in units of 2^-24 (f64: 2^-53) of the sum of the sizes of its products. "
     "Elements\n"
     "are uniform in [-1, 1), without cancellation in [0, 1).",
     accuracy_of_gemm,
     0,
     0,
     {{0}}},
};
enum { TABLES = sizeof tables / sizeof *tables };

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The largest error in units of the last place, over every STEP-th float between two of one sign. */
enum { STEP = 1021 };

static double worst_of(float (*ours)(float), double (*exact)(double), float low, float high)
{
    uint32_t bits[2];
    double worst = 0.0;
    memcpy(&bits[0], &low, sizeof low);
    memcpy(&bits[1], &high, sizeof high);
    for (uint32_t b = bits[0]; b <= bits[1]; b += STEP) {
        const float x = from_bits(b);
        const double wanted = exact((double)x);
        int exponent;
        frexp(wanted, &exponent);
        worst = fmax(worst, fabs((double)ours(x) - wanted) / ldexp(1.0, exponent - 24));
    }
    return worst;
}

static void write_functions(FILE *page)
{
    static const struct {
        const char *name;
        float (*ours)(float);
        double (*exact)(double);
        float low, high; /* bits ascend from low to high */
        const char *range;
    } functions[] = {
        {"exp2", spec_exp2_f32, exp2, -0x1p-20f, GML_EXP2_LOW, "-100 to -2^-20"},
        {"exp2", spec_exp2_f32, exp2, 0x1p-20f, 127.5f, "2^-20 to 127.5"},
        {"exp", spec_exp_f32, exp, -0x1p-20f, GML_EXP_LOW, "-69 to -2^-20"},
        {"tanh", spec_tanh_f32, tanh, 0x1p-20f, 0x1.3fp-1f, "2^-20 to 0.623"},
        {"tanh", spec_tanh_f32, tanh, GML_TANH_SPLIT, 12.0f, "0.625 to 12"},
        {"log2", spec_log2_f32, log2, 2.0f, 0x1p100f, "2 to 2^100"},
    };
    static const struct {
        const char *name;
        int32_t activation;
    } activations[] = {
        {"GELU, erf", GML_ACTIVATION_GELU_ERF},
        {"GELU, tanh", GML_ACTIVATION_GELU_TANH},
        {"SiLU", GML_ACTIVATION_SILU},
    };
    fputs("\n## Functions\n\n"
          "The largest error of a sample, every 1021st float, in units of the last place. What exp2 and exp\n"
          "make of all their arguments is in [arithmetic.md](arithmetic.md).\n\n"
          "| function | arguments | error |\n| --- | --- | --- |\n",
          page);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        fprintf(page, "| %s | %s | %.2f |\n", functions[i].name, functions[i].range,
                worst_of(functions[i].ours, functions[i].exact, functions[i].low, functions[i].high));
    fprintf(
        page,
        "\nActivations of all sizes of argument, in units of 2^-24 of the larger of the result and 2^-24:\n\n"
        "| function | error |\n| --- | --- |\n");
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        fprintf(page, "| %s | %.1f |\n", activations[i].name,
                proof_activation_error(activations[i].activation, 1, STEP, UINT64_C(1) << 22));
}

/* Two digits, or all before the point. */
static void write_number(FILE *page, double x)
{
    fprintf(page, x < 99.5 ? " %.2g |" : " %.0f |", x);
}

static void write_error(FILE *page, accuracy error)
{
    write_number(page, error.largest);
    write_number(page, error.mean);
}

static void write_table(FILE *page, const table *t)
{
    fprintf(page, "\n## %s\n\n%s\n\n", t->title, t->text);
    fprintf(page,
            "| problem | largest | mean | naive, largest | mean |%s\n| --- | --- | --- | --- | --- |%s\n",
            t->has_lse ? " logsumexp | naive |" : "", t->has_lse ? " --- | --- |" : "");
    for (const accuracy_row *row = t->rows; row < t->rows + t->n; row++) {
        fprintf(page, "| %s |", row->problem);
        write_error(page, row->ours);
        write_error(page, row->naive);
        if (t->has_lse) {
            write_number(page, row->lse.largest);
            write_number(page, row->naive_lse.largest);
        }
        fprintf(page, "\n");
    }
}

static void write_page(FILE *page)
{
    fputs("# Accuracy\n\n"
          "<!-- written by scripts/accuracy.sh; the test `accuracy` compares -->\n\n"
          "Errors against float64, beside those of *naive* code: the formulas of the headers, one operation\n"
          "after the other in the type of the operands, sums in ascending order, exponentials and the like\n"
          "rounded correctly. \"Mean\" is the root of the mean square. A test sees that no error of Gemmule "
          "is\n"
          "more than twice the naive one, or than one unit in the last place. Results have the same bits on\n"
          "every machine, so that this page holds for all of them.\n",
          page);
    for (int i = 0; i < TABLES; i++)
        write_table(page, &tables[i]);
    write_functions(page);
}

static int measure_all(void)
{
    for (int i = 0; i < TABLES; i++) {
        tables[i].n = tables[i].measure(tables[i].rows);
        if (tables[i].n == 0) {
            char why[256];
            gml_last_error(why, sizeof why);
            fprintf(stderr, "test_accuracy: %s: %s\n", tables[i].title, *why ? why : "no memory");
            return 0;
        }
    }
    return 1;
}

static const char *path;

/* Where naive code happens to round correctly, one unit in the last place is no more than luck. */
static const double last_place = 2.0;

static void check_pair(const table *t, const accuracy_row *row, const char *what, double ours, double naive)
{
    ck_assert_msg(ours <= fmax(2.0 * naive, last_place), "%s, %s: the %s error is %g, the naive one %g",
                  t->title, row->problem, what, ours, naive);
}

START_TEST(errors_are_at_most_twice_the_naive_ones)
{
    for (const table *t = tables; t < tables + TABLES; t++)
        for (const accuracy_row *row = t->rows; row < t->rows + t->n; row++) {
            check_pair(t, row, "largest", row->ours.largest, row->naive.largest);
            check_pair(t, row, "mean", row->ours.mean, row->naive.mean);
            check_pair(t, row, "logsumexp's", row->lse.largest, row->naive_lse.largest);
        }
}
END_TEST

static size_t read_all(FILE *file, char *to, size_t most)
{
    const size_t n = fread(to, 1, most, file);
    fclose(file);
    return n;
}

START_TEST(the_page_is_current)
{
    static char wanted[1 << 15], found[1 << 15];
    FILE *written = tmpfile(), *page = fopen(path, "r");
    ck_assert_ptr_nonnull(written);
    ck_assert_msg(page != NULL, "%s is missing: scripts/accuracy.sh writes it", path);
    write_page(written);
    rewind(written);
    const size_t n = read_all(written, wanted, sizeof wanted);
    ck_assert(n < sizeof wanted);
    ck_assert_msg(read_all(page, found, sizeof found) == n && memcmp(found, wanted, n) == 0,
                  "%s is not what the library does: scripts/accuracy.sh writes it anew", path);
}
END_TEST

int main(int argc, char **argv)
{
    const int writing = argc == 3 && !strcmp(argv[1], "--write");
    if (argc != 2 && !writing) {
        fprintf(stderr, "usage: test_accuracy [--write] PAGE\n");
        return 2;
    }
    path = argv[argc - 1];
    if (!measure_all())
        return 1;
    if (writing) {
        FILE *page = fopen(path, "w");
        if (!page) {
            perror(path);
            return 1;
        }
        write_page(page);
        return fclose(page) == 0 ? 0 : 1;
    }
    return suite_run(
        "accuracy", 120,
        (const TTest *const[]){errors_are_at_most_twice_the_naive_ones, the_page_is_current, NULL});
}
