/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling policy in the simulated worlds: what configuration says of owners, what users say
 * of grids, and what must hold whenever something is granted. */
#include <string.h>

#include "common/base/limits.h"
#include "tests/sim/sim.h"

static const char *const owners[SIM_OWNERS] = {"ann", "bob", "cyd", "dan"};

const char *policy_owner(struct world *world)
{
    return owners[rng_below(&world->rng, SIM_OWNERS)];
}

void policy_random(struct world *world)
{
    bool limited = rng_below(&world->rng, 2) == 0;
    for (uint32_t i = 0; i < SIM_OWNERS; i++) {
        world->owners[i] = (struct owner_row){
            .owner = owners[i],
            .limits =
                {
                    .weight = 1 + (uint32_t)rng_below(&world->rng, 3),
                    .tasks_max = limited ? 1 + (uint32_t)rng_below(&world->rng, 3) : 0,
                    .priority_max = rng_below(&world->rng, 3) == 0 ? 1 : LIMIT_PRIORITY,
                },
        };
    }
}

struct event policy_owners(const struct world *world, uint64_t now_ms)
{
    return (struct event){
        .kind = EVENT_OWNERS,
        .now_ms = now_ms,
        .owners = {.owners = world->owners, .owners_count = SIM_OWNERS},
    };
}

void policy_plan(struct world *world, struct plan *plan)
{
    plan->policies = ARENA_ARRAY(world->arena, struct stage_policy, plan->stages_count);
    plan->priority = (int32_t)rng_below(&world->rng, 3) - 1;
    for (size_t s = 0; s < plan->stages_count; s++) {
        plan->policies[s] = (struct stage_policy){
            .priority = (int32_t)rng_below(&world->rng, 3) - 1,
            .at_most = (uint32_t)rng_below(&world->rng, 4),
            .oom_milli = rng_below(&world->rng, 2) == 0 ? 1500 : 0,
            .oom_bytes_max = 1,
        };
    }
}

/* --- S11, S12 --- */

static const struct owner_limits *limits_of(const struct world *world, const char *owner)
{
    for (uint32_t i = 0; i < SIM_OWNERS; i++) {
        if (strcmp(world->owners[i].owner, owner) == 0) {
            return &world->owners[i].limits;
        }
    }
    return NULL;
}

/* Open attempts, those that are being ended too: of an owner, or of a stage of a grid. */
static uint32_t open_of(
    const struct world *world,
    const struct core *core,
    const char *owner,
    struct grid_id grid,
    uint32_t stage)
{
    uint32_t open = 0;
    for (uint64_t id = 1; id <= world->attempt_highest; id++) {
        struct attempt_row attempt;
        struct grid_view view;
        if (!core_find_attempt(core, (struct attempt_id){id}, &attempt)
            || !core_find_grid(core, task_grid(attempt.task), &view)) {
            continue;
        }
        const struct plan_traits *task =
            plan_task_traits(view.plan, task_ordinal(attempt.task));
        open += owner != NULL ? strcmp(view.row.owner, owner) == 0
                              : view.row.grid.value == grid.value && task->stage == stage;
    }
    return open;
}

static bool may_run(
    const struct world *world,
    const struct core *core,
    const struct grid_view *grid,
    const struct task_view *task)
{
    const struct owner_limits *limits = limits_of(world, grid->row.owner);
    uint32_t most = plan_policy(grid->plan, task->stage).at_most;
    return !grid->row.paused
           && (most == 0 || open_of(world, core, NULL, grid->row.grid, task->stage) < most)
           && (limits->tasks_max == 0
               || open_of(world, core, grid->row.owner, (struct grid_id){0}, 0)
                      < limits->tasks_max);
}

/* What was placed needs the same as one that stayed behind, which may run and should have come
 * first. */
static void check_overtaken(
    struct world *world,
    const struct core *core,
    const struct plan_traits *placed,
    int32_t priority)
{
    for (struct grid_id id = core_grid_after(core, (struct grid_id){0}); id.value != 0;
         id = core_grid_after(core, id)) {
        struct grid_view grid;
        (void)core_find_grid(core, id, &grid);
        for (uint32_t t = 0; t < grid.plan->tasks_count; t++) {
            const struct resources *needs = &plan_task_traits(grid.plan, t)->needs;
            struct task_view task;
            if (core_find_task(core, task_id_of(id, t), &task) && task.row.state == TASK_READY
                && task.same_as.value == 0 && task.priority > priority
                && resources_equal(needs, &placed->needs)
                && may_run(world, core, &grid, &task)) {
                violation(
                    world,
                    "S12: a task of priority %d starts before %u/%u, whose is %d",
                    (int)priority,
                    id.value,
                    t,
                    (int)task.priority);
            }
        }
    }
}

