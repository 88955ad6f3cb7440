/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/layout.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/stats/compare.h"

/* One "AXIS=POINT" of a flag or of the block. */
struct pin {
    const char *axis, *point;
};

struct maker {
    struct arena *arena;
    const struct results_grid *grid;
    const struct layout_wish *wish;
    struct layout layout;
    struct pin *pins; /* of wish->where */
};

static void note(struct maker *maker, const char *text)
{
    struct layout *layout = &maker->layout;
    ARENA_PUSH(maker->arena, layout->notes, layout->notes_count, layout->notes_capacity, text);
}

/* --- Axes and points of the grid --- */

static bool has_axis(const struct results_grid *grid, const char *axis)
{
    for (size_t i = 0; i < grid->axes_count; i++) {
        if (strcmp(grid->axes[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_axis(const struct results_grid *grid, const char *axis, struct err *err)
{
    if (has_axis(grid, axis)) {
        return true;
    }
    const char *nearest = str_nearest(axis, grid->axes, grid->axes_count);
    (void)err_set(err, ERR_INPUT, "grid '%s' has no axis '%s'", grid->name, axis);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest) : false;
}

static const char *point_of(const struct results_grid *grid, size_t cell, const char *axis)
{
    return node_get_text(grid->cells[cell].point, axis, "-");
}

static bool check_point(const struct maker *maker, const struct pin *pin, struct err *err)
{
    const struct results_grid *grid = maker->grid;
    const char **names = ARENA_ARRAY(maker->arena, const char *, grid->cells_count + 1);
    for (size_t i = 0; i < grid->cells_count; i++) {
        names[i] = point_of(grid, i, pin->axis);
        if (strcmp(names[i], pin->point) == 0) {
            return true;
        }
    }
    const char *nearest = str_nearest(pin->point, names, grid->cells_count);
    (void)err_set(err, ERR_INPUT, "axis '%s' has no point '%s'", pin->axis, pin->point);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest) : false;
}

static bool read_pins(
    const struct maker *maker,
    const char *flag,
    const char *const *texts,
    size_t count,
    struct pin **ret_pins,
    struct err *err)
{
    struct pin *pins = ARENA_ARRAY(maker->arena, struct pin, count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t axis = strcspn(texts[i], "=");
        if (texts[i][axis] == '\0') {
            return err_set(
                err,
                ERR_INPUT,
                "--%s wants AXIS=POINT, such as variant=raw, not '%s'",
                flag,
                texts[i]);
        }
        pins[i] =
            (struct pin){arena_strndup(maker->arena, texts[i], axis), texts[i] + axis + 1};
        if (!check_axis(maker->grid, pins[i].axis, err)) {
            return false;
        }
    }
    *ret_pins = pins;
    return true;
}

/* --- Rows and columns --- */

static bool is_row_axis(const struct layout *layout, const char *axis)
{
    for (size_t i = 0; i < layout->row_axes_count; i++) {
        if (strcmp(layout->row_axes[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_column_axis(const struct layout *layout, const char *axis)
{
    return layout->column_axis != NULL && strcmp(layout->column_axis, axis) == 0;
}

static const char *const *text_list(
    const struct node *list, size_t *ret_count, struct arena *arena)
{
    *ret_count = list == NULL || list->kind != NODE_LIST ? 0 : list->list.count;
    const char **texts = ARENA_ARRAY(arena, const char *, *ret_count + 1);
    for (size_t i = 0; i < *ret_count; i++) {
        const char *text = node_text(list->list.items[i]);
        texts[i] = text == NULL ? "" : text;
    }
    return texts;
}

/* The variants, or what stands first beside seeds and scales. */
static const char *default_row_axis(const struct results_grid *grid)
{
    for (size_t i = 0; !has_axis(grid, "variant") && i < grid->axes_count; i++) {
        if (strcmp(grid->axes[i], "seed") != 0 && strcmp(grid->axes[i], "scale") != 0) {
            return grid->axes[i];
        }
    }
    return has_axis(grid, "variant") || grid->axes_count == 0 ? "variant" : grid->axes[0];
}

static void choose_rows(struct maker *maker)
{
    struct layout *layout = &maker->layout;
    layout->row_axes = maker->wish->rows;
    layout->row_axes_count = maker->wish->rows_count;
    if (layout->row_axes_count == 0) {
        const struct node *rows = node_get(maker->grid->compare, "rows");
        layout->row_axes = text_list(rows, &layout->row_axes_count, maker->arena);
    }
    if (layout->row_axes_count == 0) {
        const char **rows = ARENA_ARRAY(maker->arena, const char *, 1);
        rows[0] = default_row_axis(maker->grid);
        layout->row_axes = rows;
        layout->row_axes_count = 1;
    }
}

static bool choose_axes(struct maker *maker, struct err *err)
{
    struct layout *layout = &maker->layout;
    const struct results_grid *grid = maker->grid;
    choose_rows(maker);
    for (size_t i = 0; i < layout->row_axes_count; i++) {
        if (!check_axis(grid, layout->row_axes[i], err)) {
            return false;
        }
    }
    const char *columns = maker->wish->columns;
    if (columns == NULL) {
        columns =
            node_get_text(grid->compare, "columns", has_axis(grid, "scale") ? "scale" : NULL);
    }
    if (columns != NULL && !is_row_axis(layout, columns)) {
        layout->column_axis = columns;
        return check_axis(grid, columns, err);
    }
    return true;
}

/* --- Which cells --- */

/* An axis that is pinned several times may be at either point. */
static bool is_wanted(const struct maker *maker, size_t cell)
{
    for (size_t i = 0; i < maker->wish->where_count; i++) {
        bool fits = false;
        for (size_t j = 0; j < maker->wish->where_count && !fits; j++) {
            fits =
                strcmp(maker->pins[i].axis, maker->pins[j].axis) == 0
                && strcmp(
                       point_of(maker->grid, cell, maker->pins[j].axis), maker->pins[j].point)
                       == 0;
        }
        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool choose_cells(struct maker *maker, struct err *err)
{
    struct layout *layout = &maker->layout;
    size_t count = maker->grid->cells_count;
    size_t standing = 0;
    if (!read_pins(
            maker, "where", maker->wish->where, maker->wish->where_count, &maker->pins, err)) {
        return false;
    }
    for (size_t i = 0; i < maker->wish->where_count; i++) {
        if (!check_point(maker, &maker->pins[i], err)) {
            return false;
        }
    }
    layout->stands = ARENA_ARRAY(maker->arena, bool, count + 1);
    for (size_t i = 0; i < count; i++) {
        layout->stands[i] = is_wanted(maker, i);
        standing += layout->stands[i];
    }
    return standing > 0 || count == 0
           || err_set(err, ERR_INPUT, "no cell of grid '%s' is there", maker->grid->name);
}

/* True when the cells that stand differ in that axis. */
static bool varies(const struct maker *maker, const char *axis)
{
    const char *first = NULL;
    for (size_t i = 0; i < maker->grid->cells_count; i++) {
        if (!maker->layout.stands[i]) {
            continue;
        }
        const char *point = point_of(maker->grid, i, axis);
        if (first != NULL && strcmp(first, point) != 0) {
            return true;
        }
        first = point;
    }
    return false;
}

/* Every other axis must be taken somehow: averaging one in silence would call it noise. `best`
 * is not in force, so such an axis shows all of its points. */
static bool take_across(struct maker *maker, struct err *err)
{
    struct layout *layout = &maker->layout;
    const struct results_grid *grid = maker->grid;
    const struct node *across = node_get(grid->compare, "across");
    const char **axes =
        ARENA_ARRAY(maker->arena, const char *, layout->row_axes_count + grid->axes_count);
    memcpy(axes, layout->row_axes, layout->row_axes_count * sizeof(*axes));
    layout->row_axes = axes;
    for (size_t i = 0; i < grid->axes_count; i++) {
        const char *axis = grid->axes[i];
        const char *how =
            node_get_text(across, axis, strcmp(axis, "seed") == 0 ? "mean" : NULL);
        bool best = how != NULL && str_has_prefix(how, "best(");
        if (is_row_axis(layout, axis) || is_column_axis(layout, axis)
            || (!best && !varies(maker, axis))) {
            continue;
        }
        if (how == NULL) {
            (void)err_set(err, ERR_INPUT, "axis '%s' is neither rows nor columns", axis);
            return err_hint(
                err,
                "add it to the rows: --rows %s,%s; or keep one point of it: --where %s=POINT",
                layout->row_axes[0],
                axis,
                axis);
        }
        if (best) {
            axes[layout->row_axes_count++] = axis;
            note(
                maker,
                arena_printf(
                    maker->arena,
                    "'across: {%s: %s}' is not in force yet: nothing is selected, every %s has "
                    "its own row",
                    axis,
                    how,
                    axis));
        }
    }
    return true;
}

/* --- Places --- */

/* "raw", or "raw, lr=2" where rows are points of several axes. */
static const char *row_name(
    const struct layout *layout, const struct node *point, struct arena *arena)
{
    const char *name = node_get_text(point, layout->row_axes[0], "-");
    for (size_t i = 1; i < layout->row_axes_count; i++) {
        const char *axis = layout->row_axes[i];
        name = arena_printf(arena, "%s, %s=%s", name, axis, node_get_text(point, axis, "-"));
    }
    return name;
}

static const struct node *row_point(
    const struct layout *layout, const struct node *point, struct arena *arena)
{
    struct node *own = node_map(arena);
    for (size_t i = 0; i < layout->row_axes_count; i++) {
        const char *axis = layout->row_axes[i];
        node_set(arena, own, axis, node_string(arena, node_get_text(point, axis, "-")));
    }
    return own;
}

static size_t place(
    const char ***names, size_t *count, size_t *capacity, const char *name, struct arena *arena)
{
    for (size_t i = *count; i > 0; i--) { /* neighbours are the likely ones */
        if (strcmp((*names)[i - 1], name) == 0) {
            return i - 1;
        }
    }
    ARENA_PUSH(arena, *names, *count, *capacity, name);
    return *count - 1;
}

static void place_cells(struct maker *maker)
{
    struct layout *layout = &maker->layout;
    struct arena *arena = maker->arena;
    size_t count = maker->grid->cells_count;
    size_t rows_capacity = 0;
    size_t columns_capacity = 0;
    layout->row_of = ARENA_ARRAY(arena, size_t, count + 1);
    layout->column_of = ARENA_ARRAY(arena, size_t, count + 1);
    layout->row_points = ARENA_ARRAY(arena, const struct node *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct node *point = maker->grid->cells[i].point;
        if (!layout->stands[i]) {
            continue;
        }
        const char *column =
            layout->column_axis == NULL ? "" : node_get_text(point, layout->column_axis, "-");
        size_t before = layout->rows_count;
        layout->row_of[i] = place(
            &layout->rows,
            &layout->rows_count,
            &rows_capacity,
            row_name(layout, point, arena),
            arena);
        layout->column_of[i] =
            place(&layout->columns, &layout->columns_count, &columns_capacity, column, arena);
        if (layout->rows_count > before) {
            layout->row_points[before] = row_point(layout, point, arena);
        }
    }
}

/* --- Baseline --- */

/* What the flag says, else the block; no pins: there is no baseline. */
static bool wanted_baseline(
    struct maker *maker, struct pin **ret_pins, size_t *ret_count, struct err *err)
{
    const struct node *block = node_get(maker->grid->compare, "baseline");
    *ret_count = maker->wish->baseline_count;
    if (*ret_count > 0 || block == NULL || block->kind != NODE_MAP) {
        return read_pins(maker, "baseline", maker->wish->baseline, *ret_count, ret_pins, err);
    }
    *ret_pins = ARENA_ARRAY(maker->arena, struct pin, block->map.count + 1);
    for (size_t i = 0; i < block->map.count; i++) {
        const char *point = node_text(block->map.entries[i].value);
        (*ret_pins)[i] = (struct pin){
            block->map.entries[i].key,
            point != NULL ? point
                          : node_to_json_arena(block->map.entries[i].value, maker->arena)};
    }
    *ret_count = block->map.count;
    return true;
}

/* "variant=raw, lr=2". */
static const char *pins_text(const struct pin *pins, size_t count, struct arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        text = arena_printf(
            arena, "%s%s%s=%s", text, i == 0 ? "" : ", ", pins[i].axis, pins[i].point);
    }
    return text;
}

static const char *pinned_to(const struct pin *pins, size_t count, const char *axis)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pins[i].axis, axis) == 0) {
            return pins[i].point;
        }
    }
    return NULL;
}

/* The row that agrees with the pins, and with `row` in every axis that they do not name. */
static size_t baseline_of(
    const struct layout *layout, size_t row, const struct pin *pins, size_t count)
{
    for (size_t other = 0; other < layout->rows_count; other++) {
        bool fits = true;
        for (size_t a = 0; a < layout->row_axes_count && fits; a++) {
            const char *axis = layout->row_axes[a];
            const char *wanted = pinned_to(pins, count, axis);
            const char *own = node_get_text(layout->row_points[row], axis, "-");
            fits = strcmp(
                       node_get_text(layout->row_points[other], axis, "-"),
                       wanted == NULL ? own : wanted)
                   == 0;
        }
        if (fits) {
            return other;
        }
    }
    return COMPARE_NO_ROW;
}

/* A pin that is no row's and no column's must not contradict the cells that stand. */
static bool is_beside(const struct maker *maker, const struct pin *pin)
{
    const struct layout *layout = &maker->layout;
    if (is_row_axis(layout, pin->axis) || is_column_axis(layout, pin->axis)) {
        return false;
    }
    for (size_t i = 0; i < maker->grid->cells_count; i++) {
        if (layout->stands[i] && strcmp(point_of(maker->grid, i, pin->axis), pin->point) != 0) {
            return true;
        }
    }
    return false;
}

/* False when no row is the baseline; *ret_why says so. */
static bool place_baseline(
    struct maker *maker, const struct pin *pins, size_t count, const char **ret_why)
{
    struct layout *layout = &maker->layout;
    const char *text = pins_text(pins, count, maker->arena);
    size_t found = 0;
    size_t rows_named = 0;
    for (size_t i = 0; i < count; i++) {
        rows_named += is_row_axis(layout, pins[i].axis);
        if (is_beside(maker, &pins[i])) {
            *ret_why = arena_printf(
                maker->arena, "axis '%s' is neither rows nor columns", pins[i].axis);
            return false;
        }
        if (is_column_axis(layout, pins[i].axis)) {
            layout->baseline_column = pins[i].point;
        }
    }
    bool single = true;
    for (size_t row = 0; row < layout->rows_count && rows_named > 0; row++) {
        layout->baselines[row] = baseline_of(layout, row, pins, count);
        found += layout->baselines[row] != COMPARE_NO_ROW;
        single = single && layout->baselines[row] == layout->baselines[0];
    }
    if (found == 0) {
        *ret_why = arena_printf(maker->arena, "no row is '%s'", text);
        return false;
    }
    layout->baseline = single ? layout->rows[layout->baselines[0]] : text;
    return true;
}

static bool choose_baseline(struct maker *maker, struct err *err)
{
    struct layout *layout = &maker->layout;
    struct pin *pins = NULL;
    size_t count = 0;
    const char *why = NULL;
    layout->baselines = ARENA_ARRAY(maker->arena, size_t, layout->rows_count + 1);
    for (size_t i = 0; i < layout->rows_count; i++) {
        layout->baselines[i] = COMPARE_NO_ROW;
    }
    if (!wanted_baseline(maker, &pins, &count, err)) {
        return false;
    }
    if (count == 0 || place_baseline(maker, pins, count, &why)) {
        return true;
    }
    if (maker->wish->baseline_count > 0) {
        (void)err_set(err, ERR_INPUT, "%s", why);
        return err_hint(err, "rows are points of %s", layout->row_axes[0]);
    }
    /* The block's baseline is for the block's rows. */
    note(maker, arena_printf(maker->arena, "without the grid's baseline: %s", why));
    return true;
}

/* --- What the grid says and nothing heeds yet --- */

static void note_not_in_force(struct maker *maker)
{
    static const char *const keys[] = {"promote", "check"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (node_get(maker->grid->file, keys[i]) != NULL) {
            note(
                maker,
                arena_printf(maker->arena, "'%s' of this grid is not in force yet", keys[i]));
        }
    }
    if (node_get(maker->grid->compare, "margin") != NULL) {
        note(maker, "'margin' is not in force yet: verdicts are against zero");
    }
}

bool layout_make(
    const struct layout_wish *wish,
    const struct results_grid *grid,
    struct arena *arena,
    struct layout *ret_layout,
    struct err *err)
{
    struct maker maker = {.arena = arena, .grid = grid, .wish = wish, .layout = {.grid = grid}};
    if (!choose_axes(&maker, err) || !choose_cells(&maker, err) || !take_across(&maker, err)) {
        return false;
    }
    place_cells(&maker);
    note_not_in_force(&maker);
    if (!choose_baseline(&maker, err)) {
        return false;
    }
    *ret_layout = maker.layout;
    return true;
}

const char *const *layout_metrics(
    const struct results_grid *grid, size_t *ret_count, struct arena *arena)
{
    return text_list(node_get(grid->compare, "metrics"), ret_count, arena);
}
