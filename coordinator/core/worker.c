/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/worker.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/open.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/sets.h"
#include "coordinator/core/task.h"

#define NAME_BUCKETS 4096 /* workers are some thousands at most */

static const bool legal[WORKER_STATES][WORKER_STATES] = {
    [WORKER_JOINING] = {[WORKER_UP] = true, [WORKER_LOST] = true, [WORKER_DRAINING] = true},
    [WORKER_UP] =
        {[WORKER_SUSPECT] = true,
         [WORKER_LOST] = true,
         [WORKER_DRAINING] = true,
         [WORKER_QUARANTINED] = true},
    [WORKER_SUSPECT] =
        {[WORKER_UP] = true,
         [WORKER_LOST] = true,
         [WORKER_DRAINING] = true,
         [WORKER_QUARANTINED] = true},
    [WORKER_LOST] = {[WORKER_UP] = true, [WORKER_DRAINING] = true},
    [WORKER_DRAINING] =
        {[WORKER_DRAINED] = true,
         [WORKER_UP] = true,
         [WORKER_JOINING] = true,
         [WORKER_LOST] = true},
    [WORKER_DRAINED] = {[WORKER_UP] = true, [WORKER_JOINING] = true, [WORKER_LOST] = true},
    [WORKER_QUARANTINED] =
        {[WORKER_UP] = true, [WORKER_JOINING] = true, [WORKER_DRAINING] = true},
};

