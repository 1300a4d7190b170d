/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The JSON writer. UTF-8 is checked as in table 3-7 of the Unicode standard: no surrogates, no overlong
 * forms.
 */
#include "cli/json.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The length of the UTF-8 sequence at text, or 0 when there is none. */
static int sequence(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, second_low, second_high, length;
    } forms[] = {
        {0x00, 0x7f, 0x80, 0xbf, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (forms[i].length > 1 && (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
            return 0;
        for (int j = 2; j < forms[i].length; j++)
            if (text[j] < 0x80 || text[j] > 0xbf)
                return 0;
        return forms[i].length;
    }
    return 0;
}

static void quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const int length = sequence(c);
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else if (length)
            fwrite(c, 1, (size_t)length, file);
        else
            fputs("\\ufffd", file);
        c += length ? length : 1;
    }
    fputc('"', file);
}

static void new_line(json *out)
{
    fprintf(out->file, "\n%*s", 2 * out->depth, "");
}

static void lead(json *out, const char *key)
{
    if (out->depth) {
        if (!out->empty[out->depth - 1])
            fputc(',', out->file);
        out->empty[out->depth - 1] = false;
        new_line(out);
    }
    if (key) {
        quoted(out->file, key);
        fputs(": ", out->file);
    }
}

static void begin(json *out, const char *key, char opener, char closer)
{
    assert(out->depth < JSON_DEPTH);
    lead(out, key);
    fputc(opener, out->file);
    out->empty[out->depth] = true;
    out->closer[out->depth] = closer;
    out->depth++;
}

json json_open(FILE *file)
{
    return (json){.file = file};
}

void json_close(json *out)
{
    while (out->depth)
        json_end(out);
    fputc('\n', out->file);
}

void json_object(json *out, const char *key)
{
    begin(out, key, '{', '}');
}

void json_array(json *out, const char *key)
{
    begin(out, key, '[', ']');
}

void json_end(json *out)
{
    assert(out->depth > 0);
    out->depth--;
    if (!out->empty[out->depth])
        new_line(out);
    fputc(out->closer[out->depth], out->file);
}

void json_text(json *out, const char *key, const char *text)
{
    lead(out, key);
    if (text)
        quoted(out->file, text);
    else
        fputs("null", out->file);
}

void json_integer(json *out, const char *key, int64_t value)
{
    lead(out, key);
    fprintf(out->file, "%" PRId64, value);
}

void json_real(json *out, const char *key, double value)
{
    lead(out, key);
    if (isfinite(value))
        fprintf(out->file, "%.9g", value);
    else
        fputs("null", out->file);
}

void json_bool(json *out, const char *key, bool value)
{
    lead(out, key);
    fputs(value ? "true" : "false", out->file);
}
