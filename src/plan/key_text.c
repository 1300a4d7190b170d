/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys as text: the line of a problem in files of wisdom, and in lists of problems.
 */
#include "src/core/runtime.h"
#include "src/plan/key.h"
#include <inttypes.h>
#include <stdio.h>

#define SIZE_MOST (INT64_C(1) << 40)

static const char *const gemm_sizes[] = {"m", "n", "k", "batch", NULL};
static const char *const softmax_sizes[] = {"rows", "cols", NULL};
static const char *const attention_sizes[] = {"sequences", "group",      "q_len", "kv_len",
                                              "head_dim",  "v_head_dim", NULL};

static const struct {
    const char *const *sizes;
    int64_t least;       /* of a size                                    */
    const char *letters; /* of the bits of the layout, NULL: those of GEMM */
} operations[GML_OPERATIONS] = {
    [GML_OPERATION_GEMM] = {gemm_sizes, 1, NULL},
    [GML_OPERATION_SOFTMAX] = {softmax_sizes, 1, "imc"},
    [GML_OPERATION_ATTENTION] = {attention_sizes, 0, "csbtkw"},
};

const char *const *gml_key_sizes(gml_operation operation)
{
    return operations[operation].sizes;
}

/* Layouts: a letter for A and one for B, '0' or '1', and 's' where C is strided. */
static const struct {
    char letter;
    uint8_t a, b;
} stored[] = {{'n', 0, 0},
              {'t', GML_LAYOUT_A_COLUMNS, GML_LAYOUT_B_COLUMNS},
              {'s', GML_LAYOUT_A_STRIDED, GML_LAYOUT_B_STRIDED},
              {'p', GML_LAYOUT_PACKED_A, GML_LAYOUT_PACKED_B}};

enum { STORED = sizeof stored / sizeof *stored, LAYOUT = 8 };

static void write_layout(const gml_key *key, char text[LAYOUT])
{
    const char *letters = operations[key->operation].letters;
    char *to = text;
    if (!letters) {
        enum { ALL_A = GML_LAYOUT_A_COLUMNS | GML_LAYOUT_A_STRIDED | GML_LAYOUT_PACKED_A };
        enum { ALL_B = GML_LAYOUT_B_COLUMNS | GML_LAYOUT_B_STRIDED | GML_LAYOUT_PACKED_B };
        for (int i = 0; i < STORED; i++)
            if ((key->layout & ALL_A) == stored[i].a)
                *to++ = stored[i].letter;
        for (int i = 0; i < STORED; i++)
            if ((key->layout & ALL_B) == stored[i].b)
                *to++ = stored[i].letter;
        *to++ = key->layout & GML_LAYOUT_READS_C ? '1' : '0';
        if (key->layout & GML_LAYOUT_C_STRIDED)
            *to++ = 's';
    } else if (key->layout) {
        for (int i = 0; letters[i]; i++)
            if (key->layout >> i & 1)
                *to++ = letters[i];
    } else {
        *to++ = '-';
    }
    *to = '\0';
}

static bool read_stored(char letter, bool of_b, unsigned *layout)
{
    for (int i = 0; i < STORED; i++)
        if (stored[i].letter == letter) {
            *layout |= of_b ? stored[i].b : stored[i].a;
            return true;
        }
    return false;
}

static bool read_layout(gml_span word, const char *letters, uint16_t *to)
{
    unsigned layout = 0;
    if (!letters) {
        if (word.length < 3 || word.length > 4 || !read_stored(word.text[0], false, &layout) ||
            !read_stored(word.text[1], true, &layout) || (word.text[2] != '0' && word.text[2] != '1') ||
            (word.length == 4 && word.text[3] != 's'))
            return false;
        layout |= word.text[2] == '1' ? GML_LAYOUT_READS_C : 0;
        layout |= word.length == 4 ? GML_LAYOUT_C_STRIDED : 0;
    } else if (!gml_span_is(word, "-")) {
        size_t used = 0; /* letters come in their order, each once */
        for (int i = 0; letters[i]; i++)
            if (used < word.length && word.text[used] == letters[i])
                layout |= 1u << i, used++;
        if (used != word.length || used == 0)
            return false;
    }
    *to = (uint16_t)layout;
    return true;
}

