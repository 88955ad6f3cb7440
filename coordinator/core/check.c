/* SPDX-License-Identifier: Apache-2.0 */
/* core_check(): every invariant of the core's state, from scratch. */
#include <inttypes.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/open.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/share.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

#define HOLDS(condition, ...)                               \
    do {                                                    \
        if (!(condition)) {                                 \
            return err_set(err, ERR_INTERNAL, __VA_ARGS__); \
        }                                                   \
    } while (0)

/* Counters are what a walk over the rows gives; pending and dead are what the edges say. */
static bool check_counters(const struct graph *graph, struct err *err)
{
    struct state_counts counts = {0};
    uint32_t advancing = 0;
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        const struct task *task = &graph->tasks[t];
        counts.of[task->state]++;
        counts.stuck += !task_state_is_final(task_state(task)) && task_is_dead(task);
        counts.cached += task->state == TASK_DONE && task->reason == TASK_REASON_CACHED;
        advancing += task_can_advance(task);
        uint32_t pending = 0;
        uint32_t dead = 0;
        for (uint32_t i = 0; i < task_upstream_count(task); i++) {
            const struct task *up = task_upstream(task, i);
            pending += up->state != TASK_DONE;
            dead += task_is_dead(up);
        }
        HOLDS(
            pending == task->pending, "task %u: pending %u, not %u", t, task->pending, pending);
        HOLDS(dead == task->dead, "task %u: dead %u, not %u", t, task->dead, dead);
    }
    for (size_t i = 0; i < TASK_STATES; i++) {
        HOLDS(
            counts.of[i] == graph->counts.of[i],
            "grid %u counts %u tasks as %s, not %u",
            graph->row.grid.value,
            graph->counts.of[i],
            task_state_name((enum task_state)i),
            counts.of[i]);
    }
    HOLDS(counts.stuck == graph->counts.stuck, "grid %u: stuck", graph->row.grid.value);
    HOLDS(counts.cached == graph->counts.cached, "grid %u: cached", graph->row.grid.value);
    for (size_t i = 0; i < TASK_STATES; i++) {
        uint32_t sum = 0;
        for (size_t s = 0; s < graph->plan->stages_count; s++) {
            sum += graph->points[s].of[i] + graph->helpers[s].of[i];
        }
        HOLDS(sum == counts.of[i], "grid %u: stages", graph->row.grid.value);
    }
    HOLDS(advancing == graph->advancing, "grid %u: advancing", graph->row.grid.value);
    return true;
}

/* A row has a work exactly while its state speaks of one; a result exactly when done. */
static bool check_task(const struct core *core, const struct task *task, struct err *err)
{
    (void)core;
    uint32_t t = task->ordinal;
    const struct work *work = task->work;
    HOLDS((task->state == TASK_DONE) == (task->result != NULL), "task %u: result", t);
    for (uint32_t i = 0;
         i < task_upstream_count(task) && !task_state_is_final(task_state(task));
         i++) {
        HOLDS(
            task_upstream(task, i)->state != TASK_SKIPPED,
            "task %u waits for a skipped one",
            t);
    }
    HOLDS(!task->queued, "task %u is still to be settled", t);
    switch (task_state(task)) {
    case TASK_READY:
        HOLDS(
            work != NULL && work->attempt == NULL && work->shape != NULL,
            "task %u: not queued",
            t);
        break;
    case TASK_LEASED:
        HOLDS(
            work != NULL && work->attempt != NULL && work->attempt->state == ATTEMPT_LEASED,
            "task %u is leased without a lease",
            t);
        break;
    case TASK_RUNNING:
        HOLDS(
            work != NULL && work->attempt != NULL && work->attempt->state == ATTEMPT_RUNNING,
            "task %u runs without an attempt",
            t);
        break;
    case TASK_WAITING:
        HOLDS(
            work == NULL || work->looking || heap_contains(&work_history(work)->backoff)
                || (work->attempt != NULL && work->attempt->state == ATTEMPT_REVOKING),
            "task %u waits for nothing",
            t);
        HOLDS(
            work != NULL || task->pending > 0 || !grid_is_taken_in(task->grid),
            "task %u has its inputs and no key",
            t);
        break;
    case TASK_FAILED:
        break;
    case TASK_HELD:
    case TASK_DONE:
    case TASK_CANCELLED:
    case TASK_SKIPPED:
    case TASK_STATES:
        HOLDS(work == NULL, "task %u is %s and has a work", t, task_state_name(task->state));
        break;
    }
    return true;
}

