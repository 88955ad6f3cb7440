/* SPDX-License-Identifier: Apache-2.0 */
/* Rows back into events: what a starting coordinator steps its core with, so that load(store)
 * == core. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/store/capacity_codec.h"
#include "coordinator/store/lease_codec.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/plan_slices.h"
#include "coordinator/store/policy.h"

#define SQL_MS(column) "coalesce((extract(epoch FROM " column ") * 1000)::int8, 0)"

static const char *text_or_null(const PGresult *rows, int row, int column, struct arena *arena)
{
    const char *text = pg_text(rows, row, column);
    return text[0] == '\0' ? NULL : arena_strdup(arena, text);
}

static bool load_workers(
    struct store *store, struct arena *arena, struct store_loaded *loaded, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer,
            "SELECT worker_id, name, principal, state, slots, cpus_milli, gpus, memory_bytes, disk_bytes, blame, detail, " SQL_MS(
                "changed_at") ", incarnation, hello_number, labels::text, counters::text FROM worker ORDER BY worker_id",
            NULL,
            0,
            &rows,
            err)) {
        return false;
    }
    loaded->workers_count = (size_t)PQntuples(rows);
    loaded->workers = ARENA_ARRAY(arena, struct worker_row, loaded->workers_count + 1);
    loaded->start.worker_next = 1;
    for (int r = 0; r < PQntuples(rows); r++) {
        loaded->workers[r] = (struct worker_row){
            .worker = {(uint32_t)pg_u64(rows, r, 0)},
            .name = arena_strdup(arena, pg_text(rows, r, 1)),
            .principal = arena_strdup(arena, pg_text(rows, r, 2)),
            .state = (enum worker_state)pg_u64(rows, r, 3),
            .capacity =
                {
                    .slots = (uint32_t)pg_u64(rows, r, 4),
                    .cpus_milli = (uint32_t)pg_u64(rows, r, 5),
                    .gpus = (uint32_t)pg_u64(rows, r, 6),
                    .memory_bytes = pg_u64(rows, r, 7),
                    .disk_bytes = pg_u64(rows, r, 8),
                },
            .blame = (uint32_t)pg_u64(rows, r, 9),
            .detail = text_or_null(rows, r, 10, arena),
            .changed_ms = pg_u64(rows, r, 11),
            .incarnation = pg_u64(rows, r, 12),
            .number = pg_u64(rows, r, 13),
        };
        struct worker_capacity *capacity = &loaded->workers[r].capacity;
        if (!labels_from_json(pg_text(rows, r, 14), arena, &capacity->labels, err)
            || !counters_from_json(pg_text(rows, r, 15), arena, &capacity->counters, err)) {
            return false;
        }
        loaded->start.worker_next = loaded->workers[r].worker.value + 1;
    }
    return true;
}

bool store_load(
    struct store *store,
    size_t finished_max,
    struct arena *arena,
    struct store_loaded *ret_loaded,
    struct err *err)
{
    *ret_loaded = (struct store_loaded){0};
    if (!load_workers(store, arena, ret_loaded, err)
        || !load_usage(store, arena, ret_loaded, err) || !store_load_gone(store, err)) {
        return false;
    }
    const char *const params[] = {arena_printf(arena, "%zu", finished_max)};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer,
            "SELECT grid_id FROM grid WHERE state <> 2 UNION SELECT * FROM (SELECT grid_id FROM grid WHERE state = 2 ORDER BY "
            "grid_id DESC LIMIT $1::int8) AS finished ORDER BY 1",
            params,
            1,
            &rows,
            err)) {
        return false;
    }
    ret_loaded->grids_count = (size_t)PQntuples(rows);
    ret_loaded->grids = ARENA_ARRAY(arena, uint32_t, ret_loaded->grids_count + 1);
    for (int r = 0; r < PQntuples(rows); r++) {
        ret_loaded->grids[r] = (uint32_t)pg_u64(rows, r, 0);
    }
    CLEANUP(pg_result_cleanup) PGresult *marks = NULL;
    if (!pg_run(
            store->writer,
            "SELECT (SELECT attempt_next FROM leader WHERE id = 1), (SELECT coalesce(max(grid_id), 0) + 1 FROM grid)",
            NULL,
            0,
            &marks,
            err)) {
        return false;
    }
    ret_loaded->start.attempt_next = pg_u64(marks, 0, 0);
    ret_loaded->start.grid_next = (uint32_t)pg_u64(marks, 0, 1);
    return true;
}

/* --- One grid --- */

