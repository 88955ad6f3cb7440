/* SPDX-License-Identifier: Apache-2.0 */
#include "common/results/results.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

/* Type numbers of PostgreSQL's catalogue, which never change. */
#define OID_BOOL    16
#define OID_INT8    20
#define OID_INT2    21
#define OID_INT4    23
#define OID_JSON    114
#define OID_FLOAT4  700
#define OID_FLOAT8  701
#define OID_NUMERIC 1700
#define OID_JSONB   3802

/* SQLSTATEs. */
#define UNDEFINED_TABLE "42P01"
#define CANCELLED       "57014"

struct results {
    PGconn *connection;
    size_t error_position;
};

static void result_cleanup(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

/* The server's words without its "ERROR:  " and line ends. */
static const char *server_words(const char *text, struct arena *arena)
{
    static const char prefix[] = "ERROR:";
    if (str_has_prefix(text, prefix)) {
        text += strlen(prefix);
    }
    text += strspn(text, " ");
    return arena_strndup(arena, text, strcspn(text, "\n"));
}

static bool set_up(PGconn *connection, uint64_t timeout_ms)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    CLEANUP(result_cleanup)
    PGresult *result = PQexec(
        connection,
        arena_printf(
            arena,
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;"
            "SET search_path = assay, pg_catalog; SET client_min_messages = warning;"
            "SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET statement_timeout = %" PRIu64,
            timeout_ms));
    return PQresultStatus(result) == PGRES_COMMAND_OK;
}

bool results_open(
    const char *conninfo, uint64_t timeout_ms, struct results **ret_results, struct err *err)
{
    const char *const keywords[] = {
        "dbname", "application_name", "connect_timeout", "client_encoding", NULL};
    const char *const values[] = {conninfo, "assay", "5", "UTF8", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(connection) != CONNECTION_OK || !set_up(connection, timeout_ms)) {
        const char *text = PQerrorMessage(connection);
        (void)err_set(
            err, ERR_UNAVAILABLE, "cannot read results: %.*s", (int)strcspn(text, "\n"), text);
        (void)err_hint(
            err, "is the database up? `assay up` starts a local one; else --database");
        PQfinish(connection);
        return false;
    }
    struct results *results = xmalloc(sizeof(*results));
    *results = (struct results){.connection = connection};
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

static enum results_type type_of(Oid oid)
{
    switch (oid) {
    case OID_BOOL:
        return RESULTS_BOOL;
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return RESULTS_NUMBER;
    case OID_JSON:
    case OID_JSONB:
        return RESULTS_JSON;
    default:
        return RESULTS_TEXT;
    }
}

static void take_columns(const PGresult *result, struct results_rows *rows, struct arena *arena)
{
    rows->columns = (size_t)PQnfields(result);
    rows->names = ARENA_ARRAY(arena, const char *, rows->columns + 1);
    rows->types = ARENA_ARRAY(arena, enum results_type, rows->columns + 1);
    for (size_t column = 0; column < rows->columns; column++) {
        rows->names[column] = arena_strdup(arena, PQfname(result, (int)column));
        rows->types[column] = type_of(PQftype(result, (int)column));
    }
}

/* Rows as they come, so that a statement with too many is given up in time. */
struct taking {
    struct results_rows rows;
    size_t cells, capacity;
    struct arena *arena;
};

static void take_rows(const PGresult *result, struct taking *taking)
{
    if (taking->rows.names == NULL) {
        take_columns(result, &taking->rows, taking->arena);
    }
    for (int row = 0; row < PQntuples(result); row++) {
        for (int column = 0; column < PQnfields(result); column++) {
            const char *cell =
                PQgetisnull(result, row, column) != 0
                    ? NULL
                    : arena_strdup(taking->arena, PQgetvalue(result, row, column));
            ARENA_PUSH(
                taking->arena, taking->rows.cells, taking->cells, taking->capacity, cell);
        }
        taking->rows.count++;
    }
}

static bool refused(
    struct results *results, const PGresult *result, struct arena *arena, struct err *err)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    uint64_t number = 0;
    if (position != NULL && str_to_u64(position, &number)) {
        results->error_position = (size_t)number;
    }
    bool late = code != NULL && strcmp(code, CANCELLED) == 0;
    bool lost = PQstatus(results->connection) != CONNECTION_OK;
    (void)err_set(
        err,
        late   ? ERR_TIMEOUT
        : lost ? ERR_UNAVAILABLE
               : ERR_INPUT,
        "the database says: %s",
        server_words(PQresultErrorMessage(result), arena));
    if (code != NULL && strcmp(code, UNDEFINED_TABLE) == 0) {
        return err_hint(err, "views to read: results, cells, lineage; is it assay's database?");
    }
    return hint == NULL ? false : err_hint(err, "%s", hint);
}

/* Gives a statement up, so that the connection can be used again. */
static void give_up(PGconn *connection)
{
    char text[256];
    PGcancel *cancel = PQgetCancel(connection);
    if (cancel != NULL) {
        (void)PQcancel(cancel, text, sizeof(text)); /* in vain: it is read to its end below */
        PQfreeCancel(cancel);
    }
    for (PGresult *rest = PQgetResult(connection); rest != NULL;
         rest = PQgetResult(connection)) {
        PQclear(rest);
    }
}

bool results_query(
    struct results *results,
    const char *sql,
    const char *const *parameters,
    size_t parameters_count,
    struct results_rows *ret_rows,
    struct arena *arena,
    struct err *err)
{
    struct taking taking = {.arena = arena};
    results->error_position = 0;
    if (PQsendQueryParams(
            results->connection, sql, (int)parameters_count, NULL, parameters, NULL, NULL, 0)
            != 1
        || PQsetSingleRowMode(results->connection) != 1) {
        return err_set(
            err,
            ERR_UNAVAILABLE,
            "cannot read results: %s",
            server_words(PQerrorMessage(results->connection), arena));
    }
    bool good = true;
    for (;;) {
        CLEANUP(result_cleanup) PGresult *result = PQgetResult(results->connection);
        if (result == NULL) {
            break;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
            take_rows(result, &taking);
        } else if (status == PGRES_EMPTY_QUERY) {
            good = err_set(err, ERR_INPUT, "the statement is empty");
        } else if (status != PGRES_COMMAND_OK) {
            good = refused(results, result, arena, err);
        }
        if (taking.rows.count > LIMIT_RESULT_ROWS) {
            give_up(results->connection);
            (void)err_set(err, ERR_LIMIT, "more than %d rows", LIMIT_RESULT_ROWS);
            return err_hint(err, "add a LIMIT to the statement, or aggregate");
        }
    }
    *ret_rows = taking.rows;
    return good;
}

size_t results_error_position(const struct results *results)
{
    return results->error_position;
}

const char *results_cell(const struct results_rows *rows, size_t row, size_t column)
{
    return rows->cells[row * rows->columns + column];
}
