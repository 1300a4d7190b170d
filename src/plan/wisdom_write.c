/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The writer of lines of wisdom. It knows no files.
 */
#include "src/core/runtime.h"
#include "src/plan/crc32c.h"
#include "src/plan/wisdom.h"
#include "src/plan/wisdom_line.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const gml_wisdom_scopes[2] = {[GML_SCOPE_EXACT] = "exact", [GML_SCOPE_CELL] = "cell"};
const char *const gml_wisdom_states[2] = {[GML_STATE_ROTATED] = "rotated", [GML_STATE_WARM] = "warm"};

enum { RATIO = 16 };

/* The nearest millionth; what is no number, or negative, is 0, which no entry may have. */
static const char *ratio(double number, char text[RATIO])
{
    const double most = GML_WISDOM_RATIO_MOST;
    const double parts = !(number > 0) ? 0 : (number < most ? number : most) * GML_WISDOM_PARTS + 0.5;
    const int64_t all = (int64_t)parts;
    int length =
        snprintf(text, RATIO, "%d.%06d", (int)(all / GML_WISDOM_PARTS), (int)(all % GML_WISDOM_PARTS));
    while (text[length - 1] == '0')
        length--;
    length -= text[length - 1] == '.';
    text[length] = '\0';
    return text;
}

/* Adds the checksum. Lines are shorter than their room: each part of them is bounded. */
static size_t finish(char text[GML_WISDOM_LINE], int length)
{
    gml_crc32c_table table;
    gml_crc32c_prepare(&table);
    const uint32_t sum = gml_crc32c(&table, text, (size_t)length);
    return (size_t)(length +
                    snprintf(text + length, GML_WISDOM_LINE - (size_t)length, " crc=%08" PRIx32 "\n", sum));
}

static int write_origin(const gml_wisdom_entry *entry, const char *kind, char text[GML_WISDOM_LINE])
{
    return snprintf(text, GML_WISDOM_LINE, "%s machine=%016" PRIx64 " isa=%s revision=%08" PRIx32 " run=%.*s",
                    kind, entry->machine, entry->isa, entry->revision, GML_RUN_TEXT - 1, entry->run);
}

static int write_error(const gml_wisdom_entry *entry, char text[GML_WISDOM_LINE])
{
    char value[RATIO];
    const int used = write_origin(entry, "error", text);
    return used + snprintf(text + used, GML_WISDOM_LINE - (size_t)used,
                           " op=%s type=%s threads=%" PRId32 " value=%s",
                           gml_operation_name((gml_operation)entry->key.operation),
                           entry->key.type == GML_F64 ? "f64" : "f32", entry->key.threads,
                           ratio(entry->gain, value));
}

static int write_entry(const gml_wisdom_entry *entry, char text[GML_WISDOM_LINE])
{
    char key[GML_KEY_TEXT], choice[GML_CHOICE_TEXT], gain[RATIO], low[RATIO], high[RATIO];
    gml_key_write(&entry->key, key, sizeof key);
    gml_choice_write((gml_operation)entry->key.operation, &entry->choice, choice, sizeof choice);
    const int used = write_origin(entry, "entry", text);
    return used + snprintf(text + used, GML_WISDOM_LINE - (size_t)used,
                           " %s choice=%s gain=%s low=%s high=%s samples=%" PRId32 " scope=%s state=%s", key,
                           choice, ratio(entry->gain, gain), ratio(entry->low, low), ratio(entry->high, high),
                           entry->samples, gml_wisdom_scopes[entry->scope], gml_wisdom_states[entry->state]);
}

size_t gml_wisdom_write(const gml_wisdom_entry *entry, char text[GML_WISDOM_LINE])
{
    const gml_fpenv found = gml_fpenv_enter();
    const int used = entry->error ? write_error(entry, text) : write_entry(entry, text);
    gml_fpenv_leave(found);
    return finish(text, used);
}

size_t gml_wisdom_write_begin(char text[GML_WISDOM_LINE])
{
    return (size_t)snprintf(text, GML_WISDOM_LINE, GML_WISDOM_FORMAT " " GML_WISDOM_VERSION "\n");
}

size_t gml_wisdom_write_end(int64_t lines, char text[GML_WISDOM_LINE])
{
    return finish(text, snprintf(text, GML_WISDOM_LINE, "end lines=%" PRId64, lines));
}