size_t gml_key_write(const gml_key *key, char *text, size_t size)
{
    char layout[LAYOUT], line[GML_KEY_TEXT];
    write_layout(key, layout);
    int length = snprintf(line, sizeof line, "op=%s type=%s layout=%s threads=%" PRId32,
                          gml_operation_name(key->operation), key->type == GML_F64 ? "f64" : "f32", layout,
                          key->threads);
    const char *const *names = operations[key->operation].sizes;
    for (int i = 0; names[i]; i++)
        length +=
            snprintf(line + length, sizeof line - (size_t)length, " %s=%" PRId64, names[i], key->size[i]);
    if (size > 0) {
        const size_t kept = (size_t)length < size ? (size_t)length : size - 1;
        memcpy(text, line, kept);
        text[kept] = '\0';
    }
    return (size_t)length;
}

/* The fields of all operations, as they may come before `op` says which it is. */
enum { FIELD_OP, FIELD_TYPE, FIELD_LAYOUT, FIELD_THREADS, FIELDS };

static const char *const fields[FIELDS] = {"op", "type", "layout", "threads"};

bool gml_key_read_operation(gml_span word, uint8_t *operation)
{
    for (int i = 0; i < GML_OPERATIONS; i++)
        if (gml_span_is(word, gml_operation_name((gml_operation)i))) {
            *operation = (uint8_t)i;
            return true;
        }
    return false;
}

bool gml_key_read_type(gml_span word, uint8_t operation, uint8_t *type)
{
    *type = gml_span_is(word, "f64") ? GML_F64 : GML_F32;
    return *type == GML_F64 ? operation == GML_OPERATION_GEMM : gml_span_is(word, "f32");
}

/* Takes "name=value" out of `pieces`, where it must stand once: most likely at `at`. */
static bool take(gml_span *pieces, int count, int at, const char *name, gml_span *value)
{
    const size_t length = strlen(name);
    for (int i = 0; i < count; i++) {
        gml_span *piece = &pieces[(at + i) % count];
        if (piece->length > length && piece->text[length] == '=' && memcmp(piece->text, name, length) == 0) {
            *value = (gml_span){piece->text + length + 1, piece->length - length - 1};
            piece->length = 0;
            return true;
        }
    }
    return false;
}

bool gml_key_read(const char *text, size_t length, gml_key *key)
{
    gml_span pieces[FIELDS + GML_KEY_SIZES], rest = {text, length}, value[FIELDS], number;
    int count = 0, taken = FIELDS;
    for (; rest.length > 0 && count < FIELDS + GML_KEY_SIZES; count++)
        pieces[count] = gml_span_until(&rest, ' ');
    if (rest.length > 0 || length == 0 || text[length - 1] == ' ')
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (!take(pieces, count, i, fields[i], &value[i]))
            return false;

    gml_key read = {0};
    int64_t threads;
    if (!gml_key_read_operation(value[FIELD_OP], &read.operation) ||
        !gml_key_read_type(value[FIELD_TYPE], read.operation, &read.type) ||
        !read_layout(value[FIELD_LAYOUT], operations[read.operation].letters, &read.layout) ||
        !gml_span_integer(value[FIELD_THREADS], 1, GML_MAX_THREADS, &threads))
        return false;
    read.threads = (int32_t)threads;
    for (int i = 0; operations[read.operation].sizes[i]; i++, taken++)
        if (!take(pieces, count, taken, operations[read.operation].sizes[i], &number) ||
            !gml_span_integer(number, operations[read.operation].least, SIZE_MOST, &read.size[i]))
            return false;
    if (taken != count)
        return false;
    *key = read;
    return true;
}
