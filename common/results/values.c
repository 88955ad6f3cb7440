/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of a grid's tasks. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/results/connection.h"

/* Tasks of a grid that are points of its stages; $1 is the grid. */
#define OF_GRID \
    "t.task_id >= $1::int8 << 32 AND t.task_id < ($1::int8 + 1) << 32 AND NOT t.helper"
/* The accepted, current result of a done task. */
#define ACCEPTED "r.key = t.key AND r.current AND t.state = 5"

static const char *grid_text(uint32_t grid, struct arena *arena)
{
    return arena_printf(arena, "%" PRIu32, grid);
}

bool results_metrics(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_metric **ret_metrics,
    size_t *ret_count,
    struct err *err)
{
    const char *const params[] = {grid_text(grid, arena)};
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(
            results,
            "SELECT stage, name, unit, better, take FROM grid_metric WHERE grid_id = $1::int4 ORDER BY stage, name",
            params,
            1,
            &result,
            err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct result_metric *metrics = ARENA_ARRAY(arena, struct result_metric, count + 1);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        int64_t better = field_integer(result, row, 3);
        int64_t take = field_integer(result, row, 4);
        metrics[i] = (struct result_metric){
            .stage = field(result, row, 0, arena),
            .name = field(result, row, 1, arena),
            .unit = field(result, row, 2, arena),
            .better = better == RESULT_LOWER || better == RESULT_HIGHER
                          ? (enum result_better)better
                          : RESULT_NEITHER,
            .take = take >= RESULT_MIN && take <= RESULT_MEAN ? (enum result_take)take
                                                              : RESULT_LAST,
        };
    }
    *ret_metrics = metrics;
    *ret_count = count;
    return true;
}

static const char values_sql[] =
    "SELECT t.stage, t.point, s.word, encode(t.key, 'hex'), v.value FROM task t "
    "JOIN task_state s ON s.code = t.state LEFT JOIN result r ON " ACCEPTED
    " LEFT JOIN LATERAL (SELECT CASE $4::int4 WHEN 1 THEN min(m.value) WHEN 2 THEN max(m.value) "
    "WHEN 3 THEN avg(m.value) ELSE (array_agg(m.value ORDER BY m.step DESC, m.position DESC))[1] END AS value "
    "FROM metric m WHERE m.attempt_id = r.attempt_id "
    "AND m.name_id = (SELECT name_id FROM metric_name WHERE name = $3) "
    "AND m.tag_id = (SELECT tag_id FROM metric_tag WHERE tag = '')) v ON true "
    "WHERE " OF_GRID
    " AND (t.stage = $2 OR $2 = '' AND v.value IS NOT NULL) ORDER BY t.task_id";

