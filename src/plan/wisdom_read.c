/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reader of wisdom. Text is hostile: a line counts when its checksum is right and every field is in its place and
 * within its range. What a line says is looked at in the order of what it may mean: another machine or instruction set,
 * other code, and only then values that cannot be.
 */
#include "src/core/runtime.h"
#include "src/plan/crc32c.h"
#include "src/plan/text.h"
#include "src/plan/wisdom.h"
#include "src/plan/wisdom_line.h"
#include <stdlib.h>

typedef struct reader {
    gml_wisdom_list *list;
    const gml_wisdom_filter *filter;
    gml_wisdom_count *count;
    gml_crc32c_table crc;
    uint32_t revision[GML_OPERATIONS][GML_F64 + 1]; /* of the filter's set         */
    int64_t likely;                                 /* number of lines in the text */
    gml_span origin;            /* of the line before: most lines of a text have the same */
    gml_wisdom_entry of_origin; /* what it says                */
    bool ours;                  /* and whether that counts     */
} reader;

typedef enum verdict { ACCEPTED, FOREIGN, STALE, INVALID, IGNORED } verdict;

/* "name=value" and the blank behind it, or the end. */
static bool next_of(gml_span *rest, const char *begin, size_t length, gml_span *value)
{
    if (rest->length < length || memcmp(rest->text, begin, length) != 0)
        return false;
    *rest = (gml_span){rest->text + length, rest->length - length};
    *value = gml_span_until(rest, ' ');
    return true;
}

#define NEXT(rest, name, value) next_of(rest, name "=", sizeof name, value)