/* I6: rows of one key share one work, with one open attempt; the ring is closed and in one
 * state. */
static bool check_work(const struct core *core, const struct work *work, struct err *err)
{
    HOLDS(work->canonical != NULL || work->attempt != NULL, "a work that nobody needs");
    const struct attempt *attempt = work->attempt;
    if (attempt != NULL) {
        HOLDS(attempt->work == work, "attempt %" PRIu64 ": another work", attempt->id.value);
        HOLDS(attempt_is_open(attempt), "attempt %" PRIu64 " is lost", attempt->id.value);
        for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
            const struct placement *placement = &attempt->placements[rank];
            HOLDS(
                heap_contains(&placement->expiry) || !placement->held
                    || attempt->id.value > core->attempt_sent,
                "attempt %" PRIu64 ": no lease of rank %" PRIu32,
                attempt->id.value,
                rank);
        }
        if (!gang_check(attempt, err)) {
            return false;
        }
        HOLDS(
            work->canonical != NULL || attempt->state == ATTEMPT_REVOKING,
            "attempt %" PRIu64 " runs for nobody",
            attempt->id.value);
    }
    for (const struct attempt *lost = work_history(work)->lost; lost != NULL;
         lost = lost->next_lost) {
        HOLDS(lost->work == work && lost->state == ATTEMPT_LOST, "a lost attempt's work");
    }
    if (work->canonical == NULL) {
        return true;
    }
    HOLDS(
        work->canonical->state == TASK_FAILED || works_find(core, &work->key) == work,
        "I6: a live work that its key does not find");
    const struct task *row = work->canonical;
    do {
        HOLDS(row->work == work, "a row in the ring of another work");
        HOLDS(
            row->state == work->canonical->state,
            "task %u: not its work's state",
            row->ordinal);
        row = row->next;
    } while (row != work->canonical);
    return true;
}

/* A ready work stands where its rows and limits say; its best row answers for it. */
static bool check_queued(const struct core *core, const struct work *work, struct err *err)
{
    const struct shape *shape = work->shape;
    if (shape == NULL) {
        return true;
    }
    struct shape now = queue_shape_of(work);
    HOLDS(
        now.priority == shape->priority && now.account == shape->account
            && now.throttle == shape->throttle
            && now.needs.memory_bytes == shape->needs.memory_bytes,
        "task %u waits in another's queue",
        work->canonical->ordinal);
    HOLDS(
        work_best(work) == work->canonical,
        "task %u stands for a better one",
        work->canonical->ordinal);
    (void)core;
    return true;
}

/* Shapes count what is queued; owners and stages what is open. */
static bool check_queues(const struct core *core, struct err *err)
{
    uint64_t live = 0;
    uint64_t queued = 0;
    for (size_t i = 0; i < core->shapes_count; i++) {
        live += core->shapes[i]->live;
        HOLDS(core->shapes[i]->live <= core->shapes[i]->count, "a shape lacks entries");
    }
    for (size_t g = 0; g < core->grids_count; g++) {
        const struct graph *graph = core->grids[g];
        for (uint32_t t = 0; t < graph->tasks_count; t++) {
            const struct work *work = graph->tasks[t].work;
            queued +=
                work != NULL && work->shape != NULL && work->canonical == &graph->tasks[t];
        }
    }
    HOLDS(live == queued, "shapes count %" PRIu64 " works, not %" PRIu64, live, queued);
    return true;
}

