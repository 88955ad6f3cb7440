/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/standing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/reading.h"
#include "common/base/clock.h"

#define READ_MS      UINT64_C(1000)  /* between two reads, however fast cells come */
#define AWAY_MS      UINT64_C(10000) /* before a database that was away is tried again */
#define TIMEOUT_MS   UINT64_C(2000)  /* of a statement: a live view must not stand still */
#define LINE_ROWS    8
#define COLUMNS_SHOW 8

struct standing {
    struct arena *arena;
    const struct invocation *invocation;
    const char *name;
    struct results *results; /* NULL: not open */
    struct results_grid grid;
    struct layout layout;
    struct results_metric metric;
    bool laid_out;
    bool hopeless;       /* the grid does not say what to compare: never asked again */
    int64_t done;        /* tasks of the metric's stage at the last read */
    uint64_t read_at_ms; /* the earliest time for the next one */
};

struct standing *standing_create(const struct invocation *invocation, const char *grid)
{
    struct standing *standing = xmalloc(sizeof(*standing));
    *standing =
        (struct standing){.arena = arena_create(), .invocation = invocation, .name = grid};
    return standing;
}

void standing_destroy(struct standing *standing)
{
    if (standing != NULL) {
        results_close(standing->results);
        arena_destroy(standing->arena);
        free(standing);
    }
}

void standing_cleanup(struct standing **standing)
{
    standing_destroy(*standing);
    *standing = NULL;
}

/* --- Reading --- */

static void lose(struct standing *standing, const struct err *err)
{
    bool away = err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT;
    results_close(standing->results);
    standing->results = NULL;
    standing->hopeless = !away;
    standing->read_at_ms = clock_monotonic_ms() + AWAY_MS;
}

static bool lay_out(struct standing *standing, struct err *err)
{
    static const struct layout_wish as_the_grid_says;
    struct arena *arena = standing->arena;
    size_t count = 0;
    if (standing->laid_out) {
        return true;
    }
    if (!results_grid(standing->results, standing->name, &standing->grid, arena, err)) {
        return false;
    }
    const char *const *metrics = layout_metrics(&standing->grid, &count, arena);
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "the grid does not say what to compare");
    }
    standing->laid_out =
        layout_make(&as_the_grid_says, &standing->grid, arena, &standing->layout, err)
        && results_metric_find(
            standing->results, &standing->grid, metrics[0], &standing->metric, arena, err);
    return standing->laid_out;
}

static int64_t done_of(const struct node *body, const char *stage)
{
    const struct node *stages = node_get(body, "stages");
    for (size_t i = 0; stages != NULL && i < stages->list.count; i++) {
        if (strcmp(node_get_text(stages->list.items[i], "stage", ""), stage) == 0) {
            return node_get_int(node_get(stages->list.items[i], "counts"), "done", 0);
        }
    }
    return 0;
}

bool standing_refresh(struct standing *standing, const struct node *body)
{
    uint64_t now = clock_monotonic_ms();
    struct err err = {0};
    if (standing->hopeless || now < standing->read_at_ms) {
        return false;
    }
    if ((standing->results == NULL
         && !reading_open(standing->invocation, TIMEOUT_MS, &standing->results, &err))
        || !lay_out(standing, &err)) {
        lose(standing, &err);
        return false;
    }
    int64_t done = done_of(body, standing->metric.stage);
    size_t present = standing->metric.present;
    if (done == standing->done) {
        return false;
    }
    if (!results_metric_refresh(
            standing->results, &standing->grid, &standing->metric, standing->arena, &err)) {
        lose(standing, &err);
        return false;
    }
    standing->done = done;
    standing->read_at_ms = clock_monotonic_ms() + READ_MS;
    return standing->metric.present != present;
}

/* --- Sums --- */

struct seen {
    const char *key;
    UT_hash_handle hh;
};

/* Tasks count once in a row and column: cells that share one were measured once. */
static bool is_first(struct seen **table, struct arena *arena, size_t place, const char *point)
{
    const char *key = arena_printf(arena, "%zu %s", place, point);
    struct seen *seen = NULL;
    HASH_FIND_STR(*table, key, seen);
    if (seen != NULL) {
        return false;
    }
    seen = ARENA_NEW(arena, struct seen);
    seen->key = key;
    HASH_ADD_KEYPTR(hh, *table, seen->key, strlen(seen->key), seen);
    return true;
}

