/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch of persist effects as one pipelined, implicit transaction. Each table gets one
 * statement with arrays, so a batch costs a handful of statements however many rows it has. Of
 * several rows of one identity in a batch the last one counts.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "coordinator/store/commit_rows.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/plan_slices.h"
#include "coordinator/store/policy.h"

void batch_send(struct store *store, const char *sql, const char *const *params, size_t count)
{
    if (store->failed) {
        return;
    }
    CHECK(count <= PG_PARAMS_MAX);
    if (PQsendQueryParams(store->writer, sql, (int)count, NULL, params, NULL, NULL, 0) != 1) {
        store->failed = true;
        (void)pg_failure(store->writer, NULL, "commit", &store->failure);
    }
}

void batch_send_params(
    struct store *store, const char *sql, const struct pg_param *params, size_t count)
{
    if (store->failed) {
        return;
    }
    struct pg_params split;
    CHECK(count <= PG_PARAMS_MAX);
    pg_params_split(params, count, &split);
    if (PQsendQueryParams(
            store->writer,
            sql,
            (int)count,
            split.oids,
            split.values,
            split.lengths,
            split.formats,
            0)
        != 1) {
        store->failed = true;
        (void)pg_failure(store->writer, NULL, "commit", &store->failure);
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct batch_row *left = a;
    const struct batch_row *right = b;
    if (left->id != right->id) {
        return left->id < right->id ? -1 : 1;
    }
    return left->first < right->first ? -1 : left->first > right->first;
}

static uint64_t effect_identity(const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_PERSIST_GRID:
        return effect->grid.row.grid.value;
    case EFFECT_PERSIST_TASK:
        return effect->task.row.task.value;
    case EFFECT_PERSIST_ATTEMPT:
        return effect->attempt.attempt.value;
    case EFFECT_PERSIST_WORKER:
        return effect->worker.worker.value;
    case EFFECT_PERSIST_RESULT:
        return effect->result.result.attempt.value;
    case EFFECT_NONE:
    case EFFECT_PERSIST_LEASE:
    case EFFECT_PERSIST_LEASE_FLOOR:
    case EFFECT_PERSIST_FENCE:
    case EFFECT_PERSIST_GONE:
    case EFFECT_PERSIST_METRICS:
    case EFFECT_PERSIST_USAGE:
    case EFFECT_PERSIST_AUDIT:
    case EFFECT_SEND_WELCOME:
    case EFFECT_SEND_ASSIGN:
    case EFFECT_SEND_GO:
    case EFFECT_SEND_REVOKE:
    case EFFECT_SEND_RETRACT:
    case EFFECT_SEND_RENEWED:
    case EFFECT_SEND_METRICS_ACK:
    case EFFECT_SEND_ACK:
    case EFFECT_SEND_DRAIN:
    case EFFECT_REPLY:
    case EFFECT_JOIN:
    case EFFECT_LOOKUP:
    case EFFECT_KINDS:
        break;
    }
    return 0;
}

size_t batch_rows(
    const struct effects *batch,
    enum effect_kind kind,
    struct arena *arena,
    struct batch_row **ret_rows)
{
    struct batch_row *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    bool sorted = true;
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->items[i];
        if (effect->kind == kind) {
            struct batch_row row = {effect_identity(effect), effect, effect};
            sorted = sorted && (count == 0 || rows[count - 1].id < row.id);
            ARENA_PUSH(arena, rows, count, capacity, row);
        }
    }
    *ret_rows = rows;
    if (sorted) {
        return count;
    }
    qsort(rows, count, sizeof(*rows), compare_rows);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && rows[kept - 1].id == rows[i].id) {
            rows[kept - 1].last = rows[i].last;
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

/* Each statement of a batch reaches its rows by their keys. A table that was small when its
 * statement was planned may be large now, so plans that read whole tables are ruled out; a
 * plan's cost is then no measure of its work, and compiling it would only take time. */
static void tune(struct store *store)
{
    batch_send(
        store,
        "SELECT set_config(name, value, false) FROM (VALUES ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'), "
        "('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off')) AS v(name, value)",
        NULL,
        0);
}

static void send_fence(struct store *store, uint64_t epoch, uint64_t number, uint64_t clock_ms)
{
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 3);
    pg_array_u64(&c.arrays[0], epoch);
    pg_array_u64(&c.arrays[1], number);
    pg_array_u64(&c.arrays[2], clock_ms);
    columns_send(
        &c,
        store,
        "SELECT assay.advance(u.a, u.b, u.c) FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS u(a,b,c)");
}

/* Hands over what the connection takes now, and no more than one slice of a plan at a time: the
 * batch ends behind the last one. False: the connection is lost. */
static bool push(struct store *store)
{
    if (plan_slices_wait(store) && PQflush(store->writer) == 0) {
        plan_slices_send(store);
    }
    if (!store->closed && !plan_slices_wait(store)) {
        store->closed = true;
        store->failed |= PQpipelineSync(store->writer) != 1;
    }
    int left = PQflush(store->writer);
    store->wants_write = left == 1 || !store->closed;
    return left >= 0;
}

