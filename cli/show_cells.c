/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a grid: one glyph each, or a row each. */
#include <string.h>

#include "cli/show.h"
#include "common/base/limits.h"

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

/* Axes of a grid in its order; a coordinator that does not name them leaves that of the point.
 */
struct axes {
    const char *names[LIMIT_AXES];
    size_t count;
};

static struct axes axes_of(const struct node *body, const struct node *cells)
{
    const struct node *list = node_get(body, "axes");
    const struct node *first = node_get(cells->list.items[0], "point");
    struct axes axes = {0};
    for (size_t i = 0; list != NULL && list->kind == NODE_LIST && i < list->list.count; i++) {
        const char *name = node_text(list->list.items[i]);
        if (name != NULL && axes.count < LIMIT_AXES) {
            axes.names[axes.count++] = name;
        }
    }
    for (size_t i = 0; list == NULL && first != NULL && i < first->map.count; i++) {
        if (axes.count < LIMIT_AXES) {
            axes.names[axes.count++] = first->map.entries[i].key;
        }
    }
    return axes;
}

static const char *point_at(const struct node *cell, const struct axes *axes, size_t axis)
{
    return axis < axes->count ? node_get_text(node_get(cell, "point"), axes->names[axis], "")
                              : "";
}

/* Points of an axis in the order of the cells; false when they are too many for a map. */
static bool gather(
    const struct node *cells,
    const struct axes *axes,
    size_t axis,
    struct axis_points *ret_points)
{
    struct axis_points points = {0};
    for (size_t c = 0; c < cells->list.count; c++) {
        const char *point = point_at(cells->list.items[c], axes, axis);
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

/* All cells of one row and column: those that the axes from the third on tell apart. */
static char *glyphs_at(
    const struct show *show,
    const struct node *cells,
    const struct axes *axes,
    const char *row,
    const char *column)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 16);
    for (size_t c = 0; c < cells->list.count; c++) {
        const struct node *cell = cells->list.items[c];
        if (strcmp(point_at(cell, axes, 0), row) == 0
            && strcmp(point_at(cell, axes, 1), column) == 0) {
            str_appendf(&text, "%s%c", text.length == 0 ? "" : " ", glyph_of(cell)->glyph);
        }
    }
    return arena_strdup(show->arena, text.data);
}

static bool has_cells(const struct node *cells)
{
    return cells != NULL && cells->kind == NODE_LIST && cells->list.count > 0;
}

void show_map(const struct show *show, const struct node *body, const struct node *cells)
{
    struct axis_points rows;
    struct axis_points columns;
    if (!has_cells(cells)) {
        return;
    }
    const struct axes axes = axes_of(body, cells);
    if (!gather(cells, &axes, 0, &rows) || !gather(cells, &axes, 1, &columns)) {
        return;
    }
    struct table table;
    table_init(&table, show->arena);
    table_left(&table, axes.count > 0 ? axes.names[0] : "CELL");
    for (size_t c = 0; c < columns.count && c + 1 < TABLE_COLUMNS_MAX; c++) {
        table_left(&table, columns.points[c][0] == '\0' ? " " : columns.points[c]);
    }
    for (size_t r = 0; r < rows.count; r++) {
        table_add(&table, STYLE_PLAIN, rows.points[r]);
        for (size_t c = 0; c + 1 < table.columns; c++) {
            table_add(
                &table,
                STYLE_PLAIN,
                glyphs_at(show, cells, &axes, rows.points[r], columns.points[c]));
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
    if (!has_cells(cells)) {
        return;
    }
    const struct axes axes = axes_of(body, cells);
    struct table table;
    table_init(&table, show->arena);
    for (size_t a = 0; a < axes.count; a++) {
        table_left(&table, axes.names[a]);
    }
    for (size_t s = 0; s < stages->list.count && table.columns < TABLE_COLUMNS_MAX; s++) {
        table_left(&table, node_get_text(stages->list.items[s], "stage", "?"));
    }
    for (size_t c = 0; c < cells->list.count; c++) {
        const struct node *cell = cells->list.items[c];
        for (size_t a = 0; a < axes.count; a++) {
            table_add(&table, STYLE_PLAIN, point_at(cell, &axes, a));
        }
        for (size_t s = 0; axes.count + s < table.columns; s++) {
            const char *stage = node_get_text(stages->list.items[s], "stage", "?");
            const char *state = node_get_text(node_get(cell, "stages"), stage, "");
            table_add(
                &table, state[0] == '\0' ? STYLE_PLAIN : glyphs[rank_of(state)].style, state);
        }
    }
    table_render(&table, "", show->columns, show->colour, show->out);
}
