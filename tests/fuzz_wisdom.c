/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A target for libFuzzer (clang; GEMMULE_BUILD_FUZZERS), and with fuzz_main.c for any compiler: text of wisdom. Bytes are
 * read as they are, and once more with the right checksum behind each line, as otherwise none would be looked at. What is
 * accepted must be written as it is read, and be found in the table that is built of it.
 */
#include "src/core/select.h"
#include "src/plan/crc32c.h"
#include "src/plan/wisdom.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "fuzz_wisdom: line %d: %s\n", __LINE__, #condition);                             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static const gml_wisdom_filter everything = {0, NULL};

static bool equal(const gml_wisdom_entry *x, const gml_wisdom_entry *y)
{
    return x->machine == y->machine && x->isa == y->isa && x->revision == y->revision &&
           strcmp(x->run, y->run) == 0 && gml_key_equal(&x->key, &y->key) &&
           memcmp(&x->choice, &y->choice, sizeof x->choice) == 0 && x->gain == y->gain && x->low == y->low &&
           x->high == y->high && x->samples == y->samples && x->scope == y->scope && x->state == y->state &&
           x->error == y->error;
}

static void written_and_read_again(const gml_wisdom_entry *entry)
{
    char text[2 * GML_WISDOM_LINE];
    gml_wisdom_list list = {0};
    gml_wisdom_count count = {0};
    const size_t begin = gml_wisdom_write_begin(text);
    const size_t size = gml_wisdom_write(entry, text + begin);
    REQUIRE(size < GML_WISDOM_LINE && strlen(text) == begin + size);
    REQUIRE(gml_wisdom_read(&list, text, begin + size, &everything, &count));
    REQUIRE(count.accepted == 1 && list.count == 1);
    REQUIRE(equal(entry, &list.entry[0]));
    gml_wisdom_list_free(&list);
}

/* Each key is found, and those beside it may be. */
static void found_in_table(const gml_wisdom_list *list)
{
    gml_wisdom *wisdom = gml_wisdom_build(list);
    REQUIRE(wisdom);
    const gml_wisdom_list *own = gml_wisdom_entries(wisdom);
    REQUIRE(own->count == list->count);
    for (int64_t i = 0; i < list->count; i++) {
        gml_key key = list->entry[i].key;
        gml_source source;
        const gml_wisdom_entry *entry;
        const gml_choice *choice = gml_wisdom_find(wisdom, &key, &source, &entry);
        if (!list->entry[i].error) {
            REQUIRE(source == GML_SOURCE_EXACT && entry && gml_key_equal(&entry->key, &key));
            REQUIRE(entry <= own->entry + i);
            REQUIRE(choice ? choice == &entry->choice && !gml_choice_is_model(choice)
                           : gml_choice_is_model(&entry->choice));
        }
        for (int j = 0; j < GML_KEY_SIZES; j++) {
            key.size[j] = key.size[j] * 2 + 1;
            choice = gml_wisdom_find(wisdom, &key, &source, &entry);
            REQUIRE((entry == NULL) == (source == GML_SOURCE_MODEL) && (entry || !choice));
            REQUIRE(!choice || !gml_choice_is_model(choice));
            REQUIRE(source != GML_SOURCE_PREDICTED || (choice && entry->scope == GML_SCOPE_CELL));
        }
    }
    gml_wisdom_free(wisdom);
}

static void read_text(const char *text, size_t size)
{
    gml_wisdom_list all = {0}, ours = {0};
    gml_wisdom_count count = {0}, of_ours = {0};
    const bool read = gml_wisdom_read(&all, text, size, &everything, &count);
    REQUIRE(!all.no_memory && all.count == (read ? count.accepted : 0));
    if (all.count > 0) {
        const gml_wisdom_filter filter = {all.entry[0].machine, gml_set_by_name("ref")};
        REQUIRE(gml_wisdom_read(&ours, text, size, &filter, &of_ours));
        REQUIRE(of_ours.accepted <= count.accepted && of_ours.damaged == count.damaged);
        REQUIRE(of_ours.accepted + of_ours.foreign + of_ours.stale + of_ours.invalid ==
                count.accepted + count.foreign + count.stale + count.invalid);
    }
    for (int64_t i = 0; i < all.count; i++)
        written_and_read_again(&all.entry[i]);
    found_in_table(&all);
    gml_wisdom_list_free(&all);
    gml_wisdom_list_free(&ours);
}

/* Each line without the checksum that it has, and with the right one. */
static void read_signed(const char *text, size_t size)
{
    enum { MARK = 13 }; /* " crc=01234567" */
    char *to = malloc(size * (MARK + 2) + GML_WISDOM_LINE);
    REQUIRE(to);
    size_t used = gml_wisdom_write_begin(to);
    gml_crc32c_table table;
    gml_crc32c_prepare(&table);
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        const size_t whole = end ? (size_t)(end - text) : size;
        const size_t length =
            whole > MARK && memcmp(text + whole - MARK, " crc=", 5) == 0 ? whole - MARK : whole;
        memcpy(to + used, text, length);
        used += length +
                (size_t)sprintf(to + used + length, " crc=%08" PRIx32 "\n", gml_crc32c(&table, text, length));
        text += whole + (end != NULL);
        size -= whole + (end != NULL);
    }
    read_text(to, used);
    free(to);
}

/* The bytes as a key, and as a choice of each operation. */
static void read_pieces(const char *text, size_t size)
{
    gml_key key, same_key;
    char written[GML_KEY_TEXT > GML_CHOICE_TEXT ? GML_KEY_TEXT : GML_CHOICE_TEXT];
    if (gml_key_read(text, size, &key)) {
        REQUIRE(gml_key_write(&key, written, sizeof written) < sizeof written);
        REQUIRE(gml_key_read(written, strlen(written), &same_key) && gml_key_equal(&key, &same_key));
    }
    for (int i = 0; i < GML_OPERATIONS; i++) {
        gml_choice choice, same;
        if (gml_choice_read((gml_operation)i, text, size, &choice)) {
            REQUIRE(gml_choice_write((gml_operation)i, &choice, written, sizeof written) < sizeof written);
            REQUIRE(gml_choice_read((gml_operation)i, written, strlen(written), &same));
            REQUIRE(gml_choice_compare(&choice, &same) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    read_text(text, size);
    read_signed(text, size);
    read_pieces(text, size);
    return 0;
}