struct worker *workers_find(const struct core *core, struct worker_id id)
{
    size_t low = 0;
    size_t high = core->workers_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (core->workers[middle]->id.value < id.value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < core->workers_count && core->workers[low]->id.value == id.value
               ? core->workers[low]
               : NULL;
}

/* Where workers of this name are, found so at each HELLO. */
static struct worker **name_bucket(struct core *core, const char *name)
{
    if (core->worker_names == NULL) {
        core->worker_names = ARENA_ARRAY(core->arena, struct worker *, NAME_BUCKETS);
    }
    uint64_t hash = 0;
    for (; *name != '\0'; name++) {
        hash = (hash + (unsigned char)*name) * UINT64_C(0x9E3779B97F4A7C15);
    }
    return &core->worker_names[hash >> 32 & (NAME_BUCKETS - 1)];
}

static struct worker *workers_named(struct core *core, const char *principal, const char *name)
{
    struct worker *worker = *name_bucket(core, name);
    while (worker != NULL
           && (strcmp(worker->name, name) != 0 || strcmp(worker->principal, principal) != 0)) {
        worker = worker->name_next;
    }
    return worker;
}

static const char *principal_intern(struct core *core, const char *principal)
{
    for (size_t i = 0; i < core->principals_count; i++) {
        if (strcmp(core->principals[i], principal) == 0) {
            return core->principals[i];
        }
    }
    const char *copy = arena_strdup(core->arena, principal);
    CORE_PUSH(core->principals, core->principals_count, core->principals_capacity, copy);
    return copy;
}

static struct worker *worker_create(
    struct core *core, struct worker_id id, const char *principal, const char *name)
{
    struct worker *worker = ARENA_NEW(core->arena, struct worker);
    worker->id = id;
    worker->name = arena_strdup(core->arena, name);
    worker->principal = principal_intern(core, principal);
    worker->cluster = &core->counters;
    struct worker **bucket = name_bucket(core, name);
    worker->name_next = *bucket;
    *bucket = worker;
    worker->heard_ms = core->now;
    worker->changed_ms = core->now;
    heap_init(&worker->line);
    CHECK(
        core->workers_count == 0
        || core->workers[core->workers_count - 1]->id.value < id.value);
    CORE_PUSH(core->workers, core->workers_count, core->workers_capacity, worker);
    if (core->worker_next <= id.value) {
        core->worker_next = id.value + 1;
    }
    return worker;
}

struct worker *worker_named(struct core *core, const char *principal, const char *name)
{
    struct worker *worker = workers_named(core, principal, name);
    if (worker == NULL) {
        struct worker_id id = {core->worker_next};
        worker = worker_create(core, id, principal, name);
        audit(
            core,
            AUDIT_WORKER_JOINED,
            (struct task_id){0},
            (struct attempt_id){0},
            worker->id,
            0);
    }
    return worker;
}

struct effect_to worker_address(const struct worker *worker)
{
    return (struct effect_to){worker->id, worker->session};
}

void worker_set_capacity(
    struct core *core, struct worker *worker, const struct worker_capacity *capacity)
{
    core->workers_version++;
    worker->capacity = sets_keep_capacity(core, capacity);
    counter_books_offer(&worker->counters, worker->capacity.counters);
}

void worker_persist(struct core *core, const struct worker *worker)
{
    struct arena *arena = core->out->arena;
    struct worker_capacity capacity = worker->capacity;
    capacity.labels = labels_copy(arena, capacity.labels);
    capacity.counters = counters_copy(arena, capacity.counters);
    capacity.numa = NULL;
    capacity.notice = NULL;
    /* One that ends by itself is not drained in the eyes of a coordinator that starts. */
    enum worker_state state = worker->leaving ? WORKER_LOST : (enum worker_state)worker->state;
    effects_add(core->out, EFFECT_PERSIST_WORKER)->worker = (struct worker_row){
        .worker = worker->id,
        .name = arena_strdup(arena, worker->name),
        .principal = arena_strdup(arena, worker->principal),
        .state = state,
        .capacity = capacity,
        .blame = worker->blame,
        .incarnation = worker->incarnation,
        .number = worker->number,
        .detail = worker->detail != NULL ? arena_strdup(arena, worker->detail) : NULL,
        .changed_ms = core->now,
    };
}

/* Recursion ends at once: a drained worker does not drain. NOLINTNEXTLINE(misc-no-recursion) */
void worker_set(struct core *core, struct worker *worker, enum worker_state state)
{
    CHECK(legal[worker->state][state]);
    worker->state = (uint8_t)state;
    worker->changed_ms = core->now;
    core->workers_version++;
    if (state == WORKER_UP) {
        worker->detail = NULL;
    }
    worker_persist(core, worker);
    audit(
        core,
        AUDIT_WORKER_STATE,
        (struct task_id){0},
        (struct attempt_id){0},
        worker->id,
        (int64_t)state);
    worker_refresh(core, worker);
}

/* NOLINTNEXTLINE(misc-no-recursion): see worker_set() */
void worker_refresh(struct core *core, struct worker *worker)
{
    core->capacity_version++;
    core->shrunk = core->shrunk && counter_books_are_over(&core->counters);
    worker->shrunk = worker->shrunk && placement_is_over(worker);
    line_move_up(core, worker);
    if (worker->state == WORKER_DRAINING && worker->attempts_open == 0) {
        worker_set(core, worker, WORKER_DRAINED);
        return;
    }
    open_offer(
        core,
        worker,
        worker->state == WORKER_UP && worker->session.value != 0
            && worker->slots_used < worker->capacity.slots && worker->line.count == 0
            && !worker->capacity.closed);
}

/* --- Silence --- */

static void worker_listen(struct core *core, struct worker *worker)
{
    if (!heap_contains(&worker->silence)) {
        worker->silence.key = core->now + core->options.suspect_ms;
        worker->silence.tie = worker->id.value;
        heap_insert(&core->silences, &worker->silence);
    }
}

void worker_heard(struct core *core, struct worker *worker)
{
    worker->heard_ms = core->now;
    worker_listen(core, worker);
    if (worker->state == WORKER_SUSPECT || worker->state == WORKER_LOST) {
        worker_set(core, worker, WORKER_UP);
    }
}

struct worker *worker_of(struct core *core, const struct event_from *from)
{
    struct worker *worker = workers_find(core, from->worker);
    if (worker == NULL || worker->session.value == 0
        || worker->session.value != from->session.value) {
        return NULL;
    }
    worker_heard(core, worker);
    return worker;
}

static void worker_silent(struct core *core, struct worker *worker)
{
    uint64_t due = worker->heard_ms + core->options.suspect_ms;
    if (due <= core->now) {
        if (worker->state == WORKER_UP) {
            worker_set(core, worker, WORKER_SUSPECT);
        } else if (
            worker->attempts_open == 0
            && (worker->state == WORKER_SUSPECT || worker->state == WORKER_JOINING)) {
            worker_set(core, worker, WORKER_LOST);
        }
        if (worker->state != WORKER_SUSPECT && worker->state != WORKER_JOINING) {
            return; /* heard from, it is listened to again */
        }
        due = core->now + core->options.suspect_ms;
    }
    worker->silence.key = due;
    heap_insert(&core->silences, &worker->silence);
}

void workers_silent(struct core *core)
{
    struct heap_node *node = heap_first(&core->silences);
    while (node != NULL && node->key <= core->now) {
        heap_pop(&core->silences);
        worker_silent(core, container_of(node, struct worker, silence));
        node = heap_first(&core->silences);
    }
}

void workers_start(struct core *core)
{
    for (size_t i = 0; i < core->workers_count; i++) {
        struct worker *worker = core->workers[i];
        worker->heard_ms = core->now;
        worker_listen(core, worker);
        worker_refresh(core, worker);
    }
}

/* --- Load and controls --- */

/* What is not an administrator's or the core's verdict is learned anew from HELLO. */
void worker_load(struct core *core, const struct worker_row *row)
{
    struct worker *worker = worker_create(core, row->worker, row->principal, row->name);
    worker_set_capacity(core, worker, &row->capacity);
    worker->blame = row->blame;
    worker->incarnation = row->incarnation;
    worker->number = row->number;
    worker->changed_ms = row->changed_ms;
    bool stays = row->state == WORKER_DRAINING || row->state == WORKER_DRAINED
                 || row->state == WORKER_QUARANTINED;
    worker->state = (uint8_t)(stays ? row->state : WORKER_JOINING);
    if (stays && row->detail != NULL) {
        worker->detail = arena_strdup(core->arena, row->detail);
    }
}

static void send_drain(struct core *core, const struct worker *worker, bool draining)
{
    if (worker->session.value != 0) {
        effects_add(core->out, EFFECT_SEND_DRAIN)->drain =
            (struct effect_drain){.to = worker_address(worker), .draining = draining};
    }
}

bool worker_is_draining(const struct worker *worker)
{
    return worker->state == WORKER_DRAINING || worker->state == WORKER_DRAINED;
}

static void worker_drain(struct core *core, struct worker *worker, const char *detail)
{
    if (detail != NULL) {
        worker->detail = arena_strdup(core->arena, detail);
    }
    worker_set(core, worker, WORKER_DRAINING);
    line_dissolve(core, worker);
    send_drain(core, worker, true);
}

/* A quarantine outlives the process, as a user's drain does. */
void worker_leave(struct core *core, struct worker *worker, const char *detail)
{
    if (!worker_is_draining(worker) && worker->state != WORKER_QUARANTINED) {
        worker->leaving = true;
        worker_drain(core, worker, detail);
    }
}

void worker_control(struct core *core, const struct event_worker_control *event)
{
    struct effect_reply reply = {.request = event->request};
    struct worker *worker = workers_find(core, event->worker);
    if (worker == NULL) {
        reply.code = ERR_NOT_FOUND;
        reply.message = "there is no such worker";
        reply.hint = "assay nodes lists them";
    } else if (event->kind == WORKER_LEAVE) {
        worker_leave(core, worker, event->detail);
    } else if (event->kind == WORKER_DRAIN && worker->leaving) {
        worker->leaving = false; /* a user's word outlives the process */
        worker_persist(core, worker);
    } else if (event->kind == WORKER_DRAIN && !worker_is_draining(worker)) {
        worker_drain(core, worker, event->detail);
    } else if (
        event->kind == WORKER_UNDRAIN
        && (worker_is_draining(worker) || worker->state == WORKER_QUARANTINED)) {
        worker->blame = 0;
        worker->leaving = false;
        worker->detail = NULL;
        worker_set(core, worker, worker->session.value != 0 ? WORKER_UP : WORKER_JOINING);
        worker_listen(core, worker);
        send_drain(core, worker, false);
    }
    effects_add(core->out, EFFECT_REPLY)->reply = reply;
}
