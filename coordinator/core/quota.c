/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/quota.h"

#include "coordinator/core/share.h"

#ifndef BUG_QUOTA_IS_IGNORED
static enum gate account_gate(const struct account *account, const struct resources *needs)
{
    const struct owner_limits *limits = &account->limits;
    if (limits->tasks_max > 0 && account->open >= limits->tasks_max) {
        return GATE_QUOTA_TASKS;
    }
    if (limits->gpu_ms_max > 0 && needs->gpus_milli > 0
        && account_gpu_used(account) / 1000 >= limits->gpu_ms_max) {
        return GATE_QUOTA_GPU;
    }
    return GATE_OPEN;
}
#endif

enum gate shape_gate(const struct core *core, const struct shape *shape)
{
    (void)core;
    const struct throttle *throttle = shape->throttle;
    if (throttle != NULL && throttle->most == 0) {
        return GATE_PAUSED;
    }
#ifndef BUG_AT_MOST_PLUS_ONE
    if (throttle != NULL && throttle->open >= throttle->most) {
        return GATE_AT_MOST;
    }
#else
    if (throttle != NULL && throttle->open > throttle->most) {
        return GATE_AT_MOST;
    }
#endif
#ifdef BUG_QUOTA_IS_IGNORED
    return GATE_OPEN;
#else
    return account_gate(shape->account, &shape->needs);
#endif
}

struct throttle *task_throttle(const struct task *task)
{
    struct graph *graph = task->grid;
    if (graph->row.paused) {
        return &graph->pause;
    }
    struct throttle *throttle = &graph->throttles[task_plan(task)->stage];
    return throttle->most > 0 ? throttle : NULL;
}

void quota_charge(
    struct core *core, const struct attempt *attempt, struct graph *graph, int sign)
{
    uint32_t stage = plan_task_traits(graph->plan, task_ordinal(attempt->task))->stage;
    graph->throttles[stage].open += (uint32_t)sign;
    account_charge(core, graph->account, attempt, sign);
}

void graph_set_throttles(struct graph *graph)
{
    const struct plan *plan = graph->plan;
    graph->throttles = ARENA_ARRAY(graph->arena, struct throttle, plan->stages_count + 1);
    for (uint32_t s = 0; s < plan->stages_count; s++) {
        graph->throttles[s].most = plan_policy(plan, s).at_most;
    }
}
