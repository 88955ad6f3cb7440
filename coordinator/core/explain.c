/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/explain.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/life.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/share.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

/* --- Finding out --- */

static void name_upstream(
    struct explain *explain, const struct core *core, const struct task *task, bool dead)
{
    for (uint32_t i = 0; i < task_upstream_count(task); i++) {
        const struct task *up = task_upstream(task, i);
        if (up->state == TASK_DONE || task_is_dead(up) != dead) {
            continue;
        }
        if (explain->upstream_count < EXPLAIN_LIST_MAX) {
            explain->upstream[explain->upstream_count] =
                (struct explain_upstream){task_id(up), task_name(core, up), task_state(up)};
        }
        explain->upstream_count++;
    }
}

/* Once the worker is empty, and if it lives long enough. */
static bool could_run(
    const struct core *core, const struct worker *worker, const struct shape *shape)
{
    return placement_fits_empty(worker, &shape->needs)
           && life_suffices(core, worker, shape->time_ms);
}

static struct explain_worker shortage_of(
    const struct core *core, const struct worker *worker, const struct shape *shape, bool empty)
{
    struct explain_worker shortage = placement_shortage(worker, &shape->needs, empty);
    if (shortage.short_of == EXPLAIN_AVAILABLE
        && !life_suffices(core, worker, shape->time_ms)) {
        shortage.short_of = EXPLAIN_LIFE;
        shortage.needed = life_needed_ms(core, shape->time_ms);
        shortage.free = life_left_ms(core, worker);
    }
    return shortage;
}

/* Workers that could run it one day, or, when there is none, those that never can. */
static void name_workers(
    struct explain *explain, const struct core *core, const struct shape *shape, bool large)
{
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        bool gone = worker->state == WORKER_LOST || worker->state == WORKER_JOINING;
        if (gone || could_run(core, worker, shape) == large) {
            continue;
        }
        if (explain->workers_count < EXPLAIN_LIST_MAX) {
            explain->workers[explain->workers_count] = shortage_of(core, worker, shape, large);
        }
        explain->workers_count++;
    }
}

/* --- Names that nobody offers --- */

struct search {
    const char *name; /* looked for */
    bool known;
    const char *nearest;
};

static void compare(struct search *search, const char *offered)
{
    const char *one = str_nearest(search->name, &offered, 1);
    search->known = search->known || strcmp(search->name, offered) == 0;
    if (one != NULL
        && (search->nearest == NULL
            || str_distance(search->name, one, LIMIT_NAME)
                   < str_distance(search->name, search->nearest, LIMIT_NAME))) {
        search->nearest = one;
    }
}

static void search_labels(const struct core *core, struct search *search)
{
    const struct labels *last = NULL; /* equal sets are one, and neighbours are often equal */
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct labels *labels = core->workers[i]->capacity.labels;
        for (size_t j = 0; labels != last && labels != NULL && j < labels->count; j++) {
            compare(search, labels->names[j]);
        }
        last = labels;
    }
}

static void search_counters(const struct core *core, struct search *search)
{
    const struct counters *last = NULL;
    for (size_t i = 0; i < core->counters.count; i++) {
        compare(search, core->counters.items[i].name);
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct counters *counters = core->workers[i]->capacity.counters;
        for (size_t j = 0; counters != last && counters != NULL && j < counters->count; j++) {
            compare(search, counters->items[j].name);
        }
        last = counters;
    }
}

static bool is_unknown(struct explain *explain, const struct search *search)
{
    if (!search->known) {
        explain->unknown = search->name;
        explain->nearest = search->nearest;
    }
    return !search->known;
}

static void name_unknown(
    struct explain *explain, const struct core *core, const struct resources *needs)
{
    for (size_t i = 0; needs->labels != NULL && i < needs->labels->count; i++) {
        struct search search = {.name = needs->labels->names[i]};
        search_labels(core, &search);
        if (is_unknown(explain, &search)) {
            return;
        }
    }
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        struct search search = {.name = needs->counters->items[i].name};
        search_counters(core, &search);
        if (is_unknown(explain, &search)) {
            return;
        }
    }
}

