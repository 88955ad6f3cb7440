/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit of a batch: one packed row per grid (docs/formats.md section 6), in the batch's own
 * transaction. Whatever a batch writes about a task, an attempt or a grid is told by its
 * events: where the core's audit does not imply the row that is written, a *-state event says
 * it. So the events of a database, replayed, give its rows.
 */
#include <inttypes.h>

#include "common/base/check.h"
#include "coordinator/store/commit_rows.h"

/* --- What is told and what is written, by identity --- */

enum subject {
    OF_NOTHING = 0,
    OF_TASK,    /* value: state, and the attempt when done */
    OF_ATTEMPT, /* value: outcome, and whether it is accepted */
    OF_GRID,    /* value: state, and the verdict when finished */
};

struct fact {
    enum subject subject;
    uint64_t id;
    bool told, written;
    uint64_t told_value, written_value;
    const struct effect *effect; /* that writes it last */
};

/* Open addressing; at most half full. */
struct facts {
    struct fact *items;
    size_t mask;
};

static void facts_init(struct facts *facts, size_t count, struct arena *arena)
{
    size_t size = 16;
    while (size < 4 * count) {
        size *= 2;
    }
    facts->items = ARENA_ARRAY(arena, struct fact, size);
    facts->mask = size - 1;
}

static struct fact *fact_of(struct facts *facts, enum subject subject, uint64_t id)
{
    uint64_t hash = (id * UINT64_C(0x9E3779B97F4A7C15)) ^ (uint64_t)subject << 7;
    for (size_t at = (hash >> 20) & facts->mask;; at = (at + 1) & facts->mask) {
        struct fact *fact = &facts->items[at];
        if (fact->subject == OF_NOTHING) {
            *fact = (struct fact){.subject = subject, .id = id};
        }
        if (fact->subject == subject && fact->id == id) {
            return fact;
        }
    }
}

static uint64_t task_value(enum task_state state, struct attempt_id attempt)
{
    return state | (state == TASK_DONE ? attempt.value << 8 : 0);
}

static uint64_t attempt_value(enum attempt_outcome outcome, bool accepted)
{
    return outcome | (accepted ? UINT64_C(1) << 8 : 0);
}

static uint64_t grid_value(enum grid_state state, enum grid_verdict verdict)
{
    return state | (state == GRID_FINISHED ? (uint64_t)verdict << 8 : 0);
}

static void tell(struct facts *facts, enum subject subject, uint64_t id, uint64_t value)
{
    struct fact *fact = fact_of(facts, subject, id);
    fact->told = true;
    fact->told_value = value;
}

/* What whoever reads an event of this kind knows from it: a state or an outcome, fixed or the
 * event's value. The kinds that are not here say nothing of these rows. */
struct telling {
    enum subject subject;
    uint64_t state;
    bool by_value;
};

static const struct telling tellings[AUDIT_KINDS] = {
    [AUDIT_GRID_SUBMITTED] = {OF_GRID, GRID_ACTIVE, false},
    [AUDIT_GRID_REVIVED] = {OF_GRID, GRID_ACTIVE, false},
    [AUDIT_GRID_FINISHED] = {OF_GRID, GRID_FINISHED, false}, /* value: verdict */
    [AUDIT_TASK_DONE] = {OF_TASK, TASK_DONE, false},         /* and its attempt is accepted */
    [AUDIT_TASK_CACHED] = {OF_TASK, TASK_DONE, false},
    [AUDIT_TASK_FAILED] = {OF_TASK, TASK_FAILED, false},
    [AUDIT_TASK_CANCELLED] = {OF_TASK, TASK_CANCELLED, false},
    [AUDIT_TASK_SKIPPED] = {OF_TASK, TASK_SKIPPED, false},
    [AUDIT_TASK_HELD] = {OF_TASK, TASK_HELD, false},
    [AUDIT_TASK_RELEASED] = {OF_TASK, TASK_WAITING, false},
    [AUDIT_TASK_RETRIED] = {OF_TASK, TASK_WAITING, false},
    [AUDIT_TASK_REMADE] = {OF_TASK, TASK_WAITING, false},
    [AUDIT_ATTEMPT_STARTED] = {OF_ATTEMPT, OUTCOME_NONE, false},
    [AUDIT_ATTEMPT_RETURNED] = {OF_ATTEMPT, OUTCOME_NONE, false},
    [AUDIT_ATTEMPT_ENDED] = {OF_ATTEMPT, OUTCOME_NONE, true},
    [AUDIT_ATTEMPT_LOST] = {OF_ATTEMPT, OUTCOME_LOST, false},
};