/* Of one of its ranks at least. */
static bool is_where_room_is_kept(const struct core *core, const struct effect_assign *assign)
{
    uint32_t ranks = assign->ranks > 0 ? assign->ranks : 1;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        struct worker_id id;
        struct worker_view worker;
        if (core_find_placement(core, assign->attempt, rank, &id)
            && core_find_worker(core, id, &worker) && worker.reserved) {
            return true;
        }
    }
    return false;
}

static void check_grant(
    struct world *world, const struct core *core, const struct effect_assign *assign)
{
    struct grid_view grid;
    struct task_view task;
    if (!core_find_grid(core, task_grid(assign->task), &grid)
        || !core_find_task(core, assign->task, &task)
        || task.open.value != assign->attempt.value) {
        return;
    }
    const struct owner_limits *limits = limits_of(world, grid.row.owner);
    uint32_t most = plan_policy(grid.plan, task.stage).at_most;
    if (grid.row.paused) {
        violation(world, "S11: a task of a paused grid starts");
    }
    if (most > 0 && open_of(world, core, NULL, grid.row.grid, task.stage) > most) {
        violation(world, "S11: a stage runs more than %u tasks", most);
    }
    if (limits->tasks_max > 0
        && open_of(world, core, grid.row.owner, (struct grid_id){0}, 0) > limits->tasks_max) {
        violation(
            world, "S11: '%s' runs more than %u tasks", grid.row.owner, limits->tasks_max);
    }
    /* Where room is kept, what ends in time goes before what may not, whatever its priority. */
    struct explain explain;
    if (core_explain(core, assign->task, &explain) && explain.cause != EXPLAIN_LINE
        && !is_where_room_is_kept(core, assign)) {
        check_overtaken(
            world,
            core,
            plan_task_traits(assign->plan, task_ordinal(assign->task)),
            task.priority);
    }
}

/* S13 */
static bool is_more_urgent_waiting(
    const struct world *world, const struct core *core, int32_t priority)
{
    for (struct grid_id id = core_grid_after(core, (struct grid_id){0}); id.value != 0;
         id = core_grid_after(core, id)) {
        struct grid_view grid;
        (void)core_find_grid(core, id, &grid);
        for (uint32_t t = 0; t < grid.plan->tasks_count; t++) {
            struct task_view task;
            if (core_find_task(core, task_id_of(id, t), &task) && task.row.state == TASK_READY
                && task.same_as.value == 0 && task.priority > priority
                && may_run(world, core, &grid, &task)) {
                return true;
            }
        }
    }
    return false;
}

static void check_preemption(
    struct world *world, const struct core *core, struct attempt_id attempt)
{
    struct fate *fate = &world->fates[attempt.value % SIM_ATTEMPTS];
    struct attempt_row row;
    struct task_view task;
    if (fate->preempted || !core_find_attempt(core, attempt, &row)
        || !core_find_task(core, row.task, &task)) {
        return;
    }
    fate->preempted = true;
    if (!is_more_urgent_waiting(world, core, task.priority)) {
        violation(
            world,
            "S13: attempt %lu gives way to nothing more urgent",
            (unsigned long)attempt.value);
    }
    if (task.row.preemptions >= SIM_PREEMPTIONS) {
        violation(world, "S13: task %u gives way again and again", task_ordinal(row.task));
    }
}

void policy_check(
    struct world *world, const struct core *core, const struct effects *effects, size_t before)
{
    for (size_t i = before; i < effects->count; i++) {
        if (effects->items[i].kind == EFFECT_SEND_ASSIGN) {
            uint64_t attempt = effects->items[i].assign.attempt.value;
            world->attempt_highest =
                attempt > world->attempt_highest ? attempt : world->attempt_highest;
            check_grant(world, core, &effects->items[i].assign);
        } else if (
            effects->items[i].kind == EFFECT_SEND_REVOKE && effects->items[i].revoke.preempt) {
            check_preemption(world, core, effects->items[i].revoke.attempt);
        }
    }
}
