/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Predictions of wisdom, against cases worked out by hand and against the definition in src/plan/wisdom.h, spelled out.
 */
#include "tests/suite.h"
#include "tests/wisdom_find.h"
#include <math.h>

START_TEST(predictions_reach)
{
    gml_wisdom_entry entry[] = {
        entries_gemm(1024, 1024, 1024, 96, 1.2, GML_SCOPE_CELL),
        entries_error(2, 0.18), /* log 1.2 is 0.1823 */
        entries_error(2, 0.01), /* the first counts */
    };
    gml_wisdom *wisdom = build(entry, 3);
    expect(wisdom, 1024, 1024, 2048, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 600, 1024, 1024, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 2048, 1024, 512, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 1024, 2048, 2048, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 1024, 1024, 4096, GML_SOURCE_MODEL, 0, -1); /* two steps along one size */
    expect(wisdom, 2048, 2048, 2048, GML_SOURCE_MODEL, 0, -1); /* three steps */
    gml_wisdom_free(wisdom);

    entry[1].gain = 0.1824;
    wisdom = build(entry, 2);
    expect(wisdom, 1024, 1024, 2048, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom_free(wisdom);
    entry[1].gain = 0, entry[1].key.threads = 3; /* nothing is known of two threads */
    wisdom = build(entry, 2);
    expect(wisdom, 1024, 1024, 2048, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom_free(wisdom);
    entry[1].key.threads = 2, entry[0].scope = GML_SCOPE_EXACT; /* holds for itself alone */
    wisdom = build(entry, 2);
    expect(wisdom, 1024, 1024, 2048, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom_free(wisdom);
}
END_TEST

/* Means, with weights 1 and 1/2: the gain of a choice against all cells around. */
START_TEST(predictions_are_means)
{
    gml_wisdom_entry entry[4] = {entries_gemm(256, 1024, 1024, 96, exp(0.2), GML_SCOPE_CELL),
                                 entries_gemm(1024, 1024, 1024, 0, 1, GML_SCOPE_CELL),
                                 entries_error(2, 0.0999)};
    gml_wisdom *wisdom = build(entry, 3); /* (1 * 0.2 + 1 * 0) / 2 */
    expect(wisdom, 512, 1024, 1024, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 128, 1024, 1024, GML_SOURCE_PREDICTED, 96, 0);
    expect(wisdom, 1024, 1024, 512, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom_free(wisdom);
    entry[2].gain = 0.1001;
    wisdom = build(entry, 3);
    expect(wisdom, 512, 1024, 1024, GML_SOURCE_MODEL, 0, -1);
    expect(wisdom, 128, 1024, 1024, GML_SOURCE_PREDICTED, 96, 0);
    gml_wisdom_free(wisdom);

    entry[1].key.size[1] = 2048; /* two steps from (9, 10, 10): (1 * 0.2 + 0) / 1.5 = 0.1333 */
    for (int i = 0; i < 2; i++) {
        entry[2].gain = i ? 0.1334 : 0.1333;
        wisdom = build(entry, 3);
        expect(wisdom, 512, 1024, 1024, i ? GML_SOURCE_MODEL : GML_SOURCE_PREDICTED, i ? 0 : 96, i ? -1 : 0);
        gml_wisdom_free(wisdom);
    }

    /* Another choice: 0.3 at two steps is 0.15 / 1.5 against 0.2 / 1.5, until another cell agrees with it. */
    entry[1] = entries_gemm(1024, 2048, 1024, 192, exp(0.3), GML_SCOPE_CELL);
    entry[2].gain = 0.05;
    entry[3] = entries_gemm(512, 2048, 2048, 192, exp(0.24), GML_SCOPE_CELL);
    wisdom = build(entry, 3);
    expect(wisdom, 512, 1024, 1024, GML_SOURCE_PREDICTED, 96, 0);
    gml_wisdom_free(wisdom);
    wisdom =
        build(entry, 4); /* (0.15 + 0.12) / 2 against 0.2 / 2: it rests on the one with the higher gain */
    expect(wisdom, 512, 1024, 1024, GML_SOURCE_PREDICTED, 192, 1);
    gml_wisdom_free(wisdom);

    /* A tie goes to the choice that comes first in the canonical order, wherever it is in the list. */
    entry[0] = entries_gemm(256, 1024, 1024, 192, 1.25, GML_SCOPE_CELL);
    entry[1] = entries_gemm(1024, 1024, 1024, 96, 1.25, GML_SCOPE_CELL);
    wisdom = build(entry, 3);
    expect(wisdom, 512, 1024, 1024, GML_SOURCE_PREDICTED, 96, 1);
    gml_wisdom_free(wisdom);
}
END_TEST

/* Nothing is near to a size of 0, and nothing lies beyond the largest. */
START_TEST(predictions_have_ends)
{
    gml_wisdom_entry entry[2] = {
        entries_of_key(
            "op=attention type=f32 layout=c threads=2 sequences=1 group=1 q_len=64 kv_len=0 head_dim=64 "
            "v_head_dim=64"),
        entries_error(2, 0)};
    entry[0].scope = GML_SCOPE_CELL;
    entry[0].choice.value[GML_CHOOSE_ATTENTION_STRIPS] = 2;
    entry[0].gain = 1.5;
    entry[0].revision = entry[1].revision;
    entry[1].key.operation = GML_OPERATION_ATTENTION;
    entry[0].key.size[2] = INT64_MAX;
    gml_wisdom *wisdom = build(entry, 2);
    gml_key key = entry[0].key;
    gml_source source;
    key.size[4] = 128, key.size[0] = 2;
    ck_assert_ptr_nonnull(gml_wisdom_find(wisdom, &key, &source, NULL));
    ck_assert_int_eq(source, GML_SOURCE_PREDICTED);
    key.size[3] = 1;
    ck_assert_ptr_null(gml_wisdom_find(wisdom, &key, &source, NULL));
    ck_assert_int_eq(source, GML_SOURCE_MODEL);
    gml_wisdom_free(wisdom);
    entry[0].key.size[3] = 1; /* and nothing near 0 to it */
    key.size[3] = 0;
    wisdom = build(entry, 2);
    ck_assert_ptr_null(gml_wisdom_find(wisdom, &key, &source, NULL));
    key.size[3] = 2, key.size[0] = 1;
    ck_assert_ptr_nonnull(gml_wisdom_find(wisdom, &key, &source, NULL));
    gml_wisdom_free(wisdom);
}
END_TEST

/* The definition. */

static double off_middle(const gml_key *key)
{
    double sum = 0;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        sum += key->size[i] > 0 ? fabs(log2((double)key->size[i]) - round(log2((double)key->size[i]))) : 0;
    return sum;
}

static bool is_first(const gml_wisdom_entry *entry, int64_t i)
{
    for (int64_t j = 0; j < i; j++)
        if (!entry[j].error && gml_key_equal(&entry[j].key, &entry[i].key))
            return false;
    return !entry[i].error;
}

/* The entry that a cell has; -1 for none. */
static int64_t owner(const gml_wisdom_entry *entry, int64_t count, const gml_key *cell)
{
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++) {
        const gml_key own = gml_key_cell(&entry[i].key);
        if (entry[i].scope == GML_SCOPE_CELL && is_first(entry, i) && gml_key_equal(&own, cell) &&
            (best < 0 || off_middle(&entry[i].key) < off_middle(&entry[best].key)))
            best = i;
    }
    return best;
}

/* Steps between two cells; 0 where the first is out of reach of the second. */
static int steps_between(const gml_key *x, const gml_key *y)
{
    int sum = 0;
    for (int i = 0; i < GML_KEY_SIZES; i++) {
        const int steps = (int)llabs(x->size[i] - y->size[i]);
        if (steps > 1)
            return 0;
        sum += steps;
    }
    return x->layout == y->layout && x->threads == y->threads && sum <= 2 ? sum : 0;
}

static gml_source defined(const gml_wisdom_entry *entry, int64_t count, double error, const gml_key *key,
                          gml_choice *choice)
{
    *choice = (gml_choice){.value = {0}};
    for (int64_t i = 0; i < count; i++)
        if (!entry[i].error && gml_key_equal(&entry[i].key, key)) {
            *choice = entry[i].choice;
            return GML_SOURCE_EXACT;
        }
    const gml_key cell = gml_key_cell(key);
    const int64_t own = owner(entry, count, &cell);
    if (own >= 0) {
        *choice = entry[own].choice;
        return GML_SOURCE_CELL;
    }
    double most = error;
    for (int64_t candidate = 0; candidate < count; candidate++) {
        double gain = 0, weights = 0;
        for (int64_t i = 0; i < count; i++) {
            const gml_key other = gml_key_cell(&entry[i].key);
            const int steps = steps_between(&cell, &other);
            if (entry[i].error || steps == 0 || owner(entry, count, &other) != i)
                continue;
            weights += 1.0 / steps;
            if (memcmp(&entry[i].choice, &entry[candidate].choice, sizeof(gml_choice)) == 0)
                gain += log(entry[i].gain) / steps;
        }
        if (weights > 0 && gain / weights > most && !gml_choice_is_model(&entry[candidate].choice)) {
            most = gain / weights;
            *choice = entry[candidate].choice;
        }
    }
    return gml_choice_is_model(choice) ? GML_SOURCE_MODEL : GML_SOURCE_PREDICTED;
}

START_TEST(as_defined)
{
    enum { COUNT = 40, QUERIES = 60, ROUNDS = 40 };
    int64_t seen[4] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        gml_wisdom_entry entry[COUNT];
        const double error = (double)entries_any(20) / 100 + 0.00123;
        for (int i = 0; i < COUNT; i++) {
            entry[i] = entries_gemm(1 + entries_any(40), 1 + entries_any(20), 4 + entries_any(20),
                                    (int32_t)(96 * entries_any(4)), 1 + (double)entries_any(900000) / 1000000,
                                    entries_any(4) ? GML_SCOPE_CELL : GML_SCOPE_EXACT);
            entry[i].key.layout = (uint16_t)(entries_any(4) == 0);
        }
        entry[entries_any(COUNT)] = entries_error(2, error);
        bool known = false;
        for (int i = 0; i < COUNT; i++)
            known = known || entry[i].error;
        ck_assert(known);
        gml_wisdom *wisdom = build(entry, COUNT);
        for (int i = 0; i < QUERIES; i++) {
            gml_wisdom_entry query = entries_gemm(1 + entries_any(60), 1 + entries_any(30),
                                                  1 + entries_any(40), 0, 1, GML_SCOPE_EXACT);
            const gml_wisdom_entry *known_one = &entry[entries_any(COUNT)];
            if (i % 4 == 0 && !known_one->error)
                query = *known_one;
            gml_choice expected;
            gml_source source;
            const gml_wisdom_entry *from;
            const gml_source right = defined(entry, COUNT, error, &query.key, &expected);
            const gml_choice *choice = gml_wisdom_find(wisdom, &query.key, &source, &from);
            ck_assert_int_eq(source, right);
            ck_assert((choice == NULL) == gml_choice_is_model(&expected));
            ck_assert(!choice || memcmp(choice, &expected, sizeof expected) == 0);
            ck_assert((from == NULL) == (source == GML_SOURCE_MODEL));
            ck_assert(!from || memcmp(&from->choice, &expected, sizeof expected) == 0);
            seen[source]++;
        }
        gml_wisdom_free(wisdom);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_gt(seen[i], 30);
}
END_TEST

int main(void)
{
    return suite_run("wisdom_predict", 120,
                     (const TTest *const[]){predictions_reach, predictions_are_means, predictions_have_ends,
                                            as_defined, NULL});
}