static void add_ahead(struct explain *explain, const struct core *core, const struct task *task)
{
    struct queue_ahead ahead = queue_ahead(core, task);
    explain->ahead = ahead.count;
    explain->ahead_priority = ahead.priority;
    explain->ahead_share = ahead.share;
    explain->ahead_owner = ahead.owner;
}

/* How much of the limit is used. */
static void name_gate(struct explain *explain, const struct task *task)
{
    const struct account *account = task->work->shape->account;
    const struct throttle *throttle = task->work->shape->throttle;
    explain->owner = account->owner;
    switch (explain->gate) {
    case GATE_AT_MOST:
        explain->limit_used = throttle->open;
        explain->limit = throttle->most;
        break;
    case GATE_QUOTA_TASKS:
        explain->limit_used = account->open;
        explain->limit = account->limits.tasks_max;
        break;
    case GATE_QUOTA_GPU:
        explain->limit_used = account_gpu_used(account) / 1000;
        explain->limit = account->limits.gpu_ms_max;
        break;
    case GATE_OPEN:
    case GATE_PAUSED:
    case GATES:
        break;
    }
}

/* Is room kept for it, or for another where it would fit? */
static void name_reservation(
    struct explain *explain, const struct core *core, const struct task *task)
{
    const struct shape *shape = task->work->shape;
    if (core->reservation.shape == shape) {
        explain->reserved_ms = core->reservation.since_ms;
        explain->start_ms = core->reservation.start_ms;
        return;
    }
    for (size_t i = 0; i < core->workers_count && explain->kept_for == NULL; i++) {
        const struct worker *worker = core->workers[i];
        struct device_set devices;
        if (worker->reserved && placement_fits(worker, &shape->needs, &devices)
            && !reserve_allows(core, shape, worker)) {
            explain->kept_for = queue_head_name(core, core->reservation.shape);
        }
    }
}

static enum explain_cause ready_cause(
    struct explain *explain, const struct core *core, const struct task *task)
{
    const struct shape *shape = task->work->shape;
    bool up = false;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        struct device_set devices;
        if (worker->state != WORKER_UP || worker->session.value == 0) {
            continue;
        }
        up = true;
        explain->nodes_able += could_run(core, worker, shape);
        explain->nodes_free += !worker->capacity.closed
                               && life_suffices(core, worker, shape->time_ms)
                               && placement_fits(worker, &shape->needs, &devices);
    }
    explain->nodes = gang_ranks(&shape->needs);
    bool fits_ever = explain->nodes_able >= explain->nodes;
    explain->gate = shape_gate(core, shape);
    if (explain->gate != GATE_OPEN) {
        name_gate(explain, task);
        return EXPLAIN_GATED;
    }
    add_ahead(explain, core, task);
    if (!up) {
        name_workers(explain, core, shape, false);
        return EXPLAIN_NO_WORKER;
    }
    name_workers(explain, core, shape, explain->nodes_able == 0);
    if (!fits_ever) {
        name_unknown(explain, core, &shape->needs);
        return EXPLAIN_TOO_LARGE;
    }
    name_reservation(explain, core, task);
    return explain->nodes_free >= explain->nodes && explain->kept_for == NULL
               ? EXPLAIN_QUEUE
               : EXPLAIN_RESOURCES;
}

static enum explain_cause waiting_cause(
    struct explain *explain, const struct core *core, const struct task *task)
{
    const struct work *work = task->work;
    if (task->dead > 0) {
        name_upstream(explain, core, task, true);
        return EXPLAIN_STUCK;
    }
    if (task->pending > 0) {
        name_upstream(explain, core, task, false);
        return EXPLAIN_UPSTREAM;
    }
    if (work != NULL && heap_contains(&work_history(work)->backoff)) {
        explain->until_ms = work_history(work)->backoff.key;
        return EXPLAIN_BACKOFF;
    }
    if (work != NULL && work->attempt != NULL && !work->looking) {
        return work->attempt->yields ? EXPLAIN_GIVES_WAY : EXPLAIN_ENDING;
    }
    return EXPLAIN_LOOKUP;
}