void store_commit_begin(
    struct store *store,
    uint64_t epoch,
    uint64_t number,
    uint64_t clock_ms,
    const struct effects *batch)
{
    CHECK(!store->in_flight);
    store->in_flight = true;
    store->begun_ms = clock_monotonic_ms();
    store->closed = false;
    store->failed = store->deposed = store->passing = store->read_only = store->wants_write =
        false;
    err_clear(&store->failure);
    if (store->writer == NULL || PQstatus(store->writer) != CONNECTION_OK) {
        return; /* poll reports LOST */
    }
    if (PQsetnonblocking(store->writer, 1) != 0 || PQenterPipelineMode(store->writer) != 1) {
        PQfinish(store->writer); /* not fit for a batch: poll reports LOST */
        store->writer = NULL;
        return;
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    send_fence(store, epoch, number, clock_ms);
    if (!store->tuned) {
        tune(store);
    }
    batch_send_announcement(store);
    batch_send_grids(store, batch, arena);
    batch_send_workers(store, batch, arena);
    batch_send_leases(store, batch, arena, epoch, number);
    batch_send_tasks(store, batch, arena);
    batch_send_policy(store, batch, arena);
    batch_send_attempts(store, batch, arena);
    batch_send_gone(store, batch, arena);
    batch_send_results(store, batch, arena);
    batch_send_metrics(store, batch, arena);
    batch_send_events(store, batch, arena, epoch, number);
    (void)push(store); /* store_commit_poll() sees a failure */
}

/* Takes one result; true when the pipeline's end was reached. */
static bool take_result(struct store *store, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && !store->failed) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        store->failed = true;
        store->deposed = state != NULL && strcmp(state, "AS001") == 0;
        store->passing = pg_is_passing(result);
        store->read_only = state != NULL && strcmp(state, "25006") == 0;
        (void)pg_failure(store->writer, result, "commit", &store->failure);
    }
    if (status == PGRES_TUPLES_OK && strcmp(PQfname(result, 0), COORDINATOR_COLUMN) == 0) {
        store_take_coordinators(store, result);
    } else if (
        status == PGRES_TUPLES_OK && PQnfields(result) > 0
        && strcmp(PQfname(result, 0), GONE_COLUMN) == 0) {
        store_take_gone(store, result);
    }
    PQclear(result);
    return status == PGRES_PIPELINE_SYNC;
}

static enum store_commit batch_lost(struct store *store, struct err *err)
{
    store->in_flight = false;
    plan_slices_end(store, false);
    (void)err_set(err, ERR_UNAVAILABLE, "database connection lost during a commit");
    if (store->writer != NULL) {
        (void)err_wrap(err, "%s", PQerrorMessage(store->writer));
        PQfinish(store->writer);
        store->writer = NULL;
    }
    return STORE_LOST;
}

static enum store_commit batch_failed(struct store *store, struct err *err)
{
    *err = store->failure;
    plan_slices_end(store, false);
    if (store->deposed) {
        return STORE_DEPOSED;
    }
    if (store->read_only) {
        /* The server was primary and is a replica now: the next connection looks for another.
         */
        PQfinish(store->writer);
        store->writer = NULL;
    }
    return store->passing ? STORE_TROUBLE : STORE_FAILED;
}

void store_commit_push(struct store *store)
{
    if (store->in_flight && store->wants_write && store->writer != NULL) {
        (void)push(store); /* store_commit_poll() sees a failure */
    }
}

enum store_commit store_commit_poll(struct store *store, struct err *err)
{
    if (!store->in_flight) {
        return STORE_IDLE;
    }
    if (store->writer == NULL || PQstatus(store->writer) != CONNECTION_OK
        || PQconsumeInput(store->writer) != 1) {
        return batch_lost(store, err);
    }
    if (store->wants_write && !push(store)) {
        return batch_lost(store, err);
    }
    if (!store->closed) {
        return STORE_BUSY; /* whatever came is taken when all of it is sent */
    }
    while (PQisBusy(store->writer) == 0) {
        PGresult *result = PQgetResult(store->writer);
        if (result == NULL) {
            if (PQstatus(store->writer) != CONNECTION_OK) {
                return batch_lost(store, err);
            }
            continue; /* end of one statement's results */
        }
        if (!take_result(store, result)) {
            continue;
        }
        (void)PQexitPipelineMode(store->writer);
        store->in_flight = false;
        if (store->failed) {
            store->prepared_count = 0; /* some may have been skipped with the batch */
            return batch_failed(store, err);
        }
        store->tuned = true;
        plan_slices_end(store, true);
        return STORE_COMMITTED;
    }
    return PQstatus(store->writer) == CONNECTION_OK ? STORE_BUSY : batch_lost(store, err);
}
