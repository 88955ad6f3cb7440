/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/hello.h"

#include <string.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/life.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/worker.h"

/* An attempt is the worker's when a rank of it was leased to its principal; else NULL. */
static struct placement *own(
    const struct core *core, const struct worker *worker, struct attempt_id id)
{
    struct attempt *attempt = attempts_find(core, id);
    return attempt != NULL ? attempt_on(attempt, worker) : NULL;
}

/* The worker says that it holds this attempt, begun or in its line: may it go on? */
static bool attempt_confirm(
    struct core *core, struct worker *worker, struct attempt_id id, bool begun)
{
    struct placement *placement = own(core, worker, id);
    if (placement == NULL) {
        return false;
    }
    placement->seen = worker->session;
    switch ((enum attempt_state)placement->attempt->state) {
    case ATTEMPT_LEASED:
    case ATTEMPT_RUNNING:
        if (begun && placement->attempt->gang == NULL) {
            attempt_start(core, placement->attempt);
        } else { /* of a gang's rank its worker says more by ACCEPTED and STARTED */
            lease_renew(core, placement);
        }
        return true;
    case ATTEMPT_REVOKING:
        lease_renew(core, placement); /* it is still there: its room is not free yet */
        return false;
    case ATTEMPT_LOST:
        return begun && attempt_return(core, placement->attempt);
    }
    return false;
}

/* RENEW does not tell what runs from what waits; STARTED does. */
static bool has_begun(const struct core *core, struct attempt_id id)
{
    const struct attempt *attempt = attempts_find(core, id);
    return attempt == NULL || !attempt->waits;
}

