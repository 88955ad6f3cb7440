/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a grid: one glyph each, or a row each. */
#include <string.h>

#include "cli/show.h"

#define MAP_POINTS_MAX 64

/* How much a state says of a cell: the worst or liveliest of its stages is shown. */
static const struct glyph {
    const char *state;
    char glyph;
    enum style style;
} glyphs[] = {
    {"done", '#', STYLE_GOOD},
    {"skipped", '-', STYLE_DIM},
    {"waiting", '.', STYLE_DIM},
    {"ready", '.', STYLE_DIM},
    {"held", 'h', STYLE_LOOK},
    {"leased", '>', STYLE_ACTIVE},
    {"running", '>', STYLE_ACTIVE},
    {"cancelled", 'c', STYLE_LOOK},
    {"failed", 'x', STYLE_BAD},
};

static size_t rank_of(const char *state)
{
    size_t rank = 0;
    while (rank < ARRAY_LEN(glyphs) && strcmp(glyphs[rank].state, state) != 0) {
        rank++;
    }
    return rank < ARRAY_LEN(glyphs) ? rank : 2;
}

static const struct glyph *glyph_of(const struct node *cell)
{
    const struct node *stages = node_get(cell, "stages");
    size_t worst = 0;
    for (size_t s = 0; stages != NULL && s < stages->map.count; s++) {
        const char *state = node_text(stages->map.entries[s].value);
        size_t rank = rank_of(state == NULL ? "" : state);
        worst = rank > worst ? rank : worst;
    }
    return &glyphs[worst];
}

struct axis_points {
    const char *points[MAP_POINTS_MAX];
    size_t count;
};

static size_t index_of(const struct axis_points *axis, const char *point)
{
    size_t i = 0;
    while (i < axis->count && strcmp(axis->points[i], point) != 0) {
        i++;
    }
    return i;
}

static const char *point_at(const struct node *cell, size_t axis)
{
    const struct node *point = node_get(cell, "point");
    const char *text = point != NULL && axis < point->map.count
                           ? node_text(point->map.entries[axis].value)
                           : NULL;
    return text == NULL ? "" : text;
}

/* Points of an axis in the order of the cells; false when they are too many for a map. */
static bool gather(const struct node *cells, size_t axis, struct axis_points *ret_points)
{
    struct axis_points points = {0};
    for (size_t c = 0; c < cells->list.count; c++) {
        const char *point = point_at(cells->list.items[c], axis);
        if (index_of(&points, point) < points.count) {
            continue;
        }
        if (points.count == MAP_POINTS_MAX) {
            return false;
        }
        points.points[points.count++] = point;
    }
    *ret_points = points;
    return true;
}

static char *glyphs_at(
    const struct show *show, const struct node *cells, const char *row, const char *column)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 16);
    for (size_t c = 0; c < cells->list.count; c++) {
        const struct node *cell = cells->list.items[c];
        if (strcmp(point_at(cell, 0), row) == 0 && strcmp(point_at(cell, 1), column) == 0) {
            str_appendf(&text, "%s%c", text.length == 0 ? "" : " ", glyph_of(cell)->glyph);
        }
    }
    return arena_strdup(show->arena, text.data);
}

void show_map(const struct show *show, const struct node *cells)
{
    struct axis_points rows;
    struct axis_points columns;
    if (cells == NULL || cells->kind != NODE_LIST || cells->list.count == 0
        || !gather(cells, 0, &rows) || !gather(cells, 1, &columns)) {
        return;
    }
    const struct node *first = node_get(cells->list.items[0], "point");
    struct table table;
    table_init(&table, show->arena);
    table_left(
        &table, first != NULL && first->map.count > 0 ? first->map.entries[0].key : "CELL");
    for (size_t c = 0; c < columns.count && c + 1 < TABLE_COLUMNS_MAX; c++) {
        table_left(&table, columns.points[c][0] == '\0' ? " " : columns.points[c]);
    }
    for (size_t r = 0; r < rows.count; r++) {
        table_add(&table, STYLE_PLAIN, rows.points[r]);
        for (size_t c = 0; c + 1 < table.columns; c++) {
            table_add(
                &table, STYLE_PLAIN, glyphs_at(show, cells, rows.points[r], columns.points[c]));
        }
    }
    table_render(&table, "", show->columns, show->colour, show->out);
    str_append(
        show->out,
        "one glyph a cell: # done  > running  . waiting  x failed  - skipped  h held  c cancelled\n");
}

void show_cells(const struct show *show, const struct node *body, const struct node *cells)
{
    const struct node *stages = node_get(body, "stages");
    if (cells == NULL || cells->kind != NODE_LIST || cells->list.count == 0) {
        return;
    }
    const struct node *first = node_get(cells->list.items[0], "point");
    struct table table;
    table_init(&table, show->arena);
    for (size_t a = 0; a < first->map.count; a++) {
        table_left(&table, first->map.entries[a].key);
    }
    for (size_t s = 0; s < stages->list.count && table.columns < TABLE_COLUMNS_MAX; s++) {
        table_left(&table, node_get_text(stages->list.items[s], "stage", "?"));
    }
    for (size_t c = 0; c < cells->list.count; c++) {
        const struct node *cell = cells->list.items[c];
        for (size_t a = 0; a < first->map.count; a++) {
            table_add(&table, STYLE_PLAIN, point_at(cell, a));
        }
        for (size_t s = 0; first->map.count + s < table.columns; s++) {
            const char *stage = node_get_text(stages->list.items[s], "stage", "?");
            const char *state = node_get_text(node_get(cell, "stages"), stage, "");
            table_add(
                &table, state[0] == '\0' ? STYLE_PLAIN : glyphs[rank_of(state)].style, state);
        }
    }
    table_render(&table, "", show->columns, show->colour, show->out);
}
