/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/compare.h"

static bool stands_in(const struct layout *layout, size_t cell, size_t row, size_t column)
{
    return layout->stands[cell] && layout->row_of[cell] == row
           && layout->column_of[cell] == column;
}

/* True when an earlier cell of the same row and column has brought the task in: a stage that is
 * not over the seed was measured once, not once per seed. */
static bool counted_before(
    const struct layout *layout,
    const struct results_metric *metric,
    size_t cell,
    size_t row,
    size_t column)
{
    const char *task = metric->values[cell].task;
    for (size_t i = 0; task != NULL && i < cell; i++) {
        if (stands_in(layout, i, row, column) && metric->values[i].task != NULL
            && strcmp(metric->values[i].task, task) == 0) {
            return true;
        }
    }
    return false;
}

/* The same work under two names, seed by seed. */
static bool same_run(
    const struct layout *layout,
    const struct results_metric *metric,
    size_t row,
    size_t other,
    size_t column)
{
    size_t base = 0;
    size_t count = layout->grid->cells_count;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!stands_in(layout, i, row, column)) {
            continue;
        }
        while (base < count && !stands_in(layout, base, other, column)) {
            base++;
        }
        const char *key = metric->values[i].key;
        if (base == count || key == NULL || metric->values[base].key == NULL
            || strcmp(key, metric->values[base].key) != 0) {
            return false;
        }
        base++;
        any = true;
    }
    return any;
}

static void fill_row(
    const struct layout *layout,
    struct comparison *comparison,
    const struct results_metric *epochs,
    size_t row,
    size_t column,
    struct arena *arena)
{
    const struct results_metric *metric = comparison->metric;
    struct compare_row *out = &comparison->stats.rows[row];
    double *values = ARENA_ARRAY(arena, double, layout->grid->cells_count);
    double sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < layout->grid->cells_count; i++) {
        if (!stands_in(layout, i, row, column)
            || counted_before(layout, metric, i, row, column)) {
            continue;
        }
        out->values_expected++;
        if (metric->values[i].present) {
            values[out->values_count++] = metric->values[i].value;
        } else if (comparison->why[row] == NULL) {
            comparison->why[row] = metric->values[i].why;
        }
        if (epochs != NULL && epochs->values[i].present) {
            sum += epochs->values[i].value;
            known++;
        }
    }
    out->values = values;
    comparison->epochs[row] = known == 0 ? NAN : sum / (double)known;
    if (out->values_expected == 0) {
        out->values_expected = 1; /* nothing was asked for: N/A, not a mean of nothing */
        comparison->why[row] = "not in this grid";
    }
}

void comparison_make(
    const struct layout *layout,
    struct results_metric *metric,
    const struct results_metric *epochs,
    size_t column,
    struct comparison *ret_comparison,
    struct arena *arena)
{
    *ret_comparison = (struct comparison){
        .metric = metric,
        .column = layout->columns[column],
        .why = ARENA_ARRAY(arena, const char *, layout->rows_count),
        .epochs = ARENA_ARRAY(arena, double, layout->rows_count),
        .stats =
            {.rows = ARENA_ARRAY(arena, struct compare_row, layout->rows_count),
             .rows_count = layout->rows_count,
             .lower_is_better = metric->better == RESULTS_LOWER,
             .confidence = 0.95},
    };
    bool judged = layout->baseline_column == NULL
                  || strcmp(layout->baseline_column, layout->columns[column]) == 0;
    for (size_t row = 0; row < layout->rows_count; row++) {
        fill_row(layout, ret_comparison, epochs, row, column, arena);
        struct compare_row *out = &ret_comparison->stats.rows[row];
        out->baseline = judged ? layout->baselines[row] : COMPARE_NO_ROW;
        out->same_run = out->baseline != COMPARE_NO_ROW && out->baseline != row
                        && same_run(layout, metric, row, out->baseline, column);
        for (size_t earlier = 0; earlier < row && !out->repeat; earlier++) {
            out->repeat = same_run(layout, metric, row, earlier, column);
        }
    }
    compare_column(&ret_comparison->stats);
    ret_comparison->sentence =
        metric->better == RESULTS_NEITHER
            ? "neither direction is better"
            : compare_sentence(&ret_comparison->stats, layout->rows, arena);
}

