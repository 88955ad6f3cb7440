/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct config_key compare_keys[] = {
    {.name = "metric",
     .type = CONFIG_LIST,
     .help = "metrics to compare, instead of the grid's",
     .metavar = "STAGE.NAME"},
    {.name = "where",
     .type = CONFIG_LIST,
     .help = "these cells alone; an axis named twice: either point",
     .metavar = "AXIS=POINT"},
    {.name = "rows", .type = CONFIG_LIST, .help = "axes down", .metavar = "AXIS"},
    {.name = "columns", .type = CONFIG_STRING, .help = "axis across", .metavar = "AXIS"},
    {.name = "baseline",
     .type = CONFIG_LIST,
     .help = "the row that others are compared to; several axes: variant=raw,lr=2",
     .metavar = "AXIS=POINT"},
    {.name = "csv", .type = CONFIG_BOOL, .help = "print comma-separated values"},
    {0},
};

static void print_csv(const struct node *comparisons)
{
    static const char *const keys[] = {
        "n",
        "n_expected",
        "mean",
        "low",
        "high",
        "difference",
        "difference_low",
        "difference_high",
        "p",
        "verdict",
        "epochs",
        "why"};
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    str_append(&out, "metric,column,row");
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        str_appendf(&out, ",%s", keys[k]);
    }
    str_append(&out, "\n");
    for (size_t i = 0; i < comparisons->list.count; i++) {
        const struct node *comparison = comparisons->list.items[i];
        const struct node *rows = node_get(comparison, "rows");
        for (size_t r = 0; r < rows->list.count; r++) {
            csv_append(&out, node_get_text(comparison, "metric", ""));
            str_append(&out, ",");
            csv_append(&out, node_get_text(comparison, "column", ""));
            str_append(&out, ",");
            csv_append(&out, node_get_text(rows->list.items[r], "row", ""));
            for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                const struct node *value = node_get(rows->list.items[r], keys[k]);
                str_append(&out, ",");
                if (value->kind == NODE_STRING) {
                    csv_append(&out, node_text(value));
                } else if (value->kind != NODE_NULL) {
                    node_to_json(value, &out);
                }
            }
            str_append(&out, "\n");
        }
    }
    (void)fputs(out.data, stdout);
}

static void title(const struct results_grid *grid, const struct show *show)
{
    str_appendf(
        show->out,
        "%s%s%s (grid %" PRId64 ")%s\n",
        style_on(STYLE_BOLD, show->colour),
        grid->name,
        style_off(STYLE_BOLD, show->colour),
        grid->id,
        grid->finished ? "" : ", which still runs: rows without all their cells are N/A");
    if (!grid->decontaminate) {
        str_append(
            show->out,
            "decontamination is OFF in this grid: test documents may have been trained on\n");
    }
}

static void show_notes(const struct layout *layout, const struct show *show, struct node *body)
{
    struct node *list = node_list(show->arena);
    for (size_t i = 0; i < layout->notes_count; i++) {
        str_appendf(
            show->out,
            "%snote:%s %s\n",
            style_on(STYLE_LOOK, show->colour),
            style_off(STYLE_LOOK, show->colour),
            layout->notes[i]);
        node_push(show->arena, list, node_string(show->arena, layout->notes[i]));
    }
    node_set(show->arena, body, "notes", list);
}

static struct node *texts_node(struct arena *arena, const char *const *texts, size_t count)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        node_push(arena, list, node_string(arena, texts[i]));
    }
    return list;
}

/* Maps do not keep an order in JSON, so what has one is listed. */
static void describe(
    const struct layout *layout,
    const struct layout_wish *wish,
    struct node *body,
    struct arena *arena)
{
    const struct results_grid *grid = layout->grid;
    node_set(arena, body, "assay_compare", node_int(arena, 1));
    node_set(arena, body, "grid", node_int(arena, grid->id));
    node_set(arena, body, "name", node_string(arena, grid->name));
    node_set(arena, body, "finished", node_bool(arena, grid->finished));
    node_set(arena, body, "decontaminate", node_bool(arena, grid->decontaminate));
    node_set(arena, body, "axes", texts_node(arena, grid->axes, grid->axes_count));
    node_set(arena, body, "rows", texts_node(arena, layout->row_axes, layout->row_axes_count));
    node_set(
        arena,
        body,
        "columns",
        layout->column_axis == NULL ? node_null(arena)
                                    : node_string(arena, layout->column_axis));
    node_set(arena, body, "where", texts_node(arena, wish->where, wish->where_count));
}

static struct layout_wish wish_of(const struct invocation *invocation)
{
    const struct config *flags = invocation->flags;
    struct layout_wish wish = {.columns = config_text(flags, "columns")};
    wish.rows = config_list(flags, "rows", &wish.rows_count);
    wish.where = config_list(flags, "where", &wish.where_count);
    wish.baseline = config_list(flags, "baseline", &wish.baseline_count);
    return wish;
}

/* From --metric or the block. */
static bool choose_metrics(
    const struct invocation *invocation,
    const struct results_grid *grid,
    const char *const **ret_metrics,
    size_t *ret_count,
    struct err *err)
{
    *ret_metrics = config_list(invocation->flags, "metric", ret_count);
    if (*ret_count == 0) {
        *ret_metrics = layout_metrics(grid, ret_count, invocation->arena);
    }
    if (*ret_count == 0) {
        (void)err_set(err, ERR_INPUT, "grid '%s' does not say what to compare", grid->name);
        return err_hint(err, "name a metric: --metric STAGE.NAME, such as eval.bpb");
    }
    return true;
}

