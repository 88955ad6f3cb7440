/* SPDX-License-Identifier: Apache-2.0 */
#include "common/results/results.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

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

/* SQLSTATE of a table that is not there. */
#define UNDEFINED_TABLE "42P01"

struct results {
    PGconn *connection;
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

bool results_open(const char *conninfo, struct results **ret_results, struct err *err)
{
    PGconn *connection = PQconnectdb(conninfo);
    PGresult *result = NULL;
    bool good = PQstatus(connection) == CONNECTION_OK;
    if (good) {
        result = PQexec(
            connection,
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;"
            "SET search_path = assay, pg_catalog; SET client_min_messages = warning;"
            "SET extra_float_digits = 1");
        good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    if (!good) {
        const char *text = PQerrorMessage(connection);
        (void)err_set(
            err, ERR_UNAVAILABLE, "cannot read results: %.*s", (int)strcspn(text, "\n"), text);
        (void)err_hint(
            err, "is the database up? `assay up` starts a local one; else --database");
        PQfinish(connection);
        return false;
    }
    struct results *results = xmalloc(sizeof(*results));
    results->connection = connection;
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

static void take_rows(const PGresult *result, struct results_rows *rows, struct arena *arena)
{
    *rows = (struct results_rows){
        .columns = (size_t)PQnfields(result), .count = (size_t)PQntuples(result)};
    rows->names = ARENA_ARRAY(arena, const char *, rows->columns);
    rows->types = ARENA_ARRAY(arena, enum results_type, rows->columns);
    rows->cells = ARENA_ARRAY(arena, const char *, rows->columns * rows->count);
    for (size_t column = 0; column < rows->columns; column++) {
        rows->names[column] = arena_strdup(arena, PQfname(result, (int)column));
        rows->types[column] = type_of(PQftype(result, (int)column));
        for (size_t row = 0; row < rows->count; row++) {
            if (PQgetisnull(result, (int)row, (int)column) == 0) {
                rows->cells[row * rows->columns + column] =
                    arena_strdup(arena, PQgetvalue(result, (int)row, (int)column));
            }
        }
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
    CLEANUP(result_cleanup)
    PGresult *result = PQexecParams(
        results->connection, sql, (int)parameters_count, NULL, parameters, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        bool lost = PQstatus(results->connection) != CONNECTION_OK;
        const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        (void)err_set(
            err,
            lost ? ERR_UNAVAILABLE : ERR_INPUT,
            "the database says: %s",
            server_words(PQresultErrorMessage(result), arena));
        return code != NULL && strcmp(code, UNDEFINED_TABLE) == 0 ? err_hint(
                   err, "views to read: results, cells, lineage; is it assay's database?")
                                                                  : false;
    }
    take_rows(result, ret_rows, arena);
    return true;
}

const char *results_cell(const struct results_rows *rows, size_t row, size_t column)
{
    return rows->cells[row * rows->columns + column];
}
