/* SPDX-License-Identifier: Apache-2.0 */
/* Statements for what tells a core how things stand: workers, leases, tasks, attempts, audit.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/node.h"
#include "coordinator/store/capacity_codec.h"
#include "coordinator/store/commit_rows.h"
#include "coordinator/store/lease_codec.h"

void batch_send_workers(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_WORKER, arena, &rows);
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 16);
    for (size_t i = 0; i < count; i++) {
        const struct worker_row *row = &rows[i].last->worker;
        pg_array_u64(&c.arrays[0], row->worker.value);
        pg_array_text(&c.arrays[1], row->name);
        pg_array_text(&c.arrays[2], row->principal);
        pg_array_i64(&c.arrays[3], row->state);
        pg_array_u64(&c.arrays[4], row->capacity.slots);
        pg_array_u64(&c.arrays[5], row->capacity.cpus_milli);
        pg_array_u64(&c.arrays[6], row->capacity.gpus);
        pg_array_u64(&c.arrays[7], row->capacity.memory_bytes);
        pg_array_u64(&c.arrays[8], row->capacity.disk_bytes);
        pg_array_u64(&c.arrays[9], row->blame);
        pg_array_text(&c.arrays[10], row->detail == NULL ? "" : row->detail);
        pg_array_u64(&c.arrays[11], row->changed_ms);
        pg_array_u64(&c.arrays[12], row->incarnation);
        pg_array_u64(&c.arrays[13], row->number);
        pg_array_text(&c.arrays[14], labels_to_json(row->capacity.labels, arena));
        pg_array_text(&c.arrays[15], counters_to_json(row->capacity.counters, arena));
    }
    columns_send(
        &c,
        store,
        "INSERT INTO worker (worker_id, name, principal, state, slots, cpus_milli, gpus, memory_bytes, disk_bytes, blame, "
        "detail, changed_at, incarnation, hello_number, labels, counters) SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, "
        "u.j, u.k, u.l, u.m, u.n, u.o::jsonb, u.p::jsonb FROM "
        "unnest($1::int4[], $2::text[], $3::text[], $4::int2[], $5::int4[], $6::int4[], $7::int4[], $8::int8[], $9::int8[],"
        " $10::int4[], $11::text[], $12::timestamptz[], $13::int8[], $14::int8[], $15::text[], $16::text[]) "
        "AS u(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p) "
        "ON CONFLICT (worker_id) DO UPDATE SET state = excluded.state, slots = excluded.slots, cpus_milli = "
        "excluded.cpus_milli, gpus = excluded.gpus, memory_bytes = excluded.memory_bytes, disk_bytes = excluded.disk_bytes,"
        " blame = excluded.blame, detail = excluded.detail, changed_at = excluded.changed_at, "
        "incarnation = excluded.incarnation, hello_number = excluded.hello_number, "
        "labels = excluded.labels, counters = excluded.counters");
}

/* What a batch says of leases. */
struct lease_marks {
    uint64_t last;         /* attempt granted */
    uint64_t floor, fence; /* 0: does not move */
};

static struct lease_marks pack_leases(const struct effects *batch, struct str *body)
{
    struct lease_marks marks = {0};
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->items[i];
        if (effect->kind == EFFECT_PERSIST_LEASE) {
            uint8_t packed[LEASE_PACKED_BYTES];
            uint64_t id = effect->lease.attempt.value;
            lease_pack(&effect->lease, packed);
            str_append_bytes(body, packed, sizeof(packed));
            marks.last = id > marks.last ? id : marks.last;
        } else if (effect->kind == EFFECT_PERSIST_LEASE_FLOOR) {
            marks.floor = effect->mark.value;
        } else if (effect->kind == EFFECT_PERSIST_FENCE) {
            marks.fence = effect->mark.value;
        }
    }
    CHECK(!body->overflow);
    return marks;
}

void batch_send_leases(
    struct store *store,
    const struct effects *batch,
    struct arena *arena,
    uint64_t epoch,
    uint64_t number)
{
    CLEANUP(str_done) struct str body;
    str_init(&body, 64 << 20);
    struct lease_marks marks = pack_leases(batch, &body);
    if (marks.fence != 0) {
        const char *const params[] = {
            arena_printf(arena, "%llu", (unsigned long long)marks.fence)};
        batch_send(
            store,
            "UPDATE leader SET attempt_next = greatest(attempt_next, $1::int8) WHERE id = 1",
            params,
            1);
    }
    if (marks.last != 0) {
        CLEANUP(columns_done) struct columns c;
        columns_init(&c, 4);
        pg_array_u64(&c.arrays[0], epoch);
        pg_array_u64(&c.arrays[1], number);
        pg_array_u64(&c.arrays[2], marks.last);
        pg_array_bytes(&c.arrays[3], body.data, body.length);
        columns_send(
            &c,
            store,
            "INSERT INTO lease SELECT u.a, u.b, u.c, u.d FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[]) AS "
            "u(a,b,c,d)");
    }
    if (marks.floor != 0) {
        const char *const params[] = {
            arena_printf(arena, "%llu", (unsigned long long)marks.floor)};
        batch_send(store, "DELETE FROM lease WHERE attempt_last < $1::int8", params, 1);
    }
}

