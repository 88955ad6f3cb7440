/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned tables of text, and the same rows as CSV. Cells are filled row by row; widths are
 * those of the terminal's columns, so wide and combining characters line up. A column without
 * any text is left out.
 */
#ifndef ASSAY_CLI_TABLE_H
#define ASSAY_CLI_TABLE_H

#include "cli/text.h"

#define TABLE_COLUMNS_MAX 64

struct table_cell {
    const char *text;
    enum style style;
};

struct table {
    struct arena *arena;
    const char *headings[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX];
    size_t columns;
    struct table_cell *cells; /* row-major */
    size_t count, capacity;
    bool keep_empty; /* columns without text stay */
};

void table_init(struct table *table, struct arena *arena);
/* Before the first cell. A column past the last possible one is a bug. */
void table_left(struct table *table, const char *heading);
void table_right(struct table *table, const char *heading);
/* The next cell, rows one after the other; the text is copied, NULL is empty. */
void table_add(struct table *table, enum style style, const char *text);
void table_addf(struct table *table, enum style style, const char *format, ...) PRINTF(3, 4);
/* Fills what is left of the row. */
void table_end_row(struct table *table);
/* Each line after `indent`; headings in bold unless all are empty. `width_max` cuts the last
 * left-aligned column; 0: no limit. */
void table_render(
    const struct table *table,
    const char *indent,
    size_t width_max,
    bool colour,
    struct str *out);
/* RFC 4180 without headings in capitals or colour. */
void table_render_csv(const struct table *table, struct str *out);
/* To stdout. */
void table_print(const struct table *table, const char *indent, bool colour);
/* One CSV field, quoted where it must be. */
void csv_append(struct str *out, const char *text);

#endif