/* Numbers made by other versions or on other devices may differ for that alone. */
static bool warn_environments(
    struct results *results,
    const struct results_grid *grid,
    const struct show *show,
    struct node *body,
    struct err *err)
{
    struct results_environment *rows = NULL;
    size_t count = 0;
    struct node *list = node_list(show->arena);
    if (!results_environments(results, grid, &rows, &count, show->arena, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct node *entry = node_map(show->arena);
        node_set(show->arena, entry, "stage", node_string(show->arena, rows[i].stage));
        node_set(show->arena, entry, "environment", node_string(show->arena, rows[i].text));
        node_set(show->arena, entry, "tasks", node_int(show->arena, rows[i].tasks));
        node_push(show->arena, list, entry);
        bool first = i == 0 || strcmp(rows[i].stage, rows[i - 1].stage) != 0;
        bool only = first && (i + 1 == count || strcmp(rows[i].stage, rows[i + 1].stage) != 0);
        if (first && !only) {
            str_appendf(
                show->out,
                "\n%swarning:%s tasks of stage '%s' ran in different environments\n",
                style_on(STYLE_LOOK, show->colour),
                style_off(STYLE_LOOK, show->colour),
                rows[i].stage);
        }
        if (!only) {
            str_appendf(show->out, "  %" PRId64 " on %s\n", rows[i].tasks, rows[i].text);
        }
    }
    node_set(show->arena, body, "environments", list);
    return true;
}

/* Every metric at every column. */
static bool compare_all(
    const struct invocation *invocation,
    struct results *results,
    const struct layout *layout,
    const struct show *show,
    struct node *list,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *const *metrics = NULL;
    size_t count = 0;
    struct results_metric epochs;
    const char *stage = NULL;
    if (!choose_metrics(invocation, layout->grid, &metrics, &count, err)
        || !results_stage_of(results, layout->grid, "epochs", &stage, arena, err)) {
        return false;
    }
    bool counted = stage != NULL;
    if (counted
        && !results_metric(
            results,
            layout->grid,
            arena_printf(arena, "%s.epochs", stage),
            &epochs,
            arena,
            err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct results_metric metric;
        if (!results_metric(results, layout->grid, metrics[i], &metric, arena, err)) {
            return false;
        }
        for (size_t column = 0; column < layout->columns_count; column++) {
            struct comparison comparison;
            comparison_make(
                layout, &metric, counted ? &epochs : NULL, column, &comparison, arena);
            comparison_show(layout, &comparison, show);
            node_push(arena, list, comparison_node(layout, &comparison, arena));
        }
    }
    return true;
}

static enum exit_status compare_run(const struct invocation *invocation, struct err *err)
{
    struct arena *arena = invocation->arena;
    CLEANUP(results_cleanup) struct results *results = NULL;
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    struct show show = {
        .arena = arena,
        .out = &out,
        .colour = invocation->colour_out,
        .columns = isatty(STDOUT_FILENO) != 0 ? text_columns(STDOUT_FILENO) : 0,
    };
    struct results_grid grid;
    struct layout layout;
    const struct layout_wish wish = wish_of(invocation);
    struct node *body = node_map(arena);
    struct node *list = node_list(arena);
    const char *name = invocation->count == 0 ? NULL : invocation->arguments[0];
    if (!reading_open(invocation, READING_MS, &results, err)
        || !results_grid(results, name, &grid, arena, err)
        || !layout_make(&wish, &grid, arena, &layout, err)) {
        return exit_status_of(err);
    }
    title(&grid, &show);
    show_notes(&layout, &show, body);
    describe(&layout, &wish, body, arena);
    if (!compare_all(invocation, results, &layout, &show, list, err)
        || !warn_environments(results, &grid, &show, body, err)) {
        return exit_status_of(err);
    }
    if (config_bool(invocation->flags, "csv")) {
        print_csv(list);
        return EXIT_OK;
    }
    node_set(arena, body, "comparisons", list);
    if (!funnel_show(invocation, results, &grid, &show, body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
    } else {
        (void)fputs(out.data, stdout);
    }
    return EXIT_OK;
}

const struct command command_compare = {
    .name = "compare",
    .arguments = "[GRID]",
    .about = "which variant is better, by how much, and how sure that is",
    .help =
        "Means over seeds with 95 % intervals, from the noise between seeds pooled over all rows; "
        "differences to the baseline with t intervals. A row is better or worse when its interval "
        "leaves out zero, else undecided; a row that lacks a cell is N/A and says why. Below: what "
        "each step of curation kept, and samples of what it removed.\n\n"
        "Without GRID the newest one. Rows, columns, baseline and metrics are those of the grid's "
        "compare block unless flags say otherwise. --where scale=cpu-xs keeps the cells of that "
        "point, of seeds too: --where seed=1. A baseline that does not name every axis of the "
        "rows is one row for each point of the others; one that names the column's axis is for "
        "that column alone.\n\n"
        "Not in force yet, and said so where a grid has them: across with best(...), margin, "
        "promote, check.",
    .arguments_max = 1,
    .keys = compare_keys,
    .json = true,
    .run = compare_run,
};