static const char *interval(
    struct arena *arena, double low, double high, double size, bool sign)
{
    return isnan(low) || isnan(high) ? ""
                                     : arena_printf(
                                         arena,
                                         "%s .. %s",
                                         text_real(arena, low, size, sign),
                                         text_real(arena, high, size, sign));
}

static enum style verdict_style(enum compare_verdict verdict)
{
    switch (verdict) {
    case COMPARE_BETTER:
        return STYLE_GOOD;
    case COMPARE_WORSE:
        return STYLE_BAD;
    case COMPARE_MISSING:
        return STYLE_LOOK;
    case COMPARE_NONE:
    case COMPARE_UNDECIDED:
    case COMPARE_UNKNOWN:
    case COMPARE_SAME_RUN:
        break;
    }
    return STYLE_DIM;
}

static void add_row(
    struct table *table, const struct comparison *comparison, const char *name, size_t index)
{
    struct arena *arena = table->arena;
    const struct compare_row *row = &comparison->stats.rows[index];
    bool judged =
        row->baseline != COMPARE_NO_ROW && comparison->metric->better != RESULTS_NEITHER;
    double size = row->mean;
    table_add(table, row->best ? STYLE_BOLD : STYLE_PLAIN, name);
    if (row->missing) {
        table_addf(table, STYLE_LOOK, "%zu/%zu", row->values_count, row->values_expected);
        table_add(table, STYLE_LOOK, "N/A");
        for (size_t i = 0; i < 3; i++) {
            table_add(table, STYLE_PLAIN, "");
        }
    } else {
        table_addf(table, STYLE_PLAIN, "%zu", row->values_count);
        table_add(
            table,
            row->best ? STYLE_BOLD : STYLE_PLAIN,
            text_real(arena, row->mean, size, false));
        table_add(table, STYLE_DIM, interval(arena, row->low, row->high, size, false));
        table_add(table, STYLE_PLAIN, text_real(arena, row->difference, size, true));
        table_add(table, STYLE_DIM, interval(arena, row->diff_low, row->diff_high, size, true));
    }
    table_add(
        table,
        verdict_style(row->verdict),
        judged || row->missing ? compare_verdict_name(row->verdict) : "");
    table_add(
        table,
        STYLE_PLAIN,
        isnan(comparison->epochs[index])
            ? ""
            : arena_printf(arena, "%.2f", comparison->epochs[index]));
    table_add(table, STYLE_DIM, comparison->why[index]);
}

void comparison_show(
    const struct layout *layout, const struct comparison *comparison, const struct show *show)
{
    static const char *const directions[] = {", lower is better", ", higher is better", ""};
    const struct results_metric *metric = comparison->metric;
    const struct compare_column *stats = &comparison->stats;
    str_appendf(
        show->out,
        "\n%s%s.%s%s (%s%s)",
        style_on(STYLE_BOLD, show->colour),
        metric->stage,
        metric->name,
        style_off(STYLE_BOLD, show->colour),
        metric->unit,
        directions[metric->better]);
    if (layout->column_axis != NULL) {
        str_appendf(show->out, ", %s %s", layout->column_axis, comparison->column);
    }
    str_append(show->out, "\n");
    struct table table;
    table_init(&table, show->arena);
    table_left(&table, layout->row_axes[0]);
    table_right(&table, "N");
    table_right(&table, "MEAN");
    table_right(&table, "95 %");
    table_right(
        &table,
        layout->baseline == NULL ? "TO BASELINE"
                                 : arena_printf(show->arena, "TO %s", layout->baseline));
    table_right(&table, "95 %");
    table_left(&table, "VERDICT");
    table_right(&table, "EPOCHS");
    table_left(&table, "WHY");
    for (size_t i = 0; i < stats->rows_count; i++) {
        add_row(&table, comparison, layout->rows[i], i);
    }
    table_render(&table, "  ", show->columns, show->colour, show->out);
    if (isnan(stats->seed_sd)) {
        str_append(show->out, "  seed sd unknown: no row has two seeds");
    } else {
        str_appendf(show->out, "  seed sd %.4g (df %zu)", stats->seed_sd, stats->df);
    }
    str_appendf(show->out, "; %s\n", comparison->sentence);
}

