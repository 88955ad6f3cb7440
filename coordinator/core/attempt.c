/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts that the core knows: by id, by worker, and those that have no row yet. lease.c
 * decides about them. */
#include "coordinator/core/attempt.h"

#include <stdlib.h>

#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/worker.h"

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

struct attempt *attempt_create(struct core *core, struct attempt_id id, uint32_t ranks)
{
    if (core->attempts_count >= core->attempts_buckets) {
        attempts_grow(core);
    }
    struct attempt *attempt = xcalloc(sizeof(*attempt));
    attempt->id = id;
    attempt->ranks = ranks;
    attempt->placements =
        ranks == 1 ? &attempt->only : xcalloc(ranks * sizeof(struct placement));
    attempt->progress.fraction = -1;
    size_t bucket = id_bucket(id.value, core->attempts_buckets);
    attempt->hash_next = core->attempts[bucket];
    core->attempts[bucket] = attempt;
    core->attempts_count++;
    return attempt;
}

void attempt_put(
    struct attempt *attempt,
    uint32_t rank,
    struct worker *worker,
    const struct device_set *devices)
{
    struct placement *placement = &attempt->placements[rank];
    placement->attempt = attempt;
    placement->worker = worker;
    placement->rank = rank;
    placement->devices = *devices;
    placement->seen = worker->session;
    placement->next = worker->placements;
    if (worker->placements != NULL) {
        worker->placements->previous = placement;
    }
    worker->placements = placement;
    if (rank == 0) {
        attempt->worker = worker;
    }
}

struct placement *attempt_on(const struct attempt *attempt, const struct worker *worker)
{
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        if (attempt->placements[rank].worker == worker) {
            return &attempt->placements[rank];
        }
    }
    return NULL;
}

static void placement_remove(struct core *core, struct placement *placement)
{
    CHECK(!placement->held);
    heap_remove(&core->leases, &placement->expiry);
    if (placement->previous != NULL) {
        placement->previous->next = placement->next;
    } else {
        placement->worker->placements = placement->next;
    }
    if (placement->next != NULL) {
        placement->next->previous = placement->previous;
    }
}

static void attempt_free(struct attempt *attempt)
{
    if (attempt->placements != &attempt->only) {
        free(attempt->placements);
    }
    gang_destroy(attempt->gang);
    free(attempt);
}

void attempt_destroy(struct core *core, struct attempt *attempt)
{
    CHECK(!attempt->open);
    attempt_record_later(core, attempt, false);
    attempts_remove(core, attempt);
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        placement_remove(core, &attempt->placements[rank]);
    }
    gang_forget(core, attempt);
    attempt_free(attempt);
}

void attempts_done(struct core *core)
{
    for (size_t i = 0; i < core->attempts_buckets; i++) {
        while (core->attempts[i] != NULL) {
            struct attempt *attempt = core->attempts[i];
            core->attempts[i] = attempt->hash_next;
            attempt_free(attempt);
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
        quota_charge(core, attempt, graph, (int)delta);
        grid_touch(core, graph);
    }
}

static void placement_hold(struct core *core, struct placement *placement, bool hold)
{
    if (placement->held == hold) {
        return;
    }
    struct attempt *attempt = placement->attempt;
    struct worker *worker = placement->worker;
    placement->held = hold;
    worker->attempts_open += hold ? 1 : UINT32_MAX;
    if (hold && !attempt->waits) {
        placement_take(worker, &attempt->needs, &placement->devices);
    } else if (!hold && !attempt->waits) {
        placement_give(worker, &attempt->needs, &placement->devices);
    } else if (!hold) {
        line_leave(core, attempt);
    }
}

void attempt_hold(struct core *core, struct attempt *attempt, bool hold)
{
    if (attempt->open == hold) {
        return;
    }
    attempt->open = hold;
    attempt_count(core, attempt, hold ? 1 : UINT32_MAX);
    core->attempts_open += hold ? 1 : UINT32_MAX; /* wraps on purpose: -1 */
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        placement_hold(core, &attempt->placements[rank], hold);
    }
}

void placement_release(struct core *core, struct placement *placement)
{
    heap_remove(&core->leases, &placement->expiry);
    placement_hold(core, placement, false);
    worker_refresh(core, placement->worker);
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

/* Every rank of a gang; an ordinary attempt's one is in the row itself. */
static const struct placement_row *placement_rows(
    const struct attempt *attempt, struct arena *arena)
{
    if (attempt->gang == NULL || arena == NULL) {
        return NULL;
    }
    struct placement_row *rows = ARENA_ARRAY(arena, struct placement_row, attempt->ranks);
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        const struct placement *placement = &attempt->placements[rank];
        rows[rank] = (struct placement_row){
            .worker = placement->worker->id,
            .devices = placement->devices,
        };
        gang_report_row(attempt->gang, rank, &rows[rank]);
    }
    return rows;
}

struct attempt_row attempt_row_of(const struct attempt *attempt, struct arena *arena)
{
    return (struct attempt_row){
        .attempt = attempt->id,
        .task = attempt->task,
        .worker = attempt->worker->id,
        .devices = attempt->placements[0].devices,
        .placements = placement_rows(attempt, arena),
        .placements_count = attempt->gang != NULL && arena != NULL ? attempt->ranks : 0,
        .granted_ms = attempt->granted_ms,
        .started_ms = attempt->started_ms,
        .metrics_offset = attempt->metrics_offset,
    };
}

void attempt_persist(struct core *core, struct attempt *attempt, const struct attempt_end *end)
{
    struct effect *effect = effects_add(core->out, EFFECT_PERSIST_ATTEMPT);
    effect->attempt = attempt_row_of(attempt, core->out->arena);
    effect->attempt.fresh = !attempt->stored;
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
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        const struct placement *placement = &attempt->placements[rank];
        effects_add(core->out, EFFECT_PERSIST_LEASE)->lease = (struct lease_row){
            .attempt = attempt->id,
            .task = attempt->task,
            .worker = placement->worker->id,
            .rank = rank,
            .ranks = attempt->gang != NULL ? attempt->ranks : 0,
            .devices = placement->devices,
            .granted_ms = attempt->granted_ms,
        };
    }
    core->leases_since += attempt->ranks;
}
