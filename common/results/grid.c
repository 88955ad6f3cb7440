/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of one grid: its cells, a metric at each of them, what curation left. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/results/results.h"

/* Views and tables of coordinator/schema. A point of fewer axes belongs to every cell that
 * contains it. */
static const char grid_sql[] =
    "SELECT grid_id, name, about, state = 2, decontaminate, compare FROM grid"
    " WHERE $1::text IS NULL OR name = $1 OR grid_id::text = $1"
    " ORDER BY grid_id::text = $1 DESC, grid_id DESC LIMIT 1";

static const char cells_sql[] =
    "SELECT cell, point FROM grid_cell WHERE grid_id = $1::int ORDER BY cell";

static const char metric_sql[] =
    "SELECT better, unit, take FROM grid_metric WHERE grid_id = $1::int AND stage = $2"
    " AND name = $3";

static const char values_sql[] =
    "SELECT c.cell, v.value, encode(t.key, 'hex')"
    "  FROM (SELECT task_id, point, CASE $4::int WHEN 1 THEN min(value) WHEN 2 THEN max(value)"
    "               WHEN 3 THEN avg(value) ELSE (array_agg(value ORDER BY step DESC))[1] END"
    "               AS value"
    "          FROM results WHERE grid_id = $1::int AND stage = $2 AND metric = $3 AND tag = ''"
    "         GROUP BY task_id, point) v"
    "  JOIN task t ON t.task_id = v.task_id"
    "  JOIN grid_cell c ON c.grid_id = $1::int AND c.point @> v.point"
    " ORDER BY c.cell";

/* The most telling task of each cell that is not done: a failure before what was skipped for
 * it; reason 6 is a skip by a decision (infeasible), 7 one that follows another. */
static const char why_sql[] =
    "SELECT DISTINCT ON (c.cell) c.cell, s.word, t.name, t.detail"
    "  FROM grid_cell c"
    "  JOIN task t ON (t.task_id >> 32)::int = $1::int AND c.point @> t.point"
    "  JOIN task_state s ON s.code = t.state"
    " WHERE c.grid_id = $1::int AND s.word <> 'done' AND t.reason <> 9"
    "   AND (NOT t.helper OR s.word = 'failed')"
    " ORDER BY c.cell, s.word <> 'failed', t.reason = 7, s.word = 'running', t.task_id";

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
    return parse(results_cell(&rows, 0, 5), arena, &ret_grid->compare, err)
           && read_cells(results, ret_grid, arena, err);
}

static int by_cell(const void *a, const void *b)
{
    int64_t x = ((const struct results_cell *)a)->cell;
    int64_t y = ((const struct results_cell *)b)->cell;
    return x < y ? -1 : x > y;
}

/* Cells come ordered by number. */
static struct results_value *value_at(
    const struct results_grid *grid, struct results_metric *metric, const char *cell)
{
    struct results_cell wanted = {.cell = integer(cell)};
    const struct results_cell *found =
        bsearch(&wanted, grid->cells, grid->cells_count, sizeof(wanted), by_cell);
    return found == NULL ? NULL : &metric->values[found - grid->cells];
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
    for (size_t i = 0; i < grid->cells_count; i++) {
        metric->values[i].why = grid->finished ? "not measured" : "not done yet";
    }
    if (!results_query(results, why_sql, parameters, 1, &rows, arena, err)) {
        return false;
    }
    for (size_t i = 0; i < rows.count; i++) {
        struct results_value *value = value_at(grid, metric, results_cell(&rows, i, 0));
        const char *word = results_cell(&rows, i, 1);
        const char *detail = results_cell(&rows, i, 3);
        if (value != NULL) {
            value->why = detail[0] == '\0'
                             ? arena_printf(arena, "%s is %s", results_cell(&rows, i, 2), word)
                             : arena_printf(arena, "%s: %s", word, detail);
        }
    }
    return true;
}

static bool declared(
    struct results *results,
    const char *const *parameters,
    struct results_metric *metric,
    const char **ret_take,
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
    *ret_take = results_cell(&rows, 0, 2);
    return true;
}

bool results_metric(
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
        arena_printf(arena, "%" PRId64, grid->id), ret_metric->stage, ret_metric->name, NULL};
    struct results_rows rows;
    if (!declared(results, parameters, ret_metric, &parameters[3], arena, err)
        || !results_query(results, values_sql, parameters, 4, &rows, arena, err)) {
        return false;
    }
    for (size_t i = 0; i < rows.count; i++) {
        struct results_value *value = value_at(grid, ret_metric, results_cell(&rows, i, 0));
        if (value != NULL) {
            ret_metric->present += !value->present;
            value->present = true;
            value->value = real(results_cell(&rows, i, 1));
            value->key = results_cell(&rows, i, 2);
        }
    }
    return read_reasons(results, grid, ret_metric, arena, err);
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
