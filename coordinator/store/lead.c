/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, reading the leader row and taking the lead. An advisory lock on the writer's session
 * is the fast path: a dead process leaves it free at once. A stopped one keeps it, so a stale
 * row is taken over by terminating its backend.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "coordinator/store/pg.h"

#define LEADER_LOCK                                                                   \
    "pg_try_advisory_lock(7310579613)" /* any fixed number: "assay" has no meaning to \
                                          PostgreSQL */

static bool check_server(PGconn *connection, struct err *err)
{
    if (PQserverVersion(connection) < 150000) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "PostgreSQL 15 or later is needed, this is %d",
            PQserverVersion(connection) / 10000);
        return err_hint(err, "let assay run its own: assay up without --database");
    }
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            connection,
            "SELECT current_setting('fsync'), current_setting('full_page_writes')",
            NULL,
            0,
            &result,
            err)) {
        return false;
    }
    if (strcmp(pg_text(result, 0, 0), "on") != 0 || strcmp(pg_text(result, 0, 1), "on") != 0) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "the database runs with fsync or full_page_writes off: results would not survive a crash");
        return err_hint(
            err,
            "set fsync = on and full_page_writes = on in postgresql.conf and restart the server");
    }
    return true;
}

bool store_reconnect(struct store *store, struct err *err)
{
    store->in_flight = false;
    PQfinish(store->writer);
    store->writer = NULL;
    PQfinish(store->reader);
    store->reader = NULL;
    return pg_connect(store->conninfo_text.data, "assayd", &store->writer, err)
           && pg_connect(store->conninfo_text.data, "assayd-read", &store->reader, err)
           && check_server(store->writer, err);
}

bool store_open(const char *conninfo, struct store **ret_store, struct err *err)
{
    struct arena *arena = arena_create();
    struct store *store = ARENA_NEW(arena, struct store);
    store->arena = arena;
    str_init(&store->conninfo_text, 4096);
    str_append(&store->conninfo_text, conninfo);
    if (!store_reconnect(store, err)) {
        store_close(store);
        return false;
    }
    *ret_store = store;
    return true;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    PQfinish(store->writer);
    PQfinish(store->reader);
    str_done(&store->conninfo_text);
    struct arena *arena = store->arena;
    arena_destroy(arena);
}

void store_cleanup(struct store **store)
{
    store_close(*store);
    *store = NULL;
}

int store_fd(const struct store *store)
{
    return store->writer == NULL ? -1 : PQsocket(store->writer);
}

bool store_wants_write(const struct store *store)
{
    return store->wants_write;
}

void store_set_grid_info(struct store *store, const struct store_grid_info *info)
{
    store_forget_grid_info(store, info->plan);
    ARENA_PUSH(store->arena, store->infos, store->infos_count, store->infos_capacity, *info);
}

void store_forget_grid_info(struct store *store, const struct plan *plan)
{
    for (size_t i = 0; i < store->infos_count; i++) {
        if (store->infos[i].plan == plan) {
            store->infos[i] = store->infos[--store->infos_count];
            return;
        }
    }
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    length = length < size ? length : size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

#define LEADER_COLUMNS                                                  \
    "epoch, batch, attempt_next, clock_ms, cluster, holder, endpoint, " \
    "greatest(0, (extract(epoch FROM clock_timestamp() - renewed_at) * 1000)::int8), backend_pid"

static void leader_from(const PGresult *result, struct store_leader *leader)
{
    leader->epoch = pg_u64(result, 0, 0);
    leader->batch = pg_u64(result, 0, 1);
    leader->attempt_next = pg_u64(result, 0, 2);
    leader->clock_ms = pg_u64(result, 0, 3);
    copy_text(leader->cluster, sizeof(leader->cluster), pg_text(result, 0, 4));
    copy_text(leader->holder, sizeof(leader->holder), pg_text(result, 0, 5));
    copy_text(leader->endpoint, sizeof(leader->endpoint), pg_text(result, 0, 6));
    leader->renewed_ms_ago = pg_u64(result, 0, 7);
}

bool store_read_leader(struct store *store, struct store_leader *ret_leader, struct err *err)
{
    if (store->writer == NULL || PQstatus(store->writer) != CONNECTION_OK) {
        if (!store_reconnect(store, err)) {
            return false;
        }
    }
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            store->writer,
            "SELECT " LEADER_COLUMNS " FROM leader WHERE id = 1",
            NULL,
            0,
            &result,
            err)) {
        return false;
    }
    if (PQntuples(result) != 1) {
        return err_set(err, ERR_NOT_FOUND, "the database has no leader row yet");
    }
    leader_from(result, ret_leader);
    return true;
}

/* The first leader of a new database makes the row. */
static bool ensure_row(struct store *store, struct err *err)
{
    uint8_t bytes[8];
    random_bytes(bytes, sizeof(bytes));
    char cluster[17];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(cluster + 2 * i, 3, "%02x", bytes[i]);
    }
    const char *const params[] = {cluster};
    return pg_run(
        store->writer,
        "INSERT INTO leader (id, cluster, epoch, batch, holder, endpoint, renewed_at, backend_pid) VALUES (1, $1, 0, 0, '', '',"
        " 'epoch', 0) ON CONFLICT (id) DO NOTHING",
        params,
        1,
        NULL,
        err);
}

static bool try_lock(struct store *store, bool *ret_locked, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(store->writer, "SELECT " LEADER_LOCK, NULL, 0, &result, err)) {
        return false;
    }
    *ret_locked = pg_bool(result, 0, 0);
    return true;
}

static bool take_row(
    struct store *store,
    const char *holder,
    const char *endpoint,
    uint64_t old_epoch,
    struct err *err)
{
    char epoch[24];
    (void)snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)old_epoch);
    const char *const params[] = {holder, endpoint, epoch};
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            store->writer,
            "UPDATE leader SET epoch = epoch + 1, holder = $1, endpoint = $2, renewed_at = clock_timestamp(), backend_pid = "
            "pg_backend_pid() WHERE id = 1 AND epoch = $3::int8 RETURNING epoch",
            params,
            3,
            &result,
            err)) {
        return false;
    }
    if (PQntuples(result) != 1) {
        return err_set(err, ERR_CONFLICT, "another coordinator took the lead at this moment");
    }
    return true;
}

bool store_lead(
    struct store *store,
    const char *holder,
    const char *endpoint,
    uint64_t stale_ms,
    struct store_leader *ret_leader,
    struct err *err)
{
    struct store_leader leader;
    bool locked = false;
    if (!ensure_row(store, err) || !try_lock(store, &locked, err)
        || !store_read_leader(store, &leader, err)) {
        return false;
    }
    if (!locked && leader.renewed_ms_ago < stale_ms) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "coordinator %s leads this database (renewed %llu ms ago, at %s)",
            leader.holder,
            (unsigned long long)leader.renewed_ms_ago,
            leader.endpoint);
        return err_hint(err, "stop it first, or give this one another database");
    }
    if (!locked
        && !pg_command(
            store->writer,
            "SELECT pg_terminate_backend(backend_pid) FROM leader WHERE id = 1 AND backend_pid <> 0",
            err)) {
        return false;
    }
    if (!take_row(store, holder, endpoint, leader.epoch, err)) {
        return false;
    }
    if (!locked) {
        (void)try_lock(
            store,
            &locked,
            err); /* the old backend may need a moment to go; the row is what counts */
    }
    return store_read_leader(store, ret_leader, err);
}
