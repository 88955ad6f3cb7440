/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/results on a real cluster with the real schema: what is read of a grid, cells without
 * a value and why, only what is new, and what a reader may not do. The rows are written by
 * hand: a grid of two variants, one scale and two seeds, of which one cell failed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/results/results.h"
#include "coordinator/store/pg.h"
#include "tests/unit/test.h"

#define READER "assay_test_reader"

static const char setup_sql[] =
    "SET search_path = assay;"
    "INSERT INTO grid (grid_id, submission_id, name, about, owner, state, cancelled, verdict, submitted_at, bundle,"
    " grid_text, plan_version, plan, tasks_count, compare) VALUES"
    " (1, '00000000-0000-0000-0000-000000000001', 'docs', 'the older', 'me', 2, false, 3, now(), '', '', 1, '', 6, NULL),"
    " (2, '00000000-0000-0000-0000-000000000002', 'docs', 'the newer', 'me', 0, false, 0, now(), '',"
    "  E'axes: {variant: {raw: [], prose: []}, scale: [xs], seed: [1, 2]}\\npromote: {of: variant}', 1, '', 6,"
    "  '{\"rows\": [\"variant\"], \"metrics\": [\"eval.bpb\"]}');"
    "INSERT INTO grid_metric VALUES (2, 'eval', 'bpb', 0, 'bits/byte', 0), (2, 'eval', 'best', 1, 'x', 2),"
    " (2, 'curate', 'kept', 2, 'documents', 0);"
    "INSERT INTO grid_cell VALUES"
    " (2, 0, '{\"variant\": \"raw\", \"scale\": \"xs\", \"seed\": \"1\"}'),"
    " (2, 1, '{\"variant\": \"raw\", \"scale\": \"xs\", \"seed\": \"2\"}'),"
    " (2, 2, '{\"variant\": \"prose\", \"scale\": \"xs\", \"seed\": \"1\"}'),"
    " (2, 3, '{\"variant\": \"prose\", \"scale\": \"xs\", \"seed\": \"2\"}');"
    "INSERT INTO metric_name (name) VALUES ('bpb'), ('best'), ('kept');"
    "INSERT INTO metric_tag (tag) VALUES (''), ('books');"
    /* A task per row: ordinal, state, point, key, detail. */
    "CREATE FUNCTION add(n int8, st int2, stg text, pt jsonb, why text) RETURNS void LANGUAGE sql AS $$"
    " INSERT INTO assay.task (task_id, state, reason, detail, failures, losses, soft_failures, backoff_ms, attempt_id, key,"
    "  same_as, stage, name, point, helper, changed_at) VALUES ((2::int8 << 32) + n, st, 0, why, 0, 0, 0, 0, n,"
    "  sha256(n::text::bytea), 0, stg, stg || '/' || n, pt, false, to_timestamp(1000 + n)) $$;"
    "CREATE FUNCTION accept(n int8) RETURNS void LANGUAGE sql AS $$"
    " INSERT INTO assay.result (key, attempt_id, task_id, current, program, version, revision, components, verdict,"
    "  created_at) VALUES (sha256(n::text::bytea), n, (2::int8 << 32) + n, true, 'p', 1, '', '{}', 0, now()) $$;"
    "SELECT add(1, 5::int2, 'eval', '{\"variant\": \"raw\", \"scale\": \"xs\", \"seed\": \"1\"}', '');"
    "SELECT add(2, 5::int2, 'eval', '{\"variant\": \"raw\", \"scale\": \"xs\", \"seed\": \"2\"}', '');"
    "SELECT add(3, 6::int2, 'eval', '{\"variant\": \"prose\", \"scale\": \"xs\", \"seed\": \"1\"}', 'out of memory');"
    "SELECT add(5, 5::int2, 'curate', '{\"variant\": \"raw\"}', '');"
    "SELECT accept(1), accept(2), accept(5);"
    /* By step the last, whatever its position; a tagged value is not the pooled one. */
    "INSERT INTO metric (attempt_id, position, name_id, tag_id, step, value) VALUES"
    " (1, 0, 1, 1, 10, 3.0), (1, 1, 1, 1, 0, 9.0), (1, 2, 1, 2, 20, 7.0), (1, 3, 2, 1, 0, 1.0), (1, 4, 2, 1, 1, 4.0),"
    " (1, 5, 2, 1, 2, 2.0), (2, 0, 1, 1, 10, 3.5), (5, 0, 3, 1, 0, 260);"
    "INSERT INTO attempt_input VALUES (1, 'model', 0, '\\x00', 'train/1');"
    "INSERT INTO result_output VALUES (sha256('1'), 1, 0, 'outcomes', 'tree', sha256('x'), 10);";