static void uuid_bytes(const char *text, struct submission_id *ret_id)
{
    static const char digits[] = "0123456789abcdef";
    size_t nibble = 0;
    for (const char *c = text; *c != '\0' && nibble < 32; c++) {
        const char *place = strchr(digits, *c);
        if (place != NULL) {
            uint8_t value = (uint8_t)(place - digits);
            ret_id->bytes[nibble / 2] =
                (uint8_t)(nibble % 2 == 0 ? value << 4 : ret_id->bytes[nibble / 2] | value);
            nibble++;
        }
    }
}

static bool load_grid_row(
    struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    const char *const params[] = {arena_printf(grid->arena, "%u", id)};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->reader,
            "SELECT submission_id, name, owner, state, cancelled, verdict, " SQL_MS("submitted_at") ", " SQL_MS(
                "finished_at") ", about, grid_text, bundle, sets, note FROM grid WHERE grid_id = $1::int4",
            params,
            1,
            &rows,
            err)) {
        return false;
    }
    if (PQntuples(rows) != 1) {
        return err_set(err, ERR_NOT_FOUND, "there is no grid %u", id);
    }
    struct grid_row *row = &grid->event.row;
    row->grid.value = id;
    uuid_bytes(pg_text(rows, 0, 0), &row->submission);
    row->name = arena_strdup(grid->arena, pg_text(rows, 0, 1));
    row->owner = arena_strdup(grid->arena, pg_text(rows, 0, 2));
    row->state = (enum grid_state)pg_u64(rows, 0, 3);
    row->cancelled = pg_bool(rows, 0, 4);
    row->verdict = (enum grid_verdict)pg_u64(rows, 0, 5);
    row->submitted_ms = pg_u64(rows, 0, 6);
    row->finished_ms = pg_u64(rows, 0, 7);
    struct plan *plan = NULL;
    if (!plan_slices_load(store, id, grid->arena, &plan, err)) {
        return err_wrap(err, "grid %u '%s'", id, row->name);
    }
    grid->event.plan = plan;
    grid->info = (struct store_grid_info){
        .plan = plan,
        .about = arena_strdup(grid->arena, pg_text(rows, 0, 8)),
        .grid_text = arena_strdup(grid->arena, pg_text(rows, 0, 9)),
        .sets_json = arena_strdup(grid->arena, pg_text(rows, 0, 11)),
        .note = arena_strdup(grid->arena, pg_text(rows, 0, 12)),
    };
    grid->info.grid_text_length = strlen(grid->info.grid_text);
    (void)pg_digest(rows, 0, 10, &grid->info.bundle);
    return true;
}

static void grid_range(uint32_t id, struct arena *arena, const char *params[2])
{
    params[0] = arena_printf(arena, "%llu", (unsigned long long)id << 32);
    params[1] = arena_printf(arena, "%llu", (unsigned long long)(id + 1ULL) << 32);
}

static bool load_tasks(
    struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    const char *params[2];
    grid_range(id, grid->arena, params);
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->reader,
            "SELECT task_id, state, reason, detail, failures, losses, soft_failures, backoff_ms, attempt_id, key, same_as, " SQL_MS(
                "changed_at") " FROM task WHERE task_id >= $1::int8 AND task_id < $2::int8 ORDER BY task_id",
            params,
            2,
            &rows,
            err)) {
        return false;
    }
    struct task_row *tasks = ARENA_ARRAY(grid->arena, struct task_row, PQntuples(rows) + 1);
    for (int r = 0; r < PQntuples(rows); r++) {
        tasks[r] = (struct task_row){
            .task = {pg_u64(rows, r, 0)},
            .state = (enum task_state)pg_u64(rows, r, 1),
            .reason = (enum task_reason)pg_u64(rows, r, 2),
            .detail = text_or_null(rows, r, 3, grid->arena),
            .failures = (uint32_t)pg_u64(rows, r, 4),
            .losses = (uint32_t)pg_u64(rows, r, 5),
            .soft_failures = (uint32_t)pg_u64(rows, r, 6),
            .backoff_ms = pg_u64(rows, r, 7),
            .attempt = {pg_u64(rows, r, 8)},
            .same_as = {pg_u64(rows, r, 10)},
            .changed_ms = pg_u64(rows, r, 11),
        };
        (void)pg_digest(rows, r, 9, &tasks[r].key);
        if (task_ordinal(tasks[r].task) >= grid->event.plan->tasks_count) {
            return err_set(
                err,
                ERR_CORRUPT,
                "grid %u has a row of task %u, its plan has %zu tasks",
                id,
                task_ordinal(tasks[r].task),
                grid->event.plan->tasks_count);
        }
    }
    grid->event.rows = tasks;
    grid->event.rows_count = (size_t)PQntuples(rows);
    return true;
}

