/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cli/compare.h"

static bool has_axis(const struct results_grid *grid, const char *axis)
{
    for (size_t i = 0; i < grid->cells_count; i++) {
        if (node_get(grid->cells[i].point, axis) != NULL) {
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
    const char *names[32];
    size_t count = 0;
    const struct node *point = grid->cells_count == 0 ? NULL : grid->cells[0].point;
    for (size_t i = 0; point != NULL && i < point->map.count && count < ARRAY_LEN(names); i++) {
        names[count++] = point->map.entries[i].key;
    }
    const char *nearest = str_nearest(axis, names, count);
    (void)err_set(err, ERR_INPUT, "grid '%s' has no axis '%s'", grid->name, axis);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest) : false;
}

static const char *const *text_list(
    const struct node *list, size_t *ret_count, struct arena *arena)
{
    *ret_count = list == NULL || list->kind != NODE_LIST ? 0 : list->list.count;
    const char **texts = ARENA_ARRAY(arena, const char *, *ret_count + 1);
    for (size_t i = 0; i < *ret_count; i++) {
        texts[i] = node_text(list->list.items[i]);
    }
    return texts;
}

/* The variants, or what stands first beside seeds and scales. */
static const char *const *default_rows(const struct results_grid *grid, struct arena *arena)
{
    const char **rows = ARENA_ARRAY(arena, const char *, 1);
    const struct node *point = grid->cells_count == 0 ? NULL : grid->cells[0].point;
    rows[0] = "variant";
    for (size_t i = 0; point != NULL && !has_axis(grid, "variant") && i < point->map.count;
         i++) {
        const char *axis = point->map.entries[i].key;
        if (strcmp(axis, "seed") != 0 && strcmp(axis, "scale") != 0) {
            rows[0] = axis;
            break;
        }
    }
    return rows;
}

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

static size_t place(
    const char ***names, size_t *count, size_t *capacity, const char *name, struct arena *arena)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*names)[i], name) == 0) {
            return i;
        }
    }
    ARENA_PUSH(arena, *names, *count, *capacity, name);
    return *count - 1;
}

static void place_cells(struct layout *layout, struct arena *arena)
{
    size_t count = layout->grid->cells_count;
    size_t rows_capacity = 0;
    size_t columns_capacity = 0;
    layout->row_of = ARENA_ARRAY(arena, size_t, count);
    layout->column_of = ARENA_ARRAY(arena, size_t, count);
    layout->dropped = ARENA_ARRAY(arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const struct node *point = layout->grid->cells[i].point;
        layout->row_of[i] = place(
            &layout->rows,
            &layout->rows_count,
            &rows_capacity,
            row_name(layout, point, arena),
            arena);
        layout->column_of[i] = place(
            &layout->columns,
            &layout->columns_count,
            &columns_capacity,
            layout->column_axis == NULL ? "" : node_get_text(point, layout->column_axis, "-"),
            arena);
    }
}

