/* SPDX-License-Identifier: Apache-2.0 */
/* A grid as it comes from the store. Rows are set without transitions; counters are made anew.
 * What was open or waiting when it was stored goes on. */
#include "coordinator/core/attempt.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

static void load_state(struct task *task, enum task_state state, enum task_reason reason)
{
    task_count(task, -1);
    task->state = (uint8_t)state;
    task->reason = (uint8_t)reason;
    task_count(task, +1);
}

static enum task_state loaded_state(const struct graph *graph, const struct task_row *row)
{
    switch (row->state) {
    case TASK_DONE:
    case TASK_FAILED:
    case TASK_CANCELLED:
    case TASK_SKIPPED:
        return row->state;
    case TASK_HELD:
        return graph->row.cancelled ? TASK_CANCELLED : TASK_HELD;
    case TASK_WAITING:
    case TASK_READY:
    case TASK_LEASED:
    case TASK_RUNNING:
    case TASK_STATES:
        break;
    }
    return graph->row.cancelled ? TASK_CANCELLED : TASK_WAITING;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Counters belong to the work, and one row of those that share it has them. */
static void load_counters(struct work *work, const struct task_row *row)
{
    struct history *past = work_remember(work);
    past->failures = larger(past->failures, row->failures);
    past->losses = larger(past->losses, row->losses);
    past->soft_failures = larger(past->soft_failures, row->soft_failures);
    past->ooms = larger(past->ooms, row->ooms);
    past->preemptions = larger(past->preemptions, row->preemptions);
    if (row->checkpoint != NULL
        && row->checkpoint_attempt.value > past->checkpoint_attempt.value) {
        work_note_checkpoint(work, row->checkpoint, row->checkpoint_attempt);
    }
    past->backoff_ms = row->backoff_ms;
    past->last_attempt = row->attempt;
    work_note(work, row->detail);
}

/* A failed work is not found by its key before every live one is there (grid_start). */
static void load_failed(struct graph *graph, struct task *task, const struct task_row *row)
{
    struct work *work = work_create(&row->key);
    load_counters(work, row);
    work_add_row(work, task);
    if (row->same_as.value != 0) {
        graph->shared[graph->shared_count++] = (struct shared_failure){task, row->same_as};
    }
}

/* An attempt of another grid's row may have brought its work already: then the row joins when
 * it is evaluated. */
static void load_tried(struct core *core, struct task *task, const struct task_row *row)
{
    struct work *work = works_find(core, &row->key);
    if (work == NULL) {
        work = work_create(&row->key);
        work_hash(core, work);
    }
    load_counters(work, row);
    if (work->canonical == NULL) {
        work_add_row(work, task);
    }
}

static bool is_remade(enum task_state state, enum task_reason reason)
{
    return reason == TASK_REASON_REMADE && (state == TASK_DONE || state == TASK_WAITING);
}

static void load_row(struct core *core, struct graph *graph, const struct task_row *row)
{
    struct task *task = &graph->tasks[task_ordinal(row->task)];
    enum task_state state = loaded_state(graph, row);
    task->stored = true;
    task->policy_stored = row->has_policy;
    task->remade = is_remade(state, row->reason);
    if (row->has_priority) {
        task_set_own_priority(task, row->priority);
    }
    load_state(task, state, state == row->state ? row->reason : TASK_REASON_NONE);
    if (state == TASK_CANCELLED && row->state != TASK_CANCELLED) {
        task->reason = TASK_REASON_GRID;
    }
    if (state == TASK_FAILED && !digest_is_zero(&row->key)) {
        load_failed(graph, task, row);
        return;
    }
    bool tried = row->failures + row->losses + row->soft_failures + row->preemptions > 0
                 || row->checkpoint_attempt.value != 0;
    if (state == TASK_WAITING && tried && !digest_is_zero(&row->key)) {
        load_tried(core, task, row);
    }
    task->reason = state == TASK_WAITING ? TASK_REASON_NONE : task->reason;
    if (row->detail != NULL && task_state_is_final(state)) {
        task->detail = arena_strdup(graph->arena, row->detail);
    }
}

static void load_dependencies(struct core *core, struct graph *graph)
{
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        for (uint32_t i = 0; i < task_upstream_count(task); i++) {
            task->pending -= task_upstream(task, i)->state == TASK_DONE;
        }
    }
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        if (graph->tasks[t].state == TASK_FAILED || graph->tasks[t].state == TASK_CANCELLED) {
            task_spread(core, &graph->tasks[t], +1);
        }
    }
}