/* `digits` digits, lower case. */
static bool hexadecimal(gml_span span, size_t digits, uint64_t *number)
{
    uint64_t value = 0;
    if (span.length != digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char c = span.text[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *number = value;
    return true;
}

/* Millionths, at most GML_WISDOM_RATIO_MOST: digits, and up to six after a point, of which the last is not 0. The
 * quotient of two exact numbers is rounded once, so that the writer finds the digits again. */
static bool ratio(gml_span span, double *number)
{
    int64_t whole, part = 0;
    gml_span digits = gml_span_until(&span, '.');
    const bool point = digits.text + digits.length < span.text;
    if (!gml_span_integer(digits, 0, GML_WISDOM_RATIO_MOST, &whole))
        return false;
    if (point && (span.length == 0 || span.length > 6 || span.text[span.length - 1] == '0'))
        return false;
    for (size_t i = 0; i < 6; i++) {
        const unsigned digit = i < span.length ? (unsigned)(unsigned char)span.text[i] - '0' : 0;
        if (digit > 9)
            return false;
        part = 10 * part + (int64_t)digit;
    }
    *number = (double)(whole * GML_WISDOM_PARTS + part) / GML_WISDOM_PARTS;
    return *number <= (double)GML_WISDOM_RATIO_MOST;
}

static bool word(gml_span span, const char *const *words, int count, uint8_t *number)
{
    for (int i = 0; i < count; i++)
        if (gml_span_is(span, words[i])) {
            *number = (uint8_t)i;
            return true;
        }
    return false;
}

static bool run_name(gml_span span, char run[GML_RUN_TEXT])
{
    if (span.length == 0 || span.length >= GML_RUN_TEXT)
        return false;
    for (size_t i = 0; i < span.length; i++) {
        const char c = span.text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'))
            return false;
    }
    memcpy(run, span.text, span.length);
    run[span.length] = '\0';
    return true;
}

/* Whose entry it is, in front of every line. The revision can be judged when operation and type are known. */
static verdict read_origin(reader *r, gml_span *rest, gml_wisdom_entry *entry)
{
    gml_span machine, isa, revision, run;
    uint64_t number;
    const gml_span *last = &r->origin;
    if (last->length && rest->length > last->length && memcmp(rest->text, last->text, last->length) == 0) {
        *entry = r->of_origin;
        *rest = (gml_span){rest->text + last->length, rest->length - last->length};
        return r->ours ? ACCEPTED : FOREIGN;
    }
    const char *begin = rest->text;
    if (!NEXT(rest, "machine", &machine) || !NEXT(rest, "isa", &isa) || !NEXT(rest, "revision", &revision) ||
        !NEXT(rest, "run", &run) || !hexadecimal(machine, 16, &entry->machine) ||
        !hexadecimal(revision, 8, &number) || !run_name(run, entry->run))
        return INVALID;
    entry->revision = (uint32_t)number;
    entry->isa = gml_wisdom_isa(isa.text, isa.length);
    r->ours = (!r->filter->machine || r->filter->machine == entry->machine) && entry->isa &&
              (!r->filter->set || strcmp(r->filter->set->isa, entry->isa) == 0);
    r->of_origin = *entry;
    r->origin = (gml_span){begin, rest->text[-1] == ' ' ? (size_t)(rest->text - begin) : 0};
    return r->ours ? ACCEPTED : FOREIGN;
}

static bool is_stale(const reader *r, const gml_wisdom_entry *entry)
{
    return r->filter->set && entry->revision != r->revision[entry->key.operation][entry->key.type];
}

static verdict read_entry(reader *r, gml_span rest, gml_wisdom_entry *entry)
{
    gml_span choice, gain, low, high, samples, scope, state;
    const verdict origin = read_origin(r, &rest, entry);
    if (origin != ACCEPTED)
        return origin;

    static const char behind_key[] = " choice=";
    const char *end = memmem(rest.text, rest.length, behind_key, sizeof behind_key - 1);
    if (!end || !gml_key_read(rest.text, (size_t)(end - rest.text), &entry->key))
        return INVALID;
    const size_t used = (size_t)(end - rest.text) + 1;
    rest = (gml_span){rest.text + used, rest.length - used};
    if (is_stale(r, entry))
        return STALE;
    int64_t number;
    if (!NEXT(&rest, "choice", &choice) || !NEXT(&rest, "gain", &gain) || !NEXT(&rest, "low", &low) ||
        !NEXT(&rest, "high", &high) || !NEXT(&rest, "samples", &samples) || !NEXT(&rest, "scope", &scope) ||
        !NEXT(&rest, "state", &state) || rest.length > 0 ||
        !gml_choice_read((gml_operation)entry->key.operation, choice.text, choice.length, &entry->choice) ||
        !ratio(gain, &entry->gain) || !ratio(low, &entry->low) || !ratio(high, &entry->high) ||
        !gml_span_integer(samples, 0, INT32_MAX, &number) ||
        !word(scope, gml_wisdom_scopes, 2, &entry->scope) ||
        !word(state, gml_wisdom_states, 2, &entry->state))
        return INVALID;
    entry->samples = (int32_t)number;
    if (gml_choice_is_model(&entry->choice))
        return entry->gain == 1 && entry->low == 1 && entry->high == 1 ? ACCEPTED : INVALID;
    return entry->low > 0 && entry->low <= entry->gain && entry->gain <= entry->high && entry->gain >= 1
               ? ACCEPTED
               : INVALID;
}

static verdict read_error(reader *r, gml_span rest, gml_wisdom_entry *entry)
{
    gml_span operation, type, threads, value;
    int64_t number;
    const verdict origin = read_origin(r, &rest, entry);
    if (origin != ACCEPTED)
        return origin;
    entry->error = true;
    if (!NEXT(&rest, "op", &operation) || !NEXT(&rest, "type", &type) || !NEXT(&rest, "threads", &threads) ||
        !gml_key_read_operation(operation, &entry->key.operation) ||
        !gml_key_read_type(type, entry->key.operation, &entry->key.type) ||
        !gml_span_integer(threads, 1, GML_MAX_THREADS, &number))
        return INVALID;
    entry->key.threads = (int32_t)number;
    if (is_stale(r, entry))
        return STALE;
    if (!NEXT(&rest, "value", &value) || rest.length > 0 || !ratio(value, &entry->gain))
        return INVALID;
    entry->low = entry->high = entry->gain;
    return ACCEPTED;
}

static verdict read_end(gml_span rest)
{
    gml_span lines;
    int64_t number;
    return NEXT(&rest, "lines", &lines) && rest.length == 0 && gml_span_integer(lines, 0, INT64_MAX, &number)
               ? IGNORED
               : INVALID;
}

/* Room for one more: as much as the text will likely need, and from then on twice as much. */
static bool grow(gml_wisdom_list *list, int64_t likely)
{
    if (list->count < list->room)
        return true;
    const int64_t room = list->count + (list->count > likely ? list->count : likely);
    gml_wisdom_entry *entry = realloc(list->entry, (size_t)room * sizeof *entry);
    if (!entry)
        return false;
    list->entry = entry;
    list->room = room;
    return true;
}

/* A line without its '\n'; false where memory is missing. */
static bool read_line(reader *r, gml_span line)
{
    static const char mark[] = " crc=";
    enum { MARK = sizeof mark - 1, DIGITS = 8 };
    uint64_t sum;
    gml_span rest = {line.text, line.length - MARK - DIGITS};
    if (line.length >= GML_WISDOM_LINE || line.length <= MARK + DIGITS ||
        memcmp(line.text + rest.length, mark, MARK) != 0 ||
        !hexadecimal((gml_span){line.text + rest.length + MARK, DIGITS}, DIGITS, &sum) ||
        sum != gml_crc32c(&r->crc, rest.text, rest.length)) {
        r->count->damaged++;
        return true;
    }
    if (!grow(r->list, r->likely))
        return false;
    gml_wisdom_entry *entry = &r->list->entry[r->list->count];
    memset(entry, 0, sizeof *entry);
    verdict result = INVALID;
    if (rest.text[rest.length - 1] != ' ') {
        const gml_span kind = gml_span_until(&rest, ' ');
        result = gml_span_is(kind, "entry")   ? read_entry(r, rest, entry)
                 : gml_span_is(kind, "error") ? read_error(r, rest, entry)
                 : gml_span_is(kind, "end")   ? read_end(rest)
                                              : INVALID;
    }
    if (result == ACCEPTED && r->list->count == GML_WISDOM_ENTRIES_MOST)
        result = INVALID;
    r->list->count += result == ACCEPTED;
    r->count->accepted += result == ACCEPTED;
    r->count->foreign += result == FOREIGN;
    r->count->stale += result == STALE;
    r->count->invalid += result == INVALID;
    return true;
}

/* All lines of a file, or of several, one behind the other; false as that of gml_wisdom_read. */
static bool read_lines(reader *r, gml_span rest)
{
    bool first = true, readable = false;
    while (rest.length > 0) {
        const gml_span line = gml_span_until(&rest, '\n');
        const bool whole = rest.text > line.text + line.length;
        gml_span version = line;
        if (whole && gml_span_is(gml_span_until(&version, ' '), GML_WISDOM_FORMAT)) {
            readable = gml_span_is(version, GML_WISDOM_VERSION);
            r->count->invalid += !readable;
        } else if (first) {
            return false;
        } else if (line.length == 0 || line.text[0] == '#') {
            continue;
        } else if (!readable) {
            r->count->invalid++;
        } else if (!whole) {
            r->count->damaged++;
        } else if (!read_line(r, line)) {
            r->list->no_memory = true;
            return false;
        }
        first = false;
    }
    return !first;
}

bool gml_wisdom_read(gml_wisdom_list *list, const char *text, size_t size, const gml_wisdom_filter *filter,
                     gml_wisdom_count *count)
{
    enum { SHORT_LINE = 200 };
    reader r = {.list = list, .filter = filter, .count = count, .likely = 1 + (int64_t)(size / SHORT_LINE)};
    const int64_t had = list->count;
    gml_crc32c_prepare(&r.crc);
    for (int i = 0; filter->set && i < GML_OPERATIONS; i++)
        for (int type = GML_F32; type <= GML_F64; type++)
            r.revision[i][type] = gml_revision(filter->set, (gml_operation)i, (gml_type)type);

    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in a quotient */
    const bool read = read_lines(&r, (gml_span){text, size});
    gml_fpenv_leave(found);
    if (!read)
        list->count = had;
    return read;
}

void gml_wisdom_list_free(gml_wisdom_list *list)
{
    free(list->entry);
    *list = (gml_wisdom_list){0};
}