static void tell_of(struct facts *facts, const struct audit_row *row)
{
    const struct telling *telling = &tellings[row->kind];
    uint64_t state = telling->by_value ? (uint64_t)row->value : telling->state;
    switch (telling->subject) {
    case OF_NOTHING:
        break;
    case OF_GRID: {
        enum grid_verdict verdict = (enum grid_verdict)row->value;
        tell(facts, OF_GRID, row->grid.value, grid_value((enum grid_state)state, verdict));
        break;
    }
    case OF_TASK: {
        uint64_t value = task_value((enum task_state)state, row->attempt);
        tell(facts, OF_TASK, row->task.value, value);
        break;
    }
    case OF_ATTEMPT: {
        uint64_t value = attempt_value((enum attempt_outcome)state, false);
        tell(facts, OF_ATTEMPT, row->attempt.value, value);
        break;
    }
    }
    if (row->kind == AUDIT_TASK_DONE) {
        tell(facts, OF_ATTEMPT, row->attempt.value, attempt_value(OUTCOME_DONE, true));
    }
}

static void write_down(
    struct facts *facts,
    enum subject subject,
    uint64_t id,
    uint64_t value,
    const struct effect *effect)
{
    struct fact *fact = fact_of(facts, subject, id);
    fact->written = true;
    fact->written_value = value;
    fact->effect = effect;
}

static void note_effect(struct facts *facts, const struct effect *effect)
{
    if (effect->kind == EFFECT_PERSIST_AUDIT) {
        tell_of(facts, &effect->audit);
    } else if (effect->kind == EFFECT_PERSIST_TASK) {
        const struct task_row *row = &effect->task.row;
        uint64_t value = task_value(row->state, row->attempt);
        write_down(facts, OF_TASK, row->task.value, value, effect);
    } else if (effect->kind == EFFECT_PERSIST_ATTEMPT) {
        const struct attempt_row *row = &effect->attempt;
        uint64_t value = attempt_value(row->outcome, row->accepted);
        write_down(facts, OF_ATTEMPT, row->attempt.value, value, effect);
    } else if (effect->kind == EFFECT_PERSIST_GRID) {
        const struct grid_row *row = &effect->grid.row;
        uint64_t value = grid_value(row->state, row->verdict);
        write_down(facts, OF_GRID, row->grid.value, value, effect);
    }
}

/* --- Packing --- */

struct grid_log {
    uint32_t grid;
    enum audit_kind run; /* kind of the run that is open */
    uint64_t at_ms;      /* of the first event; the others' times are offsets from it */
    struct str body;
};

struct grid_logs {
    struct grid_log *items;
    size_t count, capacity;
    struct arena *arena;
};

/* Grids in one batch are few, and neighbours mostly of one grid. */
static struct grid_log *log_of(struct grid_logs *logs, uint32_t grid, uint64_t at_ms)
{
    for (size_t i = logs->count; i > 0; i--) {
        if (logs->items[i - 1].grid == grid) {
            return &logs->items[i - 1];
        }
    }
    struct grid_log log = {.grid = grid, .at_ms = at_ms};
    str_init(&log.body, LIMIT_SQL_ARRAY_BYTES);
    str_append_char(&log.body, '[');
    ARENA_PUSH(logs->arena, logs->items, logs->count, logs->capacity, log);
    return &logs->items[logs->count - 1];
}

static bool is_of_grid(enum audit_kind kind)
{
    return kind == AUDIT_GRID_CANCELLED || kind == AUDIT_GRID_STATE
           || tellings[kind].subject == OF_GRID;
}

