/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations, leadership and the fence, on a real private cluster (ASSAY_TEST_DATABASE, see
 * tests/support/with-postgres). */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/schema_files.h"
#include "coordinator/store/store.h"
#include "tests/unit/test.h"

static const char *database(void)
{
    const char *conninfo = getenv("ASSAY_TEST_DATABASE");
    if (conninfo == NULL) {
        fail_msg("ASSAY_TEST_DATABASE is not set: run me through tests/support/with-postgres");
    }
    return conninfo;
}

static void reset(void)
{
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(pg_command(connection, "DROP SCHEMA IF EXISTS assay CASCADE", &err));
    PQfinish(connection);
    assert_true(store_migrate(database(), &err));
}

static struct store *open_store(void)
{
    struct err err = {0};
    struct store *store = NULL;
    if (!store_open(database(), &store, &err)) {
        fail_msg("store_open: %s", err.message);
    }
    return store;
}

static enum store_commit commit(
    struct store *store, uint64_t epoch, uint64_t number, struct err *err)
{
    struct effects effects;
    effects_init(&effects);
    struct effect *fence = effects_add(&effects, EFFECT_PERSIST_FENCE);
    fence->mark.value = 100 * number;
    store_commit_begin(store, epoch, number, 1, &effects);
    enum store_commit outcome = STORE_BUSY;
    uint64_t end = clock_monotonic_ms() + 10000;
    while (outcome == STORE_BUSY && clock_monotonic_ms() < end) {
        outcome = store_commit_poll(store, err);
    }
    effects_done(&effects);
    return outcome;
}

static void migrating_twice_changes_nothing(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    assert_true(store_migrate(database(), &err));
}

/* A database that an older release made: what it lacks is applied, what it has stays. */
static void older_database_is_brought_up(void **state)
{
    (void)state;
    struct err err = {0};
    PGconn *connection = NULL;
    char hex[DIGEST_HEX];
    const struct schema_file *first = &schema_files[0];
    struct digest digest = digest_of(first->text, first->length);
    const char *const params[] = {first->name, digest_to_hex(&digest, hex)};
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(pg_command(connection, "DROP SCHEMA IF EXISTS assay CASCADE; BEGIN", &err));
    assert_true(pg_command(connection, first->text, &err));
    assert_true(pg_command(
        connection,
        "CREATE TABLE assay.schema_version (version int4 PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now());"
        "INSERT INTO assay.leader VALUES (1, 'old cluster', 5, 9, 'h', 'e', now(), 0, 77, 0);"
        "INSERT INTO assay.event (grid_id, epoch, batch, at, body) VALUES (2, 1, 1, now(),"
        " '[{\"kind\":\"task-done\",\"task\":8589934595,\"attempt\":7,\"value\":0,\"at_ms\":1000}]')",
        &err));
    assert_true(pg_run(
        connection,
        "INSERT INTO assay.schema_version VALUES (1, $1, $2)",
        params,
        2,
        NULL,
        &err));
    assert_true(pg_command(connection, "COMMIT", &err));
    PQfinish(connection);
    assert_true(store_migrate(database(), &err));
    struct store_leader leader;
    struct store *store = open_store();
    assert_true(store_read_leader(store, &leader, &err));
    assert_string_equal(leader.cluster, "old cluster");
    assert_int_equal(leader.attempt_next, 77);
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    const char *json = NULL;
    assert_true(store_query_json(
        store,
        "SELECT kind, task_id, attempt_id, extract(epoch FROM at)::int8 AS at FROM events WHERE grid_id = 2",
        NULL,
        0,
        arena,
        &json,
        &err));
    assert_non_null(strstr(
        json, "\"kind\":\"task-done\",\"task_id\":8589934595,\"attempt_id\":7,\"at\":1"));
    store_close(store);
}

static void changed_migration_is_refused(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(
        pg_command(connection, "UPDATE schema_version SET sha256 = repeat('0', 64)", &err));
    PQfinish(connection);
    assert_false(store_migrate(database(), &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, "other content"));
}

