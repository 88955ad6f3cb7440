/* SPDX-License-Identifier: Apache-2.0 */
/* Reads beside the core: results by key, known outputs, revisions, durations, and JSON queries
 * for the api. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "coordinator/store/pg.h"

/* A batch that is in flight for so long says that the server hangs: reads do not wait for it,
 * too. */
#define STUCK_MS UINT64_C(5000)

bool store_reader_ready(struct store *store, struct err *err)
{
    if (store->writer == NULL
        || (store->in_flight && clock_monotonic_ms() > store->begun_ms + STUCK_MS)) {
        return err_set(err, ERR_UNAVAILABLE, "the database is away or does not answer");
    }
    if (pg_is_usable(store->reader)) {
        return true;
    }
    PQfinish(store->reader);
    store->reader = NULL;
    return pg_connect(store->conninfo_text.data, "assayd-read", &store->reader, err);
}

static bool read_rows_params(
    struct store *store,
    const char *sql,
    const struct pg_param *params,
    size_t count,
    PGresult **ret_result,
    struct err *err)
{
    return store_reader_ready(store, err)
           && pg_run_params(store->reader, sql, params, count, ret_result, err);
}

static bool read_rows(
    struct store *store,
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
    return read_rows_params(store, sql, texts, count, ret_result, err);
}

/* Rows come grouped by the asked position: one per output, or a single one with a NULL name. */
static void collect_results(
    const PGresult *rows, struct arena *arena, const struct result_row **found)
{
    int count = PQntuples(rows);
    for (int row = 0; row < count;) {
        int end = row;
        while (end < count && pg_u64(rows, end, 0) == pg_u64(rows, row, 0)) {
            end++;
        }
        struct result_row *result = ARENA_NEW(arena, struct result_row);
        (void)pg_digest(rows, row, 1, &result->key);
        result->attempt.value = pg_u64(rows, row, 2);
        result->verdict = (enum decision_verdict)pg_i64(rows, row, 3);
        const char *reason = pg_text(rows, row, 4);
        result->verdict_reason = reason[0] == '\0' ? NULL : arena_strdup(arena, reason);
        struct result_output *outputs = ARENA_ARRAY(arena, struct result_output, end - row);
        for (int i = row; i < end; i++) {
            if (PQgetisnull(rows, i, 5) == 0) {
                outputs[result->outputs_count].name = arena_strdup(arena, pg_text(rows, i, 5));
                (void)pg_digest(rows, i, 6, &outputs[result->outputs_count].digest);
                result->outputs_count++;
            }
        }
        result->outputs = outputs;
        found[pg_u64(rows, row, 0) - 1] = result;
        row = end;
    }
}

static bool lookup_with(
    struct store *store,
    const char *sql,
    const struct digest *keys,
    size_t count,
    struct arena *arena,
    const struct result_row ***ret_rows,
    struct err *err)
{
    const struct result_row **found = ARENA_ARRAY(arena, const struct result_row *, count + 1);
    CLEANUP(pg_array_done) struct pg_array array;
    pg_array_init(&array);
    for (size_t i = 0; i < count; i++) {
        pg_array_digest(&array, &keys[i]);
    }
    const struct pg_param params[] = {pg_array_end(&array, pg_type_named("bytea", 5))};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (count > 0 && !read_rows_params(store, sql, params, 1, &rows, err)) {
        return false;
    }
    if (count > 0) {
        collect_results(rows, arena, found);
    }
    *ret_rows = found;
    return true;
}

bool store_lookup(
    struct store *store,
    const struct digest *keys,
    size_t count,
    struct arena *arena,
    const struct result_row ***ret_rows,
    struct err *err)
{
    return lookup_with(
        store,
        "SELECT u.n, r.key, r.attempt_id, r.verdict, r.verdict_reason, o.name, o.digest FROM unnest($1::bytea[]) WITH "
        "ORDINALITY AS u(key, n) JOIN result r ON r.key = u.key AND r.current AND NOT r.gone LEFT JOIN result_output o ON o.key = r.key AND "
        "o.attempt_id = r.attempt_id ORDER BY u.n, o.position",
        keys,
        count,
        arena,
        ret_rows,
        err);
}

bool store_lookup_plan_keys(
    struct store *store,
    const struct digest *plan_keys,
    size_t count,
    struct arena *arena,
    const struct result_row ***ret_rows,
    struct err *err)
{
    return lookup_with(
        store,
        "SELECT u.n, r.key, r.attempt_id, r.verdict, r.verdict_reason, o.name, o.digest FROM unnest($1::bytea[]) WITH "
        "ORDINALITY AS u(key, n) JOIN plan_result p ON p.plan_key = u.key JOIN result r ON r.key = p.key AND r.current AND NOT r.gone LEFT "
        "JOIN result_output o ON o.key = r.key AND o.attempt_id = r.attempt_id ORDER BY u.n, o.position",
        plan_keys,
        count,
        arena,
        ret_rows,
        err);
}

/* --- Known outputs: sorted by key, found by bisection --- */

struct known_output {
    struct digest key, artifact;
};

struct store_outputs {
    struct known_output *items;
    size_t count;
};

bool store_load_outputs(
    struct store *store,
    struct arena *arena,
    struct store_outputs **ret_outputs,
    struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT output_key, digest FROM output ORDER BY output_key",
            NULL,
            0,
            &rows,
            err)) {
        return false;
    }
    struct store_outputs *outputs = ARENA_NEW(arena, struct store_outputs);
    outputs->items = ARENA_ARRAY(arena, struct known_output, PQntuples(rows) + 1);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct known_output *item = &outputs->items[outputs->count];
        outputs->count +=
            pg_digest(rows, row, 0, &item->key) && pg_digest(rows, row, 1, &item->artifact) ? 1
                                                                                            : 0;
    }
    *ret_outputs = outputs;
    return true;
}