char *batch_point_json(const struct plan *plan, const uint32_t *point, struct arena *arena)
{
    CLEANUP(str_done) struct str out;
    str_init(&out, 1 << 20);
    str_append_char(&out, '{');
    bool first = true;
    for (size_t a = 0; a < plan->axes_count; a++) {
        if (point[a] == GRID_NONE) {
            continue;
        }
        const char *id = plan->points[a][point[a]].id;
        str_append(&out, first ? "" : ",");
        str_append_json(&out, plan->axes[a], strlen(plan->axes[a]));
        str_append_char(&out, ':');
        str_append_json(&out, id, strlen(id));
        first = false;
    }
    str_append_char(&out, '}');
    return arena_strdup(arena, out.data);
}

#define SQL_INSERT_TASK                                                                         \
    "INSERT INTO task SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k, u.l, u.m, " \
    "u.n::jsonb, u.o, u.p FROM unnest($1::int8[], $2::int2[], $3::int2[], $4::text[], "         \
    "$5::int4[], $6::int4[], $7::int4[], $8::int8[], $9::int8[], $10::bytea[], $11::int8[], "   \
    "$12::text[], $13::text[], $14::text[], $15::bool[], $16::timestamptz[]) AS "               \
    "u(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p)"

static void add_task(
    struct columns *c, const struct effect_persist_task *effect, struct arena *arena)
{
    const struct task_row *row = &effect->row;
    const struct plan *plan = effect->plan;
    uint32_t ordinal = task_ordinal(row->task);
    const struct plan_traits *traits = plan_task_traits(plan, ordinal);
    pg_array_u64(&c->arrays[0], row->task.value);
    pg_array_i64(&c->arrays[1], row->state);
    pg_array_i64(&c->arrays[2], row->reason);
    pg_array_text(&c->arrays[3], row->detail == NULL ? "" : row->detail);
    pg_array_u64(&c->arrays[4], row->failures);
    pg_array_u64(&c->arrays[5], row->losses);
    pg_array_u64(&c->arrays[6], row->soft_failures);
    pg_array_u64(&c->arrays[7], row->backoff_ms);
    pg_array_u64(&c->arrays[8], row->attempt.value);
    pg_array_digest(&c->arrays[9], &row->key);
    pg_array_u64(&c->arrays[10], row->same_as.value);
    pg_array_text(&c->arrays[11], plan->stages[traits->stage]);
    pg_array_text(&c->arrays[12], plan_task_name(plan, ordinal, arena));
    const uint32_t *point = plan_task_point(plan, ordinal);
    pg_array_text(&c->arrays[13], batch_point_json(plan, point, arena));
    pg_array_bool(&c->arrays[14], traits->helper);
    pg_array_u64(&c->arrays[15], row->changed_ms);
}

void batch_send_tasks(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_TASK, arena, &rows);
    CLEANUP(columns_done) struct columns fresh;
    CLEANUP(columns_done) struct columns known;
    columns_init(&fresh, 16);
    columns_init(&known, 16);
    for (size_t i = 0; i < count; i++) {
        add_task(rows[i].first->task.fresh ? &fresh : &known, &rows[i].last->task, arena);
    }
    columns_send(&fresh, store, SQL_INSERT_TASK);
    columns_send(
        &known,
        store,
        SQL_INSERT_TASK
        " ON CONFLICT (task_id) DO UPDATE SET state = excluded.state, "
        "reason = excluded.reason, detail = excluded.detail, failures = excluded.failures, losses = excluded.losses, "
        "soft_failures = excluded.soft_failures, backoff_ms = excluded.backoff_ms, attempt_id = excluded.attempt_id, "
        "key = excluded.key, same_as = excluded.same_as, changed_at = excluded.changed_at");
}

static void add_attempt(struct columns *c, const struct attempt_row *row)
{
    pg_array_u64(&c->arrays[0], row->attempt.value);
    pg_array_u64(&c->arrays[1], row->task.value);
    pg_array_u64(&c->arrays[2], row->worker.value);
    pg_array_i64(&c->arrays[3], row->outcome);
    pg_array_bool(&c->arrays[4], row->accepted);
    pg_array_u64(&c->arrays[5], row->granted_ms);
    pg_array_u64(&c->arrays[6], row->started_ms);
    pg_array_u64(&c->arrays[7], row->ended_ms);
    pg_array_i64(&c->arrays[8], row->exit_status);
    pg_array_text(&c->arrays[9], row->detail == NULL ? "" : row->detail);
    pg_array_digest(&c->arrays[10], &row->log);
    pg_array_u64(&c->arrays[11], row->usage.wall_ms);
    pg_array_u64(&c->arrays[12], row->usage.user_ms);
    pg_array_u64(&c->arrays[13], row->usage.system_ms);
    pg_array_u64(&c->arrays[14], row->usage.memory_peak_bytes);
    pg_array_u64(&c->arrays[15], row->usage.read_bytes);
    pg_array_u64(&c->arrays[16], row->usage.written_bytes);
}