void worker_renew(struct core *core, const struct event_renew *event)
{
    struct worker *worker = worker_of(core, &event->from);
    if (worker == NULL) {
        return;
    }
    size_t count = 0;
    struct renewed_item *items =
        ARENA_ARRAY(core->out->arena, struct renewed_item, event->attempts_count + 1);
    for (size_t i = 0; i < event->attempts_count; i++) {
        struct attempt_id id = event->attempts[i];
        if (attempt_confirm(core, worker, id, has_begun(core, id))) {
            items[count++] =
                (struct renewed_item){id, attempt_lease_ms(core, attempts_find(core, id))};
        } else {
            attempt_send_revoke(core, worker, id);
        }
    }
    effects_add(core->out, EFFECT_SEND_RENEWED)->renewed =
        (struct effect_renewed){worker_address(worker), event->number, items, count};
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static bool capacity_equal(const struct worker_capacity *a, const struct worker_capacity *b)
{
    return a->slots == b->slots && a->prefetch == b->prefetch && a->cpus_milli == b->cpus_milli
           && a->gpus == b->gpus && a->memory_bytes == b->memory_bytes
           && a->disk_bytes == b->disk_bytes && labels_equal(a->labels, b->labels)
           && counters_equal(a->counters, b->counters) && numa_equal(a->numa, b->numa)
           && a->gpus_lost == b->gpus_lost && a->closed == b->closed
           && same_text(a->notice, b->notice);
}

/* A finished one that is still of use is sent again as FINISHED; the rest is settled. */
static enum welcome_verdict finished_verdict(
    struct core *core, struct worker *worker, struct attempt_id id)
{
    struct placement *placement = own(core, worker, id);
    if (placement == NULL) {
        return WELCOME_ACKNOWLEDGED;
    }
    placement->seen = worker->session;
    if (attempt_is_open(placement->attempt)) {
        lease_renew(core, placement);
    }
    return WELCOME_KEEP;
}

static void welcome(struct core *core, struct worker *worker, const struct event_hello *event)
{
    struct welcome_item *items =
        ARENA_ARRAY(core->out->arena, struct welcome_item, event->inventory_count + 1);
    for (size_t i = 0; i < event->inventory_count; i++) {
        const struct inventory_item *held = &event->inventory[i];
        enum welcome_verdict verdict = WELCOME_KILL;
        bool begun = held->state == INVENTORY_RUNNING;
        if (held->state == INVENTORY_FINISHED) {
            verdict = finished_verdict(core, worker, held->attempt);
        } else if (attempt_confirm(core, worker, held->attempt, begun)) {
            verdict = WELCOME_KEEP;
        }
        struct attempt *attempt = attempts_find(core, held->attempt);
        items[i] = (struct welcome_item){.attempt = held->attempt, .verdict = verdict};
        if (attempt != NULL) {
            attempt_keep(core, attempt); /* a RETRACT may have been lost with the connection */
            items[i].lease_ms = attempt_lease_ms(core, attempt);
            items[i].metrics_offset = attempt->metrics_offset;
        }
    }
    effects_add(core->out, EFFECT_SEND_WELCOME)->welcome = (struct effect_welcome){
        .to = worker_address(worker),
        .items = items,
        .items_count = event->inventory_count,
        .draining = worker_is_draining(worker),
    };
}

/* Ends every open attempt of the worker that it did not name in this session. Ending one may
 * free lost ones, so they are collected by id first. */
static void end_attempts(
    struct core *core,
    struct worker *worker,
    struct session_id named,
    const struct attempt_end *end)
{
    struct attempt_id *ids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (const struct placement *at = worker->placements; at != NULL; at = at->next) {
        if (named.value == 0 || at->seen.value != named.value) {
            ARENA_PUSH(core->scratch, ids, count, capacity, at->attempt->id);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct placement *placement = own(core, worker, ids[i]);
        if (placement == NULL) {
            continue;
        }
        struct attempt *attempt = placement->attempt;
        if (attempt->gang != NULL) {
            gang_left(core, placement, end->outcome, end->detail);
        } else if (attempt_is_open(attempt)) {
            attempt_end(core, attempt, end);
        } else {
            attempt_forget(core, attempt);
        }
    }
}

void worker_hello(struct core *core, const struct event_hello *event)
{
    struct worker *worker = worker_named(core, event->principal, event->name);
    if (event->incarnation < worker->incarnation
        || (event->incarnation == worker->incarnation && event->number <= worker->number)) {
        return; /* delayed in an older connection */
    }
    bool returns = worker->leaving && event->incarnation > worker->incarnation;
    worker->incarnation = event->incarnation;
    worker->number = event->number;
    worker->session = event->session;
    if (!capacity_equal(&worker->capacity, &event->capacity)) {
        worker_set_capacity(core, worker, &event->capacity);
        worker->shrunk = placement_is_over(worker);
    }
    core->workers_version += worker->ends_ms != 0; /* it may live longer now */
    worker->ends_ms = life_end_ms(core, event->life_ms);
    worker_persist(core, worker);
    worker_heard(core, worker);
    worker->leaving = worker->leaving && !returns;
    if (worker->state == WORKER_JOINING || (returns && worker_is_draining(worker))) {
        worker_set(core, worker, WORKER_UP);
    }
    welcome(core, worker, event);
    if (event->leaving) {
        worker_leave(core, worker, "the worker was told to end");
    }
    /* What the worker does not hold is over: its assignment never came, or its shim died. */
    end_attempts(
        core,
        worker,
        worker->session,
        &(struct attempt_end){
            .outcome = OUTCOME_LOST,
            .detail = "its worker came back without it",
        });
    worker_refresh(core, worker);
}

void worker_goodbye(struct core *core, const struct event_goodbye *event)
{
    struct worker *worker = worker_of(core, &event->from);
    if (worker == NULL) {
        return;
    }
    end_attempts(
        core,
        worker,
        (struct session_id){0},
        &(struct attempt_end){.outcome = OUTCOME_PREEMPTED});
    worker->session = (struct session_id){0};
    heap_remove(&core->silences, &worker->silence);
    /* One that left by itself is gone, so that it may come back; a user's drain stays. */
    if (worker->state == WORKER_UP || (worker->leaving && worker_is_draining(worker))) {
        worker->leaving = false;
        worker_set(core, worker, WORKER_LOST);
    }
    worker_refresh(core, worker);
}