static const char later_sql[] =
    "SET search_path = assay;"
    "SELECT add(4, 5::int2, 'eval', '{\"variant\": \"prose\", \"scale\": \"xs\", \"seed\": \"2\"}', '');"
    "SELECT accept(4);"
    "INSERT INTO metric (attempt_id, position, name_id, tag_id, step, value) VALUES (4, 0, 1, 1, 10, 2.5);";

static const char *database(void)
{
    const char *conninfo = getenv("ASSAY_TEST_DATABASE");
    if (conninfo == NULL) {
        fail_msg("ASSAY_TEST_DATABASE is not set: run me through tests/support/with-postgres");
    }
    return conninfo;
}

static void run_sql(const char *sql)
{
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK
        && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQresultErrorMessage(result));
    }
    PQclear(result);
    PQfinish(connection);
}

struct rig {
    struct arena *arena;
    const char *reader; /* how it connects */
    struct results *results;
    struct results_grid grid;
};

/* As a reader: the role that `assay up` makes, which may read and no more. */
static void begin(struct rig *rig)
{
    struct err err = {0};
    run_sql("DROP SCHEMA IF EXISTS assay CASCADE");
    assert_true(store_migrate(database(), &err));
    assert_true(store_grant_reader(database(), READER, &err));
    run_sql(setup_sql);
    rig->arena = arena_create();
    char *reader = arena_strdup(rig->arena, database());
    char *user = strstr(reader, "user=assay");
    assert_non_null(user);
    *user = '\0';
    reader =
        arena_printf(rig->arena, "%suser=" READER "%s", reader, user + strlen("user=assay"));
    rig->reader = reader;
    if (!results_open(reader, 60000, &rig->results, &err)) {
        fail_msg("%s", err.message);
    }
    if (!results_grid(rig->results, "docs", &rig->grid, rig->arena, &err)) {
        fail_msg("%s", err.message);
    }
}

static void end(struct rig *rig)
{
    results_close(rig->results);
    arena_destroy(rig->arena);
}