struct standing_place *standing_sum(
    const struct layout *layout, const struct results_metric *metric, struct arena *arena)
{
    struct seen *table = NULL;
    if (metric->places == NULL) {
        return NULL;
    }
    struct standing_place *places = ARENA_ARRAY(
        arena, struct standing_place, layout->rows_count * layout->columns_count + 1);
    for (size_t i = 0; i < layout->grid->cells_count; i++) {
        if (!layout->stands[i]) {
            continue;
        }
        size_t at = layout->row_of[i] * layout->columns_count + layout->column_of[i];
        if (!is_first(&table, arena, at, metric->places[i])) {
            continue;
        }
        places[at].expected++;
        if (metric->values[i].present) {
            places[at].present++;
            places[at].sum += metric->values[i].value;
        }
    }
    HASH_CLEAR(hh, table);
    return places;
}

static const char *mean_text(const struct standing_place *place, struct arena *arena)
{
    double mean = place->sum / (double)place->present;
    return place->present == 0 ? "" : text_real(arena, mean, mean, false);
}

/* --- Showing --- */

static void add_headings(
    struct table *table, const struct layout *layout, const char *metric, size_t columns)
{
    table_left(table, layout->row_axes[0]);
    for (size_t c = 0; c < columns; c++) {
        table_right(table, layout->column_axis == NULL ? metric : layout->columns[c]);
        table_left(table, "");
    }
}

void standing_table(
    const struct layout *layout,
    const struct results_metric *metric,
    const struct show *show,
    size_t rows_max)
{
    static const char *const directions[] = {", lower is better", ", higher is better", ""};
    struct standing_place *places = standing_sum(layout, metric, show->arena);
    if (places == NULL || rows_max == 0) {
        return;
    }
    size_t columns =
        layout->columns_count < COLUMNS_SHOW ? layout->columns_count : COLUMNS_SHOW;
    size_t rows = layout->rows_count < rows_max ? layout->rows_count : rows_max;
    const char *name = arena_printf(show->arena, "%s.%s", metric->stage, metric->name);
    struct table table;
    table_init(&table, show->arena);
    add_headings(&table, layout, name, columns);
    for (size_t row = 0; row < rows; row++) {
        table_add(&table, STYLE_PLAIN, layout->rows[row]);
        for (size_t c = 0; c < columns; c++) {
            const struct standing_place *place = &places[row * layout->columns_count + c];
            bool whole = place->present == place->expected;
            table_add(&table, whole ? STYLE_PLAIN : STYLE_DIM, mean_text(place, show->arena));
            table_addf(&table, STYLE_DIM, "%zu/%zu", place->present, place->expected);
        }
    }
    str_appendf(
        show->out,
        "%sso far%s %s (%s%s), mean of the cells done\n",
        style_on(STYLE_BOLD, show->colour),
        style_off(STYLE_BOLD, show->colour),
        name,
        metric->unit,
        directions[metric->better]);
    table_render(&table, "  ", show->columns, show->colour, show->out);
    if (rows < layout->rows_count) {
        str_appendf(show->out, "  ... and %zu more rows\n", layout->rows_count - rows);
    }
}

void standing_show(const struct standing *standing, const struct show *show, size_t rows_max)
{
    if (standing->laid_out && standing->metric.present > 0) {
        standing_table(&standing->layout, &standing->metric, show, rows_max);
    }
}

void standing_lines(const struct standing *standing, const char *prefix, struct str *out)
{
    const struct layout *layout = &standing->layout;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    struct standing_place *places =
        standing->laid_out ? standing_sum(layout, &standing->metric, arena) : NULL;
    for (size_t c = 0; places != NULL && c < layout->columns_count; c++) {
        size_t shown = 0;
        size_t present = 0;
        for (size_t row = 0; row < layout->rows_count; row++) {
            const struct standing_place *place = &places[row * layout->columns_count + c];
            present += place->present > 0;
            if (place->present == 0 || shown == LINE_ROWS) {
                continue;
            }
            if (shown == 0) {
                str_appendf(
                    out,
                    "%s%s.%s%s%s:",
                    prefix,
                    standing->metric.stage,
                    standing->metric.name,
                    layout->column_axis == NULL ? "" : " ",
                    layout->columns[c]);
            }
            str_appendf(
                out,
                "%s %s %s (%zu/%zu)",
                shown == 0 ? "" : ",",
                layout->rows[row],
                mean_text(place, arena),
                place->present,
                place->expected);
            shown++;
        }
        if (shown > 0 && present > shown) {
            str_appendf(out, ", and %zu more", present - shown);
        }
        str_append(out, shown > 0 ? "\n" : "");
    }
}
