/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of one grid: its cells, a metric at each of them, what curation left. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/results/results.h"

/* Views and tables of coordinator/schema. */
static const char grid_sql[] =
    "SELECT grid_id, name, about, state = 2, decontaminate, compare, grid_text FROM grid"
    " WHERE $1::text IS NULL OR name = $1 OR grid_id::text = $1"
    " ORDER BY grid_id::text = $1 DESC, grid_id DESC LIMIT 1";

static const char cells_sql[] =
    "SELECT cell, point FROM grid_cell WHERE grid_id = $1::int ORDER BY cell";

static const char metric_sql[] =
    "SELECT better, unit, take FROM grid_metric WHERE grid_id = $1::int AND stage = $2"
    " AND name = $3";

/* One row per task of the stage that changed since $5; the range of ids is what the primary key
 * can find. Two tasks may change in the same instant, so the last one is read again. */
static const char values_sql[] =
    "SELECT t.task_id, t.point, encode(t.key, 'hex'), v.value,"
    "       max(t.changed_at) OVER () FROM task t"
    "  JOIN result r ON r.key = t.key AND r.current"
    "  JOIN LATERAL (SELECT CASE $4::int WHEN 1 THEN min(m.value) WHEN 2 THEN max(m.value)"
    "         WHEN 3 THEN avg(m.value)"
    "         ELSE (array_agg(m.value ORDER BY m.step DESC, m.position DESC))[1] END AS value"
    "       FROM metric m WHERE m.attempt_id = r.attempt_id"
    "        AND m.name_id = (SELECT name_id FROM metric_name WHERE name = $3)"
    "        AND m.tag_id = (SELECT tag_id FROM metric_tag WHERE tag = '')) v"
    "    ON v.value IS NOT NULL"
    " WHERE t.task_id >= $1::int8 << 32 AND t.task_id < ($1::int8 + 1) << 32"
    "   AND t.stage = $2 AND NOT t.helper AND t.state = 5"
    "   AND ($5::timestamptz IS NULL OR t.changed_at >= $5::timestamptz)"
    " ORDER BY t.task_id";

/* Tasks that are not done, the most telling first: a failure before what waits for it; reason 6
 * is a skip by a decision (infeasible), 7 one that follows another, 9 a helper that nobody
 * needs. */
static const char why_sql[] =
    "SELECT t.point, CASE WHEN t.reason = 6 THEN 'infeasible' ELSE s.word END, t.name, t.detail"
    "  FROM task t JOIN task_state s ON s.code = t.state"
    " WHERE t.task_id >= $1::int8 << 32 AND t.task_id < ($1::int8 + 1) << 32"
    "   AND s.word <> 'done' AND t.reason <> 9 AND (NOT t.helper OR s.word = 'failed')"
    " ORDER BY s.word <> 'failed', t.reason = 7, s.word = 'running', t.task_id";

static const char environments_sql[] =
    "SELECT t.stage, g.tag, count(DISTINCT t.task_id) FROM task t"
    "  JOIN result r ON r.key = t.key AND r.current"
    "  JOIN metric m ON m.attempt_id = r.attempt_id"
    "  JOIN metric_name n ON n.name_id = m.name_id AND n.name = 'environment'"
    "  JOIN metric_tag g ON g.tag_id = m.tag_id"
    " WHERE t.task_id >= $1::int8 << 32 AND t.task_id < ($1::int8 + 1) << 32"
    "   AND t.state = 5 AND NOT t.helper"
    " GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2";

static const char funnel_sql[] =
    "WITH steps AS ("
    "  SELECT r.task_id, r.stage, r.point, r.tag, r.step,"
    "         max(value) FILTER (WHERE metric = 'documents') AS documents,"
    "         max(value) FILTER (WHERE metric = 'bytes') AS bytes"
    "    FROM results r WHERE r.grid_id = $1::int AND r.tag <> ''"
    "     AND r.stage IN (SELECT stage FROM results WHERE grid_id = $1::int AND tag = 'pool'"
    "                        AND metric = 'documents')"
    "   GROUP BY 1, 2, 3, 4, 5),"
    " tokens AS ("
    "  SELECT point, tag, step, max(value) AS tokens FROM results"
    "   WHERE grid_id = $1::int AND metric = 'tokens' AND tag <> '' GROUP BY 1, 2, 3)"
    " SELECT s.point, s.stage, t.name, s.tag, s.documents, s.bytes, k.tokens"
    "   FROM steps s JOIN task t ON t.task_id = s.task_id"
    "   LEFT JOIN tokens k ON k.point = s.point AND k.tag = s.tag AND k.step = s.step"
    "  ORDER BY s.task_id, s.step";

