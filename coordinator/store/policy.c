/* SPDX-License-Identifier: Apache-2.0 */
/* What scheduling policy stores (schema/0007_policy.sql, 0010_checkpoints.sql): statements of a
 * batch, and rows back at a start. Grids and tasks have their rows already when these
 * statements run. */
#include "coordinator/store/policy.h"

#include <string.h>

#include "common/base/check.h"
#include "coordinator/store/commit_rows.h"
#include "coordinator/store/pg.h"

/* On the way: no user gave the task a priority. Below every one. */
#define PRIORITY_UNSET (-32768)

/* Grids are few, and few of them change. */
static void send_grids(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_GRID, arena, &rows);
    for (size_t i = 0; i < count; i++) {
        const struct grid_row *row = &rows[i].last->grid.row;
        const char *const params[] = {
            arena_printf(arena, "%u", row->grid.value),
            arena_printf(arena, "%d", (int)row->priority),
            row->paused ? "true" : "false",
        };
        batch_send(
            store,
            "UPDATE grid SET priority = $2::int4, paused = $3::bool WHERE grid_id = $1::int4 AND (priority, paused) IS "
            "DISTINCT FROM ($2::int4, $3::bool)",
            params,
            ARRAY_LEN(params));
    }
}

static void send_tasks(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_TASK, arena, &rows);
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 6);
    for (size_t i = 0; i < count; i++) {
        const struct task_row *row = &rows[i].last->task.row;
        if (!row->has_policy) {
            continue;
        }
        pg_array_u64(&c.arrays[0], row->task.value);
        pg_array_i64(&c.arrays[1], row->has_priority ? row->priority : PRIORITY_UNSET);
        pg_array_u64(&c.arrays[2], row->ooms);
        pg_array_u64(&c.arrays[3], row->preemptions);
        pg_array_text(&c.arrays[4], row->checkpoint == NULL ? "" : row->checkpoint);
        pg_array_u64(&c.arrays[5], row->checkpoint_attempt.value);
    }
    columns_send(
        &c,
        store,
        "INSERT INTO task_policy (task_id, priority, ooms, preemptions, checkpoint, checkpoint_attempt) SELECT u.a, nullif(u.b, "
        "-32768), u.c, u.d, u.e, u.f FROM unnest($1::int8[], $2::int4[], $3::int4[], $4::int4[], $5::text[], $6::int8[]) AS "
        "u(a,b,c,d,e,f) ON CONFLICT (task_id) DO UPDATE SET priority = excluded.priority, ooms = excluded.ooms, preemptions = "
        "excluded.preemptions, checkpoint = excluded.checkpoint, checkpoint_attempt = excluded.checkpoint_attempt");
}

static void send_usage(struct store *store, const struct usage_row *row, struct arena *arena)
{
    CLEANUP(str_done) struct str slices;
    str_init(&slices, 4096);
    for (size_t i = 0; i < USAGE_SLICES; i++) {
        str_appendf(&slices, "%s%llu", i == 0 ? "{" : ",", (unsigned long long)row->slices[i]);
    }
    str_append_char(&slices, '}');
    const char *const params[] = {
        row->owner,
        arena_printf(arena, "%llu", (unsigned long long)row->usage),
        arena_printf(arena, "%llu", (unsigned long long)row->decay_age_ms),
        arena_printf(arena, "%llu", (unsigned long long)row->slice_age_ms),
        slices.data,
    };
    batch_send(
        store,
        "INSERT INTO usage VALUES ($1, $2::int8, $3::int8, $4::int8, $5::int8[]) ON CONFLICT (owner) DO UPDATE SET usage = "
        "excluded.usage, decay_age_ms = excluded.decay_age_ms, slice_age_ms = excluded.slice_age_ms, slices = "
        "excluded.slices",
        params,
        ARRAY_LEN(params));
}

void batch_send_policy(struct store *store, const struct effects *batch, struct arena *arena)
{
    send_grids(store, batch, arena);
    send_tasks(store, batch, arena);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_USAGE) {
            send_usage(store, &batch->items[i].usage, arena);
        }
    }
}

/* --- Loading --- */

bool load_usage(
    struct store *store, struct arena *arena, struct store_loaded *loaded, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer,
            "SELECT owner, usage, decay_age_ms, slice_age_ms, array_to_string(slices, ' ') FROM usage ORDER BY owner",
            NULL,
            0,
            &rows,
            err)) {
        return false;
    }
    loaded->usages_count = (size_t)PQntuples(rows);
    loaded->usages = ARENA_ARRAY(arena, struct usage_row, loaded->usages_count + 1);
    for (int r = 0; r < PQntuples(rows); r++) {
        struct usage_row *row = &loaded->usages[r];
        row->owner = arena_strdup(arena, pg_text(rows, r, 0));
        row->usage = pg_u64(rows, r, 1);
        row->decay_age_ms = pg_u64(rows, r, 2);
        row->slice_age_ms = pg_u64(rows, r, 3);
        const char *at = pg_text(rows, r, 4);
        for (size_t i = 0; i < USAGE_SLICES && at[0] != '\0'; i++) {
            size_t length = strcspn(at, " ");
            (void)str_to_u64(arena_strndup(arena, at, length), &row->slices[i]);
            at += length + (at[length] == ' ');
        }
    }
    return true;
}

static bool load_grid_policy(
    struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    const char *const params[] = {arena_printf(grid->arena, "%u", id)};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->reader,
            "SELECT priority, paused FROM grid WHERE grid_id = $1::int4",
            params,
            1,
            &rows,
            err)) {
        return false;
    }
    if (PQntuples(rows) == 1) {
        grid->event.row.priority = (int32_t)pg_i64(rows, 0, 0);
        grid->event.row.paused = pg_bool(rows, 0, 1);
    }
    return true;
}

bool load_policy(struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    const char *const params[] = {
        arena_printf(grid->arena, "%llu", (unsigned long long)id << 32),
        arena_printf(grid->arena, "%llu", (unsigned long long)(id + 1ULL) << 32),
    };
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!load_grid_policy(store, id, grid, err)
        || !pg_run(
            store->reader,
            "SELECT task_id, priority, ooms, preemptions, checkpoint, checkpoint_attempt FROM task_policy WHERE task_id >= $1::int8 AND task_id < $2::int8 "
            "ORDER BY task_id",
            params,
            2,
            &rows,
            err)) {
        return false;
    }
    /* Both are in the order of ids. */
    struct task_row *tasks = (struct task_row *)(uintptr_t)grid->event.rows;
    size_t t = 0;
    for (int r = 0; r < PQntuples(rows); r++) {
        uint64_t task = pg_u64(rows, r, 0);
        while (t < grid->event.rows_count && tasks[t].task.value < task) {
            t++;
        }
        if (t < grid->event.rows_count && tasks[t].task.value == task) {
            tasks[t].has_policy = true;
            tasks[t].has_priority = PQgetisnull(rows, r, 1) == 0;
            tasks[t].priority = (int32_t)pg_i64(rows, r, 1);
            tasks[t].ooms = (uint32_t)pg_u64(rows, r, 2);
            tasks[t].preemptions = (uint32_t)pg_u64(rows, r, 3);
            tasks[t].checkpoint_attempt.value = pg_u64(rows, r, 5);
            if (tasks[t].checkpoint_attempt.value != 0) {
                tasks[t].checkpoint = arena_strdup(grid->arena, pg_text(rows, r, 4));
            }
        }
    }
    return true;
}
