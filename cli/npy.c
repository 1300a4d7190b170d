/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A .npy file is the magic "\x93NUMPY", version 1 0, the length of the header in two bytes, little endian,
 * the header, which is a Python dictionary ended by a newline, and the elements:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 108, 384), }
 *
 * The three keys are read in any order, each exactly once. The size of the file must fit exactly.
 */
#include "cli/npy.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 10 /* magic, version, header length */

static const struct {
    const char *descr, *name;
    int64_t bytes;
} types[] = {
    [NPY_F32] = {"<f4", "f32", 4},
    [NPY_F64] = {"<f8", "f64", 8},
    [NPY_U8] = {"|u1", "u8", 1},
};

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

typedef struct reader {
    const char *path;
    const char *at; /* in the header, which ends with a NUL */
    char *why;
    size_t size;
} reader;

static bool refuse(const reader *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(const reader *in, const char *format, ...)
{
    char what[256];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(in->why, in->size, "%s: %s", in->path, what);
    return false;
}

static void skip_blanks(reader *in)
{
    in->at += strspn(in->at, " ");
}

static bool accept(reader *in, const char *token)
{
    skip_blanks(in);
    const size_t length = strlen(token);
    if (strncmp(in->at, token, length))
        return false;
    in->at += length;
    return true;
}

/* A quoted text without escapes, shorter than size. */
static bool read_quoted(reader *in, char *text, size_t size)
{
    skip_blanks(in);
    const char quote = *in->at;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(in->at + 1, quote);
    if (!end || (size_t)(end - in->at) > size)
        return false;
    const size_t length = (size_t)(end - in->at) - 1;
    memcpy(text, in->at + 1, length);
    text[length] = '\0';
    in->at = end + 1;
    return true;
}

static bool read_descr(reader *in, npy_array *array)
{
    char descr[16];
    if (!read_quoted(in, descr, sizeof descr))
        return refuse(in, "the element type is no short text in quotes");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(descr, types[i].descr)) {
            array->type = (npy_type)i;
            return true;
        }
    return refuse(in, "the element type is '%s', must be '<f4', '<f8' or '|u1'", descr);
}

static bool read_order(reader *in)
{
    if (accept(in, "False"))
        return true;
    if (accept(in, "True"))
        return refuse(in, "the elements are in Fortran order, must be in C order");
    return refuse(in, "fortran_order is neither True nor False");
}

static bool read_shape(reader *in, npy_array *array)
{
    array->dims = 0;
    if (!accept(in, "("))
        return refuse(in, "the shape is no tuple");
    while (!accept(in, ")")) {
        if (array->dims == NPY_DIMS)
            return refuse(in, "the shape has more than %d dimensions", NPY_DIMS);
        skip_blanks(in);
        int64_t extent = 0;
        if (*in->at < '0' || *in->at > '9')
            return refuse(in, "the shape holds something that is no number");
        for (; *in->at >= '0' && *in->at <= '9'; in->at++)
            if (__builtin_mul_overflow(extent, 10, &extent) ||
                __builtin_add_overflow(extent, *in->at - '0', &extent))
                return refuse(in, "an extent of the shape does not fit into 64 bits");
        array->shape[array->dims++] = extent;
        /* (5) is no tuple in Python, (5,) is; after the last of several extents the comma is optional. */
        const bool comma = accept(in, ",");
        skip_blanks(in);
        if (!comma && (array->dims == 1 || *in->at != ')'))
            return refuse(in, "the shape lacks a comma");
    }
    return true;
}

static bool read_entry(reader *in, npy_array *array, unsigned *seen)
{
    char key[16];
    if (!read_quoted(in, key, sizeof key) || !accept(in, ":"))
        return refuse(in, "the header is no dictionary");
    const unsigned bit = !strcmp(key, "descr")           ? DESCR
                         : !strcmp(key, "fortran_order") ? ORDER
                         : !strcmp(key, "shape")         ? SHAPE
                                                         : 0u;
    if (!bit)
        return refuse(in, "the header has an unknown entry '%s'", key);
    if (*seen & bit)
        return refuse(in, "the header has '%s' twice", key);
    *seen |= bit;
    return bit == DESCR ? read_descr(in, array) : bit == ORDER ? read_order(in) : read_shape(in, array);
}

