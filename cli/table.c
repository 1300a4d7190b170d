/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables and bar charts for the terminal.
 */
#include "cli/table.h"
#include "cli/cli.h"
#include <assert.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES 512

/* Characters of a UTF-8 text: its bytes that do not continue a character. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void add_row(table *t, const char *text)
{
    t->cells = cli_reallocate(t->cells, (size_t)(t->rows + 1) * (size_t)t->columns, sizeof *t->cells);
    for (int column = 0; column < t->columns; column++) {
        const size_t length = strcspn(text, "\t");
        char *cell = cli_allocate(length + 1, 1);
        memcpy(cell, text, length);
        t->cells[t->rows * t->columns + column] = cell;
        text += length + (text[length] == '\t');
    }
    t->rows++;
}

table table_open(const char *title, ...)
{
    table t = {0};
    char titles[ROW_BYTES] = "";
    va_list list;
    va_start(list, title);
    for (; title; title = va_arg(list, const char *)) {
        assert(t.columns < TABLE_COLUMNS);
        t.right[t.columns++] = *title == '>';
        const size_t used = strlen(titles);
        snprintf(titles + used, sizeof titles - used, "%s%s", used ? "\t" : "", title + (*title == '>'));
    }
    va_end(list);
    add_row(&t, titles);
    return t;
}

void table_row(table *t, const char *format, ...)
{
    char text[ROW_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    add_row(t, text);
}

static void print_row(const table *t, FILE *file, char *const *cells, const int *width)
{
    int owed = 0; /* blanks, written only when something follows them */
    for (int column = 0; column < t->columns; column++) {
        const int missing = width[column] - width_of(cells[column]);
        if (t->right[column])
            owed += missing;
        if (*cells[column]) {
            fprintf(file, "%*s%s", owed, "", cells[column]);
            owed = 0;
        }
        owed += (t->right[column] ? 0 : missing) + 2;
    }
    fputc('\n', file);
}

void table_print(table *t, FILE *file)
{
    int width[TABLE_COLUMNS] = {0};
    for (int i = 0; i < t->rows * t->columns; i++) {
        const int own = width_of(t->cells[i]);
        if (own > width[i % t->columns])
            width[i % t->columns] = own;
    }
    for (int row = 0; row < t->rows; row++)
        print_row(t, file, t->cells + row * t->columns, width);
    table_free(t);
}

void table_free(table *t)
{
    for (int i = 0; i < t->rows * t->columns; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (table){0};
}

static void print_bar(FILE *file, double length, int width, bool utf8)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int parts = (int)(length * (utf8 ? 8 : 1) + 0.5);
    const int whole = utf8 ? parts / 8 : parts, rest = utf8 ? parts % 8 : 0;
    for (int i = 0; i < whole; i++)
        fputs(utf8 ? "█" : "#", file);
    fprintf(file, "%s%*s", eighths[rest], width - whole - (rest != 0), "");
}

void chart_print(FILE *file, const chart_bar *bars, int count, int width, const char *unit)
{
    const bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    int label_width = 0;
    double most = 0.0;
    for (int i = 0; i < count; i++) {
        const int own = width_of(bars[i].label);
        label_width = own > label_width ? own : label_width;
        most = bars[i].value > most ? bars[i].value : most;
    }
    for (int i = 0; i < count; i++) {
        fprintf(file, "%s%*s  ", bars[i].label, label_width - width_of(bars[i].label), "");
        print_bar(file, most > 0.0 ? bars[i].value / most * width : 0.0, width, utf8);
        fprintf(file, "  %8.2f %s\n", bars[i].value, unit);
    }
}
