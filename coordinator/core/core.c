/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core.h"

#include <stdlib.h>

#include "coordinator/core/control.h"
#include "coordinator/core/finish.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/hello.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/open.h"
#include "coordinator/core/preempt.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/sets.h"
#include "coordinator/core/share.h"
#include "coordinator/core/state.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

struct core_options core_options_default(void)
{
    return (struct core_options){
        .lease_min_ms = 30 * 1000,
        .lease_max_ms = 15 * 60 * 1000,
        .grace_ms = 30 * 1000,
        .gang_start_ms = 60 * 1000,
        .suspect_ms = 30 * 1000,
        .record_ms = 1000,
        .patience_ms = 60 * 1000,
        .life_unlimited_ms = 10 * 60 * 1000,
        .preempt_after_ms = 10 * 1000,
        .preempt_run_ms = 60 * 1000,
        .preemptions_max = 3,
        .half_life_ms = UINT64_C(7) * 24 * 3600 * 1000,
        .quota_window_ms = UINT64_C(7) * 24 * 3600 * 1000,
        .losses_max = 3,
        .fence_block = 4096,
        .intake_tasks = 2000,
    };
}

struct core *core_create(uint64_t seed, const struct core_options *options)
{
    struct arena *arena = arena_create();
    struct core *core = ARENA_NEW(arena, struct core);
    core->arena = arena;
    core->scratch = arena_create();
    core->options = options != NULL ? *options : core_options_default();
    core->options.counters = sets_keep_counters(core, core->options.counters);
    counter_books_offer(&core->counters, core->options.counters);
    rng_init(&core->rng, seed);
    core->grid_next = 1;
    core->worker_next = 1;
    core->attempt_next = 1;
    core->capacity_version = 1;
    core->workers_version = 1;
    owners_set(core, &(struct event_owners){0});
    open_init(core);
    heap_init(&core->leases);
    heap_init(&core->backoffs);
    heap_init(&core->silences);
    heap_init(&core->lines);
    heap_init(&core->stalls);
    heap_init(&core->gangs);
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL) {
        return;
    }
    heap_done(&core->leases);
    heap_done(&core->backoffs);
    heap_done(&core->silences);
    heap_done(&core->lines);
    heap_done(&core->stalls);
    for (size_t i = 0; i < core->workers_count; i++) {
        heap_done(&core->workers[i]->line);
    }
    heap_done(&core->gangs);
    works_done(core);
    attempts_done(core);
    queues_done(core);
    accounts_done(core);
    for (size_t i = 0; i < core->grids_count; i++) {
        grid_destroy(core->grids[i]);
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        counter_books_done(&core->workers[i]->counters);
    }
    counter_books_done(&core->counters);
    free(core->grids);
    free(core->workers);
    open_done(core);
    free(core->principals);
    free(core->settle);
    free(core->spread);
    free(core->touched);
    arena_destroy(core->scratch);
    arena_destroy(core->arena); /* with the core itself */
}

static void start(struct core *core, const struct event_start *event)
{
    CHECK(!core->started);
    core->started = true;
    if (core->attempt_next < event->attempt_next) {
        core->attempt_next = event->attempt_next;
    }
    core->attempt_fence = core->attempt_next;
    core->attempt_sent = core->attempt_next - 1;
    if (core->grid_next < event->grid_next) {
        core->grid_next = event->grid_next;
    }
    if (core->worker_next < event->worker_next) {
        core->worker_next = event->worker_next;
    }
    workers_start(core);
    for (size_t i = 0; i < core->grids_count; i++) {
        grid_start(core, core->grids[i]);
    }
}

/* Timers come after the messages of a turn: a lease whose renewal has arrived does not expire
 * because the coordinator was slow. */
static void tick(struct core *core)
{
    leases_expire(core);
    gangs_expire(core);
    retry_wake(core);
    accounts_store(core);
    attempts_record(core);
    lines_stalled(core);
    workers_silent(core);
}