static bool parse(
    const char *text, struct arena *arena, const struct node **ret_node, struct err *err)
{
    struct node *node = NULL;
    if (text != NULL && !node_parse_json(text, strlen(text), arena, &node, NULL, err)) {
        return err_wrap(err, "stored JSON");
    }
    *ret_node = node;
    return true;
}

static int64_t integer(const char *text)
{
    int64_t value = 0;
    return text != NULL && str_to_i64(text, &value) ? value : 0;
}

static double real(const char *text)
{
    double value = 0;
    return text != NULL && str_to_double(text, &value) ? value : NAN;
}

static bool is_true(const char *text)
{
    return text != NULL && text[0] == 't';
}

static bool no_grid(
    struct results *results, const char *name, struct arena *arena, struct err *err)
{
    struct results_rows rows;
    if (!results_query(results, "SELECT DISTINCT name FROM grid", NULL, 0, &rows, arena, err)) {
        return false;
    }
    if (name == NULL || rows.count == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no grid yet");
        return err_hint(err, "assay submit FILE starts one");
    }
    const char *nearest = str_nearest(name, rows.cells, rows.count);
    (void)err_set(err, ERR_NOT_FOUND, "there is no grid '%s'", name);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest)
                           : err_hint(err, "assay ls lists them");
}

static bool read_cells(
    struct results *results, struct results_grid *grid, struct arena *arena, struct err *err)
{
    struct results_rows rows;
    const char *parameters[] = {arena_printf(arena, "%" PRId64, grid->id)};
    if (!results_query(results, cells_sql, parameters, 1, &rows, arena, err)) {
        return false;
    }
    grid->cells = ARENA_ARRAY(arena, struct results_cell, rows.count);
    grid->cells_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        grid->cells[i].cell = integer(results_cell(&rows, i, 0));
        if (!parse(results_cell(&rows, i, 1), arena, &grid->cells[i].point, err)) {
            return false;
        }
    }
    return true;
}

/* A file that this version cannot read any more costs the order of axes, and no more. */
static void read_file(struct results_grid *grid, const char *text, struct arena *arena)
{
    struct node *node = NULL;
    struct err ignored = {0};
    if (text != NULL && node_parse_yaml(text, strlen(text), arena, &node, NULL, &ignored)) {
        grid->file = node;
    }
}

/* The database keeps points without an order of their axes: that is the grid file's. */
static void name_axes(struct results_grid *grid, struct arena *arena)
{
    const struct node *point = grid->cells_count == 0 ? NULL : grid->cells[0].point;
    const struct node *axes = node_get(grid->file, "axes");
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t i = 0; axes != NULL && axes->kind == NODE_MAP && i < axes->map.count; i++) {
        if (node_get(point, axes->map.entries[i].key) != NULL) {
            ARENA_PUSH(arena, names, count, capacity, axes->map.entries[i].key);
        }
    }
    if (point != NULL && count < point->map.count) {
        count = 0;
        for (size_t i = 0; i < point->map.count; i++) {
            ARENA_PUSH(arena, names, count, capacity, point->map.entries[i].key);
        }
    }
    grid->axes = names;
    grid->axes_count = count;
}

bool results_grid(
    struct results *results,
    const char *name,
    struct results_grid *ret_grid,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    if (!results_query(results, grid_sql, &name, 1, &rows, arena, err)) {
        return false;
    }
    if (rows.count == 0) {
        return no_grid(results, name, arena, err);
    }
    *ret_grid = (struct results_grid){
        .id = integer(results_cell(&rows, 0, 0)),
        .name = results_cell(&rows, 0, 1),
        .about = results_cell(&rows, 0, 2),
        .finished = is_true(results_cell(&rows, 0, 3)),
        .decontaminate = is_true(results_cell(&rows, 0, 4)),
    };
    read_file(ret_grid, results_cell(&rows, 0, 6), arena);
    if (!parse(results_cell(&rows, 0, 5), arena, &ret_grid->compare, err)
        || !read_cells(results, ret_grid, arena, err)) {
        return false;
    }
    name_axes(ret_grid, arena);
    return true;
}

/* A point of fewer axes belongs to every cell that has its points. */
static bool contains(const struct node *cell, const struct node *point)
{
    for (size_t i = 0; point != NULL && i < point->map.count; i++) {
        const struct node_entry *entry = &point->map.entries[i];
        if (!node_equal(node_get(cell, entry->key), entry->value)) {
            return false;
        }
    }
    return point != NULL;
}

