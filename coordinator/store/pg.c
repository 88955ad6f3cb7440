/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/pg.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"

void pg_result_cleanup(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

bool pg_failure(PGconn *connection, const PGresult *result, const char *what, struct err *err)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text =
        result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (text == NULL) {
        text = PQerrorMessage(connection);
    }
    CLEANUP(str_done) struct str line;
    str_init(&line, sizeof(err->message));
    for (const char *c = text; *c != '\0'; c++) {
        str_append_char(&line, *c == '\n' ? ' ' : *c);
    }
    if (PQstatus(connection) != CONNECTION_OK) {
        return err_set(
            err, ERR_UNAVAILABLE, "%s: database connection lost: %s", what, line.data);
    }
    if (state != NULL && strcmp(state, "53100") == 0) {
        (void)err_set(
            err, ERR_NO_SPACE, "%s: the database's disk is full: %s", what, line.data);
        return err_hint(err, "free space on the database server; nothing acknowledged is lost");
    }
    return err_set(
        err,
        ERR_IO,
        "%s: %s%s%s",
        what,
        line.data,
        state != NULL ? " SQLSTATE " : "",
        state != NULL ? state : "");
}

bool pg_is_passing(const PGresult *result)
{
    static const char *const classes[] = {
        "40",    /* rolled back by the server: deadlock, serialization */
        "53",    /* insufficient resources: disk, memory, connections */
        "55P03", /* lock not available in time */
        "57",    /* an operator's: shutdown, cancelled by a time-out */
        "58",    /* system error: I/O */
        "25006", /* read-only: the server is a replica now */
    };
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state != NULL && i < ARRAY_LEN(classes); i++) {
        if (strncmp(state, classes[i], strlen(classes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Keepalives and timeouts bound how long a dead server can hold the loop. Of several hosts the
 * one that takes writes is meant, so that a conninfo may name a replica too. */
bool pg_connect(
    const char *conninfo, const char *name, PGconn **ret_connection, struct err *err)
{
    const char *const keywords[] = {
        "dbname",
        "application_name",
        "connect_timeout",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "client_encoding",
        "target_session_attrs",
        NULL};
    const char *const values[] = {
        conninfo, name, "5", "3", "1", "3", "6000", "UTF8", "primary", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(connection) != CONNECTION_OK) {
        CLEANUP(str_done) struct str line;
        str_init(&line, sizeof(err->message));
        for (const char *c = PQerrorMessage(connection); *c != '\0'; c++) {
            str_append_char(&line, *c == '\n' ? ' ' : *c);
        }
        PQfinish(connection);
        return err_set(err, ERR_UNAVAILABLE, "cannot connect to the database: %s", line.data);
    }
    if (!pg_command(
            connection,
            "SET search_path = assay, pg_catalog; SET bytea_output = hex; SET TimeZone = 'UTC'; SET extra_float_digits = 3;"
            "SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on;"
            /* The server, too, must notice within seconds that we are cut off (ignored on Unix
               sockets). */
            "SET client_min_messages = warning; SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1;"
            "SET tcp_keepalives_count = 3",
            err)) {
        PQfinish(connection);
        return false;
    }
    *ret_connection = connection;
    return true;
}

struct pg_param pg_param_text(const char *text)
{
    return (struct pg_param){.value = text};
}

/* No byte for so long, while a statement runs: longer than the slowest look-up of a large grid.
 */
#define SILENCE_MS 15000

static bool is_silent(const PGconn *connection)
{
    return connection != NULL && PQstatus(connection) == CONNECTION_OK
           && PQtransactionStatus(connection) == PQTRANS_ACTIVE;
}

bool pg_is_usable(const PGconn *connection)
{
    return connection != NULL && PQstatus(connection) == CONNECTION_OK
           && PQtransactionStatus(connection) != PQTRANS_ACTIVE;
}

/* The statement's last result, NULL when the server said nothing for so long: on a Unix socket,
 * or while TCP still hopes, libpq would wait for ever. */
static PGresult *await_result(PGconn *connection)
{
    PGresult *last = NULL;
    for (;;) {
        while (PQisBusy(connection) != 0) {
            int unsent = PQflush(connection);
            struct pollfd fd = {
                .fd = PQsocket(connection),
                .events = (short)(POLLIN | (unsent == 1 ? POLLOUT : 0))};
            int ready = poll(&fd, 1, SILENCE_MS);
            if (ready == 0) {
                PQclear(last);
                return NULL;
            }
            if (ready > 0 && PQconsumeInput(connection) != 1) {
                break; /* the next result says what is wrong */
            }
        }
        PGresult *next = PQgetResult(connection);
        if (next == NULL) {
            return last;
        }
        PQclear(last);
        last = next;
    }
}

bool pg_run_params(
    PGconn *connection,
    const char *sql,
    const struct pg_param *params,
    size_t count,
    PGresult **ret_result,
    struct err *err)
{
    CHECK(count <= PG_PARAMS_MAX);
    struct pg_params split;
    pg_params_split(params, count, &split);
    PGresult *result = NULL;
    if (PQsendQueryParams(
            connection,
            sql,
            (int)count,
            split.oids,
            split.values,
            split.lengths,
            split.formats,
            0)
        == 1) {
        result = await_result(connection);
    }
    if (result == NULL && is_silent(connection)) {
        return err_set(
            err, ERR_UNAVAILABLE, "the database has not answered for %d s", SILENCE_MS / 1000);
    }
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        bool failed = pg_failure(connection, result, "query", err);
        PQclear(result);
        return failed;
    }
    if (ret_result != NULL) {
        *ret_result = result;
    } else {
        PQclear(result);
    }
    return true;
}

void pg_params_split(const struct pg_param *params, size_t count, struct pg_params *ret_params)
{
    for (size_t i = 0; i < count; i++) {
        ret_params->values[i] = params[i].value;
        ret_params->lengths[i] = params[i].length;
        ret_params->formats[i] = params[i].format;
        ret_params->oids[i] = params[i].oid;
    }
}

bool pg_run(
    PGconn *connection,
    const char *sql,
    const char *const *params,
    size_t count,
    PGresult **ret_result,
    struct err *err)
{
    struct pg_param texts[PG_PARAMS_MAX];
    CHECK(count <= PG_PARAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        texts[i] = pg_param_text(params[i]);
    }
    return pg_run_params(connection, sql, texts, count, ret_result, err);
}

bool pg_command(PGconn *connection, const char *sql, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        return pg_failure(connection, result, "statement", err);
    }
    return true;
}

uint64_t pg_u64(const PGresult *result, int row, int column)
{
    return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

int64_t pg_i64(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

const char *pg_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

bool pg_bool(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

bool pg_digest(const PGresult *result, int row, int column, struct digest *ret_digest)
{
    const char *text = PQgetvalue(result, row, column);
    return strlen(text) == DIGEST_HEX + 1 && text[0] == '\\' && text[1] == 'x'
           && digest_from_hex(text + 2, ret_digest);
}

void *pg_bytes(
    const PGresult *result, int row, int column, struct arena *arena, size_t *ret_length)
{
    size_t length = 0;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, column), &length);
    CHECK(bytes != NULL);
    void *copy = arena_copy(arena, bytes, length);
    PQfreemem(bytes);
    *ret_length = length;
    return copy;
}
