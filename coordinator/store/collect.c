/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/store/pg.h"

/* `wanted`: grids that are kept, live or pinned; `had`: the results that they have. */
#define WANTED_SQL                                                                                           \
    "WITH wanted AS (SELECT grid_id FROM grid WHERE kept OR state <> 2 UNION SELECT grid_id FROM pin WHERE " \
    "grid_id <> 0 AND task_id = 0), pinned AS (SELECT task_id FROM pin WHERE task_id <> 0) "

static const char roots_sql[] = WANTED_SQL
    ", had AS (SELECT t.key, t.attempt_id, 0 AS why FROM task t JOIN wanted w ON w.grid_id = (t.task_id >> 32)::int4 WHERE "
    "t.state = 5 UNION ALL SELECT t.key, t.attempt_id, 1 FROM task t JOIN pinned p ON p.task_id = t.task_id WHERE t.state = 5 "
    "UNION ALL SELECT r.key, r.attempt_id, 2 FROM result r WHERE r.created_at > clock_timestamp() - $1::int8 * interval '1 ms') "
    "SELECT bundle, 0 FROM grid JOIN wanted USING (grid_id) UNION SELECT o.digest, h.why FROM had h JOIN result_output o ON "
    "o.key = h.key AND o.attempt_id = h.attempt_id UNION SELECT i.digest, h.why FROM had h JOIN attempt_input i ON "
    "i.attempt_id = h.attempt_id UNION SELECT files, 0 FROM program_revision UNION SELECT digest, 1 FROM pin WHERE "
    "length(digest) = 32";

static const char logs_sql[] = WANTED_SQL
    "SELECT a.log FROM attempt a JOIN wanted w ON w.grid_id = (a.task_id >> 32)::int4 WHERE a.log IS NOT NULL UNION SELECT "
    "p.log FROM placement p JOIN attempt a USING (attempt_id) JOIN wanted w ON w.grid_id = (a.task_id >> 32)::int4 WHERE p.log "
    "IS NOT NULL UNION SELECT a.log FROM attempt a JOIN pinned p ON p.task_id = a.task_id WHERE a.log IS NOT NULL";

static void add_root(
    struct collect_roots *roots, struct arena *arena, const struct digest *tree)
{
    ARENA_PUSH(arena, roots->trees, roots->trees_count, roots->trees_capacity, *tree);
}

/* What live plans took from earlier grids is read by tasks that have not run yet. */
static bool add_plan(
    struct store *store,
    uint32_t grid,
    struct arena *arena,
    struct collect_roots *roots,
    struct err *err)
{
    struct store_grid loaded;
    if (!store_load_grid(store, grid, &loaded, err)) {
        return false;
    }
    const struct plan *plan = loaded.event.plan;
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        size_t inputs = plan_task_inputs(plan, t).count;
        for (size_t i = 0; i < inputs; i++) {
            uint32_t sources = plan_task_sources(plan, t, i);
            for (uint32_t j = 0; j < sources; j++) {
                const struct plan_source source = plan_task_source(plan, t, i, j);
                if (source.kind == PLAN_FROM_ARTIFACT) {
                    add_root(roots, arena, &source.artifact);
                }
            }
        }
    }
    arena_destroy(loaded.arena);
    return true;
}

static bool add_plans(
    struct store *store, struct arena *arena, struct collect_roots *roots, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer, "SELECT grid_id FROM grid WHERE state <> 2", NULL, 0, &rows, err)) {
        return false;
    }
    for (int r = 0; r < PQntuples(rows); r++) {
        if (!add_plan(store, (uint32_t)pg_u64(rows, r, 0), arena, roots, err)) {
            return false;
        }
    }
    return true;
}