static void newer_database_is_refused(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(pg_command(
        connection, "INSERT INTO schema_version VALUES (9999, 'future', 'x')", &err));
    PQfinish(connection);
    assert_false(store_migrate(database(), &err));
    assert_non_null(strstr(err.message, "9999"));
}

static void lead(
    struct store *store, uint64_t epoch_seen, const char *name, struct store_leader *ret_leader)
{
    struct err err = {0};
    store_introduce(store, name, name);
    if (!store_lead(store, epoch_seen, ret_leader, &err)) {
        fail_msg("store_lead: %s", err.message);
    }
}

static void leader_raises_the_epoch(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *store = open_store();
    assert_true(store_read_leader(store, &leader, &err));
    assert_int_equal(leader.epoch, 0);
    lead(store, 0, "one", &leader);
    assert_int_equal(leader.epoch, 1);
    assert_int_equal(leader.batch, 0);
    assert_int_equal(strlen(leader.cluster), 16);
    assert_int_equal(commit(store, 1, 1, &err), STORE_COMMITTED);
    assert_true(store_read_leader(store, &leader, &err));
    assert_int_equal(leader.batch, 1);
    assert_int_equal(leader.attempt_next, 100);
    store_close(store);
    store = open_store();
    lead(store, 1, "two", &leader);
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(leader.batch, 1);
    store_close(store);
}

static void database_without_assay_was_never_led(void **state)
{
    (void)state;
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(pg_command(connection, "DROP SCHEMA IF EXISTS assay CASCADE", &err));
    PQfinish(connection);
    struct store_leader leader = {.epoch = 7};
    struct store *store = open_store();
    assert_true(store_read_leader(store, &leader, &err));
    assert_int_equal(leader.epoch, 0);
    store_close(store);
}

/* Its process died: the row says within moments that nobody is there. */
static void ended_session_leaves_the_lead_vacant(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *first = open_store();
    struct store *second = open_store();
    lead(first, 0, "one", &leader);
    assert_true(store_read_leader(second, &leader, &err));
    assert_false(leader.vacant);
    assert_true(leader.renewed_ms_ago < 5000);
    store_close(first);
    uint64_t end = clock_monotonic_ms() + 5000;
    while (!leader.vacant && clock_monotonic_ms() < end) {
        assert_true(store_read_leader(second, &leader, &err));
    }
    assert_true(leader.vacant);
    assert_int_equal(leader.epoch, 1);
    store_close(second);
}

/* One that hangs keeps its session: it is ended before the epoch moves, and when the hung one
 * wakes up, nothing of it commits (I4). */
static void deposed_leader_writes_nothing(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *first = open_store();
    struct store *second = open_store();
    lead(first, 0, "one", &leader);
    assert_int_equal(commit(first, 1, 1, &err), STORE_COMMITTED);
    lead(second, 1, "two", &leader);
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(commit(second, 2, 2, &err), STORE_COMMITTED);
    assert_int_equal(commit(first, 1, 2, &err), STORE_LOST);
    assert_true(store_keep_lead(first, 1, &leader, &err));
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(commit(first, 1, 2, &err), STORE_DEPOSED);
    assert_int_equal(commit(first, 1, 3, &err), STORE_DEPOSED);
    assert_true(store_resign(first, 1, &err));
    assert_true(store_read_leader(first, &leader, &err));
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(leader.batch, 2);
    assert_string_equal(leader.holder, "two");
    assert_true(leader.renewed_ms_ago < 5000);
    store_close(first);
    store_close(second);
}

