/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verification of choices: it finds nothing in what is right, whatever layout, path and set; and it sees kernels
 * that are wrong, each in a way of its own. Then the bench, which verifies and times.
 */
#include "proof/session.h"
#include "tests/subject.h"
#include "tune/measure.h"
#include <math.h>
#include <string.h>

static bool verify(const gml_key *key, const gml_choice *choice, bool whole, char sentence[512])
{
    tune_subject *subject = whole ? tune_subject_create(&on, key, GML_STATE_WARM, ROOM) : NULL;
    ck_assert(!whole || subject);
    sentence[0] = '\0';
    const bool right = tune_verify(&on, key, choice, subject, sentence, 512);
    tune_subject_destroy(subject);
    gml_scratch_clear(&runtime);
    ck_assert_msg(right || sentence[0], "%s", text_of(key));
    return right;
}

static void expect_right(const gml_key *key, int parameter, int32_t value)
{
    char sentence[512];
    gml_choice choice = {{0}};
    if (value)
        choice.value[parameter] = value;
    ck_assert_msg(verify(key, &choice, true, sentence), "%s: %s", text_of(key), sentence);
}

static void gemm_is_right(unsigned layout)
{
    gml_key one = gemm_key(layout, 90, 100, 600, 1, 2), many = gemm_key(layout, 40, 60, 520, 5, 2);
    expect_right(&one, 0, 0);
    one.type = GML_F64;
    expect_right(&one, GML_CHOOSE_PATH, 1 + GML_GEMM_SPLIT);
    expect_right(&many, 0, 0);
}

static void attention_is_right(unsigned layout)
{
    const gml_key prefill = attention_key(layout, 2, 2, 100, 90, 40, 2),
                  few = attention_key(layout, 2, 3, 1, 300, 32, 2);
    for (int path = 0; path <= GML_ATTENTION_PATHS; path++)
        expect_right(&prefill, GML_CHOOSE_ATTENTION_PATH, path);
    expect_right(&few, 0, 0);
}

/* Plans of large problems, which small ones stand for. */
static void expect_right_by_small(const gml_key *key, int parameter, int32_t value)
{
    char sentence[512];
    gml_choice choice = {{0}};
    choice.value[parameter] = value;
    ck_assert_msg(verify(key, &choice, false, sentence), "%s: %s", text_of(key), sentence);
}

static void masked_is_right(void)
{
    for (unsigned layout = 0; layout < 2 * GML_LAYOUT_COLUMNS; layout++) {
        const gml_key key = softmax_key(layout, 500, 9000, 4);
        expect_right_by_small(&key, GML_CHOOSE_SOFTMAX_SPLIT, 0);
    }
}

static void large_is_right(void)
{
    const gml_key square = gemm_key(0, 4000, 4000, 4000, 1, 8), flat = gemm_key(0, 9600, 9600, 100, 1, 4),
                  deep = gemm_key(0, 30, 40, 900000, 1, 5), long_rows = softmax_key(0, 2, 900000, 4),
                  many_rows = softmax_key(0, 90000, 900, 4), cache = attention_key(0, 1, 3, 1, 60000, 64, 4);
    for (int32_t threads = 1; threads <= 4; threads++)
        expect_right_by_small(&square, GML_CHOOSE_GRID_M, threads);
    for (int32_t flag = GML_NO; flag <= GML_YES; flag++) {
        expect_right_by_small(&flat, GML_CHOOSE_STREAM_C, flag);
        expect_right_by_small(&long_rows, GML_CHOOSE_SOFTMAX_SPLIT, flag);
        expect_right_by_small(&many_rows, GML_CHOOSE_SOFTMAX_STREAM, flag);
    }
    masked_is_right();
    expect_right_by_small(&deep, GML_CHOOSE_PATH, 1 + GML_GEMM_SPLIT);
    for (int32_t parts = 1; parts <= 4; parts++)
        expect_right_by_small(&cache, GML_CHOOSE_ATTENTION_SPLIT, parts);
}

START_TEST(what_is_right_is_verified)
{
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        if (!proof_available(*set))
            continue;
        use(*set);
        const gml_key square = gemm_key(0, 300, 200, 700, 1, 2), thin = gemm_key(0, 2, 900, 700, 1, 2),
                      rows = softmax_key(0, 200, 300, 2), large = softmax_key(0, 2, 9000, 2),
                      columns = softmax_key(GML_LAYOUT_COLUMNS, 200, 300, 2),
                      masked = softmax_key(GML_LAYOUT_IN_PLACE | GML_LAYOUT_MASKED, 20, 300, 1);
        for (int path = 0; path <= GML_GEMM_PATHS; path++)
            expect_right(&square, GML_CHOOSE_PATH, path), expect_right(&thin, GML_CHOOSE_PATH, path);
        expect_right(&square, GML_CHOOSE_GRID_M, 2);
        expect_right(&square, GML_CHOOSE_STREAM_C, GML_YES);
        for (int32_t i = 0; i < 3; i++) {
            expect_right(&rows, GML_CHOOSE_SOFTMAX_STREAM, i),
                expect_right(&large, GML_CHOOSE_SOFTMAX_STREAM, i);
            expect_right(&large, GML_CHOOSE_SOFTMAX_SPLIT, i);
            expect_right(&columns, GML_CHOOSE_SOFTMAX_BLOCK_ROWS, 7 * i);
        }
        expect_right(&masked, 0, 0);
        large_is_right();
    }
    use(best());
    each_gemm_layout(gemm_is_right);
    each_attention_layout(attention_is_right);
    ck_assert_int_eq(held, 0);
}
END_TEST

