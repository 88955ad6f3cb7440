/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leader row: reading, taking, keeping and giving up the lead, and the list of
 * coordinators. What tells a dead leader from a living one is its session: a process that dies
 * leaves none within milliseconds. A stopped one keeps it, so a stale row is taken over by
 * terminating its backend first; whatever that had begun is over before the epoch moves
 * (docs/adr/0011).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "coordinator/store/commit_rows.h"

/* A coordinator says that it is there this often, and is forgotten after so long. */
#define ANNOUNCE_MS   UINT64_C(5000)
#define FORGOTTEN_SQL "interval '30 s'"

/* Our sessions by the name that pg_connect() was given; a number may be another program's by
 * now. */
#define LEADER_SESSION                                                      \
    "FROM leader AS l JOIN pg_stat_activity AS a ON a.pid = l.backend_pid"  \
    " WHERE l.id = 1 AND coalesce(a.application_name, 'assayd') = 'assayd'" \
    " AND a.datname = current_database()"

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    length = length < size ? length : size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

#define LEADER_COLUMNS                                                                 \
    "epoch, batch, attempt_next, clock_ms, cluster, holder, endpoint, "                \
    "greatest(0, (extract(epoch FROM clock_timestamp() - renewed_at) * 1000)::int8), " \
    "NOT EXISTS (SELECT " LEADER_SESSION "), backend_pid = pg_backend_pid()"

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
    leader->vacant = pg_bool(result, 0, 8) || pg_bool(result, 0, 9);
}

static bool connect_if_lost(struct store *store, struct err *err)
{
    return pg_is_usable(store->writer) || store_reconnect(store, err);
}

/* A database in which assay never ran has no table; one in which nobody led yet has no row. */
static bool has_row(struct store *store, bool *ret_has, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            store->writer,
            "SELECT to_regclass('assay.leader') IS NOT NULL",
            NULL,
            0,
            &result,
            err)) {
        return false;
    }
    *ret_has = pg_bool(result, 0, 0);
    return true;
}

static bool read_row(struct store *store, struct store_leader *ret_leader, struct err *err)
{
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
    *ret_leader = (struct store_leader){0};
    if (PQntuples(result) == 1) {
        leader_from(result, ret_leader);
    }
    return true;
}

bool store_read_leader(struct store *store, struct store_leader *ret_leader, struct err *err)
{
    if (!connect_if_lost(store, err)) {
        return false;
    }
    if (!store->knows_schema && !has_row(store, &store->knows_schema, err)) {
        return false;
    }
    if (!store->knows_schema) {
        *ret_leader = (struct store_leader){0};
        return true;
    }
    return read_row(store, ret_leader, err);
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

/* Ends the session of the leader of that epoch, unless it is ours, and waits until it is gone:
 * what it was committing is then committed or not. */
static bool end_session(struct store *store, const char *epoch, struct err *err)
{
    const char *const params[] = {epoch};
    return pg_run(
        store->writer,
        "SELECT pg_terminate_backend(a.pid, 3000) " LEADER_SESSION
        " AND a.pid <> pg_backend_pid() AND l.epoch = $1::int8",
        params,
        1,
        NULL,
        err);
}

bool store_lead(
    struct store *store, uint64_t epoch_seen, struct store_leader *ret_leader, struct err *err)
{
    char epoch[24];
    (void)snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)epoch_seen);
    const char *const params[] = {store->holder, store->endpoint, epoch};
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!connect_if_lost(store, err) || !ensure_row(store, err)
        || !end_session(store, epoch, err)
        || !pg_run(
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
    return read_row(store, ret_leader, err);
}

bool store_keep_lead(
    struct store *store, uint64_t epoch, struct store_leader *ret_leader, struct err *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)epoch);
    const char *const params[] = {text};
    return connect_if_lost(store, err) && end_session(store, text, err) /* our own former one */
           && pg_run(
               store->writer,
               "UPDATE leader SET backend_pid = pg_backend_pid(), renewed_at = clock_timestamp() WHERE id = 1 AND epoch = $1::int8",
               params,
               1,
               NULL,
               err)
           && read_row(store, ret_leader, err);
}

bool store_resign(struct store *store, uint64_t epoch, struct err *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)epoch);
    const char *const params[] = {text};
    return store->reader != NULL
           && pg_run(
               store->reader,
               "UPDATE leader SET renewed_at = 'epoch' WHERE id = 1 AND epoch = $1::int8",
               params,
               1,
               NULL,
               err);
}

/* --- Who else is there --- */

/* The rows come back through store_take_coordinators(), also from within a batch. */
static const char announce_sql[] =
    "WITH own AS (INSERT INTO assay.coordinator VALUES ($1, $2, clock_timestamp()) ON CONFLICT (endpoint) DO UPDATE SET"
    " holder = excluded.holder, seen_at = excluded.seen_at) SELECT endpoint AS " COORDINATOR_COLUMN
    " FROM assay.coordinator WHERE seen_at > clock_timestamp() - " FORGOTTEN_SQL
    " AND endpoint <> $1 ORDER BY endpoint LIMIT 15";

void store_introduce(struct store *store, const char *holder, const char *endpoint)
{
    store->holder = holder;
    store->endpoint = endpoint;
}

/* True once every ANNOUNCE_MS. */
static bool announce_is_due(struct store *store)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (store->endpoint == NULL || now_ms < store->announce_after_ms) {
        return false;
    }
    store->announce_after_ms = now_ms + ANNOUNCE_MS;
    return true;
}

void batch_send_announcement(struct store *store)
{
    if (announce_is_due(store)) {
        const char *const params[] = {store->endpoint, store->holder};
        batch_send(store, announce_sql, params, 2);
        batch_send_gone_question(store);
    }
}

void store_take_coordinators(struct store *store, const PGresult *result)
{
    store->others_count = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        CHECK(store->others_count < ARRAY_LEN(store->others));
        char *other = store->others[store->others_count++];
        copy_text(other, sizeof(store->others[0]), pg_text(result, row, 0));
    }
}

bool store_announce(struct store *store, struct err *err)
{
    if (!store->knows_schema || !announce_is_due(store)) {
        return true;
    }
    const char *const params[] = {store->endpoint, store->holder};
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(store->writer, announce_sql, params, 2, &result, err)) {
        return false;
    }
    store_take_coordinators(store, result);
    return true;
}

size_t store_others_count(const struct store *store)
{
    return store->others_count;
}

const char *store_other(const struct store *store, size_t index)
{
    CHECK(index < store->others_count);
    return store->others[index];
}