static int compare_known(const void *a, const void *b)
{
    const struct known_output *left = a;
    const struct known_output *right = b;
    return digest_compare(&left->key, &right->key);
}

bool store_find_output(
    void *outputs, const struct digest *output_key, struct digest *ret_artifact)
{
    const struct store_outputs *known = outputs;
    struct known_output wanted = {.key = *output_key};
    const struct known_output *item =
        known->count == 0
            ? NULL
            : bsearch(&wanted, known->items, known->count, sizeof(wanted), compare_known);
    if (item == NULL) {
        return false;
    }
    *ret_artifact = item->artifact;
    return true;
}

size_t store_outputs_count(const struct store_outputs *outputs)
{
    return outputs->count;
}

/* --- Revisions --- */

static void program_params(
    const char *name,
    uint32_t version,
    const struct digest *files,
    char text[16],
    char hex[DIGEST_HEX],
    const char *params[3])
{
    (void)snprintf(text, 16, "%u", version);
    params[0] = name;
    params[1] = text;
    params[2] = digest_to_hex(files, hex);
}

bool store_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    const struct digest *files,
    char ret_revision[DIGEST_HEX],
    bool *ret_known,
    bool *ret_used,
    struct err *err)
{
    char text[16];
    char hex[DIGEST_HEX];
    const char *params[3];
    program_params(name, version, files, text, hex, params);
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT (SELECT revision FROM program_revision WHERE name = $1 AND version = $2::int4 AND files = decode($3, 'hex')),"
            " EXISTS (SELECT FROM result WHERE program = $1 AND version = $2::int4)",
            params,
            3,
            &rows,
            err)) {
        return false;
    }
    *ret_known = PQgetisnull(rows, 0, 0) == 0;
    *ret_used = pg_bool(rows, 0, 1);
    (void)snprintf(ret_revision, DIGEST_HEX, "%s", *ret_known ? pg_text(rows, 0, 0) : hex);
    return true;
}

bool store_add_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    const struct digest *files,
    const char *revision,
    struct err *err)
{
    char text[16];
    char hex[DIGEST_HEX];
    const char *params[4];
    program_params(name, version, files, text, hex, params);
    params[3] = revision;
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    return read_rows(
        store,
        "INSERT INTO program_revision VALUES ($1, $2::int4, decode($3, 'hex'), $4, clock_timestamp()) ON CONFLICT (name, version,"
        " files) DO NOTHING",
        params,
        4,
        &rows,
        err);
}

bool store_last_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    char ret_revision[DIGEST_HEX],
    struct err *err)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", version);
    const char *const params[] = {name, text};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT revision FROM program_revision WHERE name = $1 AND version = $2::int4 ORDER BY since DESC LIMIT 1",
            params,
            2,
            &rows,
            err)) {
        return false;
    }
    (void)snprintf(
        ret_revision, DIGEST_HEX, "%s", PQntuples(rows) == 0 ? "" : pg_text(rows, 0, 0));
    return true;
}

bool store_find_grid_named(
    struct store *store, const char *name, uint32_t *ret_grid, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT coalesce(max(grid_id), 0) FROM grid WHERE name = $1",
            &name,
            1,
            &rows,
            err)) {
        return false;
    }
    *ret_grid = (uint32_t)pg_u64(rows, 0, 0);
    return true;
}

bool store_grids_before(
    struct store *store,
    int64_t before,
    size_t limit,
    struct arena *arena,
    uint32_t **ret_grids,
    size_t *ret_count,
    struct err *err)
{
    const char *const params[] = {
        arena_printf(arena, "%lld", (long long)before), arena_printf(arena, "%zu", limit)};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT grid_id FROM grid WHERE grid_id < $1::int8 ORDER BY grid_id DESC LIMIT $2::int8",
            params,
            2,
            &rows,
            err)) {
        return false;
    }
    *ret_count = (size_t)PQntuples(rows);
    *ret_grids = ARENA_ARRAY(arena, uint32_t, *ret_count + 1);
    for (size_t i = 0; i < *ret_count; i++) {
        (*ret_grids)[i] = (uint32_t)pg_u64(rows, (int)i, 0);
    }
    return true;
}

bool store_median_wall_ms(
    struct store *store, const char *program, uint64_t *ret_ms, struct err *err)
{
    const char *const params[] = {program};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(
            store,
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY wall_ms)::int8 FROM (SELECT wall_ms FROM result WHERE program = "
            "$1 AND wall_ms > 0 ORDER BY created_at DESC LIMIT 200) AS recent",
            params,
            1,
            &rows,
            err)) {
        return false;
    }
    *ret_ms = PQgetisnull(rows, 0, 0) != 0 ? UINT64_MAX : pg_u64(rows, 0, 0);
    return true;
}

bool store_query_json(
    struct store *store,
    const char *sql,
    const char *const *params,
    size_t params_count,
    struct arena *arena,
    const char **ret_json,
    struct err *err)
{
    const char *wrapped = arena_printf(
        arena, "SELECT coalesce(json_agg(row_to_json(q)), '[]')::text FROM (%s) AS q", sql);
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!read_rows(store, wrapped, params, params_count, &rows, err)) {
        return false;
    }
    *ret_json = arena_strdup(arena, pg_text(rows, 0, 0));
    return true;
}
