/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/priority.h"

#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

static int32_t clamp(int32_t priority, int32_t min, int32_t max)
{
    return priority < min ? min : priority > max ? max : priority;
}

bool task_own_priority(const struct task *task, int32_t *ret_priority)
{
    const int16_t *own = task->grid->own_priorities;
    if (own == NULL || own[task->ordinal] == PRIORITY_NONE) {
        return false;
    }
    *ret_priority = own[task->ordinal];
    return true;
}

/* Few grids have one, so there is a table only where a user gave the first. */
void task_set_own_priority(struct task *task, int32_t priority)
{
    struct graph *graph = task->grid;
    if (graph->own_priorities == NULL) {
        graph->own_priorities = ARENA_ARRAY(graph->arena, int16_t, graph->tasks_count + 1);
        for (uint32_t t = 0; t < graph->tasks_count; t++) {
            graph->own_priorities[t] = PRIORITY_NONE;
        }
    }
    graph->own_priorities[task->ordinal] = (int16_t)priority;
}

int32_t task_priority(const struct task *task)
{
    const struct graph *graph = task->grid;
    int32_t priority;
    if (!task_own_priority(task, &priority)) {
        priority =
            graph->row.priority + plan_policy(graph->plan, task_plan(task)->stage).priority;
    }
    int32_t max = graph->account->limits.priority_max;
    return clamp(priority, -LIMIT_PRIORITY, clamp(max, -LIMIT_PRIORITY, LIMIT_PRIORITY));
}

int32_t work_priority(const struct work *work)
{
    int32_t best = task_priority(work->canonical);
    for (const struct task *row = work->canonical->next; row != work->canonical;
         row = row->next) {
        int32_t priority = task_priority(row);
        best = priority > best ? priority : best;
    }
    return best;
}

static bool is_better(const struct task *a, const struct task *b)
{
    if (a->grid->row.paused != b->grid->row.paused) {
        return b->grid->row.paused;
    }
    int32_t priority_a = task_priority(a);
    int32_t priority_b = task_priority(b);
    return priority_a != priority_b ? priority_a > priority_b
                                    : task_id(a).value < task_id(b).value;
}

struct task *work_best(const struct work *work)
{
    struct task *best = work->canonical;
    for (struct task *row = best->next; row != work->canonical; row = row->next) {
        if (is_better(row, best)) {
            best = row;
        }
    }
    return best;
}

void work_elect(struct core *core, struct work *work)
{
    CHECK(work->attempt == NULL);
    struct task *best = work_best(work);
    if (best == work->canonical) {
        return;
    }
    struct task *before = work->canonical;
    work->canonical = best;
    if (work_was_tried(work)) {
        task_persist(core, before);
        task_persist(core, best);
    }
}