static void add_loaded_result(
    const PGresult *rows, int first, int end, struct arena *arena, struct loaded_result *loaded)
{
    loaded->task.value = pg_u64(rows, first, 0);
    struct result_row *result = &loaded->result;
    (void)pg_digest(rows, first, 1, &result->key);
    result->attempt.value = pg_u64(rows, first, 2);
    result->verdict = (enum decision_verdict)pg_i64(rows, first, 3);
    result->verdict_reason = text_or_null(rows, first, 4, arena);
    struct result_output *outputs = ARENA_ARRAY(arena, struct result_output, end - first);
    for (int i = first; i < end; i++) {
        if (PQgetisnull(rows, i, 5) == 0) {
            outputs[result->outputs_count].name = arena_strdup(arena, pg_text(rows, i, 5));
            (void)pg_digest(rows, i, 6, &outputs[result->outputs_count].digest);
            result->outputs_count++;
        }
    }
    result->outputs = outputs;
}

static bool load_results(
    struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    const char *params[2];
    grid_range(id, grid->arena, params);
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->reader,
            "SELECT t.task_id, r.key, r.attempt_id, r.verdict, r.verdict_reason, o.name, o.digest FROM task t JOIN result r ON "
            "r.key = t.key AND r.attempt_id = t.attempt_id LEFT JOIN result_output o ON o.key = r.key AND o.attempt_id = "
            "r.attempt_id WHERE t.task_id >= $1::int8 AND t.task_id < $2::int8 AND t.state = 5 ORDER BY t.task_id, o.position",
            params,
            2,
            &rows,
            err)) {
        return false;
    }
    int count = PQntuples(rows);
    struct loaded_result *results = ARENA_ARRAY(grid->arena, struct loaded_result, count + 1);
    for (int first = 0; first < count;) {
        int end = first;
        while (end < count && pg_u64(rows, end, 0) == pg_u64(rows, first, 0)) {
            end++;
        }
        add_loaded_result(rows, first, end, grid->arena, &results[grid->event.results_count++]);
        first = end;
    }
    grid->event.results = results;
    return true;
}

/* --- Open and lost attempts: lease rows and attempt rows together --- */

struct attempts {
    struct attempt_row *items;
    size_t count, capacity;
};

static int by_id(const void *a, const void *b)
{
    uint64_t id_a = ((const struct attempt_row *)a)->attempt.value;
    uint64_t id_b = ((const struct attempt_row *)b)->attempt.value;
    return (id_a > id_b) - (id_a < id_b);
}

/* Among the first `count`, which are sorted by id: there are ten thousands in a large cluster.
 */
static struct attempt_row *find_attempt(
    const struct attempt_row *sorted, size_t count, uint64_t id)
{
    struct attempt_row wanted = {.attempt = {id}};
    return count == 0 ? NULL : bsearch(&wanted, sorted, count, sizeof(wanted), by_id);
}

/* The leases of a gang's ranks lie in a row, since they were granted together. */
static void add_placements(
    const uint8_t *packed, size_t length, struct arena *arena, struct attempt_row *row)
{
    struct lease_row lease;
    lease_unpack(packed, &lease);
    if (lease.ranks == 0 || lease.ranks > length / LEASE_PACKED_BYTES) {
        return;
    }
    struct placement_row *placements = ARENA_ARRAY(arena, struct placement_row, lease.ranks);
    for (uint32_t rank = 0; rank < lease.ranks; rank++) {
        struct lease_row other;
        lease_unpack(packed + (size_t)rank * LEASE_PACKED_BYTES, &other);
        placements[rank] =
            (struct placement_row){.worker = other.worker, .devices = other.devices};
    }
    row->placements = placements;
    row->placements_count = lease.ranks;
}