/* The key of a task with an attempt: its inputs give it; where one of them is gone since, and
 * the attempt was given up, its row has it. */
static bool attempted_key(
    struct core *core,
    const struct task *task,
    const struct event_grid *event,
    struct digest *ret_key)
{
    struct plan_source missing;
    const struct digest *const *inputs = task_inputs(task, core->scratch, &missing);
    if (inputs != NULL) {
        *ret_key = plan_content_key(task->grid->plan, task->ordinal, inputs);
        return true;
    }
    for (size_t i = 0; i < event->rows_count; i++) {
        if (event->rows[i].task.value == task_id(task).value) {
            *ret_key = event->rows[i].key;
            return !digest_is_zero(ret_key);
        }
    }
    return false;
}

static struct work *attempted_work(
    struct core *core, struct task *task, const struct event_grid *event)
{
    struct digest key;
    if (task->work != NULL) {
        return task->work;
    }
    if (!attempted_key(core, task, event, &key)) {
        return NULL;
    }
    struct work *work = works_find(core, &key);
    if (work == NULL) {
        work = work_create(&key);
        work_hash(core, work);
    }
    return work;
}

/* A lost one may still report; of no use when its task needs nothing more. */
static void load_lost(
    struct core *core,
    struct task *task,
    const struct event_grid *event,
    const struct attempt_row *row)
{
    bool waits = task->state == TASK_WAITING && task->pending == 0;
    bool wanted = waits || (task->state == TASK_FAILED && task->work != NULL);
    struct work *work = wanted ? attempted_work(core, task, event) : NULL;
    if (work == NULL || row->placements_count > 0) {
        return; /* a gang does not come back: its ranks stopped themselves */
    }
    struct attempt *attempt = attempt_load(core, row, task, work_history(work)->ooms);
    if (attempt == NULL) {
        work_release(core, work);
        return;
    }
    if (work->canonical == NULL) {
        work_add_row(work, task); /* else it joins when it is evaluated */
    }
    attempt->work = work;
    attempt_keep_lost(attempt);
}

/* An open one goes on when its row wants it; else it is being revoked, which nobody but its
 * worker can end before its lease does. */
static void load_open(
    struct core *core,
    struct task *task,
    const struct event_grid *event,
    const struct attempt_row *row)
{
    bool wanted = task->state == TASK_WAITING && task->pending == 0;
    struct work *work = attempted_work(core, task, event);
    uint32_t ooms = work != NULL ? work_history(work)->ooms : 0;
    struct attempt *attempt = attempt_load(core, row, task, ooms);
    if (attempt == NULL) {
        if (work != NULL) {
            work_release(core, work);
        }
        return;
    }
    if (work == NULL || work->attempt != NULL) {
        attempt_set(attempt, ATTEMPT_REVOKING);
        return;
    }
    attempt->work = work;
    work->attempt = attempt;
    if (!wanted) {
        attempt_set(attempt, ATTEMPT_REVOKING);
        return;
    }
    work_remember(work)->last_attempt = attempt->id;
    if (task->work == NULL) {
        work_add_row(work, task);
    }
    enum task_state state = attempt->state == ATTEMPT_RUNNING ? TASK_RUNNING : TASK_LEASED;
    struct task *member = work->canonical;
    do {
        load_state(member, state, TASK_REASON_NONE);
        member = member->next;
    } while (member != work->canonical);
    work->canonical = task;
}