/* [task, attempt, worker, value, ms], without what is zero at the end. */
static void append_event(struct grid_logs *logs, const struct audit_row *row)
{
    struct grid_log *log = log_of(logs, row->grid.value, row->at_ms);
    struct str *body = &log->body;
    if (log->run != row->kind) {
        str_append(body, log->run == AUDIT_NONE ? "" : "]},");
        str_appendf(body, "{\"kind\":\"%s\",\"of\":[[", audit_kind_name(row->kind));
        log->run = row->kind;
    } else {
        str_append(body, ",[");
    }
    const int64_t fields[] = {
        (int64_t)row->attempt.value,
        row->worker.value,
        row->value,
        row->at_ms > log->at_ms ? (int64_t)(row->at_ms - log->at_ms) : 0,
    };
    size_t count = ARRAY_LEN(fields);
    while (count > 0 && fields[count - 1] == 0) {
        count--;
    }
    if (row->task.value != 0 && !is_of_grid(row->kind)) {
        str_appendf(body, "%u", task_ordinal(row->task));
    } else {
        str_append(body, "null");
    }
    for (size_t i = 0; i < count; i++) {
        str_appendf(body, ",%" PRId64, fields[i]);
    }
    str_append_char(body, ']');
}

/* The row that no event implies, as an event of its own. */
static void append_fact(struct grid_logs *logs, const struct fact *fact)
{
    struct audit_row event = {0};
    switch (fact->subject) {
    case OF_NOTHING:
        return;
    case OF_TASK: {
        const struct task_row *row = &fact->effect->task.row;
        event.kind = AUDIT_TASK_STATE;
        event.task = row->task;
        event.attempt = row->attempt;
        event.value = row->state;
        event.at_ms = row->changed_ms;
        break;
    }
    case OF_ATTEMPT: {
        const struct attempt_row *row = &fact->effect->attempt;
        event.kind = row->accepted ? AUDIT_ATTEMPT_ACCEPTED : AUDIT_ATTEMPT_STATE;
        event.task = row->task;
        event.attempt = row->attempt;
        event.worker = row->worker;
        event.value = row->outcome;
        event.at_ms = row->ended_ms != 0 ? row->ended_ms : row->started_ms;
        break;
    }
    case OF_GRID: {
        const struct grid_row *row = &fact->effect->grid.row;
        event.kind = row->state == GRID_FINISHED ? AUDIT_GRID_FINISHED : AUDIT_GRID_STATE;
        event.value = row->state == GRID_FINISHED ? (int64_t)row->verdict : (int64_t)row->state;
        event.grid = row->grid;
        event.at_ms = row->finished_ms != 0 ? row->finished_ms : row->submitted_ms;
        break;
    }
    }
    if (fact->subject != OF_GRID) {
        event.grid = task_grid(event.task);
    }
    append_event(logs, &event);
}

static void pack(struct grid_logs *logs, const struct effects *batch, const struct facts *facts)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_AUDIT) {
            append_event(logs, &batch->items[i].audit);
        }
    }
    for (size_t i = 0; i <= facts->mask; i++) {
        const struct fact *fact = &facts->items[i];
        if (fact->written && !(fact->told && fact->told_value == fact->written_value)) {
            append_fact(logs, fact);
        }
    }
}

void batch_send_events(
    struct store *store,
    const struct effects *batch,
    struct arena *arena,
    uint64_t epoch,
    uint64_t number)
{
    struct facts facts;
    struct grid_logs logs = {.arena = arena};
    if (batch->persists == 0) {
        return;
    }
    facts_init(&facts, batch->persists, arena);
    for (size_t i = 0; i < batch->count; i++) {
        note_effect(&facts, &batch->items[i]);
    }
    pack(&logs, batch, &facts);
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 5);
    for (size_t i = 0; i < logs.count; i++) {
        struct grid_log *log = &logs.items[i];
        str_append(&log->body, "]}]");
        CHECK(!log->body.overflow);
        pg_array_u64(&c.arrays[0], log->grid);
        pg_array_u64(&c.arrays[1], epoch);
        pg_array_u64(&c.arrays[2], number);
        pg_array_u64(&c.arrays[3], log->at_ms);
        pg_array_bytes(&c.arrays[4], log->body.data, log->body.length);
        str_done(&log->body);
    }
    columns_send(
        &c,
        store,
        "INSERT INTO event (grid_id, epoch, batch, at, body) SELECT u.a, u.b, u.c, u.d, u.e::jsonb FROM "
        "unnest($1::int4[], $2::int8[], $3::int8[], $4::timestamptz[], $5::text[]) AS u(a,b,c,d,e)");
}
