/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the database, for the command line: read-only queries with a time limit over the
 * conninfo of a role that may only read. Nothing here decides anything; common/stats does.
 * Everything that is returned lives in the caller's arena. Errors: ERR_UNAVAILABLE when the
 * database cannot be reached, ERR_NOT_FOUND for what is not there, ERR_INPUT for a statement
 * that PostgreSQL refuses.
 */
#ifndef ASSAY_RESULTS_RESULTS_H
#define ASSAY_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"

struct results;

/* Statements end after `timeout_ms`. */
bool results_open(
    const char *conninfo, uint64_t timeout_ms, struct results **ret_results, struct err *err);
void results_close(struct results *results); /* NULL is fine */
void results_cleanup(struct results **results);

/* --- Grids --- */

struct result_grid {
    uint32_t id;
    const char *name, *about;
    bool decontaminate;
    bool finished;
    struct node *compare; /* the compare block of the grid; NULL: none */
};

/* By number, or the newest of that name; `name` NULL means the newest of all. */
bool results_find_grid(
    struct results *results,
    const char *name,
    struct arena *arena,
    struct result_grid *ret_grid,
    struct err *err);
/* The wanted cells in the grid's order: maps {axis: point id}. */
bool results_cells(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct node ***ret_points,
    size_t *ret_count,
    struct err *err);

/* --- Metrics --- */

/* Codes are those of the table grid_metric. */
enum result_better {
    RESULT_LOWER = 0,
    RESULT_HIGHER,
    RESULT_NEITHER
};

enum result_take {
    RESULT_LAST = 0,
    RESULT_MIN,
    RESULT_MAX,
    RESULT_MEAN
};

struct result_metric {
    const char *stage, *name, *unit;
    enum result_better better;
    enum result_take take;
};

/* What the grid's programs declare. */
bool results_metrics(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_metric **ret_metrics,
    size_t *ret_count,
    struct err *err);

/* A task's value of one metric: the row with the empty tag, reduced as `take` says. */
struct result_value {
    const char *stage;
    struct node *point; /* {axis: point id}: the axes of its stage alone */
    const char *state;  /* word */
    const char *key;    /* content key in hex, "" while unknown */
    bool known;
    double value; /* when known */
};

/* One per task of the stage that has a row; a task that nothing has happened to has none. Stage
 * "" means any, and then only tasks that have the metric. */
bool results_values(
    struct results *results,
    uint32_t grid,
    const struct result_metric *metric,
    struct arena *arena,
    struct result_value **ret_values,
    size_t *ret_count,
    struct err *err);

/* Why there will be no value: a task that failed, was cancelled or skipped. */
struct result_stop {
    const char *stage;
    struct node *point;
    const char *state;
    const char *detail;
    bool infeasible; /* skipped by a decision: detail is its reason */
};

bool results_stops(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_stop **ret_stops,
    size_t *ret_count,
    struct err *err);

/* What a stage's accepted attempts ran on, as their `environment` metric says. */
struct result_environment {
    const char *stage, *text;
    uint64_t tasks;
};

bool results_environments(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_environment **ret_environments,
    size_t *ret_count,
    struct err *err);

/* --- Curation --- */

/* What one step of a variant's pipeline left; NAN where it was not counted. */
struct result_funnel {
    const char *stage, *task; /* of the curation */
    struct node *point;
    int64_t order; /* ascending along the pipeline */
    const char *step;
    double documents, bytes, tokens;
};

/* In the grid's order of points, then along each pipeline. */
bool results_funnel(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct result_funnel **ret_rows,
    size_t *ret_count,
    struct err *err);

/* --- Any statement --- */

enum result_kind {
    RESULT_TEXT = 0,
    RESULT_NUMBER,
    RESULT_BOOL,
    RESULT_JSON
};

struct result_table {
    const char **names;
    enum result_kind *kinds;
    size_t columns;
    const char **cells; /* row-major; NULL: SQL NULL */
    size_t rows;
};

/* Where PostgreSQL found the error: characters from 1; 0: it did not say. */
struct result_place {
    size_t position;
};

/* One statement, read-only. More than `rows_max` rows: ERR_LIMIT. */
bool results_query(
    struct results *results,
    const char *sql,
    size_t rows_max,
    struct arena *arena,
    struct result_table *ret_table,
    struct result_place *ret_place,
    struct err *err);

#endif