bool results_values(
    struct results *results,
    uint32_t grid,
    const struct result_metric *metric,
    struct arena *arena,
    struct result_value **ret_values,
    size_t *ret_count,
    struct err *err)
{
    const char *const params[] = {
        grid_text(grid, arena),
        metric->stage,
        metric->name,
        arena_printf(arena, "%d", (int)metric->take),
    };
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(results, values_sql, params, ARRAY_LEN(params), &result, err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct result_value *values = ARENA_ARRAY(arena, struct result_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        values[i] = (struct result_value){
            .stage = field(result, row, 0, arena),
            .point = field_json(result, row, 1, arena),
            .state = field(result, row, 2, arena),
            .key = field(result, row, 3, arena),
            .known = !PQgetisnull(result, row, 4),
            .value = field_real(result, row, 4),
        };
    }
    *ret_values = values;
    *ret_count = count;
    return true;
}

bool results_stops(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_stop **ret_stops,
    size_t *ret_count,
    struct err *err)
{
    /* 6: skipped by a decision. */
    static const char sql[] =
        "SELECT t.stage, t.point, s.word, t.detail, t.state = 8 AND t.reason = 6 FROM task t "
        "JOIN task_state s ON s.code = t.state WHERE " OF_GRID
        " AND t.state IN (6, 7, 8) ORDER BY t.task_id";
    const char *const params[] = {grid_text(grid, arena)};
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(results, sql, params, 1, &result, err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct result_stop *stops = ARENA_ARRAY(arena, struct result_stop, count + 1);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        stops[i] = (struct result_stop){
            .stage = field(result, row, 0, arena),
            .point = field_json(result, row, 1, arena),
            .state = field(result, row, 2, arena),
            .detail = field(result, row, 3, arena),
            .infeasible = PQgetvalue(result, row, 4)[0] == 't',
        };
    }
    *ret_stops = stops;
    *ret_count = count;
    return true;
}

bool results_environments(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_environment **ret_environments,
    size_t *ret_count,
    struct err *err)
{
    static const char sql[] =
        "SELECT t.stage, g.tag, count(DISTINCT t.task_id) FROM task t JOIN result r ON " ACCEPTED
        " JOIN metric m ON m.attempt_id = r.attempt_id JOIN metric_name n ON n.name_id = m.name_id "
        "AND n.name = 'environment' JOIN metric_tag g ON g.tag_id = m.tag_id WHERE " OF_GRID
        " GROUP BY t.stage, g.tag ORDER BY t.stage, count(*) DESC, g.tag";
    const char *const params[] = {grid_text(grid, arena)};
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(results, sql, params, 1, &result, err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct result_environment *rows = ARENA_ARRAY(arena, struct result_environment, count + 1);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct result_environment){
            .stage = field(result, (int)i, 0, arena),
            .text = field(result, (int)i, 1, arena),
            .tasks = (uint64_t)field_integer(result, (int)i, 2),
        };
    }
    *ret_environments = rows;
    *ret_count = count;
    return true;
}

/*
 * A curation's task writes `documents` and `bytes` per step of its pipeline, with the step as
 * tag and its place as step number, 0 being the whole pool; a tokenize stage at the same point
 * writes `tokens` the same way.
 */
static const char funnel_sql[] =
    "WITH own AS (SELECT t.task_id, t.stage, t.name AS task, t.point, n.name, g.tag, m.step, m.value "
    "FROM task t JOIN result r ON " ACCEPTED
    " JOIN metric m ON m.attempt_id = r.attempt_id JOIN metric_name n ON n.name_id = m.name_id "
    "AND n.name IN ('documents', 'bytes', 'tokens') JOIN metric_tag g ON g.tag_id = m.tag_id AND g.tag <> '' "
    "WHERE " OF_GRID
    "), curation AS (SELECT DISTINCT task_id FROM own WHERE name = 'documents' AND tag = 'pool') "
    "SELECT d.stage, d.task, d.point, d.step, d.tag, d.value, b.value, k.value FROM own d "
    "JOIN curation c ON c.task_id = d.task_id "
    "LEFT JOIN own b ON b.task_id = d.task_id AND b.name = 'bytes' AND b.tag = d.tag AND b.step = d.step "
    "LEFT JOIN LATERAL (SELECT x.value FROM own x WHERE x.name = 'tokens' AND x.point = d.point "
    "AND x.tag = d.tag AND x.step = d.step ORDER BY x.task_id LIMIT 1) k ON true "
    "WHERE d.name = 'documents' ORDER BY d.task_id, d.step";

bool results_funnel(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_funnel **ret_rows,
    size_t *ret_count,
    struct err *err)
{
    const char *const params[] = {grid_text(grid, arena)};
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(results, funnel_sql, params, 1, &result, err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct result_funnel *rows = ARENA_ARRAY(arena, struct result_funnel, count + 1);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        rows[i] = (struct result_funnel){
            .stage = field(result, row, 0, arena),
            .task = field(result, row, 1, arena),
            .point = field_json(result, row, 2, arena),
            .order = field_integer(result, row, 3),
            .step = field(result, row, 4, arena),
            .documents = field_real(result, row, 5),
            .bytes = field_real(result, row, 6),
            .tokens = field_real(result, row, 7),
        };
    }
    *ret_rows = rows;
    *ret_count = count;
    return true;
}
