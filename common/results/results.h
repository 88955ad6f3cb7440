/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading results out of PostgreSQL as a reader: nothing here writes, and every session is
 * read-only. Answers live in the arena that the caller gives; ERR_UNAVAILABLE when the database
 * cannot be reached, ERR_INPUT for a statement that it refuses.
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

/* Every statement ends after timeout_ms, with ERR_TIMEOUT. */
bool results_open(
    const char *conninfo, uint64_t timeout_ms, struct results **ret_results, struct err *err);
void results_close(struct results *results); /* NULL is fine */
void results_cleanup(struct results **results);

enum results_type {
    RESULTS_TEXT = 0,
    RESULTS_NUMBER,
    RESULTS_BOOL,
    RESULTS_JSON,
};

/* The answer to a statement: cells row by row, NULL for SQL NULL. */
struct results_rows {
    size_t columns, count;
    const char **names;
    enum results_type *types;
    const char **cells; /* row * columns + column */
};

/* One statement with text parameters ($1, ...). More than LIMIT_RESULT_ROWS rows: ERR_LIMIT. */
bool results_query(
    struct results *results,
    const char *sql,
    const char *const *parameters,
    size_t parameters_count,
    struct results_rows *ret_rows,
    struct arena *arena,
    struct err *err);
const char *results_cell(const struct results_rows *rows, size_t row, size_t column);
/* Where in its statement the server found the last error: characters from 1, or 0. */
size_t results_error_position(const struct results *results);

/* --- One grid --- */

struct results_cell {
    int64_t cell;
    const struct node *point; /* {axis: point} */
};

struct results_grid {
    int64_t id;
    const char *name;
    const char *about;
    bool finished;
    bool decontaminate;
    const struct node *compare; /* the grid's block, or NULL */
    const struct node *file;    /* the grid file as it was submitted, or NULL: not readable */
    const char *const *axes;    /* names in the grid's order */
    size_t axes_count;
    struct results_cell *cells; /* wanted ones, in the grid's order */
    size_t cells_count;
};

/* By number, or the newest of a name; NULL: the newest of all. ERR_NOT_FOUND with the nearest
 * name. */
bool results_grid(
    struct results *results,
    const char *name,
    struct results_grid *ret_grid,
    struct arena *arena,
    struct err *err);

enum results_better {
    RESULTS_LOWER = 0,
    RESULTS_HIGHER = 1,
    RESULTS_NEITHER = 2,
};

/* What one cell has of a metric. */
struct results_value {
    bool present;
    double value;
    const char *task; /* its id: cells that share a task have one value, not several */
    const char *key;  /* content key of the task that measured it, in hex; NULL: not known */
    const char *why;  /* not present: "infeasible: ...", "failed: ...", ... */
};

struct results_metric {
    const char *stage, *name, *unit;
    enum results_better better;
    const char *take;             /* a code of the schema */
    struct results_value *values; /* one per cell of the grid */
    size_t present;
    const char **places; /* of each cell: the point that the stage's task has there; or NULL */
    const char *since;   /* when the newest task that was read had ended; NULL: none yet */
};

/* Finds "stage.name" without reading a value. ERR_NOT_FOUND when no program of the grid
 * declares it. What it becomes lives in the arena. */
bool results_metric_find(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    struct results_metric *ret_metric,
    struct arena *arena,
    struct err *err);
/* Reads the values of tasks that ended since the last time, from the one without a tag as its
 * manifest says (the last by step, smallest, largest or mean). */
bool results_metric_refresh(
    struct results *results,
    const struct results_grid *grid,
    struct results_metric *metric,
    struct arena *arena,
    struct err *err);
/* All of it at once, with what keeps cells without a value from having one. */
bool results_metric(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    struct results_metric *ret_metric,
    struct arena *arena,
    struct err *err);

/* The stage, when only one declares a metric of that name; NULL when none or several do. */
bool results_stage_of(
    struct results *results,
    const struct results_grid *grid,
    const char *metric,
    const char **ret_stage,
    struct arena *arena,
    struct err *err);

/* What tasks of a stage ran on, as their metric `environment` says. */
struct results_environment {
    const char *stage, *text;
    int64_t tasks;
};

/* By stage, the most frequent first. */
bool results_environments(
    struct results *results,
    const struct results_grid *grid,
    struct results_environment **ret_environments,
    size_t *ret_count,
    struct arena *arena,
    struct err *err);

/* What is left after a step of a curation pipeline, in the order of steps. */
struct results_funnel_step {
    const struct node *point;
    const char *stage; /* that curates */
    const char *task;
    const char *step; /* "pool" before the first */
    double documents, bytes;
    double tokens; /* NAN: not counted */
};

bool results_funnel(
    struct results *results,
    const struct results_grid *grid,
    struct results_funnel_step **ret_steps,
    size_t *ret_count,
    struct arena *arena,
    struct err *err);

#endif