static void a_grid_by_name_number_or_none(void **state)
{
    (void)state;
    struct rig rig;
    struct err err = {0};
    struct results_grid other;
    begin(&rig);
    assert_int_equal(rig.grid.id, 2); /* the newest of its name */
    assert_string_equal(rig.grid.about, "the newer");
    assert_false(rig.grid.finished);
    assert_int_equal(rig.grid.cells_count, 4);
    /* The file's order, not that of JSON. */
    assert_int_equal(rig.grid.axes_count, 3);
    assert_string_equal(rig.grid.axes[0], "variant");
    assert_string_equal(rig.grid.axes[1], "scale");
    assert_string_equal(rig.grid.axes[2], "seed");
    assert_non_null(node_get(rig.grid.file, "promote"));
    assert_true(results_grid(rig.results, "1", &other, rig.arena, &err));
    assert_int_equal(other.id, 1);
    assert_true(other.finished);
    assert_int_equal(other.axes_count, 0);
    assert_true(results_grid(rig.results, NULL, &other, rig.arena, &err));
    assert_int_equal(other.id, 2);
    assert_false(results_grid(rig.results, "dosc", &other, rig.arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.hint, "did you mean 'docs'?");
    end(&rig);
}

static void values_at_cells_and_why_there_are_none(void **state)
{
    (void)state;
    struct rig rig;
    struct err err = {0};
    struct results_metric metric;
    begin(&rig);
    assert_true(results_metric(rig.results, &rig.grid, "eval.bpb", &metric, rig.arena, &err));
    assert_int_equal(metric.present, 2);
    assert_string_equal(metric.unit, "bits/byte");
    assert_int_equal(metric.better, RESULTS_LOWER);
    assert_true(metric.values[0].value == 3.0); // NOLINT: stored as it is
    assert_true(metric.values[1].value == 3.5); // NOLINT
    assert_false(metric.values[2].present);
    assert_string_equal(metric.values[2].why, "failed: out of memory");
    assert_string_equal(metric.values[3].why, "not done yet");
    /* Taken as its manifest says. */
    assert_true(results_metric(rig.results, &rig.grid, "eval.best", &metric, rig.arena, &err));
    assert_true(metric.values[0].value == 4.0); // NOLINT
    /* One task of fewer axes is at all cells that have its points. */
    assert_true(
        results_metric(rig.results, &rig.grid, "curate.kept", &metric, rig.arena, &err));
    assert_int_equal(metric.present, 2);
    assert_string_equal(metric.values[0].task, metric.values[1].task);
    assert_false(results_metric(rig.results, &rig.grid, "eval.bbp", &metric, rig.arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.hint, "nearest: eval.bpb");
    assert_false(results_metric(rig.results, &rig.grid, "bpb", &metric, rig.arena, &err));
    assert_int_equal(err.code, ERR_INPUT);
    end(&rig);
}

static void a_refresh_reads_what_is_new(void **state)
{
    (void)state;
    struct rig rig;
    struct err err = {0};
    struct results_metric metric;
    begin(&rig);
    assert_true(
        results_metric_find(rig.results, &rig.grid, "eval.bpb", &metric, rig.arena, &err));
    assert_int_equal(metric.present, 0);
    assert_null(metric.since);
    assert_true(results_metric_refresh(rig.results, &rig.grid, &metric, rig.arena, &err));
    assert_int_equal(metric.present, 2);
    const char *since = metric.since;
    assert_non_null(since);
    run_sql(later_sql);
    /* Were it read again, this would show. */
    run_sql("UPDATE assay.metric SET value = 99 WHERE attempt_id = 1");
    assert_true(results_metric_refresh(rig.results, &rig.grid, &metric, rig.arena, &err));
    assert_int_equal(metric.present, 3);
    assert_true(metric.values[3].value == 2.5); // NOLINT
    assert_true(metric.values[0].value == 3.0); // NOLINT
    assert_string_not_equal(metric.since, since);
    end(&rig);
}

static const char *one(struct rig *rig, const char *sql)
{
    struct err err = {0};
    struct results_rows rows;
    if (!results_query(rig->results, sql, NULL, 0, &rows, rig->arena, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(rows.count, 1);
    return results_cell(&rows, 0, 0);
}

static void views_for_people(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_string_equal(
        one(&rig,
            "SELECT count(*) FROM results WHERE grid = 'docs' AND variant = 'raw' AND metric = 'bpb'"),
        "4");
    assert_string_equal(
        one(&rig, "SELECT detail FROM cells WHERE grid_id = 2 AND state = 'failed'"),
        "out of memory");
    assert_string_equal(
        one(&rig, "SELECT source || ' ' || output FROM lineage WHERE task = 'eval/1'"),
        "train/1 outcomes");
    assert_null(one(&rig, "SELECT NULL"));
    end(&rig);
}

static void a_reader_only_reads(void **state)
{
    (void)state;

    static const struct {
        const char *sql;
        enum err_code code;
        const char *words;
    } bad[] = {
        {"DELETE FROM assay.grid", ERR_INPUT, "read-only transaction"},
        {"SET TRANSACTION READ WRITE; DELETE FROM assay.grid", ERR_INPUT, "multiple commands"},
        {"CREATE TABLE x (a int)", ERR_INPUT, "read-only transaction"},
        {"SELECT * FROM generate_series(1, 1000001)", ERR_LIMIT, "more than 1000000 rows"},
        {"SELECT * FROM nothing", ERR_INPUT, "does not exist"},
        {"", ERR_INPUT, "empty"},
    };
    struct rig rig;
    begin(&rig);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct err err = {0};
        struct results_rows rows;
        assert_false(results_query(rig.results, bad[i].sql, NULL, 0, &rows, arena, &err));
        if (err.code != bad[i].code || strstr(err.message, bad[i].words) == NULL) {
            fail_msg("%s: %d '%s'", bad[i].sql, (int)err.code, err.message);
        }
    }
    /* The connection is good for more after each of them. */
    assert_string_equal(one(&rig, "SELECT 1"), "1");
    /* Not even a reader that asks for it may write. */
    struct err err = {0};
    struct results_rows rows;
    assert_true(results_query(
        rig.results,
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        NULL,
        0,
        &rows,
        rig.arena,
        &err));
    assert_false(
        results_query(rig.results, "DELETE FROM assay.grid", NULL, 0, &rows, rig.arena, &err));
    assert_non_null(strstr(err.message, "permission denied"));
    end(&rig);
}

static void a_reader_does_not_read_for_ever(void **state)
{
    (void)state;
    struct rig rig;
    struct results *hasty;
    struct results_rows rows;
    struct err err = {0};
    begin(&rig);
    assert_true(results_open(rig.reader, 500, &hasty, &err));
    const char *endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    assert_false(results_query(hasty, endless, NULL, 0, &rows, rig.arena, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.message, "statement timeout"));
    results_close(hasty);
    end(&rig);
}

static void a_database_that_is_not_there(void **state)
{
    (void)state;
    struct results *results = NULL;
    struct err err = {0};
    assert_false(results_open("host=/nowhere dbname=assay", 1000, &results, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_by_name_number_or_none),
        cmocka_unit_test(values_at_cells_and_why_there_are_none),
        cmocka_unit_test(a_refresh_reads_what_is_new),
        cmocka_unit_test(views_for_people),
        cmocka_unit_test(a_reader_only_reads),
        cmocka_unit_test(a_reader_does_not_read_for_ever),
        cmocka_unit_test(a_database_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