/* The open attempts, each once: by its first rank. */
static const struct attempt *open_at(const struct placement *placement)
{
    return placement->rank == 0 && placement->attempt->open ? placement->attempt : NULL;
}

static bool check_account(
    const struct core *core, const struct account *account, struct err *err)
{
    uint64_t rate = 0;
    uint64_t gpus = 0;
    uint32_t open = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct placement *at = core->workers[i]->placements;
        for (; at != NULL; at = at->next) {
            const struct attempt *attempt = open_at(at);
            const struct graph *graph =
                attempt != NULL ? grids_find(core, task_grid(attempt->task)) : NULL;
            if (graph != NULL && graph->account == account) {
                rate += attempt_rate(attempt);
                gpus += attempt_gpus_milli(attempt);
                open++;
            }
        }
    }
    HOLDS(
        rate == account->rate && gpus == account->gpus_milli && open == account->open,
        "the account of '%s' is wrong",
        account->owner);
    return true;
}

static bool check_throttles(const struct core *core, const struct graph *graph, struct err *err)
{
    for (uint32_t s = 0; s < graph->plan->stages_count; s++) {
        uint32_t open = 0;
        for (size_t i = 0; i < core->workers_count; i++) {
            const struct placement *at = core->workers[i]->placements;
            for (; at != NULL; at = at->next) {
                const struct attempt *attempt = open_at(at);
                open +=
                    attempt != NULL && task_grid(attempt->task).value == graph->row.grid.value
                    && plan_task_traits(graph->plan, task_ordinal(attempt->task))->stage == s;
            }
        }
        HOLDS(
            open == graph->throttles[s].open,
            "grid %u: stage %u counts %u open attempts, not %u",
            graph->row.grid.value,
            s,
            graph->throttles[s].open,
            open);
    }
    return true;
}

static bool check_grid(const struct core *core, const struct graph *graph, struct err *err)
{
    uint32_t attempts = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct placement *placement = core->workers[i]->placements;
        for (; placement != NULL; placement = placement->next) {
            const struct attempt *attempt = placement->attempt;
            attempts += placement->rank == 0 && attempt->open
                        && task_grid(attempt->task).value == graph->row.grid.value;
        }
    }
    HOLDS(attempts == graph->attempts, "grid %u: open attempts", graph->row.grid.value);
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        const struct task *task = &graph->tasks[t];
        if (!check_task(core, task, err)
            || (task->work != NULL
                && (!check_work(core, task->work, err)
                    || !check_queued(core, task->work, err)))) {
            return err_wrap(err, "grid %u", graph->row.grid.value);
        }
    }
    bool finished = grid_is_taken_in(graph) && graph->advancing == 0 && graph->attempts == 0;
    HOLDS(
        finished == (graph->row.state == GRID_FINISHED),
        "grid %u is %s",
        graph->row.grid.value,
        grid_state_name(graph->row.state));
    return check_counters(graph, err) && check_throttles(core, graph, err);
}

/* What a walk over its attempts says is in use; ends up in `sum`. */
static bool sum_attempts(
    const struct core *core, const struct worker *worker, struct worker *sum, struct err *err)
{
    uint32_t waiting = 0;
    for (const struct placement *p = worker->placements; p != NULL; p = p->next) {
        const struct attempt *a = p->attempt;
        HOLDS(p->worker == worker, "attempt %" PRIu64 ": another worker", a->id.value);
        HOLDS(attempts_find(core, a->id) == a, "attempt %" PRIu64 " is not found", a->id.value);
        HOLDS(a->open == attempt_is_open(a), "attempt %" PRIu64 ": counts", a->id.value);
        HOLDS(a->gang != NULL || p->held == a->open, "attempt %" PRIu64 ": room", a->id.value);
        HOLDS(
            a->id.value < core->attempt_next,
            "attempt %" PRIu64 " from the future",
            a->id.value);
        HOLDS(a->waits == heap_contains(&a->place), "attempt %" PRIu64 ": line", a->id.value);
        HOLDS(
            a->waits ? a->open && a->gang == NULL : !a->retracting,
            "attempt %" PRIu64 " waits and is not open, or is asked back and does not wait",
            a->id.value);
        HOLDS(
            !a->yields || a->state == ATTEMPT_REVOKING,
            "attempt %" PRIu64 " gives way and goes on",
            a->id.value);
        waiting += a->waits;
        sum->retracting += a->retracting;
        sum->attempts_open += p->held;
        if (p->held && !a->waits) {
            placement_take(sum, &a->needs, &p->devices);
        }
    }
    HOLDS(
        waiting == worker->line.count && sum->retracting == worker->retracting,
        "worker '%s': its line",
        worker->name);
    HOLDS(waiting == 0 || !open_has(worker), "worker '%s': beside a line", worker->name);
    HOLDS(
        !open_has(worker) || open_is_current(worker),
        "worker '%s' is not where its room is looked for",
        worker->name);
    return true;
}