/* A lease of rank 0 as it was stored, with those of the other ranks behind it. */
struct stored_lease {
    struct lease_row lease;
    const uint8_t *packed;
    size_t length; /* to the end of its row */
    size_t order;  /* the newest of an attempt counts */
};

static int by_attempt(const void *a, const void *b)
{
    const struct stored_lease *lease_a = a;
    const struct stored_lease *lease_b = b;
    uint64_t id_a = lease_a->lease.attempt.value;
    uint64_t id_b = lease_b->lease.attempt.value;
    return id_a != id_b ? (id_a > id_b) - (id_a < id_b)
                        : (lease_a->order > lease_b->order) - (lease_a->order < lease_b->order);
}

/* Of every grid, by attempt and then by age. */
static struct stored_lease *sorted_leases(
    const PGresult *rows, struct arena *scratch, size_t *ret_count)
{
    struct stored_lease *leases = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (int r = 0; r < PQntuples(rows); r++) {
        size_t length = 0;
        const uint8_t *body = pg_bytes(rows, r, 0, scratch, &length);
        for (size_t at = 0; at + LEASE_PACKED_BYTES <= length; at += LEASE_PACKED_BYTES) {
            struct stored_lease stored = {
                .packed = body + at, .length = length - at, .order = count};
            lease_unpack(body + at, &stored.lease);
            if (stored.lease.rank == 0) { /* the others are taken with their first */
                ARENA_PUSH(scratch, leases, count, capacity, stored);
            }
        }
    }
    if (count > 0) {
        qsort(leases, count, sizeof(*leases), by_attempt);
    }
    *ret_count = count;
    return leases;
}

/* Sorted by id. Lease rows are those of open attempts and what the last floor has not reached.
 */
static bool load_leases(
    struct store *store,
    uint32_t id,
    struct arena *arena,
    struct attempts *attempts,
    struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_create();
    size_t count = 0;
    if (!pg_run(
            store->reader,
            "SELECT body FROM lease ORDER BY epoch, batch",
            NULL,
            0,
            &rows,
            err)) {
        return false;
    }
    const struct stored_lease *leases = sorted_leases(rows, scratch, &count);
    for (size_t i = 0; i < count; i++) {
        const struct lease_row *lease = &leases[i].lease;
        bool is_newest =
            i + 1 == count || leases[i + 1].lease.attempt.value != lease->attempt.value;
        if (!is_newest || task_grid(lease->task).value != id) {
            continue;
        }
        struct attempt_row row = {
            .attempt = lease->attempt,
            .task = lease->task,
            .worker = lease->worker,
            .devices = lease->devices,
            .granted_ms = lease->granted_ms,
        };
        add_placements(leases[i].packed, leases[i].length, arena, &row);
        ARENA_PUSH(arena, attempts->items, attempts->count, attempts->capacity, row);
    }
    return true;
}

/* Those that leases told of come first. */
static void merge_attempt(
    const PGresult *rows, int r, size_t leased, struct arena *arena, struct attempts *attempts)
{
    struct attempt_row row = {
        .attempt = {pg_u64(rows, r, 0)},
        .task = {pg_u64(rows, r, 1)},
        .worker = {(uint32_t)pg_u64(rows, r, 2)},
        .outcome = (enum attempt_outcome)pg_u64(rows, r, 3),
        .accepted = pg_bool(rows, r, 4),
        .granted_ms = pg_u64(rows, r, 5),
        .started_ms = pg_u64(rows, r, 6),
        .ended_ms = pg_u64(rows, r, 7),
        .exit_status = (int32_t)pg_i64(rows, r, 8),
        .detail = text_or_null(rows, r, 9, arena),
        .metrics_offset = pg_u64(rows, r, 10),
        .devices =
            {
                .whole = (uint64_t)pg_i64(rows, r, 11),
                .share_device = (uint32_t)pg_u64(rows, r, 12),
                .share_milli = (uint32_t)pg_u64(rows, r, 13),
            },
    };
    struct attempt_row *lease = find_attempt(attempts->items, leased, row.attempt.value);
    if (lease == NULL) {
        ARENA_PUSH(arena, attempts->items, attempts->count, attempts->capacity, row);
        return;
    }
    row.task = lease->task; /* the newest lease row says which row it runs for */
    row.placements = lease->placements;
    row.placements_count = lease->placements_count;
    *lease = row;
}