/* Of two that decide at once, from one look, one wins. */
static void one_of_two_takes_the_lead(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *first = open_store();
    struct store *second = open_store();
    lead(first, 0, "one", &leader);
    store_introduce(second, "two", "two");
    assert_false(store_lead(second, 0, &leader, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(commit(first, 1, 1, &err), STORE_COMMITTED);
    assert_true(store_read_leader(second, &leader, &err));
    assert_false(leader.vacant);
    store_close(first);
    store_close(second);
}

static void who_resigns_need_not_be_waited_for(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *store = open_store();
    lead(store, 0, "one", &leader);
    assert_true(store_resign(store, 1, &err));
    assert_true(store_read_leader(store, &leader, &err));
    assert_true(leader.renewed_ms_ago > 1000000);
    store_close(store);
}

/* Coordinators learn of each other: one that stands by from its announcement, one that leads
 * from its batches. */
static void coordinators_know_each_other(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *first = open_store();
    struct store *second = open_store();
    lead(first, 0, "tcp://one", &leader);
    store_introduce(second, "b:2", "tcp://two");
    assert_true(store_read_leader(second, &leader, &err));
    assert_true(store_announce(second, &err));
    assert_int_equal(store_others_count(second), 0);
    assert_int_equal(commit(first, 1, 1, &err), STORE_COMMITTED);
    assert_int_equal(store_others_count(first), 1);
    assert_string_equal(store_other(first, 0), "tcp://two");
    store_close(second);
    second = open_store();
    store_introduce(second, "b:3", "tcp://two");
    assert_true(store_read_leader(second, &leader, &err));
    assert_true(store_announce(second, &err));
    assert_int_equal(store_others_count(second), 1);
    assert_string_equal(store_other(second, 0), "tcp://one");
    store_close(first);
    store_close(second);
}

static void same_batch_commits_once(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *store = open_store();
    lead(store, 0, "one", &leader);
    assert_int_equal(commit(store, 1, 1, &err), STORE_COMMITTED);
    assert_int_equal(commit(store, 1, 1, &err), STORE_DEPOSED);
    assert_int_equal(commit(store, 1, 3, &err), STORE_DEPOSED);
    assert_int_equal(commit(store, 1, 2, &err), STORE_COMMITTED);
    store_close(store);
}

static void words_of_codes_are_the_codes_own(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    PGresult *rows = NULL;
    assert_true(pg_run(
        connection, "SELECT code, word FROM task_state ORDER BY code", NULL, 0, &rows, &err));
    assert_int_equal(PQntuples(rows), TASK_STATES);
    for (int r = 0; r < PQntuples(rows); r++) {
        assert_string_equal(
            pg_text(rows, r, 1), task_state_name((enum task_state)pg_u64(rows, r, 0)));
    }
    PQclear(rows);
    assert_true(pg_run(
        connection,
        "SELECT code, word FROM attempt_outcome ORDER BY code",
        NULL,
        0,
        &rows,
        &err));
    assert_int_equal(PQntuples(rows), OUTCOMES);
    for (int r = 1; r < PQntuples(rows); r++) {
        assert_string_equal(
            pg_text(rows, r, 1),
            attempt_outcome_name((enum attempt_outcome)pg_u64(rows, r, 0)));
    }
    PQclear(rows);
    PQfinish(connection);
}

static void reader_role_cannot_write(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    assert_true(store_grant_reader(database(), "assay_reader", &err));
    assert_true(store_grant_reader(database(), "assay_reader", &err));
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    const char *conninfo = arena_printf(arena, "%s user=assay_reader", database());
    PGconn *connection = NULL;
    if (!pg_connect(conninfo, "test", &connection, &err)) {
        fail_msg("%s", err.message);
    }
    assert_true(pg_command(connection, "SELECT * FROM results", &err));
    assert_false(pg_command(connection, "DELETE FROM task", &err));
    assert_false(pg_command(
        connection, "SET default_transaction_read_only = off; DELETE FROM task", &err));
    PQfinish(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrating_twice_changes_nothing),
        cmocka_unit_test(older_database_is_brought_up),
        cmocka_unit_test(changed_migration_is_refused),
        cmocka_unit_test(newer_database_is_refused),
        cmocka_unit_test(leader_raises_the_epoch),
        cmocka_unit_test(database_without_assay_was_never_led),
        cmocka_unit_test(ended_session_leaves_the_lead_vacant),
        cmocka_unit_test(deposed_leader_writes_nothing),
        cmocka_unit_test(one_of_two_takes_the_lead),
        cmocka_unit_test(who_resigns_need_not_be_waited_for),
        cmocka_unit_test(coordinators_know_each_other),
        cmocka_unit_test(same_batch_commits_once),
        cmocka_unit_test(words_of_codes_are_the_codes_own),
        cmocka_unit_test(reader_role_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
