/* SPDX-License-Identifier: Apache-2.0 */
#include "common/results/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/results/connection.h"

void result_cleanup(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

/* libpq's messages have several lines and end with one. */
static void one_line(const char *text, struct str *out)
{
    for (; *text != '\0'; text++) {
        str_append_char(out, *text == '\n' || *text == '\t' ? ' ' : *text);
    }
    while (out->length > 0 && out->data[out->length - 1] == ' ') {
        out->data[--out->length] = '\0';
    }
}

bool fail(
    const struct results *results, const PGresult *result, enum err_code code, struct err *err)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, sizeof(err->message));
    const char *primary =
        result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *hint = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    one_line(primary != NULL ? primary : PQerrorMessage(results->connection), &text);
    if (PQstatus(results->connection) != CONNECTION_OK) {
        return err_set(err, ERR_UNAVAILABLE, "the database went away: %s", text.data);
    }
    if (state != NULL && strcmp(state, "57014") == 0) {
        (void)err_set(err, ERR_TIMEOUT, "the statement took too long: %s", text.data);
        return err_hint(err, "ask for less, or allow more time with --statement-timeout");
    }
    (void)err_set(err, code, "%s", text.data);
    return hint == NULL ? false : err_hint(err, "%s", hint);
}

bool run(
    struct results *results,
    const char *sql,
    const char *const *params,
    size_t count,
    PGresult **ret_result,
    struct err *err)
{
    PGresult *result =
        PQexecParams(results->connection, sql, (int)count, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        (void)fail(results, result, ERR_INTERNAL, err);
        PQclear(result);
        return false;
    }
    *ret_result = result;
    return true;
}

const char *field(const PGresult *result, int row, int column, struct arena *arena)
{
    return arena_strdup(arena, PQgetvalue(result, row, column));
}

int64_t field_integer(const PGresult *result, int row, int column)
{
    int64_t value = 0;
    (void)str_to_i64(PQgetvalue(result, row, column), &value); /* NULL reads as 0 */
    return value;
}

double field_real(const PGresult *result, int row, int column)
{
    double value = (double)NAN;
    (void)str_to_double(PQgetvalue(result, row, column), &value); /* NULL stays NAN */
    return value;
}

struct node *field_json(const PGresult *result, int row, int column, struct arena *arena)
{
    struct node *node = NULL;
    struct err ignored = {0};
    if (PQgetisnull(result, row, column)
        || !node_parse_json(
            PQgetvalue(result, row, column),
            (size_t)PQgetlength(result, row, column),
            arena,
            &node,
            NULL,
            &ignored)) {
        return NULL;
    }
    return node;
}

/* --- The connection --- */

static bool set_up(struct results *results, uint64_t timeout_ms, struct err *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    const char *const statements[] = {
        "SET search_path = assay, pg_catalog",
        "SET default_transaction_read_only = on",
        "SET TimeZone = 'UTC'",
        "SET extra_float_digits = 1",
        arena_printf(arena, "SET statement_timeout = %" PRIu64, timeout_ms),
    };
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        CLEANUP(result_cleanup) PGresult *result = NULL;
        if (!run(results, statements[i], NULL, 0, &result, err)) {
            return false;
        }
    }
    return true;
}

bool results_open(
    const char *conninfo, uint64_t timeout_ms, struct results **ret_results, struct err *err)
{
    const char *const keywords[] = {
        "dbname", "application_name", "connect_timeout", "client_encoding", NULL};
    const char *const values[] = {conninfo, "assay", "5", "UTF8", NULL};
    struct results *results = xmalloc(sizeof(*results));
    results->connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(results->connection) != CONNECTION_OK) {
        CLEANUP(str_done) struct str text;
        str_init(&text, sizeof(err->message));
        one_line(PQerrorMessage(results->connection), &text);
        results_close(results);
        (void)err_set(
            err, ERR_UNAVAILABLE, "cannot connect to the database of results: %s", text.data);
        return err_hint(err, "--database names another one; `assay up` starts a local one");
    }
    if (!set_up(results, timeout_ms, err)) {
        results_close(results);
        return false;
    }
    *ret_results = results;
    return true;
}

void results_close(struct results *results)
{
    if (results != NULL) {
        PQfinish(results->connection);
        free(results);
    }
}

void results_cleanup(struct results **results)
{
    results_close(*results);
    *results = NULL;
}

/* --- Grids --- */

static bool no_such_grid(
    struct results *results, const char *name, struct arena *arena, struct err *err)
{
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (name == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no grid yet");
        return err_hint(err, "assay submit FILE starts one");
    }
    if (!run(results, "SELECT DISTINCT name FROM grid LIMIT 10000", NULL, 0, &result, err)) {
        return false;
    }
    int count = PQntuples(result);
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);
    for (int i = 0; i < count; i++) {
        names[i] = PQgetvalue(result, i, 0);
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no grid '%s'", name);
    const char *nearest = str_nearest(name, names, (size_t)count);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest)
                           : err_hint(err, "assay ls shows all grids");
}

bool results_find_grid(
    struct results *results,
    const char *name,
    struct arena *arena,
    struct result_grid *ret_grid,
    struct err *err)
{
    static const char sql[] =
        "SELECT grid_id, name, about, decontaminate, state = 2, compare FROM grid "
        "WHERE CASE WHEN $1::text IS NULL THEN true WHEN $1 ~ '^[0-9]{1,9}$' THEN grid_id = $1::int4 "
        "ELSE name = $1 END ORDER BY grid_id DESC LIMIT 1";
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(results, sql, &name, 1, &result, err)) {
        return false;
    }
    if (PQntuples(result) == 0) {
        return no_such_grid(results, name, arena, err);
    }
    *ret_grid = (struct result_grid){
        .id = (uint32_t)field_integer(result, 0, 0),
        .name = field(result, 0, 1, arena),
        .about = field(result, 0, 2, arena),
        .decontaminate = PQgetvalue(result, 0, 3)[0] == 't',
        .finished = PQgetvalue(result, 0, 4)[0] == 't',
        .compare = field_json(result, 0, 5, arena),
    };
    return true;
}

bool results_cells(
    struct results *results,
    uint32_t grid,
    struct arena *arena,
    struct node ***ret_points,
    size_t *ret_count,
    struct err *err)
{
    const char *const params[] = {arena_printf(arena, "%" PRIu32, grid)};
    CLEANUP(result_cleanup) PGresult *result = NULL;
    if (!run(
            results,
            "SELECT point FROM grid_cell WHERE grid_id = $1::int4 ORDER BY cell",
            params,
            1,
            &result,
            err)) {
        return false;
    }
    size_t count = (size_t)PQntuples(result);
    struct node **points = ARENA_ARRAY(arena, struct node *, count + 1);
    for (size_t i = 0; i < count; i++) {
        points[i] = field_json(result, (int)i, 0, arena);
    }
    *ret_points = points;
    *ret_count = count;
    return true;
}
