/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Subjects of the tuner: problems whose key is the key they were made from, runs whose bits are those of the
 * specification, plans that are equal by what they mean, memory that is bounded.
 */
#include "proof/spec/spec.h"
#include "tests/subject.h"
#include <string.h>

static void expect_key(const gml_key *key)
{
    tune_problem problem;
    ck_assert(tune_describe(&on, key, &problem));
    const gml_key again = key->operation == GML_OPERATION_GEMM
                              ? gml_key_gemm(&problem.gemm.args, problem.gemm.batch.count, key->threads)
                          : key->operation == GML_OPERATION_SOFTMAX
                              ? gml_key_softmax(&problem.softmax, key->threads)
                              : gml_key_attention(&problem.attention, key->threads);
    ck_assert_msg(gml_key_equal(key, &again), "layout %x of %s", again.layout, text_of(key));
}

static void gemm_keys(unsigned layout)
{
    static const int64_t sizes[][4] = {
        {5, 7, 9, 1}, {64, 48, 33, 1}, {2, 2, 2, 3}, {700, 17, 600, 1}, {3, 900, 2, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gml_key key =
            gemm_key(layout, sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], 1 + (int32_t)i % 2);
        expect_key(&key);
        key.type = GML_F64;
        expect_key(&key);
    }
}

static void attention_keys(unsigned layout)
{
    const gml_key keys[] = {attention_key(layout, 3, 2, 5, 9, 8, 1),
                            attention_key(layout, 1, 1, 1, 300, 64, 2),
                            attention_key(layout, 1, 4, 40, 2, 16, 2)};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        expect_key(&keys[i]);
}

START_TEST(keys_come_back)
{
    use(best());
    each_gemm_layout(gemm_keys);
    for (unsigned layout = 0; layout < 2 * GML_LAYOUT_COLUMNS; layout++) {
        expect_key(&(gml_key){1, GML_F32, (uint16_t)layout, 1, {5, 70}});
        expect_key(&(gml_key){1, GML_F32, (uint16_t)layout, 2, {1, 9000}});
        expect_key(&(gml_key){1, GML_F32, (uint16_t)layout, 2, {500, 2}});
    }
    each_attention_layout(attention_keys);
    const gml_key row = gemm_key(0, 1, 50, 60, 1, 1), one = gemm_key(0, 1, 1, 60, 1, 1);
    expect_key(&row);
    expect_key(&one);
}
END_TEST

START_TEST(keys_without_elements)
{
    tune_plan plan;
    use(best());
    for (int operation = 0; operation < GML_OPERATIONS; operation++) {
        gml_key key = {
            .operation = (uint8_t)operation, .type = GML_F32, .threads = 1, .size = {1, 1, 1, 0, 1, 1}};
        key.size[operation == GML_OPERATION_SOFTMAX] = 0;
        ck_assert(!tune_plan_of(&on, &key, NULL, &plan));
        ck_assert(!tune_plans(&key));
        ck_assert_int_eq(tune_subject_bytes(&on, &key, GML_STATE_WARM), 0);
        ck_assert_ptr_null(tune_subject_create(&on, &key, GML_STATE_WARM, ROOM));
    }
}
END_TEST

/* Plans. */