bool collect_read_roots(
    struct store *store,
    uint64_t grace_ms,
    struct arena *arena,
    struct collect_roots *ret_roots,
    struct err *err)
{
    struct collect_roots roots = {0};
    char grace[24];
    (void)snprintf(grace, sizeof(grace), "%" PRIu64, grace_ms);
    const char *const params[] = {grace};
    CLEANUP(pg_result_cleanup) PGresult *trees = NULL;
    CLEANUP(pg_result_cleanup) PGresult *logs = NULL;
    if (!pg_run(store->writer, roots_sql, params, 1, &trees, err)
        || !pg_run(store->writer, logs_sql, NULL, 0, &logs, err)) {
        return false;
    }
    uint64_t *const counts[] = {&roots.grids, &roots.pins, &roots.recent};
    for (int r = 0; r < PQntuples(trees); r++) {
        struct digest digest;
        if (pg_digest(trees, r, 0, &digest)) {
            add_root(&roots, arena, &digest);
            *counts[pg_u64(trees, r, 1)] += 1;
        }
    }
    for (int r = 0; r < PQntuples(logs); r++) {
        struct digest digest;
        if (pg_digest(logs, r, 0, &digest)) {
            ARENA_PUSH(arena, roots.logs, roots.logs_count, roots.logs_capacity, digest);
        }
    }
    if (!add_plans(store, arena, &roots, err)) {
        return false;
    }
    *ret_roots = roots;
    return true;
}

/* --- Steps --- */

static bool run_with_digests(
    struct store *store,
    const char *sql,
    const struct digest *digests,
    size_t count,
    struct err *err)
{
    CLEANUP(pg_array_done) struct pg_array array;
    pg_array_init(&array);
    for (size_t i = 0; i < count; i++) {
        pg_array_digest(&array, &digests[i]);
    }
    const struct pg_param params[] = {pg_array_end(&array, pg_type_named("bytea", 5))};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    return pg_run_params(store->writer, sql, params, 1, &rows, err);
}

bool collect_doom(
    struct store *store, const struct collect_tree *trees, size_t count, struct err *err)
{
    CLEANUP(pg_array_done) struct pg_array digests;
    CLEANUP(pg_array_done) struct pg_array bytes;
    pg_array_init(&digests);
    pg_array_init(&bytes);
    for (size_t i = 0; i < count; i++) {
        pg_array_digest(&digests, &trees[i].digest);
        pg_array_u64(&bytes, trees[i].bytes);
    }
    const struct pg_param params[] = {
        pg_array_end(&digests, pg_type_named("bytea", 5)),
        pg_array_end(&bytes, pg_type_named("int8", 4))};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    return pg_run_params(
        store->writer,
        "WITH dead AS (SELECT u.a, u.b FROM unnest($1::bytea[], $2::int8[]) AS u(a,b)), saved AS (DELETE FROM doomed d WHERE NOT "
        "condemned AND NOT EXISTS (SELECT FROM dead WHERE dead.a = d.digest)) INSERT INTO doomed (digest, bytes, since) SELECT a, "
        "b, clock_timestamp() FROM dead ON CONFLICT DO NOTHING",
        params,
        2,
        &rows,
        err);
}

/* One statement, so one transaction: the rows of `doomed` that a planner takes away meanwhile
 * are locked by whoever comes first. */
bool collect_condemn(struct store *store, uint64_t grace_ms, struct err *err)
{
    char grace[24];
    (void)snprintf(grace, sizeof(grace), "%" PRIu64, grace_ms);
    const char *const params[] = {grace};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    return pg_run(
        store->writer,
        "WITH d AS (UPDATE doomed SET condemned = true WHERE since <= clock_timestamp() - $1::int8 * interval '1 ms' RETURNING "
        "digest), o AS (DELETE FROM output USING d WHERE output.digest = d.digest) UPDATE result r SET gone = true FROM "
        "result_output ro, d WHERE ro.digest = d.digest AND ro.attempt_id = r.attempt_id AND NOT r.gone",
        params,
        1,
        &rows,
        err);
}

bool collect_read_condemned(
    struct store *store,
    struct arena *arena,
    struct digest **ret_digests,
    size_t *ret_count,
    struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer, "SELECT digest FROM doomed WHERE condemned", NULL, 0, &rows, err)) {
        return false;
    }
    struct digest *digests = ARENA_ARRAY(arena, struct digest, PQntuples(rows) + 1);
    size_t count = 0;
    for (int r = 0; r < PQntuples(rows); r++) {
        count += pg_digest(rows, r, 0, &digests[count]) ? 1 : 0;
    }
    *ret_digests = digests;
    *ret_count = count;
    return true;
}

