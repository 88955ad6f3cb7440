/* SPDX-License-Identifier: Apache-2.0 */
/* Priorities, pauses and limits of stages. */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

static struct rig_plan *plan_named(struct rig *rig, uint32_t tasks, const char *name)
{
    struct rig_plan *plan = rig_plan(rig, tasks);
    for (uint32_t t = 0; t < tasks; t++) {
        plan->tasks[t].params = arena_printf(rig->arena, "{\"%s\":%u}", name, t);
    }
    return plan;
}

static struct stage_policy *policy_of(struct rig *rig, struct rig_plan *plan)
{
    plan->head.policies = ARENA_ARRAY(rig->arena, struct stage_policy, plan->head.stages_count);
    return plan->head.policies;
}

static uint32_t counted(const struct rig *rig, struct grid_id grid, enum task_state state)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    return view.counts.of[state];
}

static void the_higher_goes_first(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *urgent = plan_named(rig, 1, "urgent");
    urgent->head.priority = 10;
    policy_of(rig, urgent)->priority = 5;
    struct grid_id first = rig_submit(rig, plan_named(rig, 2, "a"));
    struct grid_id second = rig_submit(rig, urgent);
    assert_int_equal(rig_view(rig, second, 0).priority, 15);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    assert_int_equal(rig_state(rig, second, 0), TASK_LEASED);
    rig_priority(rig, first, 1, 1);
    rig_finish(rig, &worker, rig_attempt(rig, second, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, first, 0), TASK_READY);
    assert_int_equal(rig_state(rig, first, 1), TASK_LEASED);
    rig_destroy(rig);
}

static void users_change_priorities_for_good(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id first = rig_submit(rig, plan_named(rig, 2, "a"));
    struct grid_id second = rig_submit(rig, plan_named(rig, 2, "b"));
    rig_priority(rig, second, -1, 3);
    rig_priority(rig, first, 1, -7);
    rig_restart(rig);
    assert_int_equal(rig_view(rig, first, 0).priority, 0);
    assert_int_equal(rig_view(rig, first, 1).priority, -7);
    assert_int_equal(rig_view(rig, second, 0).priority, 3);
    struct rig_worker worker = rig_join(rig, "w", 3, 4);
    assert_int_equal(counted(rig, second, TASK_LEASED), 2);
    assert_int_equal(rig_state(rig, first, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, first, 1), TASK_READY);
    (void)worker;
    rig_destroy(rig);
}

static void an_owner_may_not_ask_for_more_than_allowed(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit_as(rig, "bob", plan_named(rig, 1, "a"));
    rig_priority(rig, grid, -1, 500);
    rig_limit(rig, "bob", (struct owner_limits){.weight = 1, .priority_max = 20});
    assert_int_equal(rig_view(rig, grid, 0).priority, 20);
    rig_destroy(rig);
}

/* The better of two wishes counts, and when it goes the other one does. */
static void shared_work_goes_by_its_best_row(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id first = rig_submit(rig, plan_named(rig, 2, "a"));
    struct grid_id other = rig_submit(rig, plan_named(rig, 2, "b"));
    struct grid_id same = rig_submit(rig, plan_named(rig, 2, "b"));
    rig_priority(rig, same, 1, 9);
    assert_int_equal(rig_view(rig, other, 1).same_as.value, task_id_of(same, 1).value);
    rig_control(rig, CONTROL_CANCEL, same, -1);
    assert_int_equal(rig_view(rig, other, 1).same_as.value, 0);
    struct rig_worker worker = rig_join(rig, "w", 2, 4);
    assert_int_equal(counted(rig, first, TASK_LEASED), 2);
    assert_int_equal(rig_state(rig, other, 1), TASK_READY);
    (void)worker;
    rig_destroy(rig);
}

static void a_paused_grid_starts_nothing(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, plan_named(rig, 3, "a"));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_control(rig, CONTROL_PAUSE, grid, -1);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(counted(rig, grid, TASK_LEASED), 0);
    rig_restart(rig);
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(counted(rig, grid, TASK_LEASED), 0);
    rig_control(rig, CONTROL_RESUME, grid, -1);
    assert_int_equal(counted(rig, grid, TASK_LEASED), 1);
    rig_destroy(rig);
}