/* Kernels that are wrong, each between the right ones of the best set. */

static const gml_kernel_set *right;
static int victim; /* a tile */

typedef enum fault {
    ONE_ELEMENT,
    ONE_BEHIND,
    ONE_IN_A_GAP,
    READS_BEHIND,
    NO_BETA,
    WITHOUT_LAST_ROW,
    LARGE_ONLY
} fault;

static fault wrong;

static void wrong_block(const gml_gemm_block *block)
{
    const gml_gemm_kernel *kernel = &right->gemm_f32->tiles[victim];
    float *c = block->c;
    gml_gemm_block x = *block;
    const int64_t last = (x.m - 1) * x.rs_c + x.n - 1;
    if (wrong == NO_BETA && x.beta != 0.0)
        x.beta = 1.0;
    if (wrong == WITHOUT_LAST_ROW && x.m > 1)
        x.m--;
    if (wrong == READS_BEHIND) {
        /* One element of A behind its last. */
        const int64_t i = x.m - 1;
        const volatile float *a =
            (const float *)x.a + i / kernel->mr * x.ps_a + i % kernel->mr * x.rs_a + (x.k - 1) * x.cs_a;
        (void)a[1];
    }
    kernel->block(&x);
    if (wrong == ONE_ELEMENT)
        c[last] += 1.0f;
    else if (wrong == ONE_BEHIND)
        c[last + 1] = 0.0f;
    else if (wrong == ONE_IN_A_GAP && x.m > 1 && x.rs_c > x.n)
        c[x.rs_c - 1] = 0.0f;
    else if (wrong == LARGE_ONLY && x.m > 128)
        c[last] += 1.0f;
}

static void wrong_rows(const gml_softmax_rows_f32 *rows)
{
    right->softmax_f32->rows(rows);
    rows->y[rows->n - 1] += 1.0f;
}

static void wrong_values(int64_t rows, int64_t keys, int64_t dim, const float *e, int64_t e_stride,
                         const float *v, int64_t v_stride, float *s, int64_t s_stride,
                         const gml_attention_next_f32 *next)
{
    right->attention_row_f32->values(rows, keys > 1 ? keys - 1 : 1, dim, e, e_stride, v, v_stride, s,
                                     s_stride, next);
}

/* The best set with wrong kernels instead: of GEMM all tiles but one. */
static const gml_kernel_set *wrong_set(fault kind)
{
    static gml_kernel_set set;
    static gml_gemm_kernels gemm;
    static gml_gemm_kernel tiles[16];
    static gml_softmax_kernel_f32 softmax;
    static gml_attention_row_f32 row;
    right = best();
    wrong = kind;
    set = *right;
    gemm = *right->gemm_f32;
    ck_assert_int_le(gemm.n_tiles, 16);
    memcpy(tiles, gemm.tiles, (size_t)gemm.n_tiles * sizeof *tiles);
    tiles[victim].block = wrong_block;
    gemm.tiles = tiles;
    softmax = *right->softmax_f32;
    softmax.rows = wrong_rows;
    row = *right->attention_row_f32;
    row.values = wrong_values;
    set.gemm_f32 = &gemm;
    set.softmax_f32 = &softmax;
    set.attention_row_f32 = &row;
    return &set;
}

static void expect_wrong(const gml_key *key, const gml_choice *choice, bool whole, const char *says)
{
    char sentence[512];
    ck_assert_msg(!verify(key, choice, whole, sentence), "%s", text_of(key));
    ck_assert_msg(strstr(sentence, says), "%s: \"%s\", expected \"%s\"", text_of(key), sentence, says);
}

