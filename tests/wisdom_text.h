/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Text of wisdom for tests: put together from entries and lines, and read from memory that ends where it does.
 */
#ifndef GML_TESTS_WISDOM_TEXT_H
#define GML_TESTS_WISDOM_TEXT_H

#include "src/plan/crc32c.h"
#include "tests/wisdom_entries.h"
#include <check.h>
#include <inttypes.h>

/* Entries of all machines, sets and revisions. */
static const gml_wisdom_filter everything = {0, NULL};

/* Text that is put together. */
typedef struct builder {
    char *text;
    size_t size;
} builder;

static inline void append(builder *to, const char *text, size_t size)
{
    to->text = realloc(to->text, to->size + size + 1);
    ck_assert_ptr_nonnull(to->text);
    memcpy(to->text + to->size, text, size);
    to->size += size;
    to->text[to->size] = '\0';
}

static inline void append_text(builder *to, const char *text)
{
    append(to, text, strlen(text));
}

static inline void append_begin(builder *to)
{
    char line[GML_WISDOM_LINE];
    append(to, line, gml_wisdom_write_begin(line));
}

static inline void append_entry(builder *to, const gml_wisdom_entry *entry)
{
    char line[GML_WISDOM_LINE];
    const size_t size = gml_wisdom_write(entry, line);
    ck_assert_uint_eq(size, strlen(line));
    append(to, line, size);
}

/* A line with the checksum that belongs to it. */
static inline void append_signed(builder *to, const char *line)
{
    char sum[20];
    gml_crc32c_table table;
    gml_crc32c_prepare(&table);
    append_text(to, line);
    snprintf(sum, sizeof sum, " crc=%08" PRIx32 "\n", gml_crc32c(&table, line, strlen(line)));
    append_text(to, sum);
}

typedef struct reading {
    bool read;
    gml_wisdom_list list;
    gml_wisdom_count count;
} reading;

/* From memory that ends with the text. */
static inline reading read_text(const char *text, size_t size, const gml_wisdom_filter *filter)
{
    reading r = {.read = false};
    char *copy = malloc(size + (size == 0));
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, size);
    r.read = gml_wisdom_read(&r.list, copy, size, filter, &r.count);
    free(copy);
    ck_assert(!r.list.no_memory);
    ck_assert_int_eq(r.list.count, r.read ? r.count.accepted : 0);
    return r;
}

static inline reading read_all(builder *from, const gml_wisdom_filter *filter)
{
    const reading r = read_text(from->text, from->size, filter);
    free(from->text);
    *from = (builder){0};
    return r;
}

/* Three entries, and the end. */
static inline builder small_file(gml_wisdom_entry entry[3])
{
    entry[0] = entries_gemm(1024, 1024, 64, 960, 1.083, GML_SCOPE_CELL);
    entry[1] = entries_error(2, 0.031);
    entry[2] = entries_of_key("op=softmax type=f32 layout=- threads=1 rows=10 cols=20");
    builder text = {0};
    append_begin(&text);
    for (int i = 0; i < 3; i++)
        append_entry(&text, &entry[i]);
    char line[GML_WISDOM_LINE];
    append(&text, line, gml_wisdom_write_end(3, line));
    return text;
}

#endif