static void load_results(struct graph *graph, const struct event_grid *event)
{
    for (size_t i = 0; i < event->results_count; i++) {
        const struct loaded_result *loaded = &event->results[i];
        struct task *task = &graph->tasks[task_ordinal(loaded->task)];
        if (task->state == TASK_DONE && work_result_fits(task, &loaded->result)) {
            task->result = work_result_copy(task, &loaded->result);
        }
    }
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        if (graph->tasks[t].state == TASK_DONE && graph->tasks[t].result == NULL) {
            load_state(&graph->tasks[t], TASK_WAITING, TASK_REASON_NONE);
        }
    }
}

static bool is_own(const struct graph *graph, struct task_id task)
{
    return task_grid(task).value == graph->row.grid.value
           && task_ordinal(task) < graph->tasks_count;
}

void grid_restore(struct core *core, struct graph *graph, const struct event_grid *event)
{
    graph->intake = graph->tasks_count;
    graph->shared = ARENA_ARRAY(graph->arena, struct shared_failure, event->rows_count + 1);
    for (size_t i = 0; i < event->rows_count; i++) {
        if (is_own(graph, event->rows[i].task)) {
            load_row(core, graph, &event->rows[i]);
        }
    }
    if (graph->row.cancelled) {
        for (uint32_t t = 0; t < graph->tasks_count; t++) {
            if (!task_state_is_final(task_state(&graph->tasks[t]))) {
                load_state(&graph->tasks[t], TASK_CANCELLED, TASK_REASON_GRID);
            }
        }
    }
    load_results(graph, event);
    load_dependencies(core, graph);
    for (size_t i = 0; i < event->attempts_count; i++) {
        const struct attempt_row *row = &event->attempts[i];
        if (!is_own(graph, row->task) || attempts_find(core, row->attempt) != NULL) {
            continue;
        }
        struct task *task = &graph->tasks[task_ordinal(row->task)];
        if (row->outcome == OUTCOME_NONE) {
            load_open(core, task, event, row);
        } else if (row->outcome == OUTCOME_LOST) {
            load_lost(core, task, event, row);
        }
    }
}

/* Rows that shared a failure share it again. */
static void join_failures(struct core *core, struct graph *graph)
{
    for (uint32_t i = 0; i < graph->shared_count; i++) {
        struct task *task = graph->shared[i].task;
        struct task *other = grids_task(core, graph->shared[i].canonical);
        if (task->state != TASK_FAILED || other == NULL || other->state != TASK_FAILED
            || other->work == NULL || other->work == task->work) {
            continue;
        }
        work_abandon(core, task);
        work_add_row(other->work, task);
    }
    graph->shared_count = 0;
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        if (task->state == TASK_FAILED && task->work != NULL) {
            work_hash(core, task->work);
        }
    }
}

static void renew_all(struct core *core)
{
    for (size_t i = 0; i < core->workers_count; i++) {
        struct placement *placement = core->workers[i]->placements;
        for (; placement != NULL; placement = placement->next) {
            if (attempt_is_open(placement->attempt) && !heap_contains(&placement->expiry)) {
                lease_renew(core, placement);
            }
        }
    }
}

/* A back-off begins again; what was never tried is looked up first. */
static void work_resume(struct core *core, struct work *work)
{
    bool tried = work_was_tried(work);
    if (!tried) {
        work_begin(core, work);
    } else if (work->attempt == NULL) {
        retry_wait(core, work, work_history(work)->backoff_ms);
    }
}

void grid_start(struct core *core, struct graph *graph)
{
    join_failures(core, graph);
    renew_all(core);
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        struct work *work = task->work;
        if (task->state != TASK_WAITING) {
            continue;
        }
        if (work == NULL) {
            task_settle_later(core, task);
        } else if (work->canonical == task) {
            work_resume(core, work);
        }
    }
    grid_touch(core, graph);
}