START_TEST(what_is_wrong_is_not)
{
    static const struct {
        fault wrong;
        const char *says;
    } cases[] = {{ONE_ELEMENT, "c["},      {ONE_BEHIND, "c"}, {ONE_IN_A_GAP, "c"},
                 {WITHOUT_LAST_ROW, "c["}, {NO_BETA, "c["},   {READS_BEHIND, "access"}};
    static const unsigned layouts[] = {0, GML_LAYOUT_A_COLUMNS, GML_LAYOUT_B_COLUMNS, GML_LAYOUT_READS_C};
    for (victim = 0; victim < best()->gemm_f32->n_tiles; victim++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
                if (cases[i].wrong == NO_BETA && layouts[l] != GML_LAYOUT_READS_C)
                    continue;
                if (cases[i].wrong == READS_BEHIND && layouts[l] == GML_LAYOUT_A_COLUMNS)
                    continue; /* of the packed A that this may be, there is scratch memory behind */
                use(wrong_set(cases[i].wrong));
                const gml_gemm_kernel *tile = &runtime.set->gemm_f32->tiles[victim];
                const gml_key key = gemm_key(layouts[l], 300, 300, 300, 1, 2);
                gml_choice choice = {{0}};
                choice.value[GML_CHOOSE_MR] = tile->mr, choice.value[GML_CHOOSE_NR] = tile->nr;
                expect_wrong(&key, &choice, false, cases[i].says);
                if (i == 0) /* the sentence names whom it was found in */
                    expect_wrong(&key, &choice, false, tile->name);
            }
    victim = 0;
    use(wrong_set(ONE_ELEMENT));
    const gml_choice model = {{0}};
    const gml_key rows = softmax_key(0, 200, 300, 1), few = attention_key(0, 2, 3, 1, 300, 32, 1);
    expect_wrong(&rows, &model, false, "y[");
    expect_wrong(&few, &model, false, "o[");
}
END_TEST

/* What shows at no small size: another plan's bytes are not those of the model's. */
START_TEST(what_is_wrong_at_its_size_is_not)
{
    char sentence[512];
    const gml_key key = gemm_key(0, 400, 300, 300, 1, 1);
    const gml_choice low = {.value = {[GML_CHOOSE_MC] = 32}};
    victim = 0;
    use(best());
    gml_choice same = low;
    const gml_gemm_kernel *tile = right->gemm_f32->tiles;
    same.value[GML_CHOOSE_MR] = tile->mr, same.value[GML_CHOOSE_NR] = tile->nr;
    use(wrong_set(LARGE_ONLY));
    tune_plan model;
    ck_assert(tune_plan_of(&on, &key, NULL, &model));
    if (model.gemm.mc <= 128 || model.gemm.kernel != runtime.set->gemm_f32->tiles)
        return; /* the model has other plans for this set */
    ck_assert(verify(&key, &same, false, sentence));
    expect_wrong(&key, &same, true, "not that of the model's plan");
}
END_TEST

START_TEST(plans_that_are_refused)
{
    char sentence[512];
    const gml_key key = gemm_key(0, 0, 3, 3, 1, 1);
    const gml_choice model = {{0}};
    use(best());
    ck_assert(!tune_verify(&on, &key, &model, NULL, sentence, sizeof sentence));
    ck_assert_ptr_nonnull(strstr(sentence, "check"));
}
END_TEST

/* The bench. */

START_TEST(the_bench)
{
    const gml_key key = gemm_key(0, 100, 100, 100, 1, 2), large = gemm_key(0, 5000, 5000, 5000, 1, 1);
    const char *why = NULL;
    use(best());
    tune_measure *measure = tune_measure_create(&on, GML_STATE_ROTATED, 16 << 20);
    ck_assert_ptr_nonnull(measure);
    const tune_bench bench = tune_measure_bench(measure);
    const double begin = bench.now(bench.host);
    const gml_choice model = {{0}}, one = {.value = {[GML_CHOOSE_THREADS] = 1}};
    ck_assert(isinf(bench.time(bench.host, &model, 0.0)) && !bench.verify(bench.host, &model));
    ck_assert(!bench.open(bench.host, &large, &why) && strstr(why, "memory"));
    ck_assert(bench.open(bench.host, &key, &why));
    for (int i = 0; i < 4; i++) {
        ck_assert(bench.verify(bench.host, i % 2 ? &model : &one));
        const double seconds = bench.time(bench.host, i % 2 ? &model : &one, 1e-4);
        ck_assert(seconds > 0 && seconds < 10);
    }
    ck_assert_str_eq(tune_measure_mismatch(measure), "");
    gml_choice seeds[TUNE_SEEDS_MOST];
    ck_assert_int_ge(bench.seeds(bench.host, NULL, 0, seeds), 1);
    ck_assert(gml_choice_is_model(&seeds[0]));
    bench.close(bench.host);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(held, 0);

    left = 0;
    ck_assert(!bench.open(bench.host, &key, &why) && strstr(why, "memory"));
    left = -1;
    runtime.set = wrong_set(ONE_ELEMENT);
    ck_assert(bench.open(bench.host, &key, &why));
    gml_choice choice = {{0}};
    choice.value[GML_CHOOSE_MR] = right->gemm_f32->tiles[0].mr;
    choice.value[GML_CHOOSE_NR] = right->gemm_f32->tiles[0].nr;
    ck_assert(!bench.verify(bench.host, &choice) && !bench.verify(bench.host, &choice));
    ck_assert_ptr_nonnull(strstr(tune_measure_mismatch(measure), right->gemm_f32->tiles[0].name));
    ck_assert(bench.now(bench.host) > begin);
    tune_measure_destroy(measure); /* closes */
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(held, 0);
}
END_TEST

int main(void)
{
    return suite_run("verify", 60,
                     (const TTest *const[]){what_is_right_is_verified, what_is_wrong_is_not,
                                            what_is_wrong_at_its_size_is_not, plans_that_are_refused,
                                            the_bench, NULL});
}