static void set_real(struct arena *arena, struct node *map, const char *key, double value)
{
    node_set(arena, map, key, isnan(value) ? node_null(arena) : node_real(arena, value));
}

static struct node *text_or_null(struct arena *arena, const char *text)
{
    return text == NULL ? node_null(arena) : node_string(arena, text);
}

static struct node *row_node(
    const struct layout *layout,
    const struct comparison *comparison,
    size_t index,
    struct arena *arena)
{
    const struct compare_row *row = &comparison->stats.rows[index];
    struct node *node = node_map(arena);
    struct node *values = node_list(arena);
    for (size_t i = 0; i < row->values_count; i++) {
        node_push(arena, values, node_real(arena, row->values[i]));
    }
    bool compared = row->baseline != COMPARE_NO_ROW;
    node_set(arena, node, "row", node_string(arena, layout->rows[index]));
    node_set(arena, node, "point", node_clone(arena, layout->row_points[index]));
    node_set(
        arena,
        node,
        "baseline",
        text_or_null(arena, compared ? layout->rows[row->baseline] : NULL));
    node_set(arena, node, "n", node_int(arena, (int64_t)row->values_count));
    node_set(arena, node, "n_expected", node_int(arena, (int64_t)row->values_expected));
    node_set(arena, node, "values", values);
    set_real(arena, node, "mean", row->missing ? NAN : row->mean);
    set_real(arena, node, "low", row->missing ? NAN : row->low);
    set_real(arena, node, "high", row->missing ? NAN : row->high);
    set_real(arena, node, "difference", row->difference);
    set_real(arena, node, "difference_low", row->diff_low);
    set_real(arena, node, "difference_high", row->diff_high);
    set_real(arena, node, "p", row->p);
    bool judged = compared || row->verdict != COMPARE_NONE;
    node_set(
        arena,
        node,
        "verdict",
        text_or_null(arena, judged ? compare_verdict_name(row->verdict) : NULL));
    node_set(arena, node, "best", node_bool(arena, row->best));
    node_set(arena, node, "tied_with_best", node_bool(arena, row->tied_with_best));
    set_real(arena, node, "epochs", comparison->epochs[index]);
    node_set(arena, node, "why", text_or_null(arena, comparison->why[index]));
    return node;
}

struct node *comparison_node(
    const struct layout *layout, const struct comparison *comparison, struct arena *arena)
{
    static const char *const directions[] = {"lower", "higher", "neither"};
    const struct results_metric *metric = comparison->metric;
    const struct compare_column *stats = &comparison->stats;
    struct node *node = node_map(arena);
    struct node *rows = node_list(arena);
    for (size_t i = 0; i < stats->rows_count; i++) {
        node_push(arena, rows, row_node(layout, comparison, i, arena));
    }
    node_set(
        arena,
        node,
        "metric",
        node_string(arena, arena_printf(arena, "%s.%s", metric->stage, metric->name)));
    node_set(arena, node, "unit", node_string(arena, metric->unit));
    node_set(arena, node, "better", node_string(arena, directions[metric->better]));
    node_set(arena, node, "column", node_string(arena, comparison->column));
    set_real(arena, node, "seed_sd", stats->seed_sd);
    node_set(arena, node, "df", node_int(arena, (int64_t)stats->df));
    set_real(arena, node, "signal_to_noise", stats->signal_to_noise);
    node_set(arena, node, "sentence", node_string(arena, comparison->sentence));
    node_set(arena, node, "rows", rows);
    return node;
}
