/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations, leadership and the fence, on a real private cluster (ASSAY_TEST_DATABASE, see
 * tests/support/with-postgres). */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "coordinator/store/pg.h"
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

static void leader_raises_the_epoch(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *store = open_store();
    assert_true(store_lead(store, "one:1", "tcp://a", 10000, &leader, &err));
    assert_int_equal(leader.epoch, 1);
    assert_int_equal(leader.batch, 0);
    assert_int_equal(strlen(leader.cluster), 16);
    assert_int_equal(commit(store, 1, 1, &err), STORE_COMMITTED);
    assert_true(store_read_leader(store, &leader, &err));
    assert_int_equal(leader.batch, 1);
    assert_int_equal(leader.attempt_next, 100);
    store_close(store);
    /* Its backend is gone: the next one leads at once, and goes on from its batch. */
    store = open_store();
    assert_true(store_lead(store, "two:2", "tcp://b", 10000, &leader, &err));
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(leader.batch, 1);
    store_close(store);
}

static void fresh_leader_is_respected_and_stale_one_deposed(void **state)
{
    (void)state;
    reset();
    struct err err = {0};
    struct store_leader leader;
    struct store *first = open_store();
    struct store *second = open_store();
    assert_true(store_lead(first, "one:1", "tcp://a", 10000, &leader, &err));
    assert_false(store_lead(second, "two:2", "tcp://b", 10000, &leader, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, "one:1"));
    /* Stale by definition of stale_ms = 0: taken over, though the first still holds its lock.
     */
    assert_true(store_lead(second, "two:2", "tcp://b", 0, &leader, &err));
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(commit(second, 2, 1, &err), STORE_COMMITTED);
    /* The first one's backend was terminated: its commit is lost, and once it has connected
     * again, refused (I4). */
    assert_int_equal(commit(first, 1, 1, &err), STORE_LOST);
    assert_true(store_reconnect(first, &err));
    assert_int_equal(commit(first, 1, 1, &err), STORE_DEPOSED);
    assert_int_equal(commit(first, 1, 2, &err), STORE_DEPOSED);
    assert_true(store_read_leader(first, &leader, &err));
    assert_int_equal(leader.epoch, 2);
    assert_int_equal(leader.batch, 1);
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
    assert_true(store_lead(store, "one:1", "tcp://a", 10000, &leader, &err));
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
    assert_true(store_grant_reader(database(), "assay_reader", "it's \"secret\"", &err));
    assert_true(store_grant_reader(database(), "assay_reader", "again", &err));
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
        cmocka_unit_test(changed_migration_is_refused),
        cmocka_unit_test(newer_database_is_refused),
        cmocka_unit_test(leader_raises_the_epoch),
        cmocka_unit_test(fresh_leader_is_respected_and_stale_one_deposed),
        cmocka_unit_test(same_batch_commits_once),
        cmocka_unit_test(words_of_codes_are_the_codes_own),
        cmocka_unit_test(reader_role_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