START_TEST(small_products_have_no_plan)
{
    const struct {
        gml_key key;
        bool plans;
    } cases[] = {
        {gemm_key(0, 16, 16, 16, 1, 1), false},
        {gemm_key(0, 16, 16, 16, 2, 1), true},
        {gemm_key(GML_LAYOUT_PACKED_B, 16, 16, 16, 1, 1), true},
        {gemm_key(GML_LAYOUT_C_STRIDED, 16, 16, 16, 1, 1), true},
        {gemm_key(GML_LAYOUT_B_COLUMNS, 16, 16, 16, 1, 1), false},
        {gemm_key(GML_LAYOUT_B_COLUMNS, 8, 300, 400, 1, 1), true}, /* a B that has no room on the stack */
        {gemm_key(0, 200, 200, 200, 1, 1), true},
        {softmax_key(0, 1, 1, 1), true},
        {attention_key(0, 1, 1, 1, 1, 1, 1), true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(tune_plans(&cases[i].key) == cases[i].plans, "%s", text_of(&cases[i].key));
}
END_TEST

static tune_plan plan_of(const gml_key *key, int parameter, int32_t value)
{
    gml_choice choice = {{0}};
    tune_plan plan;
    if (value)
        choice.value[parameter] = value;
    memset(&plan, 0x5a, sizeof plan); /* what a plan does not set must not count */
    ck_assert(tune_plan_of(&on, key, &choice, &plan));
    return plan;
}

START_TEST(plans_are_equal_by_meaning)
{
    use(best());
    const gml_key square = gemm_key(0, 600, 600, 600, 1, 1), batch = gemm_key(0, 8, 8, 8, 100, 1),
                  packed = gemm_key(GML_LAYOUT_PACKED_B, 600, 600, 600, 1, 1),
                  thin = gemm_key(0, 1, 5000, 600, 1, 1), rows = softmax_key(0, 100, 100, 1),
                  few = attention_key(0, 2, 1, 1, 600, 64, 1);
    const struct {
        const gml_key *key;
        int parameter;
        int32_t value;
        bool equal;
    } cases[] = {
        {&square, GML_CHOOSE_MC, 40, false},
        {&square, GML_CHOOSE_NC, 100, false},
        {&square, GML_CHOOSE_PATH, 1 + GML_GEMM_STREAM, false},
        {&square, GML_CHOOSE_THREADS, 1, true}, /* there is one anyway                           */
        {&square, GML_CHOOSE_STREAM_C, GML_NO, true},
        {&batch, GML_CHOOSE_MC, 40, true},              /* each product is one call of a kernel          */
        {&packed, GML_CHOOSE_TRANSPOSE, GML_YES, true}, /* what is packed decides                    */
        {&thin, GML_CHOOSE_KC, 512, true},              /* sums in L1 have no panels                     */
        {&thin, GML_CHOOSE_NC, 64, false},
        {&rows, GML_CHOOSE_SOFTMAX_SPLIT, GML_YES, true}, /* of one segment there is nothing to share */
        {&rows, GML_CHOOSE_SOFTMAX_ROWS, 7, false},
        {&few, GML_CHOOSE_ATTENTION_STRIPS, 2, true}, /* few queries have no strips                 */
        {&few, GML_CHOOSE_ATTENTION_SPAN, 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const tune_plan model = plan_of(cases[i].key, 0, 0),
                        plan = plan_of(cases[i].key, cases[i].parameter, cases[i].value);
        ck_assert(tune_plan_equal(&model, &model) && tune_plan_equal(&plan, &plan));
        ck_assert_msg(tune_plan_equal(&model, &plan) == cases[i].equal, "case %zu: %s", i,
                      text_of(cases[i].key));
        ck_assert(tune_plan_equal(&plan, &model) == cases[i].equal);
    }
    const tune_plan gemm = plan_of(&square, 0, 0), softmax = plan_of(&rows, 0, 0);
    ck_assert(!tune_plan_equal(&gemm, &softmax));
}
END_TEST

/* Runs. */

/* The result of a run, against the specification's from the same operands. */
static void expect_gemm_bits(const tune_problem *problem)
{
    const gml_gemm_args *g = &problem->gemm.args;
    const gml_gemm_batch *batch = &problem->gemm.batch;
    const tune_array *c = &problem->array[2];
    float *must = malloc((size_t)c->bytes);
    ck_assert(must && g->type == GML_F32 && !g->packed_a && !g->packed_b && g->beta == 0.0);
    memset(must, 0xff, (size_t)c->bytes);
    for (int64_t l = 0; l < batch->count; l++)
        spec_gemm_f32(g->m, g->n, g->k, (float)g->alpha, (const float *)g->a + l * batch->bs_a, g->rs_a,
                      g->cs_a, (const float *)g->b + l * batch->bs_b, g->rs_b, g->cs_b, 0.0f,
                      must + l * batch->bs_c, g->rs_c, g->cs_c);
    ck_assert_msg(memcmp(must, c->data, (size_t)c->bytes) == 0, "%s", text_of(&problem->key));
    free(must);
}

static void expect_softmax_bits(const tune_problem *problem)
{
    gml_softmax_problem p = problem->softmax;
    const tune_array *y = &problem->array[1];
    float *must = malloc((size_t)y->bytes);
    ck_assert(must && p.x != p.y);
    p.y = must;
    spec_softmax_f32(&p);
    ck_assert_msg(memcmp(must, y->data, (size_t)y->bytes) == 0, "%s", text_of(&problem->key));
    free(must);
}

static void expect_attention_bits(const tune_problem *problem)
{
    gml_attention_problem p = problem->attention;
    const tune_array *o = &problem->array[3];
    float *must = malloc((size_t)o->bytes), *weights = malloc((size_t)problem->array[5].bytes + 1);
    ck_assert(must && weights);
    memset(must, 0xff, (size_t)o->bytes);
    p.o = must;
    p.weights = p.weights ? weights : NULL;
    spec_attention_f32(&p);
    ck_assert_msg(memcmp(must, o->data, (size_t)o->bytes) == 0, "%s", text_of(&problem->key));
    ck_assert(memcmp(weights, problem->array[5].data, (size_t)problem->array[5].bytes) == 0);
    free(weights);
    free(must);
}

static void expect_bits(const gml_key *key, gml_state state)
{
    static void (*const expect[])(const tune_problem *) = {expect_gemm_bits, expect_softmax_bits,
                                                           expect_attention_bits};
    tune_plan plan;
    tune_subject *subject = tune_subject_create(&on, key, state, ROOM);
    ck_assert_msg(subject && tune_plan_of(&on, key, NULL, &plan), "%s", text_of(key));
    tune_subject_run(subject, &plan);
    tune_subject_run(subject, &plan);
    expect[key->operation](tune_subject_problem(subject));
    for (int move = 0; move < 2; move++) {
        ck_assert(tune_subject_move(subject, ROOM, move == 0));
        tune_subject_run(subject, &plan);
        expect[key->operation](tune_subject_problem(subject));
    }
    tune_subject_destroy(subject);
}

static void gemm_bits(unsigned layout)
{
    if (layout & (GML_LAYOUT_PACKED_A | GML_LAYOUT_PACKED_B | GML_LAYOUT_READS_C))
        return; /* what these hold at first is not kept */
    const gml_key one = gemm_key(layout, 33, 50, 70, 1, 1), many = gemm_key(layout, 20, 9, 530, 3, 2);
    expect_bits(&one, GML_STATE_WARM);
    expect_bits(&many, GML_STATE_ROTATED);
}

static void attention_bits(unsigned layout)
{
    const gml_key key = attention_key(layout, 2, 2, 30, 40, 16, 2);
    expect_bits(&key, layout % 3 ? GML_STATE_WARM : GML_STATE_ROTATED);
}

START_TEST(runs_give_the_bits_of_the_specification)
{
    use(best());
    each_gemm_layout(gemm_bits);
    for (unsigned layout = 0; layout < 2 * GML_LAYOUT_COLUMNS; layout++)
        if (!(layout & GML_LAYOUT_IN_PLACE)) {
            const gml_key some = softmax_key(layout, 30, 50, 2), large = softmax_key(layout, 2, 5000, 1);
            expect_bits(&some, GML_STATE_ROTATED);
            expect_bits(&large, GML_STATE_WARM);
        }
    each_attention_layout(attention_bits);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(held, 0);
}
END_TEST

/* The input that a call streams through is another one each time, with the same numbers, until all have had their turn;
 * and all of them are twice as large as the last-level cache. */
START_TEST(what_is_streamed_rotates)
{
    const gml_key keys[] = {gemm_key(0, 40, 100, 200, 1, 1),
                            gemm_key(GML_LAYOUT_PACKED_B, 40, 100, 200, 1, 1), softmax_key(0, 40, 100, 1),
                            softmax_key(GML_LAYOUT_IN_PLACE, 40, 100, 1),
                            attention_key(0, 2, 1, 40, 50, 32, 1)};
    use(best());
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tune_plan plan;
        tune_subject *subject = tune_subject_create(&on, &keys[i], GML_STATE_ROTATED, ROOM);
        ck_assert(subject && tune_plan_of(&on, &keys[i], NULL, &plan));
        const tune_problem *p = tune_subject_problem(subject);
        const void *first = NULL;
        int64_t turns = 0, bytes = 0;
        for (int a = 0; a < p->arrays; a++)
            if (p->array[a].use == TUNE_STREAMED || p->array[a].use == TUNE_REPLACED)
                bytes += p->array[a].bytes;
        for (;; turns++) {
            tune_subject_run(subject, &plan);
            const void *at = i == 0   ? p->gemm.args.b
                             : i == 1 ? p->gemm.packed_b.data
                             : i < 4  ? p->softmax.x
                                      : p->attention.v;
            ck_assert_uint_eq((uintptr_t)at % GML_ALIGNMENT, 0);
            if (at == first)
                break;
            if (!first)
                first = at;
            else if (i != 3) /* softmax in place has other numbers after its turn */
                ck_assert_mem_eq(first, at, 100);
            ck_assert_int_lt(turns, 10000);
        }
        ck_assert_int_ge(turns * bytes, 2 << 20);
        ck_assert_int_lt((turns - 1) * bytes, 2 << 20);
        tune_subject_destroy(subject);
    }
}
END_TEST

START_TEST(memory_is_bounded)
{
    const gml_key keys[] = {gemm_key(GML_LAYOUT_READS_C, 40, 100, 200, 5, 1), softmax_key(2, 40, 100, 2),
                            attention_key(GML_LAYOUT_WEIGHTS, 2, 1, 40, 50, 32, 1)};
    for (size_t i = 0; i < 2 * sizeof keys / sizeof *keys; i++) {
        const gml_key *key = &keys[i / 2];
        const gml_state state = i % 2 ? GML_STATE_ROTATED : GML_STATE_WARM;
        use(best());
        const int64_t bytes = tune_subject_bytes(&on, key, state);
        ck_assert_ptr_null(tune_subject_create(&on, key, state, (size_t)bytes - 1));
        ck_assert_int_eq(most_held, 0);
        tune_subject *subject = tune_subject_create(&on, key, state, (size_t)bytes);
        ck_assert_ptr_nonnull(subject);
        ck_assert_int_eq(held, bytes);
        tune_subject_destroy(subject);
        ck_assert_int_eq(held, 0);
        for (int64_t calls = 0; calls < 2; calls++) { /* each of both allocations fails */
            left = calls;
            ck_assert_ptr_null(tune_subject_create(&on, key, state, ROOM));
            ck_assert_int_eq(held, 0);
        }
        left = -1;
    }
    const int64_t large = INT64_C(1) << 40;
    tune_plan plan;
    const gml_key beyond[] = {gemm_key(0, large, large, large, large, 1), softmax_key(0, large, large, 1),
                              gemm_key(GML_LAYOUT_PACKED_A | GML_LAYOUT_PACKED_B, large, large, large, 1, 2),
                              attention_key(63 & ~GML_LAYOUT_TOKENS, large, large, large, large, large, 2)};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        ck_assert_int_eq(tune_subject_bytes(&on, &beyond[i], GML_STATE_ROTATED), INT64_MAX);
        ck_assert_ptr_null(tune_subject_create(&on, &beyond[i], GML_STATE_ROTATED, SIZE_MAX));
        ck_assert(!tune_plan_of(&on, &beyond[i], NULL, &plan));
    }
}
END_TEST

int main(void)
{
    return suite_run("subject", 60,
                     (const TTest *const[]){keys_come_back, keys_without_elements,
                                            small_products_have_no_plan, plans_are_equal_by_meaning,
                                            runs_give_the_bits_of_the_specification, what_is_streamed_rotates,
                                            memory_is_bounded, NULL});
}