static void dispatch(struct core *core, const struct event *event)
{
    switch (event->kind) {
    case EVENT_TICK:
        tick(core);
        break;
    case EVENT_LOAD_WORKER:
        worker_load(core, &event->load_worker);
        break;
    case EVENT_GRID:
        grid_enter(core, &event->grid);
        break;
    case EVENT_START:
        start(core, &event->start);
        break;
    case EVENT_CONTROL:
        control_apply(core, &event->control);
        break;
    case EVENT_WORKER_CONTROL:
        worker_control(core, &event->worker_control);
        break;
    case EVENT_HELLO:
        worker_hello(core, &event->hello);
        break;
    case EVENT_GOODBYE:
        worker_goodbye(core, &event->goodbye);
        break;
    case EVENT_ACCEPTED:
        gang_accepted(core, &event->accepted);
        break;
    case EVENT_STARTED:
        attempt_started(core, &event->started);
        break;
    case EVENT_RENEW:
        worker_renew(core, &event->renew);
        break;
    case EVENT_PROGRESS:
        attempt_progress(core, &event->progress);
        break;
    case EVENT_METRICS:
        attempt_metrics(core, &event->metrics);
        break;
    case EVENT_FINISHED:
        attempt_finished(core, &event->finished);
        break;
    case EVENT_JOINED:
        gang_joined(core, &event->joined);
        break;
    case EVENT_LOOKUP:
        work_lookup_answered(core, &event->lookup);
        break;
    case EVENT_COMMITTED:
        leases_begin(core, event->committed.attempt);
        break;
    case EVENT_LOAD_USAGE:
        account_load(core, &event->load_usage);
        break;
    case EVENT_OWNERS:
        owners_set(core, &event->owners);
        queues_again(core);
        break;
    case EVENT_KINDS:
        CHECK(event->kind != EVENT_KINDS);
    }
}

/* Room of the list that stays: more than an ordinary step settles. */
#define SETTLE_KEPT 4096

/* First come, first served, so that the lowest ordinal of equal keys becomes canonical. */
static void settle(struct core *core)
{
    for (size_t i = 0; i < core->settle_count; i++) {
        struct task *task = core->settle[i];
        task->queued = false;
        task_evaluate(core, task);
    }
    core->settle_count = 0;
    if (core->settle_capacity > SETTLE_KEPT) { /* a large grid was taken in */
        free(core->settle);
        core->settle = NULL;
        core->settle_capacity = 0;
    }
}

void core_step(struct core *core, const struct event *event, struct effects *effects)
{
    core->out = effects;
    arena_reset(core->scratch);
    if (core->now < event->now_ms) {
        core->now = event->now_ms;
    }
    accounts_advance(core);
    dispatch(core, event);
    if (core->started) {
        (void)grids_take_in(core);
        settle(core);
        queue_place(core);
        settle(core); /* what gave way waits */
        lines_balance(core);
        grids_judge(core);
    }
    core->out = NULL;
}

bool core_busy(const struct core *core)
{
    for (size_t i = core->grids_count; i > 0; i--) {
        if (!grid_is_taken_in(core->grids[i - 1])) {
            return core->started;
        }
    }
    return false;
}

static uint64_t earlier(uint64_t deadline, const struct heap *heap)
{
    const struct heap_node *node = heap_first(heap);
    return node != NULL && node->key < deadline ? node->key : deadline;
}

uint64_t core_next_deadline(const struct core *core)
{
    if (core_busy(core)) {
        return core->now;
    }
    uint64_t deadline = attempts_record_deadline(core);
    uint64_t reservation = reserve_deadline(core);
    uint64_t usage = accounts_deadline(core);
    uint64_t preemption = preempt_deadline(core);
    deadline = preemption < deadline ? preemption : deadline;
    deadline = usage < deadline ? usage : deadline;
    deadline = reservation < deadline ? reservation : deadline;
    deadline = earlier(deadline, &core->leases);
    deadline = earlier(deadline, &core->gangs);
    deadline = earlier(deadline, &core->backoffs);
    deadline = earlier(deadline, &core->stalls);
    return earlier(deadline, &core->silences);
}