static bool check_books(const struct worker *worker, const struct worker *sum, struct err *err)
{
    HOLDS(
        sum->slots_used == worker->slots_used && sum->cpus_used_milli == worker->cpus_used_milli
            && sum->memory_used == worker->memory_used && sum->disk_used == worker->disk_used
            && counter_books_agree(&sum->counters, &worker->counters),
        "worker '%s': the books are wrong",
        worker->name);
    HOLDS(
        sum->attempts_open == worker->attempts_open,
        "worker '%s': open attempts",
        worker->name);
    for (uint32_t i = 0; i < LIMIT_DEVICES; i++) {
        HOLDS(
            sum->device_used_milli[i] == worker->device_used_milli[i],
            "worker '%s': the books of device %u are wrong",
            worker->name,
            i);
    }
    HOLDS(
        worker->shrunk || !placement_is_over(worker),
        "worker '%s' is oversubscribed",
        worker->name);
    return true;
}

/* Placement never gives more than there is, of the cluster's counters neither; what is used is
 * what open attempts hold. */
static bool check_workers(const struct core *core, struct err *err)
{
    struct counter_books cluster CLEANUP(counter_books_done) = {0};
    counter_books_offer(&cluster, core->options.counters);
    uint32_t waiting = 0;
    uint32_t yielding = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        for (const struct placement *p = worker->placements; p != NULL; p = p->next) {
            yielding += p->rank == 0 && p->attempt->yields;
        }
        struct worker sum = {.capacity = worker->capacity, .cluster = &cluster};
        bool good = sum_attempts(core, worker, &sum, err) && check_books(worker, &sum, err);
        counter_books_done(&sum.counters);
        if (!good) {
            return false;
        }
        waiting += (uint32_t)worker->line.count - worker->retracting;
    }
    HOLDS(
        waiting == core->waiting, "%u attempts wait in lines, not %u", waiting, core->waiting);
    HOLDS(yielding == core->yielding, "%u attempts give way, not %u", yielding, core->yielding);
    HOLDS(
        counter_books_agree(&cluster, &core->counters),
        "the books of the cluster's counters are wrong");
    HOLDS(
        core->shrunk || !counter_books_are_over(&core->counters),
        "a counter of the cluster is oversubscribed");
    return true;
}

bool core_check(const struct core *core, struct err *err)
{
    if (!core->started) {
        return true; /* while rows come in, one by one, nothing needs to fit together */
    }
    HOLDS(core->settle_count == 0 && core->touched_count == 0, "a step left things undone");
    HOLDS(core->attempt_next <= core->attempt_fence, "the fence is not stored");
    for (size_t i = 0; i < core->grids_count; i++) {
        if (!check_grid(core, core->grids[i], err)) {
            return false;
        }
    }
    for (size_t i = 0; i < core->accounts_count; i++) {
        if (!check_account(core, core->accounts[i], err)) {
            return false;
        }
    }
    return check_workers(core, err) && check_queues(core, err) && queue_check(core, err)
           && reserve_check(core, err);
}