/* What keeps the cells without a value from having one. */
static bool read_reasons(
    struct results *results,
    const struct results_grid *grid,
    struct results_metric *metric,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    const char *parameters[] = {arena_printf(arena, "%" PRId64, grid->id)};
    if (metric->present == grid->cells_count) {
        return true;
    }
    if (!results_query(results, why_sql, parameters, 1, &rows, arena, err)) {
        return false;
    }
    for (size_t i = 0; i < rows.count; i++) {
        const struct node *point = NULL;
        const char *word = results_cell(&rows, i, 1);
        const char *detail = results_cell(&rows, i, 3);
        const char *why = detail[0] == '\0'
                              ? arena_printf(arena, "%s is %s", results_cell(&rows, i, 2), word)
                              : arena_printf(arena, "%s: %s", word, detail);
        if (!parse(results_cell(&rows, i, 0), arena, &point, err)) {
            return false;
        }
        for (size_t c = 0; c < grid->cells_count; c++) {
            struct results_value *value = &metric->values[c];
            if (!value->present && value->why == NULL
                && contains(grid->cells[c].point, point)) {
                value->why = why;
            }
        }
    }
    for (size_t c = 0; c < grid->cells_count; c++) {
        if (!metric->values[c].present && metric->values[c].why == NULL) {
            metric->values[c].why = grid->finished ? "not measured" : "not done yet";
        }
    }
    return true;
}

static bool declared(
    struct results *results,
    const char *const *parameters,
    struct results_metric *metric,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    if (!results_query(results, metric_sql, parameters, 3, &rows, arena, err)) {
        return false;
    }
    if (rows.count == 0) {
        (void)err_set(
            err,
            ERR_NOT_FOUND,
            "no program of this grid declares metric '%s.%s'",
            metric->stage,
            metric->name);
        if (!results_query(
                results,
                "SELECT stage || '.' || name FROM grid_metric WHERE grid_id = $1::int",
                parameters,
                1,
                &rows,
                arena,
                NULL)) {
            return false;
        }
        const char *nearest = str_nearest(
            arena_printf(arena, "%s.%s", metric->stage, metric->name), rows.cells, rows.count);
        return err_hint(
            err,
            "%s%s",
            nearest == NULL ? "metrics are named STAGE.NAME, such as eval.bpb" : "nearest: ",
            nearest == NULL ? "" : nearest);
    }
    metric->better = (enum results_better)integer(results_cell(&rows, 0, 0));
    metric->unit = results_cell(&rows, 0, 1);
    metric->take = results_cell(&rows, 0, 2);
    return true;
}

/* --- Values at cells --- */

struct entry {
    const char *id; /* canonical text of a task's point */
    size_t row;
    UT_hash_handle hh;
};

/* The cell's points of those axes that the stage is over. */
static const char *point_id(
    const struct node *cell, const struct node *axes, struct arena *arena)
{
    struct node *point = node_map(arena);
    for (size_t i = 0; i < axes->map.count; i++) {
        struct node *id = node_get(cell, axes->map.entries[i].key);
        if (id != NULL) {
            node_set(arena, point, axes->map.entries[i].key, id);
        }
    }
    return node_to_json_arena(point, arena);
}

/* All tasks of a stage are points of the same axes, so a cell finds its task by a look-up. */
static void find_places(
    const struct results_grid *grid,
    struct results_metric *metric,
    const struct node *axes,
    struct arena *arena)
{
    if (metric->places != NULL) {
        return;
    }
    metric->places = ARENA_ARRAY(arena, const char *, grid->cells_count + 1);
    for (size_t c = 0; c < grid->cells_count; c++) {
        metric->places[c] = point_id(grid->cells[c].point, axes, arena);
    }
}

static bool index_rows(
    const struct results_grid *grid,
    struct results_metric *metric,
    const struct results_rows *rows,
    struct entry **table,
    struct arena *arena,
    struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct node *point = NULL;
        if (!parse(results_cell(rows, i, 1), arena, &point, err)) {
            return false;
        }
        find_places(grid, metric, point, arena);
        struct entry *entry = ARENA_NEW(arena, struct entry);
        entry->id = node_to_json_arena(point, arena);
        entry->row = i;
        HASH_ADD_KEYPTR(hh, *table, entry->id, strlen(entry->id), entry);
    }
    return true;
}

