/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/decision.h"

#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

/* A failed one may still be given up by its user. */
static bool may_skip(const struct task *task, enum task_reason reason)
{
    return !task_state_is_final(task_state(task))
           || (task->state == TASK_FAILED && reason == TASK_REASON_USER);
}

static void skip_one(
    struct core *core, struct task *task, enum task_reason reason, const char *detail)
{
    work_leave(core, task);
    task->detail = detail;
    task_set(core, task, TASK_SKIPPED, reason);
    task_persist(core, task);
    audit(
        core,
        AUDIT_TASK_SKIPPED,
        task_id(task),
        (struct attempt_id){0},
        (struct worker_id){0},
        (int64_t)reason);
}

uint32_t task_skip(
    struct core *core, struct task *task, enum task_reason reason, const char *detail)
{
    if (!may_skip(task, reason)) {
        return 0;
    }
    struct graph *graph = task->grid;
    const char *copy = detail != NULL ? arena_strdup(graph->arena, detail) : NULL;
    const char *below = arena_printf(graph->arena, "'%s' was skipped", task_name(core, task));
    skip_one(core, task, reason, copy);
    uint32_t count = 1;
    struct task **stack = NULL;
    size_t stack_count = 0;
    size_t stack_capacity = 0;
    ARENA_PUSH(core->scratch, stack, stack_count, stack_capacity, task);
    while (stack_count > 0) {
        const struct task *from = stack[--stack_count];
        for (uint32_t i = graph->down_first[from->ordinal];
             i < graph->down_first[from->ordinal + 1];
             i++) {
            struct task *to = &graph->tasks[graph->down[i]];
            if (may_skip(to, TASK_REASON_UPSTREAM)) {
                skip_one(core, to, TASK_REASON_UPSTREAM, below);
                count++;
                ARENA_PUSH(core->scratch, stack, stack_count, stack_capacity, to);
            }
        }
    }
    return count;
}

void decision_apply(struct core *core, struct task *task)
{
    if (!task->grid->plan->programs[task_plan(task)->program].decision) {
        return;
    }
    const struct result_row *result = task->result;
    audit(
        core,
        AUDIT_DECISION,
        task_id(task),
        result->attempt,
        (struct worker_id){0},
        (int64_t)result->verdict);
    if (result->verdict != DECISION_SKIP) {
        return;
    }
    struct graph *graph = task->grid;
    for (uint32_t i = graph->down_first[task->ordinal];
         i < graph->down_first[task->ordinal + 1];
         i++) {
        struct task *to = &graph->tasks[graph->down[i]];
        if (plan_task_gate(graph->plan, to->ordinal) == task->ordinal) {
            (void)task_skip(core, to, TASK_REASON_DECISION, result->verdict_reason);
        }
    }
}
