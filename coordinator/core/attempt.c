/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts that the core knows: by id, by worker, and those that have no row yet. lease.c
 * decides about them. */
#include "coordinator/core/attempt.h"

#include <stdlib.h>

#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"

/* --- By id --- */

static size_t id_bucket(uint64_t id, size_t buckets)
{
    return (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (buckets - 1);
}

static void attempts_grow(struct core *core)
{
    size_t buckets = core->attempts_buckets == 0 ? 64 : 2 * core->attempts_buckets;
    struct attempt **attempts = xcalloc(buckets * sizeof(struct attempt *));
    for (size_t i = 0; i < core->attempts_buckets; i++) {
        while (core->attempts[i] != NULL) {
            struct attempt *attempt = core->attempts[i];
            core->attempts[i] = attempt->hash_next;
            size_t bucket = id_bucket(attempt->id.value, buckets);
            attempt->hash_next = attempts[bucket];
            attempts[bucket] = attempt;
        }
    }
    free(core->attempts);
    core->attempts = attempts;
    core->attempts_buckets = buckets;
}

struct attempt *attempts_find(const struct core *core, struct attempt_id id)
{
    if (core->attempts_buckets == 0) {
        return NULL;
    }
    struct attempt *attempt = core->attempts[id_bucket(id.value, core->attempts_buckets)];
    while (attempt != NULL && attempt->id.value != id.value) {
        attempt = attempt->hash_next;
    }
    return attempt;
}

static void attempts_remove(struct core *core, struct attempt *attempt)
{
    struct attempt **place =
        &core->attempts[id_bucket(attempt->id.value, core->attempts_buckets)];
    while (*place != attempt) {
        place = &(*place)->hash_next;
    }
    *place = attempt->hash_next;
    core->attempts_count--;
}

struct attempt *attempt_create(struct core *core, struct attempt_id id, struct worker *worker)
{
    if (core->attempts_count >= core->attempts_buckets) {
        attempts_grow(core);
    }
    struct attempt *attempt = xcalloc(sizeof(*attempt));
    attempt->id = id;
    attempt->worker = worker;
    attempt->progress.fraction = -1;
    size_t bucket = id_bucket(id.value, core->attempts_buckets);
    attempt->hash_next = core->attempts[bucket];
    core->attempts[bucket] = attempt;
    core->attempts_count++;
    attempt->worker_next = worker->attempts;
    if (worker->attempts != NULL) {
        worker->attempts->worker_previous = attempt;
    }
    worker->attempts = attempt;
    return attempt;
}

void attempt_destroy(struct core *core, struct attempt *attempt)
{
    CHECK(!attempt->held);
    attempt_record_later(core, attempt, false);
    heap_remove(&core->leases, &attempt->expiry);
    attempts_remove(core, attempt);
    struct worker *worker = attempt->worker;
    if (attempt->worker_previous != NULL) {
        attempt->worker_previous->worker_next = attempt->worker_next;
    } else {
        worker->attempts = attempt->worker_next;
    }
    if (attempt->worker_next != NULL) {
        attempt->worker_next->worker_previous = attempt->worker_previous;
    }
    free(attempt);
}

void attempts_done(struct core *core)
{
    for (size_t i = 0; i < core->attempts_buckets; i++) {
        while (core->attempts[i] != NULL) {
            struct attempt *attempt = core->attempts[i];
            core->attempts[i] = attempt->hash_next;
            free(attempt);
        }
    }
    free(core->attempts);
}

/* --- State --- */

void attempt_set(struct attempt *attempt, enum attempt_state state)
{
    static const bool legal[4][4] = {
        [ATTEMPT_LEASED] =
            {[ATTEMPT_RUNNING] = true, [ATTEMPT_REVOKING] = true, [ATTEMPT_LOST] = true},
        [ATTEMPT_RUNNING] = {[ATTEMPT_REVOKING] = true, [ATTEMPT_LOST] = true},
        [ATTEMPT_LOST] = {[ATTEMPT_RUNNING] = true},
    };
    CHECK(legal[attempt->state][state]);
    attempt->state = (uint8_t)state;
}

bool attempt_is_open(const struct attempt *attempt)
{
    return attempt->state != ATTEMPT_LOST;
}

void attempt_count(struct core *core, const struct attempt *attempt, uint32_t delta)
{
    struct graph *graph = grids_find(core, task_grid(attempt->task));
    if (graph != NULL) {
        graph->attempts += delta;
        grid_touch(core, graph);
    }
}

/* Counts it as open, with what it holds on its worker unless it waits there, or takes it back.
 */
void attempt_hold(struct core *core, struct attempt *attempt, bool hold)
{
    if (attempt->held == hold) {
        return;
    }
    attempt->held = hold;
    attempt_count(core, attempt, hold ? 1 : UINT32_MAX);
    uint32_t delta = hold ? 1 : UINT32_MAX;
    attempt->worker->attempts_open += delta;
    core->attempts_open += delta;
    if (hold && !attempt->waits) {
        placement_take(attempt->worker, &attempt->needs, &attempt->devices);
    } else if (!hold && !attempt->waits) {
        placement_give(attempt->worker, &attempt->needs, &attempt->devices);
    } else if (!hold) {
        line_leave(core, attempt);
    }
}

/* --- Rows --- */

void attempt_record_later(struct core *core, struct attempt *attempt, bool later)
{
    bool in_list = attempt->record_previous != NULL || core->record_first == attempt;
    if (in_list == later) {
        return;
    }
    if (later) {
        attempt->record_previous = core->record_last;
        attempt->record_next = NULL;
        if (core->record_last != NULL) {
            core->record_last->record_next = attempt;
        } else {
            core->record_first = attempt;
        }
        core->record_last = attempt;
        return;
    }
    if (attempt->record_previous != NULL) {
        attempt->record_previous->record_next = attempt->record_next;
    } else {
        core->record_first = attempt->record_next;
    }
    if (attempt->record_next != NULL) {
        attempt->record_next->record_previous = attempt->record_previous;
    } else {
        core->record_last = attempt->record_previous;
    }
    attempt->record_previous = NULL;
    attempt->record_next = NULL;
}

struct attempt_row attempt_row_of(const struct attempt *attempt)
{
    return (struct attempt_row){
        .attempt = attempt->id,
        .task = attempt->task,
        .worker = attempt->worker->id,
        .devices = attempt->devices,
        .granted_ms = attempt->granted_ms,
        .started_ms = attempt->started_ms,
        .metrics_offset = attempt->metrics_offset,
    };
}

void attempt_persist(struct core *core, struct attempt *attempt, const struct attempt_end *end)
{
    struct effect *effect = effects_add(core->out, EFFECT_PERSIST_ATTEMPT);
    effect->attempt = attempt_row_of(attempt);
    attempt->stored = true;
    if (end == NULL) {
        return;
    }
    effect->attempt.outcome = end->outcome;
    effect->attempt.accepted = end->accepted;
    effect->attempt.ended_ms = core->now;
    effect->attempt.exit_status = end->exit_status;
    effect->attempt.log = end->log;
    effect->attempt.usage = end->usage;
    if (end->detail != NULL && end->detail[0] != '\0') {
        effect->attempt.detail = arena_strdup(core->out->arena, end->detail);
    }
}

void lease_persist(struct core *core, const struct attempt *attempt)
{
    effects_add(core->out, EFFECT_PERSIST_LEASE)->lease = (struct lease_row){
        .attempt = attempt->id,
        .task = attempt->task,
        .worker = attempt->worker->id,
        .devices = attempt->devices,
        .granted_ms = attempt->granted_ms,
    };
    core->leases_since++;
}