static bool read_header(reader *in, const char *end, npy_array *array)
{
    unsigned seen = 0;
    if (!accept(in, "{"))
        return refuse(in, "the header is no dictionary");
    while (!accept(in, "}")) {
        if (!read_entry(in, array, &seen))
            return false;
        skip_blanks(in);
        if (!accept(in, ",") && *in->at != '}')
            return refuse(in, "the header lacks a comma");
    }
    if (seen != (DESCR | ORDER | SHAPE))
        return refuse(in, "the header lacks '%s'",
                      !(seen & DESCR)   ? "descr"
                      : !(seen & ORDER) ? "fortran_order"
                                        : "shape");
    if (!accept(in, "\n") || in->at != end)
        return refuse(in, "the header does not end with its newline");
    return true;
}

/* The bytes that the elements take, from a complete header. */
static bool count_elements(const reader *in, npy_array *array, int64_t *bytes)
{
    array->count = 1;
    for (int i = 0; i < array->dims; i++)
        if (__builtin_mul_overflow(array->count, array->shape[i], &array->count))
            return refuse(in, "the shape describes more elements than an address space holds");
    if (__builtin_mul_overflow(array->count, types[array->type].bytes, bytes))
        return refuse(in, "the shape describes more elements than an address space holds");
    return true;
}

static bool parse(reader *in, const unsigned char *file, size_t file_size, npy_array *array)
{
    if (file_size < PREFIX || memcmp(file, "\x93NUMPY", 6))
        return refuse(in, "this is no .npy file");
    if (file[6] != 1 || file[7] != 0)
        return refuse(in, "the format version is %d.%d, must be 1.0", file[6], file[7]);
    const size_t length = file[8] | (size_t)file[9] << 8;
    if (length > file_size - PREFIX)
        return refuse(in, "the file ends within its header");

    char *header = malloc(length + 1);
    if (!header)
        return refuse(in, "out of memory");
    memcpy(header, file + PREFIX, length);
    header[length] = '\0';
    in->at = header;
    int64_t bytes = 0;
    const bool fine = read_header(in, header + length, array) && count_elements(in, array, &bytes);
    free(header);
    if (!fine)
        return false;

    const size_t held = file_size - PREFIX - length;
    if ((uint64_t)bytes != held)
        return refuse(in, "the shape needs %" PRId64 " bytes of elements, the file has %zu", bytes, held);
    array->data = malloc(held ? held : 1);
    if (!array->data)
        return refuse(in, "out of memory");
    memcpy(array->data, file + PREFIX + length, held);
    return true;
}

/* The whole file, in a block of its own; NULL and a sentence when it cannot be had. */
static unsigned char *slurp(const reader *in, size_t *size)
{
    FILE *file = fopen(in->path, "rb");
    unsigned char *content = NULL;
    size_t capacity = 0;
    *size = 0;
    if (!file) {
        refuse(in, "%s", strerror(errno));
        return NULL;
    }
    for (;;) {
        if (*size == capacity) {
            unsigned char *larger = realloc(content, capacity = capacity ? 2 * capacity : 1 << 16);
            if (!larger) {
                refuse(in, "out of memory");
                break;
            }
            content = larger;
        }
        const size_t got = fread(content + *size, 1, capacity - *size, file);
        *size += got;
        if (got)
            continue;
        if (!ferror(file)) {
            fclose(file);
            return content;
        }
        refuse(in, "%s", strerror(errno));
        break;
    }
    free(content);
    fclose(file);
    return NULL;
}

bool npy_read(const char *path, npy_array *array, char *why, size_t size)
{
    reader in = {.path = path, .why = why, .size = size};
    size_t file_size;
    unsigned char *file = slurp(&in, &file_size);
    if (!file)
        return false;
    npy_array read = {0};
    const bool fine = parse(&in, file, file_size, &read);
    free(file);
    if (fine)
        *array = read;
    return fine;
}

void npy_free(npy_array *array)
{
    free(array->data);
    *array = (npy_array){0};
}

const char *npy_type_name(npy_type type)
{
    return types[type].name;
}

const char *npy_shape_text(int dims, const int64_t *shape, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "%s", dims ? "" : "a scalar");
    for (int i = 0; i < dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? " x " : "", shape[i]);
    return text;
}
