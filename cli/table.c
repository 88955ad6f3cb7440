/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdarg.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/base/check.h"

#define GAP 2

void table_init(struct table *table, struct arena *arena)
{
    *table = (struct table){.arena = arena};
}

static void add_column(struct table *table, const char *heading, bool right)
{
    CHECK(table->columns < TABLE_COLUMNS_MAX);
    CHECK(table->count == 0);
    table->headings[table->columns] = arena_strdup(table->arena, heading);
    table->right[table->columns++] = right;
}

void table_left(struct table *table, const char *heading)
{
    add_column(table, heading, false);
}

void table_right(struct table *table, const char *heading)
{
    add_column(table, heading, true);
}

void table_add(struct table *table, enum style style, const char *text)
{
    struct table_cell cell = {text == NULL ? "" : arena_strdup(table->arena, text), style};
    ARENA_PUSH(table->arena, table->cells, table->count, table->capacity, cell);
}

void table_addf(struct table *table, enum style style, const char *format, ...)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 64 * 1024);
    va_list args;
    va_start(args, format);
    str_vappendf(&text, format, args);
    va_end(args);
    table_add(table, style, text.data);
}

void table_end_row(struct table *table)
{
    while (table->columns > 0 && table->count % table->columns != 0) {
        table_add(table, STYLE_PLAIN, "");
    }
}

static size_t rows_of(const struct table *table)
{
    return table->columns == 0 ? 0 : table->count / table->columns;
}

static const struct table_cell *cell_at(const struct table *table, size_t row, size_t column)
{
    return &table->cells[row * table->columns + column];
}

struct layout {
    size_t widths[TABLE_COLUMNS_MAX]; /* 0: left out */
    size_t last;                      /* the last column that is shown */
    bool headed;
};

static struct layout lay_out(const struct table *table)
{
    struct layout layout = {0};
    for (size_t c = 0; c < table->columns; c++) {
        size_t width = 0;
        for (size_t r = 0; r < rows_of(table); r++) {
            size_t own = text_width(cell_at(table, r, c)->text);
            width = own > width ? own : width;
        }
        size_t heading = text_width(table->headings[c]);
        layout.headed = layout.headed || heading > 0;
        if (width > 0 || table->keep_empty) {
            layout.widths[c] = heading > width ? heading : width;
            layout.last = c;
        }
    }
    return layout;
}

static void append_cell(struct str *out, const char *text, size_t width, bool right, bool last)
{
    size_t own = text_width(text);
    size_t blanks = width > own ? width - own : 0;
    if (right) {
        str_appendf(out, "%*s%s", (int)blanks, "", text);
    } else {
        str_appendf(out, "%s%*s", text, last ? 0 : (int)blanks, "");
    }
}

static void append_row(
    const struct table *table,
    const struct layout *layout,
    const struct table_cell *cells,
    size_t room,
    bool colour,
    struct str *out)
{
    size_t column = 0;
    for (size_t c = 0; c < table->columns; c++) {
        if (layout->widths[c] == 0) {
            continue;
        }
        bool last = c == layout->last;
        const char *text = cells[c].text;
        if (last && room > column + GAP + 8 && text_width(text) > room - column) {
            text = text_cut(table->arena, text, room - column);
        }
        str_append(out, style_on(cells[c].style, colour && text[0] != '\0'));
        append_cell(out, text, layout->widths[c], table->right[c], last);
        str_append(out, style_off(cells[c].style, colour && text[0] != '\0'));
        if (!last) {
            str_appendf(out, "%*s", GAP, "");
        }
        column += layout->widths[c] + GAP;
    }
    while (out->length > 0 && out->data[out->length - 1] == ' ') {
        out->data[--out->length] = '\0';
    }
    str_append_char(out, '\n');
}

void table_render(
    const struct table *table,
    const char *indent,
    size_t width_max,
    bool colour,
    struct str *out)
{
    struct layout layout = lay_out(table);
    size_t room = width_max > strlen(indent) ? width_max - strlen(indent) : 0;
    if (layout.headed) {
        struct table_cell headings[TABLE_COLUMNS_MAX];
        for (size_t c = 0; c < table->columns; c++) {
            headings[c] = (struct table_cell){table->headings[c], STYLE_BOLD};
        }
        str_append(out, indent);
        append_row(table, &layout, headings, 0, colour, out);
    }
    for (size_t r = 0; r < rows_of(table); r++) {
        str_append(out, indent);
        append_row(table, &layout, cell_at(table, r, 0), room, colour, out);
    }
}

void csv_append(struct str *out, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        str_append(out, text);
        return;
    }
    str_append_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            str_append_char(out, '"');
        }
        str_append_char(out, *text);
    }
    str_append_char(out, '"');
}

void table_render_csv(const struct table *table, struct str *out)
{
    for (size_t c = 0; c < table->columns; c++) {
        str_append(out, c == 0 ? "" : ",");
        csv_append(out, table->headings[c]);
    }
    str_append(out, "\r\n");
    for (size_t i = 0; i < table->count; i++) {
        csv_append(out, table->cells[i].text);
        str_append(out, (i + 1) % table->columns == 0 ? "\r\n" : ",");
    }
}

void table_print(const struct table *table, const char *indent, bool colour)
{
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    size_t room = isatty(STDOUT_FILENO) != 0 ? text_columns(STDOUT_FILENO) : 0;
    table_render(table, indent, room, colour, &out);
    (void)fputs(out.data, stdout);
}