static void work_of_a_paused_grid_is_done_for_another(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id paused = rig_submit(rig, plan_named(rig, 1, "a"));
    rig_control(rig, CONTROL_PAUSE, paused, -1);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    assert_int_equal(rig_state(rig, paused, 0), TASK_READY);
    struct grid_id other = rig_submit(rig, plan_named(rig, 1, "a"));
    assert_int_equal(rig_state(rig, other, 0), TASK_LEASED);
    rig_finish(rig, &worker, rig_attempt(rig, other, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, paused, 0), TASK_DONE);
    rig_destroy(rig);
}

static void a_stage_runs_at_most_so_many(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = plan_named(rig, 5, "a");
    policy_of(rig, plan)->at_most = 2;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    assert_int_equal(counted(rig, grid, TASK_LEASED), 2);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(counted(rig, grid, TASK_LEASED), 2);
    rig_control(rig, CONTROL_CANCEL, grid, 1);
    rig_control(rig, CONTROL_PAUSE, grid, -1);
    rig_control(rig, CONTROL_RESUME, grid, -1);
    /* What is being ended still runs. */
    assert_int_equal(counted(rig, grid, TASK_LEASED), 1);
    rig_destroy(rig);
}

/* A task that may not run keeps no worker for itself. */
static void no_worker_is_kept_for_one_that_may_not_run(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = plan_named(rig, 4, "a");
    plan->tasks[1].traits.needs.cpus_milli = 2000;
    struct grid_id large = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 2, 2);
    rig_tick(rig, rig->options.patience_ms / 2);
    rig_renew(rig, &worker, rig_attempt(rig, large, 0));
    rig_control(rig, CONTROL_PAUSE, large, -1);
    struct grid_id small = rig_submit(rig, plan_named(rig, 3, "b"));
    rig_finish(rig, &worker, rig_attempt(rig, large, 0), OUTCOME_DONE);
    rig_finish(rig, &worker, rig_attempt(rig, large, 2), OUTCOME_DONE);
    rig_tick(rig, rig->options.patience_ms * 2);
    rig_hello(rig, &worker, NULL, 0);
    rig_tick(rig, 0);
    assert_int_equal(rig_state(rig, large, 1), TASK_READY);
    assert_true(counted(rig, small, TASK_LEASED) + counted(rig, small, TASK_WAITING) >= 2);
    rig_destroy(rig);
}

static void memory_grows_after_running_out_of_it(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = plan_named(rig, 1, "a");
    struct stage_policy *policy = policy_of(rig, plan);
    policy->oom_milli = 2000;
    policy->oom_bytes_max = 3000000;
    plan->tasks[0].traits.needs.memory_bytes = 1000000;
    plan->tasks[0].traits.failures_max = 9;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    static const uint64_t wanted[] = {1000000, 2000000, 3000000, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct worker_view view;
        assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
        assert_true(core_find_worker(rig->core, worker.from.worker, &view));
        assert_int_equal(view.memory_used_bytes, wanted[i]);
        struct attempt_id attempt = rig_attempt(rig, grid, 0);
        if (i == 1) {
            rig_restart(rig);
            rig_hello(rig, &worker, &(struct inventory_item){attempt, INVENTORY_RUNNING}, 1);
            assert_true(core_find_worker(rig->core, worker.from.worker, &view));
            assert_int_equal(view.memory_used_bytes, wanted[i]);
        }
        rig_finish(rig, &worker, attempt, OUTCOME_MEMORY);
        rig_tick(rig, 20000);
    }
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_higher_goes_first),
        cmocka_unit_test(users_change_priorities_for_good),
        cmocka_unit_test(an_owner_may_not_ask_for_more_than_allowed),
        cmocka_unit_test(shared_work_goes_by_its_best_row),
        cmocka_unit_test(a_paused_grid_starts_nothing),
        cmocka_unit_test(work_of_a_paused_grid_is_done_for_another),
        cmocka_unit_test(a_stage_runs_at_most_so_many),
        cmocka_unit_test(no_worker_is_kept_for_one_that_may_not_run),
        cmocka_unit_test(memory_grows_after_running_out_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