/* An attempt without devices needs no row: it is where its attempt row says. */
static void send_placements(struct store *store, const struct batch_row *rows, size_t count)
{
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 5);
    for (size_t i = 0; i < count; i++) {
        const struct attempt_row *row = &rows[i].last->attempt;
        if (row->placements_count > 0
            || (row->devices.whole == 0 && row->devices.share_milli == 0)) {
            continue;
        }
        pg_array_u64(&c.arrays[0], row->attempt.value);
        pg_array_u64(&c.arrays[1], row->worker.value);
        pg_array_i64(&c.arrays[2], (int64_t)row->devices.whole);
        pg_array_u64(&c.arrays[3], row->devices.share_device);
        pg_array_u64(&c.arrays[4], row->devices.share_milli);
    }
    columns_send(
        &c,
        store,
        "INSERT INTO placement SELECT u.a, 0, u.b, u.c, u.d, u.e FROM unnest($1::int8[], $2::int4[], $3::int8[], $4::int4[],"
        " $5::int4[]) AS u(a,b,c,d,e) ON CONFLICT (attempt_id, rank) DO NOTHING");
}

/* Ends and logs of single ranks come with the end of the attempt. */
static void send_gang_placements(
    struct store *store, const struct batch_row *rows, size_t count)
{
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 9);
    for (size_t i = 0; i < count; i++) {
        const struct attempt_row *row = &rows[i].last->attempt;
        for (uint32_t rank = 0; rank < row->placements_count; rank++) {
            const struct placement_row *placement = &row->placements[rank];
            pg_array_u64(&c.arrays[0], row->attempt.value);
            pg_array_u64(&c.arrays[1], rank);
            pg_array_u64(&c.arrays[2], placement->worker.value);
            pg_array_i64(&c.arrays[3], (int64_t)placement->devices.whole);
            pg_array_u64(&c.arrays[4], placement->devices.share_device);
            pg_array_u64(&c.arrays[5], placement->devices.share_milli);
            pg_array_i64(&c.arrays[6], placement->outcome);
            pg_array_i64(&c.arrays[7], placement->exit_status);
            pg_array_digest(&c.arrays[8], &placement->log);
        }
    }
    columns_send(
        &c,
        store,
        "INSERT INTO placement SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i FROM unnest($1::int8[], $2::int4[], "
        "$3::int4[], $4::int8[], $5::int4[], $6::int4[], $7::int2[], $8::int4[], $9::bytea[]) AS u(a,b,c,d,e,f,g,h,i) "
        "ON CONFLICT (attempt_id, rank) DO UPDATE SET outcome = excluded.outcome, exit_status = excluded.exit_status, "
        "log = excluded.log");
}

#define SQL_INSERT_ATTEMPT                                                                    \
    "INSERT INTO attempt SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k, u.l, " \
    "u.m, u.n, u.o, u.p, u.q FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int2[], "    \
    "$5::bool[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::int4[], "       \
    "$10::text[], $11::bytea[], $12::int8[], $13::int8[], $14::int8[], $15::int8[], "         \
    "$16::int8[], $17::int8[]) AS u(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q)"

void batch_send_attempts(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_ATTEMPT, arena, &rows);
    CLEANUP(columns_done) struct columns fresh;
    CLEANUP(columns_done) struct columns known;
    columns_init(&fresh, 17);
    columns_init(&known, 17);
    for (size_t i = 0; i < count; i++) {
        add_attempt(rows[i].first->attempt.fresh ? &fresh : &known, &rows[i].last->attempt);
    }
    columns_send(&fresh, store, SQL_INSERT_ATTEMPT);
    columns_send(
        &known,
        store,
        SQL_INSERT_ATTEMPT
        " ON CONFLICT (attempt_id) DO UPDATE SET task_id = excluded.task_id, outcome = excluded.outcome, accepted = "
        "excluded.accepted, started_at = excluded.started_at, finished_at = excluded.finished_at, exit_status = "
        "excluded.exit_status, detail = excluded.detail, log = excluded.log, wall_ms = excluded.wall_ms, user_ms = "
        "excluded.user_ms, system_ms = excluded.system_ms, memory_peak_bytes = excluded.memory_peak_bytes, "
        "read_bytes = excluded.read_bytes, written_bytes = excluded.written_bytes");
    send_placements(store, rows, count);
    send_gang_placements(store, rows, count);
}