static bool is_row_axis(const struct layout *layout, const char *axis)
{
    for (size_t i = 0; i < layout->row_axes_count; i++) {
        if (strcmp(layout->row_axes[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

/* Of one row and column: the point of `axis` with the best mean stays, the others are dropped.
 * As long as a mean is not known, none is chosen and every cell says so. */
static void keep_best(
    struct layout *layout,
    const struct results_metric *metric,
    const char *axis,
    size_t row,
    size_t column,
    struct arena *arena)
{
    const char **points = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct results_grid *grid = layout->grid;
    double *sums = ARENA_ARRAY(arena, double, grid->cells_count);
    double *numbers = ARENA_ARRAY(arena, double, grid->cells_count);
    for (size_t i = 0; i < grid->cells_count; i++) {
        if (layout->row_of[i] == row && layout->column_of[i] == column) {
            const char *name = node_get_text(grid->cells[i].point, axis, "-");
            size_t p = place(&points, &count, &capacity, name, arena);
            numbers[p] += 1;
            sums[p] += metric->values[i].present ? metric->values[i].value : NAN;
        }
    }
    size_t best = 0;
    bool known = true;
    for (size_t p = 0; p < count; p++) {
        double mean = sums[p] / numbers[p];
        double so_far = sums[best] / numbers[best];
        known = known && !isnan(mean);
        best = (metric->better == RESULTS_LOWER ? mean < so_far : mean > so_far) ? p : best;
    }
    for (size_t i = 0; i < grid->cells_count; i++) {
        if (known && layout->row_of[i] == row && layout->column_of[i] == column
            && strcmp(node_get_text(grid->cells[i].point, axis, "-"), points[best]) != 0) {
            layout->dropped[i] = points[best];
        }
    }
}

static bool take_best(
    struct layout *layout,
    struct results *results,
    const char *axis,
    const char *how,
    struct arena *arena,
    struct err *err)
{
    struct results_metric metric;
    const char *name = how + strlen("best(");
    if (!results_metric(
            results,
            layout->grid,
            arena_strndup(arena, name, strcspn(name, ")")),
            &metric,
            arena,
            err)) {
        return false;
    }
    for (size_t row = 0; row < layout->rows_count; row++) {
        for (size_t column = 0; column < layout->columns_count; column++) {
            keep_best(layout, &metric, axis, row, column, arena);
        }
    }
    return true;
}

/* Every other axis must be taken somehow: averaging one in silence would call it noise. */
static bool take_across(
    struct layout *layout, struct results *results, struct arena *arena, struct err *err)
{
    const struct node *across = node_get(layout->grid->compare, "across");
    const struct node *point =
        layout->grid->cells_count == 0 ? NULL : layout->grid->cells[0].point;
    for (size_t i = 0; point != NULL && i < point->map.count; i++) {
        const char *axis = point->map.entries[i].key;
        const char *how =
            node_get_text(across, axis, strcmp(axis, "seed") == 0 ? "mean" : NULL);
        if (is_row_axis(layout, axis)
            || (layout->column_axis != NULL && strcmp(axis, layout->column_axis) == 0)) {
            continue;
        }
        if (how == NULL) {
            (void)err_set(err, ERR_INPUT, "axis '%s' is neither rows nor columns", axis);
            return err_hint(err, "add it to the rows: --rows %s,%s", layout->row_axes[0], axis);
        }
        if (str_has_prefix(how, "best(")
            && !take_best(layout, results, axis, how, arena, err)) {
            return false;
        }
    }
    return true;
}

static bool find_baseline(
    const struct invocation *invocation, struct layout *layout, struct err *err)
{
    const struct node *wanted = node_get(layout->grid->compare, "baseline");
    const char *flag = config_text(invocation->flags, "baseline");
    struct arena *arena = invocation->arena;
    layout->baseline = SIZE_MAX;
    if (flag != NULL) {
        size_t axis = strcspn(flag, "=");
        struct node *map = node_map(arena);
        if (flag[axis] == '\0') {
            return err_set(
                err,
                ERR_INPUT,
                "--baseline wants AXIS=POINT, such as variant=raw, not '%s'",
                flag);
        }
        node_set(
            arena, map, arena_strndup(arena, flag, axis), node_string(arena, flag + axis + 1));
        wanted = map;
    }
    if (wanted == NULL || wanted->kind != NODE_MAP) {
        return true;
    }
    for (size_t i = 0; i < layout->grid->cells_count; i++) {
        bool fits = true;
        for (size_t e = 0; e < wanted->map.count; e++) {
            const struct node_entry *entry = &wanted->map.entries[e];
            const char *text = node_get_text(layout->grid->cells[i].point, entry->key, "-");
            const char *point = node_text(entry->value);
            fits = fits && is_row_axis(layout, entry->key) && point != NULL
                   && strcmp(text, point) == 0;
        }
        if (fits) {
            layout->baseline = layout->row_of[i];
            return true;
        }
    }
    return flag == NULL ? true : err_set(err, ERR_INPUT, "no row is '%s'", flag);
}

bool layout_make(
    const struct invocation *invocation,
    struct results *results,
    const struct results_grid *grid,
    struct layout *ret_layout,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct layout layout = {.grid = grid};
    layout.row_axes = config_list(invocation->flags, "rows", &layout.row_axes_count);
    if (layout.row_axes_count == 0) {
        layout.row_axes =
            text_list(node_get(grid->compare, "rows"), &layout.row_axes_count, arena);
    }
    if (layout.row_axes_count == 0) {
        layout.row_axes = default_rows(grid, arena);
        layout.row_axes_count = 1;
    }
    layout.column_axis = config_text(invocation->flags, "columns");
    if (layout.column_axis == NULL) {
        layout.column_axis =
            node_get_text(grid->compare, "columns", has_axis(grid, "scale") ? "scale" : NULL);
    }
    for (size_t i = 0; i < layout.row_axes_count; i++) {
        if (!check_axis(grid, layout.row_axes[i], err)) {
            return false;
        }
    }
    if (layout.column_axis != NULL
        && (is_row_axis(&layout, layout.column_axis)
            || !check_axis(grid, layout.column_axis, err))) {
        if (err->code != ERR_NONE) {
            return false;
        }
        layout.column_axis = NULL;
    }
    place_cells(&layout, arena);
    if (!find_baseline(invocation, &layout, err)
        || !take_across(&layout, results, arena, err)) {
        return false;
    }
    *ret_layout = layout;
    return true;
}

bool layout_metrics(
    const struct invocation *invocation,
    const struct results_grid *grid,
    const char *const **ret_metrics,
    size_t *ret_count,
    struct err *err)
{
    *ret_metrics = config_list(invocation->flags, "metric", ret_count);
    if (*ret_count == 0) {
        *ret_metrics =
            text_list(node_get(grid->compare, "metrics"), ret_count, invocation->arena);
    }
    if (*ret_count == 0) {
        (void)err_set(err, ERR_INPUT, "grid '%s' does not say what to compare", grid->name);
        return err_hint(err, "name a metric: --metric STAGE.NAME, such as eval.bpb");
    }
    return true;
}