static enum explain_cause leased_cause(struct explain *explain, const struct attempt *attempt)
{
    if (!attempt->waits) {
        return EXPLAIN_LEASED;
    }
    const struct placement *at = attempt->worker->placements;
    for (; at != NULL; at = at->next) {
        explain->ahead += at->held && at->attempt->id.value < attempt->id.value;
    }
    return EXPLAIN_LINE;
}

static enum explain_cause find_cause(
    struct explain *explain, const struct core *core, const struct task *task)
{
    switch (task_state(task)) {
    case TASK_WAITING:
        return waiting_cause(explain, core, task);
    case TASK_HELD:
        return EXPLAIN_HELD;
    case TASK_READY:
        return ready_cause(explain, core, task->work->canonical);
    case TASK_LEASED:
        return leased_cause(explain, task->work->attempt);
    case TASK_RUNNING:
        return EXPLAIN_RUNNING;
    case TASK_DONE:
    case TASK_FAILED:
    case TASK_CANCELLED:
    case TASK_SKIPPED:
    case TASK_STATES:
        break;
    }
    return EXPLAIN_FINAL;
}

static void name_ranks(struct explain *explain, const struct attempt *attempt)
{
    if (attempt->gang != NULL) {
        explain->ranks = attempt->ranks;
        explain->ranks_missing = gang_count(attempt, RANK_ASSIGNED);
        explain->ranks_ended = gang_count(attempt, RANK_ENDED);
    }
}

static void add_work(struct explain *explain, const struct core *core, const struct task *task)
{
    const struct work *work = task->work;
    const struct history *past = work_history(work);
    explain->failures = past->failures;
    explain->losses = past->losses;
    explain->soft_failures = past->soft_failures;
    explain->last_outcome = (enum attempt_outcome)past->last_outcome;
    explain->attempt = past->last_attempt;
    explain->detail = past->detail;
    if (work->canonical != task) {
        explain->same_as = task_id(work->canonical);
    }
    struct resources needs = retry_needs(work->canonical, past->ooms);
    explain->preemptions = past->preemptions;
    if (needs.memory_bytes > task_plan(work->canonical)->needs.memory_bytes) {
        explain->memory_bytes = needs.memory_bytes;
    }
    const struct worker *worker = workers_find(core, past->failed_worker);
    if (work->attempt != NULL) {
        explain->attempt = work->attempt->id;
        explain->until_ms = work->attempt->placements[0].expiry.key;
        worker = work->attempt->worker;
        name_ranks(explain, work->attempt);
    }
    if (worker != NULL) {
        explain->worker = worker->id;
        explain->worker_name = worker->name;
    }
}

bool core_explain(const struct core *core, struct task_id id, struct explain *ret_explain)
{
    const struct task *task = grids_task(core, id);
    if (task == NULL) {
        return false;
    }
    struct explain explain = {
        .task = id,
        .name = task_name(core, task),
        .state = task_state(task),
        .reason = (enum task_reason)task->reason,
        .remade = task->remade,
        .detail = task->detail,
        .now_ms = core->now,
        .failures_max = retry_failures_max(task),
        .losses_max = core->options.losses_max,
        .priority = task_priority(task),
    };
    if (task->work != NULL) {
        add_work(&explain, core, task);
    }
    if (task->result != NULL) {
        explain.attempt = task->result->attempt;
    }
    explain.cause = find_cause(&explain, core, task);
    if (explain.cause == EXPLAIN_LOOKUP && explain.same_as.value != 0) {
        explain.cause = EXPLAIN_SAME_AS;
    }
    *ret_explain = explain;
    return true;
}