/* A result of which another output was condemned stays gone. */
bool collect_pardon(
    struct store *store, const struct digest *digests, size_t count, struct err *err)
{
    return count == 0
           || run_with_digests(
               store,
               "WITH d AS (DELETE FROM doomed WHERE digest = ANY($1::bytea[]) RETURNING digest) UPDATE result r SET gone = false FROM "
               "result_output ro, d WHERE ro.digest = d.digest AND ro.attempt_id = r.attempt_id AND r.gone AND NOT EXISTS (SELECT "
               "FROM result_output x JOIN doomed z ON z.digest = x.digest AND z.condemned WHERE x.attempt_id = r.attempt_id AND "
               "x.digest <> ro.digest)",
               digests,
               count,
               err);
}

bool collect_forget(
    struct store *store, const struct digest *digests, size_t count, struct err *err)
{
    return count == 0
           || run_with_digests(
               store,
               "DELETE FROM doomed WHERE condemned AND digest = ANY($1::bytea[])",
               digests,
               count,
               err);
}

/* --- Pins --- */

static bool write_as_leader(
    struct store *store,
    const char *sql,
    const char *const *params,
    size_t count,
    bool *ret_changed,
    struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(store->reader, sql, params, count, &rows, err)) {
        return false;
    }
    *ret_changed = pg_u64(rows, 0, 0) > 0;
    return true;
}

struct pin_texts {
    char epoch[24], grid[24], task[24], digest[DIGEST_HEX];
};

static void pin_params(
    const struct pin *pin, uint64_t epoch, struct pin_texts *texts, const char *params[6])
{
    (void)snprintf(texts->epoch, sizeof(texts->epoch), "%" PRIu64, epoch);
    (void)snprintf(texts->grid, sizeof(texts->grid), "%" PRIu32, pin->grid);
    (void)snprintf(texts->task, sizeof(texts->task), "%" PRIu64, pin->task);
    params[0] = texts->epoch;
    params[1] = texts->grid;
    params[2] = texts->task;
    params[3] = digest_is_zero(&pin->digest) ? "" : digest_to_hex(&pin->digest, texts->digest);
    params[4] = pin->note;
    params[5] = pin->owner;
}

bool store_pin(struct store *store, uint64_t epoch, const struct pin *pin, struct err *err)
{
    struct pin_texts texts;
    const char *params[6];
    bool written = false;
    pin_params(pin, epoch, &texts, params);
    return write_as_leader(
               store,
               "WITH w AS (INSERT INTO pin SELECT $2::int4, $3::int8, decode($4, 'hex'), $5, $6, clock_timestamp() FROM leader WHERE "
               "epoch = $1::int8 ON CONFLICT (grid_id, task_id, digest) DO UPDATE SET note = excluded.note RETURNING 1) SELECT "
               "count(*) FROM w",
               params,
               6,
               &written,
               err)
           && (written || err_set(err, ERR_UNAVAILABLE, "another coordinator leads now"));
}

bool store_unpin(
    struct store *store,
    uint64_t epoch,
    const struct pin *pin,
    bool *ret_was_there,
    struct err *err)
{
    struct pin_texts texts;
    const char *params[6];
    pin_params(pin, epoch, &texts, params);
    return write_as_leader(
        store,
        "WITH w AS (DELETE FROM pin USING leader WHERE epoch = $1::int8 AND grid_id = $2::int4 AND task_id = $3::int8 AND digest "
        "= decode($4, 'hex') RETURNING 1) SELECT count(*) FROM w",
        params,
        4,
        ret_was_there,
        err);
}

bool store_keep_grid(
    struct store *store, uint64_t epoch, uint32_t grid, bool kept, struct err *err)
{
    char epoch_text[24];
    char grid_text[24];
    bool written = false;
    (void)snprintf(epoch_text, sizeof(epoch_text), "%" PRIu64, epoch);
    (void)snprintf(grid_text, sizeof(grid_text), "%" PRIu32, grid);
    const char *const params[] = {epoch_text, grid_text, kept ? "t" : "f"};
    return write_as_leader(
               store,
               "WITH w AS (UPDATE grid SET kept = $3::bool FROM leader WHERE epoch = $1::int8 AND grid_id = $2::int4 RETURNING 1) "
               "SELECT count(*) FROM w",
               params,
               3,
               &written,
               err)
           && (written || err_set(err, ERR_UNAVAILABLE, "another coordinator leads now"));
}
