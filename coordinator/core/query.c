/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: from memory, at once. */
#include <string.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/share.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

struct grid_id core_next_grid(const struct core *core)
{
    return (struct grid_id){core->grid_next};
}

bool core_find_grid(const struct core *core, struct grid_id grid, struct grid_view *ret_view)
{
    const struct graph *graph = grids_find(core, grid);
    if (graph == NULL) {
        return false;
    }
    *ret_view = (struct grid_view){
        .row = graph->row,
        .plan = graph->plan,
        .counts = graph->counts,
        .points = graph->points,
        .helpers = graph->helpers,
        .taken_in = grid_is_taken_in(graph),
    };
    return true;
}

/* Newest first: a submission is repeated soon or never. */
bool core_find_submission(
    const struct core *core, const struct submission_id *submission, struct grid_id *ret_grid)
{
    for (size_t i = core->grids_count; i > 0; i--) {
        const struct graph *graph = core->grids[i - 1];
        if (memcmp(&graph->row.submission, submission, sizeof(*submission)) == 0) {
            *ret_grid = graph->row.grid;
            return true;
        }
    }
    return false;
}

struct grid_id core_grid_after(const struct core *core, struct grid_id after)
{
    for (size_t i = 0; i < core->grids_count; i++) {
        if (core->grids[i]->row.grid.value > after.value) {
            return core->grids[i]->row.grid;
        }
    }
    return (struct grid_id){0};
}

bool core_find_task(const struct core *core, struct task_id id, struct task_view *ret_view)
{
    const struct task *task = grids_task(core, id);
    if (task == NULL) {
        return false;
    }
    const struct plan_traits *plan = task_plan(task);
    struct task_view view = {
        .row = task_row_of(task),
        .plan = task->grid->plan,
        .stage = plan->stage,
        .helper = plan->helper,
        .stuck = !task_state_is_final(task_state(task)) && task_is_dead(task),
        .priority = task_priority(task),
        .progress = {.fraction = -1},
        .result = task->result,
    };
    view.row.state = task_state(task);
    const struct work *work = task->work;
    if (work != NULL) {
        view.last_outcome = (enum attempt_outcome)work_history(work)->last_outcome;
        if (work->canonical != task) {
            view.same_as = task_id(work->canonical);
        }
        if (work->attempt != NULL) {
            view.open = work->attempt->id;
            view.worker = work->attempt->worker->id;
            view.started_ms = work->attempt->started_ms;
            view.progress = work->attempt->progress;
        }
    }
    *ret_view = view;
    return true;
}

uint32_t core_tasks_in(
    const struct core *core,
    struct grid_id grid,
    enum task_state state,
    uint32_t max,
    uint32_t *ret_ordinals)
{
    const struct graph *graph = grids_find(core, grid);
    uint32_t wanted = graph != NULL ? graph->counts.of[state] : 0;
    wanted = wanted < max ? wanted : max;
    uint32_t found = 0;
    for (uint32_t t = 0; found < wanted; t++) {
        if (graph->tasks[t].state == state) {
            ret_ordinals[found++] = t;
        }
    }
    return found;
}

size_t core_worker_tasks(
    const struct core *core, struct worker_id id, size_t max, struct task_id *ret_tasks)
{
    const struct worker *worker = workers_find(core, id);
    const struct placement *at = worker != NULL ? worker->placements : NULL;
    size_t count = 0;
    for (; at != NULL && count < max; at = at->next) {
        if (attempt_is_open(at->attempt)) {
            ret_tasks[count++] = at->attempt->task;
        }
    }
    return count;
}

bool core_find_worker(
    const struct core *core, struct worker_id id, struct worker_view *ret_view)
{
    const struct worker *worker = workers_find(core, id);
    if (worker == NULL) {
        return false;
    }
    struct worker_view view = {
        .row =
            {
                .worker = worker->id,
                .name = worker->name,
                .principal = worker->principal,
                .state = (enum worker_state)worker->state,
                .capacity = worker->capacity,
                .blame = worker->blame,
                .incarnation = worker->incarnation,
                .number = worker->number,
                .detail = worker->detail,
                .changed_ms = worker->changed_ms,
            },
        .session = worker->session,
        .heard_ms = worker->heard_ms,
        .ends_ms = worker->ends_ms,
        .slots_used = worker->slots_used,
        .cpus_used_milli = worker->cpus_used_milli,
        .memory_used_bytes = worker->memory_used,
        .gpus_used = worker->devices_taken,
        .attempts = worker->attempts_open,
        .reserved = worker->reserved,
        .counters = worker->counters.items,
        .counters_count = worker->counters.count,
    };
    *ret_view = view;
    return true;
}

const struct counter_book *core_counters(const struct core *core, size_t *ret_count)
{
    *ret_count = core->counters.count;
    return core->counters.items;
}

struct worker_id core_worker_after(const struct core *core, struct worker_id after)
{
    for (size_t i = 0; i < core->workers_count; i++) {
        if (core->workers[i]->id.value > after.value) {
            return core->workers[i]->id;
        }
    }
    return (struct worker_id){0};
}

bool core_find_attempt(
    const struct core *core, struct attempt_id id, struct attempt_row *ret_row)
{
    const struct attempt *attempt = attempts_find(core, id);
    if (attempt == NULL || !attempt_is_open(attempt)) {
        return false;
    }
    *ret_row = attempt_row_of(attempt, NULL);
    return true;
}

bool core_find_placement(
    const struct core *core, struct attempt_id id, uint32_t rank, struct worker_id *ret_worker)
{
    const struct attempt *attempt = attempts_find(core, id);
    if (attempt == NULL || !attempt_is_open(attempt) || rank >= attempt->ranks) {
        return false;
    }
    *ret_worker = attempt->placements[rank].worker->id;
    return true;
}

bool core_owner_at(const struct core *core, size_t index, struct owner_view *ret_view)
{
    if (index >= core->accounts_count) {
        return false;
    }
    const struct account *account = core->accounts[index];
    *ret_view = (struct owner_view){
        .owner = account->owner,
        .limits = account->limits,
        .usage = account->usage,
        .rate = account->rate,
        .gpu_ms = account_gpu_used(account) / 1000,
        .running = account->open,
    };
    return true;
}

struct core_totals core_totals(const struct core *core)
{
    struct core_totals totals = {
        .grids = (uint32_t)core->grids_count,
        .workers = (uint32_t)core->workers_count,
        .attempts_granted = core->attempts_granted,
        .now_ms = core->now,
    };
    for (size_t i = 0; i < core->grids_count; i++) {
        const struct state_counts *counts = &core->grids[i]->counts;
        totals.ready += counts->of[TASK_READY];
        totals.leased += counts->of[TASK_LEASED];
        totals.running += counts->of[TASK_RUNNING];
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        totals.workers_up += core->workers[i]->state == WORKER_UP;
    }
    return totals;
}