static bool load_attempts(
    struct store *store, uint32_t id, struct store_grid *grid, struct err *err)
{
    struct attempts attempts = {0};
    if (!load_leases(store, id, grid->arena, &attempts, err)) {
        return false;
    }
    const char *range[2];
    grid_range(id, grid->arena, range);
    CLEANUP(pg_array_done) struct pg_array leased;
    pg_array_init(&leased);
    size_t leased_count = attempts.count;
    for (size_t i = 0; i < leased_count; i++) {
        pg_array_u64(&leased, attempts.items[i].attempt.value);
    }
    const struct pg_param params[] = {
        pg_param_text(range[0]),
        pg_param_text(range[1]),
        pg_array_end(&leased, pg_type_named("int8", 4)),
    };
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run_params(
            store->reader,
            "SELECT a.attempt_id, a.task_id, a.worker_id, a.outcome, a.accepted, " SQL_MS("a.granted_at") ", " SQL_MS(
                "a.started_at") ", " SQL_MS("a.finished_at") ", a.exit_status, a.detail, coalesce(m.bytes, 0), coalesce(p.devices, "
                                                             "0), coalesce(p.share_device, 0), coalesce(p.share_milli, 0) "
                                                             "FROM attempt a LEFT JOIN metric_offset m USING (attempt_id) "
                                                             "LEFT JOIN placement p ON p.attempt_id = a.attempt_id AND "
                                                             "p.rank = 0 WHERE (a.task_id >= $1::int8 AND a.task_id < $2::int8 "
                                                             "AND (a.outcome = 0 OR (a.outcome = 5 AND NOT EXISTS "
                                                             "(SELECT FROM placement q WHERE q.attempt_id = a.attempt_id AND "
                                                             "q.rank > 0)))) OR a.attempt_id = ANY ($3::int8[])",
            params,
            3,
            &rows,
            err)) {
        return false;
    }
    for (int r = 0; r < PQntuples(rows); r++) {
        merge_attempt(rows, r, leased_count, grid->arena, &attempts);
    }
    size_t kept = 0;
    for (size_t i = 0; i < attempts.count; i++) {
        const struct attempt_row *row = &attempts.items[i];
        if (row->outcome == OUTCOME_NONE || row->outcome == OUTCOME_LOST) {
            attempts.items[kept++] = *row;
        }
    }
    if (kept > 0) {
        qsort(attempts.items, kept, sizeof(*attempts.items), by_id);
    }
    grid->event.attempts = attempts.items;
    grid->event.attempts_count = kept;
    return true;
}

/* metric_offset rows of attempts that have no attempt row yet matter too: metrics may be stored
 * within the first second. */
static bool load_offsets(struct store *store, struct store_grid *grid, struct err *err)
{
    CLEANUP(pg_array_done) struct pg_array ids;
    pg_array_init(&ids);
    struct attempt_row *attempts = (struct attempt_row *)(uintptr_t)grid->event.attempts;
    for (size_t i = 0; i < grid->event.attempts_count; i++) {
        pg_array_u64(&ids, attempts[i].attempt.value);
    }
    const struct pg_param params[] = {pg_array_end(&ids, pg_type_named("int8", 4))};
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run_params(
            store->reader,
            "SELECT attempt_id, bytes FROM metric_offset WHERE attempt_id = ANY ($1::int8[])",
            params,
            1,
            &rows,
            err)) {
        return false;
    }
    for (int r = 0; r < PQntuples(rows); r++) {
        struct attempt_row *attempt =
            find_attempt(attempts, grid->event.attempts_count, pg_u64(rows, r, 0));
        if (attempt != NULL) {
            attempt->metrics_offset = pg_u64(rows, r, 1);
        }
    }
    return true;
}

bool store_load_grid(
    struct store *store, uint32_t grid, struct store_grid *ret_grid, struct err *err)
{
    struct store_grid loaded = {.arena = arena_create()};
    if (!store_reader_ready(store, err) || !load_grid_row(store, grid, &loaded, err)
        || !load_tasks(store, grid, &loaded, err) || !load_policy(store, grid, &loaded, err)
        || !load_results(store, grid, &loaded, err) || !load_attempts(store, grid, &loaded, err)
        || !load_offsets(store, &loaded, err)) {
        arena_destroy(loaded.arena);
        return false;
    }
    *ret_grid = loaded;
    return true;
}
