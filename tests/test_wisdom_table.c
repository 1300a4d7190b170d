/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of wisdom: which entry counts for a problem; what is lost, and what it costs, when keys are made to collide;
 * and no memory.
 */
#include "src/plan/wisdom_table.h"
#include "tests/suite.h"
#include "tests/wisdom_find.h"

/* The library's allocations come here (--wrap of the linker); those from number `refused` on fail. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long allocations, refused = -1;

static bool refuses(void)
{
    return refused >= 0 && allocations++ >= refused;
}

void *__wrap_malloc(size_t size)
{
    return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refuses() ? NULL : __real_realloc(old, size);
}

/* Logarithms are what is dear in deciding between entries of a cell. */
double __real_log2(double x);
double __wrap_log2(double x);

static long logarithms;

double __wrap_log2(double x)
{
    logarithms++;
    return __real_log2(x);
}

START_TEST(nothing_is_known)
{
    expect(NULL, 8, 8, 8, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom *wisdom = build(NULL, 0);
    expect(wisdom, 8, 8, 8, GML_SOURCE_MODEL, 0, -1);
    gml_wisdom_free(wisdom);
    gml_wisdom_free(NULL);
}
END_TEST

START_TEST(precedence)
{
    gml_wisdom_entry entry[] = {
        entries_gemm(1000, 1000, 1000, 96, 1.5, GML_SCOPE_EXACT),
        entries_gemm(1000, 1000, 1000, 192, 1.9, GML_SCOPE_EXACT), /* of a key that is known */
        entries_gemm(1000, 1000, 1000, 192, 1.9, GML_SCOPE_CELL),
        entries_gemm(2000, 2000, 2000, 0, 1, GML_SCOPE_CELL),
        entries_gemm(2000, 2000, 2000, 192, 1.9, GML_SCOPE_CELL),
    };
    gml_wisdom *wisdom = build(entry, 5);
    expect(wisdom, 1000, 1000, 1000, GML_SOURCE_EXACT, 96, 0);
    expect(wisdom, 1000, 1000, 1001, GML_SOURCE_MODEL, 0,
           -1); /* what is not the first of its key holds for no cell */
    expect(wisdom, 2000, 2000, 2000, GML_SOURCE_EXACT, 0, 3);
    expect(wisdom, 2000, 2000, 2001, GML_SOURCE_CELL, 0, 3);
    entry[0].choice.value[GML_CHOOSE_NC] = 1; /* the table has its own */
    expect(wisdom, 1000, 1000, 1000, GML_SOURCE_EXACT, 96, 0);

    /* All of the key counts. */
    const gml_key key = entry[3].key;
    for (int i = 0; i < 5; i++) {
        gml_key other = key;
        gml_source source;
        const gml_wisdom_entry *found;
        other.threads += i == 0;
        other.layout ^= i == 1 ? GML_LAYOUT_READS_C : 0;
        other.type = i == 2 ? GML_F64 : GML_F32;
        other.operation = i == 3 ? GML_OPERATION_SOFTMAX : GML_OPERATION_GEMM;
        other.size[3] += i == 4;
        ck_assert_ptr_null(gml_wisdom_find(wisdom, &other, &source, &found));
        ck_assert_ptr_null(found);
        ck_assert_int_eq(source, GML_SOURCE_MODEL);
    }
    gml_wisdom_free(wisdom);
}
END_TEST

START_TEST(the_middle_of_a_cell)
{
    /* 2^10: from 725 to 1448. Steps from the middle, along all sizes: 0.5, 0.23 + 0.23, 0.32, 0.32. */
    gml_wisdom_entry entry[] = {
        entries_gemm(1448, 1024, 1024, 96, 1.5, GML_SCOPE_CELL),
        entries_gemm(1200, 1200, 1024, 192, 1.5, GML_SCOPE_CELL),
        entries_gemm(1024, 1024, 1280, 288, 1.5, GML_SCOPE_CELL),
        entries_gemm(1024, 1280, 1024, 384, 1.5, GML_SCOPE_CELL),
        entries_gemm(1024, 1024, 1024, 480, 1.5, GML_SCOPE_EXACT),
    };
    for (int round = 0; round < 5; round++) {
        gml_wisdom *wisdom = build(entry, 5);
        int nearest = 0; /* the first of the two that are equally far */
        while (entry[nearest].choice.value[GML_CHOOSE_NC] != 288 &&
               entry[nearest].choice.value[GML_CHOOSE_NC] != 384)
            nearest++;
        const int32_t nc = entry[nearest].choice.value[GML_CHOOSE_NC];
        expect(wisdom, 725, 1448, 999, GML_SOURCE_CELL, nc, nearest);
        expect(wisdom, 724, 1448, 999, GML_SOURCE_MODEL, 0, -1);
        expect(wisdom, 725, 1449, 999, GML_SOURCE_MODEL, 0, -1);
        gml_wisdom_free(wisdom);
        const gml_wisdom_entry first = entry[0];
        memmove(entry, entry + 1, 4 * sizeof *entry);
        entry[4] = first;
    }
}
END_TEST

/* Hostile lists. */

START_TEST(all_of_a_large_list_is_found)
{
    enum { COUNT = 50000 };
    gml_wisdom_entry *entry = malloc(COUNT * sizeof *entry);
    ck_assert_ptr_nonnull(entry);
    for (int i = 0; i < COUNT; i++) {
        entry[i] = entries_gemm(1 + i % 37, 64 + 64 * (i / 37 % 41), 16 * (1 + i / 37 / 41), 96, 1.5,
                                GML_SCOPE_EXACT);
        entry[i].choice.value[GML_CHOOSE_NC] = 1 + i;
    }
    gml_wisdom *wisdom = build(entry, COUNT);
    for (int i = 0; i < COUNT; i++) {
        gml_source source;
        const gml_choice *choice = gml_wisdom_find(wisdom, &entry[i].key, &source, NULL);
        ck_assert(source == GML_SOURCE_EXACT && choice && choice->value[GML_CHOOSE_NC] == 1 + i);
    }
    gml_wisdom_free(wisdom);
    free(entry);
}
END_TEST

/* 50,000 entries of one cell: each is measured against the best so far, once. */
START_TEST(one_cell_for_all)
{
    enum { COUNT = 50000 };
    gml_wisdom_entry *entry = malloc(COUNT * sizeof *entry);
    ck_assert_ptr_nonnull(entry);
    for (int i = 0; i < COUNT; i++)
        entry[i] = entries_gemm((INT64_C(1) << 30) + COUNT - i, 8, 8, 96, 1.5, GML_SCOPE_CELL);
    logarithms = 0;
    gml_wisdom *wisdom = build(entry, COUNT);
    ck_assert_int_le(logarithms, 2 * 4 * COUNT);
    ck_assert_int_gt(logarithms, 0);
    expect(wisdom, INT64_C(1) << 30, 8, 8, GML_SOURCE_CELL, 96, COUNT - 1);
    gml_wisdom_free(wisdom);
    free(entry);
}
END_TEST

/* As many cells as can be, all of which predict: what is predicted from is bounded. */
START_TEST(a_cell_for_each)
{
    enum { COUNT = 50000 };
    gml_wisdom_entry *entry = malloc((COUNT + 1) * sizeof *entry);
    ck_assert_ptr_nonnull(entry);
    for (int i = 0; i < COUNT; i++)
        entry[i] = entries_gemm(INT64_C(1) << i % 38, INT64_C(1) << i / 38 % 38, INT64_C(1) << i / 38 / 38,
                                96, 1.5, GML_SCOPE_CELL);
    entry[COUNT] = entries_error(2, 0.01);
    gml_wisdom *wisdom = build(entry, COUNT + 1);
    expect(wisdom, INT64_C(1) << 30, 1, 1, GML_SOURCE_EXACT, 96, 30);
    entry[COUNT - 1].key.size[3] = 2;
    gml_source source;
    ck_assert_ptr_null(gml_wisdom_find(wisdom, &entry[COUNT - 1].key, &source, NULL)); /* beyond the bound */
    entry[0].key.size[3] = 2;
    ck_assert_ptr_nonnull(gml_wisdom_find(wisdom, &entry[0].key, &source, NULL));
    ck_assert_int_eq(source, GML_SOURCE_PREDICTED);
    gml_wisdom_free(wisdom);
    free(entry);
}
END_TEST

/* Codes with one place: so many find a slot, the others are refused after as many looks; the map grows all the same. */
START_TEST(codes_that_collide)
{
    const uint64_t inverse =
        UINT64_C(0xf1de83e19937733d); /* of the factor of gml_wisdom_place, modulo 2^64 */
    gml_wisdom_map map;
    ck_assert(gml_wisdom_map_make(&map, 4));
    int placed = 0;
    for (uint64_t i = 1; i <= 10000; i++) {
        gml_wisdom_slot *slot = gml_wisdom_put(&map, inverse * i);
        if (slot)
            slot->entry = (int32_t)i, placed++;
    }
    ck_assert_int_eq(placed, GML_WISDOM_PROBES);
    for (uint64_t i = 1; i <= 10000; i++) {
        const gml_wisdom_slot *slot = gml_wisdom_slot_of(&map, inverse * i);
        ck_assert(i <= GML_WISDOM_PROBES ? slot && slot->entry == (int32_t)i : !slot);
    }
    ck_assert_uint_le(map.mask, 4 * GML_WISDOM_PROBES);
    free(map.slot);
}
END_TEST

/* Keys with one hash: each is found, and neither is taken for the other. */
START_TEST(keys_that_collide)
{
    gml_wisdom_entry entry[2] = {entries_gemm(1, 1, 1, 96, 1.5, GML_SCOPE_EXACT),
                                 entries_gemm(1, 1, 1, 192, 1.5, GML_SCOPE_EXACT)};
    entry[0].key.size[0] = INT64_C(0x3c6ef372fe94f82b),
    entry[0].key.size[2] = 0; /* the factors of gml_key_hash */
    entry[1].key.size[0] = 0, entry[1].key.size[2] = INT64_C(0x6a09e667f3bcc909);
    ck_assert_uint_eq(gml_key_hash(&entry[0].key), gml_key_hash(&entry[1].key));
    for (int64_t count = 1; count <= 2; count++) {
        gml_wisdom *wisdom = build(entry, count);
        gml_source source;
        const gml_choice *one = gml_wisdom_find(wisdom, &entry[0].key, &source, NULL);
        const gml_choice *other = gml_wisdom_find(wisdom, &entry[1].key, &source, NULL);
        ck_assert(one && gml_choice_compare(one, &entry[0].choice) == 0);
        ck_assert(count == 2 ? other && other != one && gml_choice_compare(other, &entry[1].choice) == 0
                             : !other);
        ck_assert_int_eq(source, count == 2 ? GML_SOURCE_EXACT : GML_SOURCE_MODEL);
        gml_wisdom_free(wisdom);
    }
}
END_TEST

START_TEST(no_memory)
{
    enum { COUNT = 200 };
    gml_wisdom_entry entry[COUNT];
    char *text = malloc((COUNT + 1) * GML_WISDOM_LINE);
    ck_assert_ptr_nonnull(text);
    size_t size = gml_wisdom_write_begin(text);
    for (int i = 0; i < COUNT; i++) {
        entry[i] = entries_gemm(8 << i % 10, 8 << i / 10 % 10, 64 << i / 100, 96, 1.5, GML_SCOPE_CELL);
        if (i == COUNT - 1)
            entry[i] = entries_error(2, 0.01);
        size += gml_wisdom_write(&entry[i], text + size);
    }
    const gml_wisdom_filter filter = {ENTRIES_MACHINE, entries_set()};
    bool complete = false;
    for (long n = 0; !complete; n++) {
        gml_wisdom_list list = {0};
        gml_wisdom_count count = {0};
        allocations = 0, refused = n;
        const bool read = gml_wisdom_read(&list, text, size, &filter, &count);
        gml_wisdom *wisdom = read ? gml_wisdom_build(&list) : NULL;
        refused = -1;
        ck_assert_int_eq(list.count, read ? COUNT : 0);
        ck_assert(list.no_memory == !read);
        if (wisdom)
            expect(wisdom, 8, 8, 256, GML_SOURCE_PREDICTED, 96, 100);
        complete = wisdom && allocations <= n;
        ck_assert(complete || !wisdom);
        gml_wisdom_free(wisdom);
        gml_wisdom_list_free(&list);
        ck_assert_int_lt(n, 100);
    }
    free(text);
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("wisdom_table", 120, (const TTest *const[]){
        nothing_is_known,
        precedence,
        the_middle_of_a_cell,
        all_of_a_large_list_is_found,
        one_cell_for_all,
        a_cell_for_each,
        codes_that_collide,
        keys_that_collide,
        no_memory,
        NULL,
    });
    /* clang-format on */
}
