/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/control.h"

#include "coordinator/core/decision.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/missing.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

static void note(struct core *core, enum audit_kind kind, const struct task *task)
{
    audit(core, kind, task_id(task), (struct attempt_id){0}, (struct worker_id){0}, 0);
}

/* A whole grid's cancellation is the grid row's; only rows that are stored already are written.
 */
static uint32_t cancel(struct core *core, struct task *task, bool whole)
{
    if (task_state_is_final(task_state(task))) {
        return 0;
    }
    work_leave(core, task);
    task_set(core, task, TASK_CANCELLED, whole ? TASK_REASON_GRID : TASK_REASON_USER);
    if (!whole || task->stored) {
        task_persist(core, task);
    }
    if (!whole) {
        note(core, AUDIT_TASK_CANCELLED, task);
    }
    return 1;
}

static uint32_t retry(struct core *core, struct task *task, bool cancelled)
{
    if (task->state == TASK_FAILED && task->work != NULL) {
        return work_retry(core, task->work, task->grid);
    }
    if (task->state != TASK_FAILED && !(task->state == TASK_CANCELLED && cancelled)) {
        return 0;
    }
    task->detail = NULL;
    missing_forgive(task);
    task_set(core, task, TASK_WAITING, TASK_REASON_NONE);
    task_persist(core, task);
    note(core, AUDIT_TASK_RETRIED, task);
    for (uint32_t i = 0; i < task_upstream_count(task); i++) {
        const struct task *up = task_upstream(task, i);
        if (up->state == TASK_SKIPPED) { /* while this one was cancelled */
            (void)task_skip(core, task, TASK_REASON_UPSTREAM, "an upstream task was skipped");
            break;
        }
    }
    return 1;
}

static uint32_t hold(struct core *core, struct task *task)
{
    if (task->state != TASK_WAITING && task->state != TASK_READY) {
        return 0; /* what runs is not stopped by a hold */
    }
    work_leave(core, task);
    task_set(core, task, TASK_HELD, TASK_REASON_USER);
    task_persist(core, task);
    note(core, AUDIT_TASK_HELD, task);
    return 1;
}

static uint32_t release(struct core *core, struct task *task)
{
    if (task->state != TASK_HELD) {
        return 0;
    }
    task_set(core, task, TASK_WAITING, TASK_REASON_NONE);
    task_persist(core, task);
    note(core, AUDIT_TASK_RELEASED, task);
    return 1;
}

static uint32_t prioritise(struct core *core, struct task *task, int32_t priority)
{
    int32_t before;
    if (task_state_is_final(task_state(task))
        || (task_own_priority(task, &before) && before == priority)) {
        return 0;
    }
    task_set_own_priority(task, priority);
    task_persist(core, task);
    audit(
        core,
        AUDIT_PRIORITY,
        task_id(task),
        (struct attempt_id){0},
        (struct worker_id){0},
        priority);
    if (task->work != NULL) {
        queue_again(core, task->work);
    }
    return 1;
}

static uint32_t apply(struct core *core, const struct event_control *event, struct task *task)
{
    switch (event->kind) {
    case CONTROL_CANCEL:
        return cancel(core, task, event->ordinals == NULL);
    case CONTROL_RETRY:
        return retry(core, task, event->cancelled);
    case CONTROL_HOLD:
        return hold(core, task);
    case CONTROL_RELEASE:
        return release(core, task);
    case CONTROL_SKIP:
        return task_skip(core, task, TASK_REASON_USER, "a user skipped it");
    case CONTROL_PRIORITY:
        return prioritise(core, task, event->priority);
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        break; /* of grids alone */
    }
    return 0;
}

/* The grid row carries a whole grid's cancellation; a retry takes it back, so that each row
 * that stays cancelled needs one of its own. */
static void note_grid(struct core *core, const struct event_control *event, struct graph *graph)
{
    if (event->kind == CONTROL_CANCEL && event->ordinals == NULL && !graph->row.cancelled) {
        graph->row.cancelled = true;
        grid_persist(core, graph, false);
        audit(
            core,
            AUDIT_GRID_CANCELLED,
            task_id_of(graph->row.grid, 0),
            (struct attempt_id){0},
            (struct worker_id){0},
            0);
    }
}

static void uncancel_grid(struct core *core, struct graph *graph)
{
    graph->row.cancelled = false;
    grid_persist(core, graph, false);
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        if (task->state == TASK_CANCELLED && !task->stored) {
            task_persist(core, task);
        }
    }
}

/* What is said of a whole grid and not of each of its tasks: one row is written, and ready
 * tasks find their place anew. */
static uint32_t apply_to_grid(
    struct core *core, const struct event_control *event, struct graph *graph)
{
    struct grid_row *row = &graph->row;
    enum audit_kind kind = AUDIT_PRIORITY;
    if (event->kind == CONTROL_PRIORITY) {
        if (row->priority == event->priority) {
            return 0;
        }
        row->priority = event->priority;
    } else {
        bool pause = event->kind == CONTROL_PAUSE;
        if (row->paused == pause) {
            return 0;
        }
        row->paused = pause;
        kind = pause ? AUDIT_GRID_PAUSED : AUDIT_GRID_RESUMED;
    }
    grid_persist(core, graph, false);
    audit(
        core,
        kind,
        task_id_of(row->grid, 0),
        (struct attempt_id){0},
        (struct worker_id){0},
        kind == AUDIT_PRIORITY ? event->priority : 0);
    queue_again_grid(core, graph);
    return graph->tasks_count;
}

static bool is_of_grid(const struct event_control *event)
{
    return event->kind == CONTROL_PAUSE || event->kind == CONTROL_RESUME
           || (event->kind == CONTROL_PRIORITY && event->ordinals == NULL);
}

static uint32_t apply_all(
    struct core *core, const struct event_control *event, struct graph *graph)
{
    uint32_t changed = 0;
    if (event->ordinals == NULL) {
        for (uint32_t t = 0; t < graph->tasks_count; t++) {
            changed += apply(core, event, &graph->tasks[t]);
        }
        return changed;
    }
    for (size_t i = 0; i < event->ordinals_count; i++) {
        if (event->ordinals[i] < graph->tasks_count) {
            changed += apply(core, event, &graph->tasks[event->ordinals[i]]);
        }
    }
    return changed;
}

void control_apply(struct core *core, const struct event_control *event)
{
    struct effect_reply reply = {.request = event->request, .grid = event->grid};
    struct graph *graph = grids_find(core, event->grid);
    if (graph == NULL) {
        reply.code = ERR_NOT_FOUND;
        reply.message = "there is no such grid";
        reply.hint = "assay ls lists them";
    } else {
        note_grid(core, event, graph);
        reply.tasks_count = is_of_grid(event) ? apply_to_grid(core, event, graph)
                                              : apply_all(core, event, graph);
        if (event->kind == CONTROL_RETRY && graph->row.cancelled && reply.tasks_count > 0) {
            uncancel_grid(core, graph);
        }
        grid_touch(core, graph);
    }
    effects_add(core->out, EFFECT_REPLY)->reply = reply;
}
