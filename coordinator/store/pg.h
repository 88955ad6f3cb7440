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

/* A statement that the writer's session knows under a name. */
struct prepared {
    const char *sql; /* its text in the program, as identity */
    uint32_t scalars;
    char name[16];
};

/* A plan of the batch in flight (plan_slices.h). */
struct plan_sending {
    uint32_t grid;
    const struct plan *plan;
    struct packed_plan packed;
    size_t sent;    /* bytes */
    uint32_t parts; /* rows of grid_plan */
};

#define PG_PREPARED_MAX 128

struct store {
    PGconn *writer; /* batches; its session stands for the coordinator's life */
    struct prepared prepared[PG_PREPARED_MAX];
    size_t prepared_count;
    uint64_t prepared_next; /* names are never used twice */
    bool tuned;             /* the writer's session plans for batches (commit.c) */
    PGconn *reader;
    struct str conninfo_text;
    bool in_flight;
    bool has_gone;      /* some current result may be gone (gone.c) */
    uint64_t begun_ms;  /* of the batch in flight, monotonic */
    bool has_doomed;    /* some tree is doomed */
    bool deposed;       /* the batch in flight was refused by the fence */
    struct err failure; /* first error of the batch in flight */
    bool failed;
    bool passing;   /* what failed it passes: disk full, shutdown, time-out */
    bool read_only; /* the server is a replica */
    bool wants_write;
    struct store_grid_info *infos;
    size_t infos_count, infos_capacity;
    struct plan_sending *sending; /* heap */
    size_t sending_count, sending_capacity;
    bool closed;                   /* the batch in flight has its end in the buffer */
    struct arena *arena;           /* infos */
    bool knows_schema;             /* the leader's table was seen */
    const char *holder, *endpoint; /* ours, borrowed; NULL: not introduced */
    uint64_t announce_after_ms;    /* monotonic */
    char others[LIMIT_COORDINATORS - 1][LIMIT_ENDPOINT];
    size_t others_count;
};

/* Before reads, which may be during a commit: connects the reader again when it was lost. */
bool store_reader_ready(struct store *store, struct err *err);
/* NULL: it was never set, or is forgotten. */
struct store_grid_info *store_grid_info_of(struct store *store, const struct plan *plan);

/* The announcement's rows are known by this name of their column. */
#define COORDINATOR_COLUMN "coordinator_endpoint"
void store_take_coordinators(struct store *store, const PGresult *result);
/* Whether any result is gone, any tree doomed: read at a start, and every few seconds with a
 * batch, since garbage collection is another process. Known by the name of the first column. */
#define GONE_COLUMN "some_gone"
void store_take_gone(struct store *store, const PGresult *result);
void batch_send_gone_question(struct store *store);
bool store_load_gone(struct store *store, struct err *err);
/* Part of a batch, every few seconds. */
void batch_send_announcement(struct store *store);

void pg_result_cleanup(PGresult **result);

/* Connects with the store's session settings. */
bool pg_connect(
    const char *conninfo, const char *name, PGconn **ret_connection, struct err *err);
/* Stands, and waits for no answer: one that has not answered in time is given up. */
bool pg_is_usable(const PGconn *connection);
/* Runs a statement with text parameters (NULL = SQL NULL) and checks that it succeeded. */
bool pg_run(
    PGconn *connection,
    const char *sql,
    const char *const *params,
    size_t count,
    PGresult **ret_result,
    struct err *err);

/* A parameter: text (format 0, type left to the server) or binary. */
struct pg_param {
    const char *value;
    int length, format;
    Oid oid;
};

/* The same as libpq wants them. */
struct pg_params {
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
    Oid oids[PG_PARAMS_MAX];
};

struct pg_param pg_param_text(const char *text);
void pg_params_split(const struct pg_param *params, size_t count, struct pg_params *ret_params);
bool pg_run_params(
    PGconn *connection,
    const char *sql,
    const struct pg_param *params,
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

/* --- Parameters in binary form --- */

/* Of the types that parameters have. Numbers have a size, text and bytes have none. */
struct pg_type {
    const char *name;
    Oid oid, array_oid;
    size_t bytes;
};

const struct pg_type *pg_type_named(const char *name, size_t length); /* or NULL */

/* One array parameter: begin, add..., end. A timestamptz is added as UTC milliseconds, 0 for
 * NULL. */
struct pg_array {
    uint8_t *data;
    size_t length, capacity, count;
    bool uniform; /* all elements are alike */
    bool nulls;
};

void pg_array_init(struct pg_array *array);
void pg_array_done(struct pg_array *array);
void pg_array_u64(struct pg_array *array, uint64_t value);
void pg_array_i64(struct pg_array *array, int64_t value);
void pg_array_double(struct pg_array *array, double value);
void pg_array_bool(struct pg_array *array, bool value);
void pg_array_text(struct pg_array *array, const char *value); /* NULL: SQL NULL */
void pg_array_bytes(struct pg_array *array, const void *data, size_t length);
void pg_array_digest(struct pg_array *array, const struct digest *digest); /* zero: SQL NULL */
/* The parameter; it points into the array, which must be added to no more. */
struct pg_param pg_array_end(struct pg_array *array, const struct pg_type *type);
/* The one value of a uniform array. */
struct pg_param pg_array_end_scalar(struct pg_array *array, const struct pg_type *type);

#endif
