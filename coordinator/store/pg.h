/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's files share of libpq: connections, parameters as arrays, checked results.
 * Not for others. */
#ifndef ASSAY_STORE_PG_H
#define ASSAY_STORE_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/store/store.h"

#define PG_PARAMS_MAX 24

struct store {
    PGconn *writer; /* batches; its session stands for the coordinator's life */
    PGconn *reader;
    struct str conninfo_text;
    bool in_flight;
    bool deposed;       /* the batch in flight was refused by the fence */
    struct err failure; /* first error of the batch in flight */
    bool failed;
    bool passing;   /* what failed it passes: disk full, shutdown, time-out */
    bool read_only; /* the server is a replica */
    bool wants_write;
    struct store_grid_info *infos;
    size_t infos_count, infos_capacity;
    struct arena *arena;           /* infos */
    bool knows_schema;             /* the leader's table was seen */
    const char *holder, *endpoint; /* ours, borrowed; NULL: not introduced */
    uint64_t announce_after_ms;    /* monotonic */
    char others[LIMIT_COORDINATORS - 1][LIMIT_ENDPOINT];
    size_t others_count;
};

/* The announcement's rows are known by this name of their column. */
#define COORDINATOR_COLUMN "coordinator_endpoint"
void store_take_coordinators(struct store *store, const PGresult *result);
/* Part of a batch, every few seconds. */
void batch_send_announcement(struct store *store);

void pg_result_cleanup(PGresult **result);

/* Connects with the store's session settings. */
bool pg_connect(
    const char *conninfo, const char *name, PGconn **ret_connection, struct err *err);
/* Runs a statement with text parameters (NULL = SQL NULL) and checks that it succeeded. */
bool pg_run(
    PGconn *connection,
    const char *sql,
    const char *const *params,
    size_t count,
    PGresult **ret_result,
    struct err *err);
bool pg_command(PGconn *connection, const char *sql, struct err *err);
/* True for what is the server's trouble and not the statement's: resources, shutdown, system
 * errors, conflicts, time-outs. */
bool pg_is_passing(const PGresult *result);
/* Sets err from a failed result: ERR_UNAVAILABLE for a lost connection, ERR_NO_SPACE for 53100,
 * else ERR_IO. */
bool pg_failure(PGconn *connection, const PGresult *result, const char *what, struct err *err);

/* Column values of the current row as types; NULL reads as 0 / "" . */
uint64_t pg_u64(const PGresult *result, int row, int column);
int64_t pg_i64(const PGresult *result, int row, int column);
const char *pg_text(const PGresult *result, int row, int column);
bool pg_bool(const PGresult *result, int row, int column);
/* A bytea in hex output form ("\x...") of 32 bytes; false when NULL or of another size. */
bool pg_digest(const PGresult *result, int row, int column, struct digest *ret_digest);
void *pg_bytes(
    const PGresult *result, int row, int column, struct arena *arena, size_t *ret_length);

/* SQL array literals, one per parameter: begin, add..., end. Text is quoted and escaped. */
struct pg_array {
    struct str text;
    size_t count;
};

void pg_array_init(struct pg_array *array);
void pg_array_done(struct pg_array *array);
void pg_array_u64(struct pg_array *array, uint64_t value);
void pg_array_i64(struct pg_array *array, int64_t value);
void pg_array_double(struct pg_array *array, double value);
void pg_array_bool(struct pg_array *array, bool value);
void pg_array_text(struct pg_array *array, const char *value);             /* NULL: SQL NULL */
void pg_array_digest(struct pg_array *array, const struct digest *digest); /* zero: SQL NULL */
const char *pg_array_end(struct pg_array *array); /* the literal; valid until done */

#endif