static void place_values(
    const struct results_grid *grid,
    struct results_metric *metric,
    const struct results_rows *rows,
    struct entry *table)
{
    for (size_t c = 0; c < grid->cells_count && table != NULL; c++) {
        struct entry *entry = NULL;
        HASH_FIND_STR(table, metric->places[c], entry);
        if (entry != NULL) {
            metric->present += !metric->values[c].present;
            metric->values[c] = (struct results_value){
                .present = true,
                .value = real(results_cell(rows, entry->row, 3)),
                .task = results_cell(rows, entry->row, 0),
                .key = results_cell(rows, entry->row, 2),
            };
        }
    }
}

bool results_metric_find(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    struct results_metric *ret_metric,
    struct arena *arena,
    struct err *err)
{
    size_t stage = strcspn(metric, ".");
    if (metric[stage] == '\0') {
        (void)err_set(err, ERR_INPUT, "'%s' names no metric", metric);
        return err_hint(err, "metrics are named STAGE.NAME, such as eval.bpb");
    }
    *ret_metric = (struct results_metric){
        .stage = arena_strndup(arena, metric, stage),
        .name = arena_strdup(arena, metric + stage + 1),
        .values = ARENA_ARRAY(arena, struct results_value, grid->cells_count)};
    const char *parameters[] = {
        arena_printf(arena, "%" PRId64, grid->id), ret_metric->stage, ret_metric->name};
    return declared(results, parameters, ret_metric, arena, err);
}

bool results_metric_refresh(
    struct results *results,
    const struct results_grid *grid,
    struct results_metric *metric,
    struct arena *arena,
    struct err *err)
{
    const char *parameters[] = {
        arena_printf(arena, "%" PRId64, grid->id),
        metric->stage,
        metric->name,
        metric->take,
        metric->since};
    struct results_rows rows;
    struct entry *table = NULL;
    if (!results_query(
            results, values_sql, parameters, ARRAY_LEN(parameters), &rows, arena, err)) {
        return false;
    }
    bool good = index_rows(grid, metric, &rows, &table, arena, err);
    if (good) {
        place_values(grid, metric, &rows, table);
        metric->since = rows.count > 0 ? results_cell(&rows, 0, 4) : metric->since;
    }
    HASH_CLEAR(hh, table);
    return good;
}

bool results_metric(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    struct results_metric *ret_metric,
    struct arena *arena,
    struct err *err)
{
    return results_metric_find(results, grid, metric, ret_metric, arena, err)
           && results_metric_refresh(results, grid, ret_metric, arena, err)
           && read_reasons(results, grid, ret_metric, arena, err);
}

bool results_stage_of(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    const char **ret_stage,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    const char *parameters[] = {arena_printf(arena, "%" PRId64, grid->id), metric};
    if (!results_query(
            results,
            "SELECT stage FROM grid_metric WHERE grid_id = $1::int AND name = $2",
            parameters,
            2,
            &rows,
            arena,
            err)) {
        return false;
    }
    *ret_stage = rows.count == 1 ? results_cell(&rows, 0, 0) : NULL;
    return true;
}

bool results_environments(
    struct results *results,
    const struct results_grid *grid,
    struct results_environment **ret_environments,
    size_t *ret_count,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    const char *parameters[] = {arena_printf(arena, "%" PRId64, grid->id)};
    if (!results_query(results, environments_sql, parameters, 1, &rows, arena, err)) {
        return false;
    }
    *ret_environments = ARENA_ARRAY(arena, struct results_environment, rows.count + 1);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        (*ret_environments)[i] = (struct results_environment){
            .stage = results_cell(&rows, i, 0),
            .text = results_cell(&rows, i, 1),
            .tasks = integer(results_cell(&rows, i, 2)),
        };
    }
    return true;
}

bool results_funnel(
    struct results *results,
    const struct results_grid *grid,
    struct results_funnel_step **ret_steps,
    size_t *ret_count,
    struct arena *arena,
    struct err *err)
{
    struct results_rows rows;
    const char *parameters[] = {arena_printf(arena, "%" PRId64, grid->id)};
    if (!results_query(results, funnel_sql, parameters, 1, &rows, arena, err)) {
        return false;
    }
    *ret_steps = ARENA_ARRAY(arena, struct results_funnel_step, rows.count);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        struct results_funnel_step *step = &(*ret_steps)[i];
        *step = (struct results_funnel_step){
            .stage = results_cell(&rows, i, 1),
            .task = results_cell(&rows, i, 2),
            .step = results_cell(&rows, i, 3),
            .documents = real(results_cell(&rows, i, 4)),
            .bytes = real(results_cell(&rows, i, 5)),
            .tokens = real(results_cell(&rows, i, 6)),
        };
        if (!parse(results_cell(&rows, i, 0), arena, &step->point, err)) {
            return false;
        }
    }
    return true;
}
