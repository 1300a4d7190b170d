/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables and bar charts for the terminal, plain text without colours. Widths are counted in characters.
 *
 *     table t = table_open("kernel", ">loads", NULL);    '>' aligns a column to the right
 *     table_row(&t, "%s\t%.2f", name, loads);            cells are separated by tabs
 *     table_print(&t, stdout);                           and frees
 */
#ifndef GML_CLI_TABLE_H
#define GML_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS 10

typedef struct table {
    int columns, rows;
    bool right[TABLE_COLUMNS];
    char **cells; /* [rows][columns], the titles first */
} table;

table table_open(const char *title, ...) __attribute__((sentinel));
void table_row(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(table *t, FILE *file);
void table_free(table *t); /* instead */

typedef struct chart_bar {
    const char *label;
    double value; /* >= 0 */
} chart_bar;

/* One bar a line, the longest `width` characters; in eighths of a character where the locale has UTF-8. */
void chart_print(FILE *file, const chart_bar *bars, int count, int width, const char *unit);

#endif
