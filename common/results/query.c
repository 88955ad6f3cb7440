/* SPDX-License-Identifier: Apache-2.0 */
/* Any one statement, for `assay sql`. */
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/results/connection.h"

/* Type numbers of PostgreSQL's catalogue; they never change. */
static enum result_kind kind_of(Oid type)
{
    switch (type) {
    case 16: /* bool */
        return RESULT_BOOL;
    case 20:   /* int8 */
    case 21:   /* int2 */
    case 23:   /* int4 */
    case 26:   /* oid */
    case 700:  /* float4 */
    case 701:  /* float8 */
    case 1700: /* numeric */
        return RESULT_NUMBER;
    case 114:  /* json */
    case 3802: /* jsonb */
        return RESULT_JSON;
    default:
        return RESULT_TEXT;
    }
}

static void take_columns(
    const PGresult *result, struct arena *arena, struct result_table *table)
{
    if (table->names != NULL) {
        return;
    }
    table->columns = (size_t)PQnfields(result);
    table->names = ARENA_ARRAY(arena, const char *, table->columns + 1);
    table->kinds = ARENA_ARRAY(arena, enum result_kind, table->columns + 1);
    for (size_t c = 0; c < table->columns; c++) {
        table->names[c] = arena_strdup(arena, PQfname(result, (int)c));
        table->kinds[c] = kind_of(PQftype(result, (int)c));
    }
}

struct rows {
    struct result_table table;
    size_t count, capacity; /* of cells */
    struct arena *arena;
};

static void take_rows(const PGresult *result, struct rows *rows)
{
    take_columns(result, rows->arena, &rows->table);
    for (int r = 0; r < PQntuples(result); r++) {
        for (int c = 0; c < PQnfields(result); c++) {
            const char *cell =
                PQgetisnull(result, r, c) ? NULL : field(result, r, c, rows->arena);
            ARENA_PUSH(rows->arena, rows->table.cells, rows->count, rows->capacity, cell);
        }
        rows->table.rows++;
    }
}

static bool refuse(
    const struct results *results,
    const PGresult *result,
    struct result_place *ret_place,
    struct err *err)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    uint64_t number = 0;
    if (position != NULL && str_to_u64(position, &number)) {
        ret_place->position = (size_t)number;
    }
    return fail(results, result, ERR_INPUT, err);
}

/* Reads on to the end, so that the connection can be used again. */
static void drain(struct results *results)
{
    char text[256];
    PGcancel *cancel = PQgetCancel(results->connection);
    if (cancel != NULL) {
        (void)PQcancel(
            cancel, text, sizeof(text)); /* in vain at worst: then it is read to its end */
        PQfreeCancel(cancel);
    }
    for (PGresult *result = PQgetResult(results->connection); result != NULL;
         result = PQgetResult(results->connection)) {
        PQclear(result);
    }
}

bool results_query(
    struct results *results,
    const char *sql,
    size_t rows_max,
    struct arena *arena,
    struct result_table *ret_table,
    struct result_place *ret_place,
    struct err *err)
{
    struct rows rows = {.arena = arena};
    ret_place->position = 0;
    if (PQsendQueryParams(results->connection, sql, 0, NULL, NULL, NULL, NULL, 0) != 1
        || PQsetSingleRowMode(results->connection) != 1) {
        return fail(results, NULL, ERR_INTERNAL, err);
    }
    bool ok = true;
    for (;;) {
        CLEANUP(result_cleanup) PGresult *result = PQgetResult(results->connection);
        if (result == NULL) {
            break;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
            take_rows(result, &rows);
        } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
            ok = refuse(results, result, ret_place, err);
        }
        if (rows.table.rows > rows_max) {
            drain(results);
            (void)err_set(err, ERR_LIMIT, "more than %zu rows", rows_max);
            return err_hint(err, "add LIMIT to the statement, or aggregate");
        }
    }
    *ret_table = rows.table;
    return ok;
}
