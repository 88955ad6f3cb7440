/* SPDX-License-Identifier: Apache-2.0 */
/* Room for what is more urgent. */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

static struct grid_id submit(
    struct rig *rig, const char *name, uint32_t tasks, uint32_t cpus, int32_t priority)
{
    struct rig_plan *plan = rig_plan(rig, tasks);
    for (uint32_t t = 0; t < tasks; t++) {
        (void)rig_task(rig, plan, t, "plain", arena_printf(rig->arena, "{\"%s\":%u}", name, t));
        plan->tasks[t].traits.needs.cpus_milli = cpus * 1000;
    }
    plan->head.priority = priority;
    return rig_submit(rig, plan);
}

static void start_all(struct rig *rig, struct rig_worker *worker, struct grid_id grid)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    for (uint32_t t = 0; t < view.plan->tasks_count; t++) {
        if (rig_state(rig, grid, t) == TASK_LEASED) {
            rig_started(rig, worker, rig_attempt(rig, grid, t));
        }
    }
}

/* Time passes while the worker says that its attempts go on. */
static void pass(struct rig *rig, struct rig_worker *worker, uint64_t seconds)
{
    for (uint64_t s = 0; s < seconds; s++) {
        rig_tick(rig, 1000);
        for (struct grid_id id = core_grid_after(rig->core, (struct grid_id){0}); id.value != 0;
             id = core_grid_after(rig->core, id)) {
            struct grid_view view;
            assert_true(core_find_grid(rig->core, id, &view));
            for (uint32_t t = 0; t < view.plan->tasks_count; t++) {
                if (rig_state(rig, id, t) == TASK_RUNNING) {
                    rig_renew(rig, worker, rig_attempt(rig, id, t));
                }
            }
        }
    }
}

static void the_less_urgent_gives_way(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 2, 4);
    struct grid_id low = submit(rig, "low", 2, 1, 0);
    start_all(rig, &worker, low);
    pass(rig, &worker, 70);
    struct grid_id high = submit(rig, "high", 1, 1, 5);
    assert_int_equal(rig_state(rig, high, 0), TASK_READY);
    struct attempt_id victim = rig_attempt(rig, low, 1);
    rig_tick(rig, 10000);
    const struct effect *revoke = rig_find(rig, EFFECT_SEND_REVOKE);
    assert_non_null(revoke);
    assert_true(revoke->revoke.preempt);
    assert_int_equal(rig_count(rig, EFFECT_SEND_REVOKE), 1);
    uint32_t gone = rig_state(rig, low, 0) == TASK_RUNNING ? 1 : 0;
    assert_int_equal(rig_state(rig, low, gone), TASK_WAITING);
    victim = revoke->revoke.attempt;
    struct explain explain;
    assert_true(core_explain(rig->core, task_id_of(low, gone), &explain));
    assert_int_equal(explain.cause, EXPLAIN_GIVES_WAY);
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_FINISHED,
            .finished =
                {
                    .from = worker.from,
                    .attempt = victim,
                    .outcome = OUTCOME_PREEMPTED,
                    .checkpoint = "/store/checkpoint/7",
                },
        });
    assert_int_equal(rig_state(rig, high, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, low, gone), TASK_READY);
    assert_int_equal(rig_view(rig, low, gone).row.preemptions, 1);
    assert_int_equal(rig->attempts[victim.value].outcome, OUTCOME_PREEMPTED);
    rig_restart(rig);
    rig_hello(
        rig,
        &worker,
        (struct inventory_item[]){
            {rig_attempt(rig, low, 1 - gone), INVENTORY_RUNNING},
            {rig_attempt(rig, high, 0), INVENTORY_RUNNING}},
        2);
    assert_int_equal(rig_view(rig, low, gone).row.preemptions, 1);
    rig_finish(rig, &worker, rig_attempt(rig, high, 0), OUTCOME_DONE);
    if (rig_state(rig, low, gone) == TASK_WAITING) { /* a start waits for what was tried */
        rig_tick(rig, 1);
    }
    const struct effect *assign = rig_find(rig, EFFECT_SEND_ASSIGN);
    assert_non_null(assign);
    assert_string_equal(assign->assign.checkpoint, "/store/checkpoint/7");
    assert_int_equal(assign->assign.checkpoint_attempt.value, victim.value);
    rig_destroy(rig);
}

static void equals_do_not_give_way(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct grid_id first = submit(rig, "first", 1, 1, 5);
    start_all(rig, &worker, first);
    pass(rig, &worker, 70);
    struct grid_id second = submit(rig, "second", 1, 1, 5);
    pass(rig, &worker, 120);
    assert_int_equal(rig_state(rig, first, 0), TASK_RUNNING);
    assert_int_equal(rig_state(rig, second, 0), TASK_READY);
    rig_destroy(rig);
}

/* Who has just begun is left alone for a while. */
static void an_attempt_runs_for_a_while_first(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct grid_id low = submit(rig, "low", 1, 1, 0);
    start_all(rig, &worker, low);
    (void)submit(rig, "high", 1, 1, 5);
    pass(rig, &worker, 50);
    assert_int_equal(rig_state(rig, low, 0), TASK_RUNNING);
    pass(rig, &worker, 30);
    assert_int_equal(rig_state(rig, low, 0), TASK_WAITING);
    rig_destroy(rig);
}

/* Nobody is ended when that would not help; and of those that help only as many as it takes. */
static void only_as_many_as_it_takes(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id kept = submit(rig, "kept", 1, 2, 9);
    struct grid_id low = submit(rig, "low", 3, 2, 0);
    start_all(rig, &worker, kept);
    start_all(rig, &worker, low);
    pass(rig, &worker, 70);
    struct grid_id huge = submit(rig, "huge", 1, 8, 5);
    pass(rig, &worker, 25);
    assert_int_equal(rig_state(rig, low, 0), TASK_RUNNING);
    rig_control(rig, CONTROL_CANCEL, huge, -1);
    (void)submit(rig, "large", 1, 4, 5);
    pass(rig, &worker, 12);
    struct grid_view view;
    assert_true(core_find_grid(rig->core, low, &view));
    assert_int_equal(view.counts.of[TASK_RUNNING], 1);
    assert_int_equal(rig_state(rig, kept, 0), TASK_RUNNING);
    rig_destroy(rig);
}

static void a_work_gives_way_a_few_times_at_most(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct grid_id low = submit(rig, "low", 1, 1, 0);
    struct grid_id high = submit(rig, "high", 8, 1, 5);
    rig_control(rig, CONTROL_HOLD, high, -1);
    for (uint32_t round = 0; round < 4; round++) {
        start_all(rig, &worker, low);
        pass(rig, &worker, 70);
        rig_control(rig, CONTROL_RELEASE, high, (int32_t)round);
        struct attempt_id attempt = rig_attempt(rig, low, 0);
        pass(rig, &worker, 20);
        if (round == 3) {
            assert_int_equal(rig_state(rig, low, 0), TASK_RUNNING);
            break;
        }
        assert_int_equal(rig_state(rig, low, 0), TASK_WAITING);
        rig_finish(rig, &worker, attempt, OUTCOME_PREEMPTED);
        rig_finish(rig, &worker, rig_attempt(rig, high, round), OUTCOME_DONE);
        assert_int_equal(rig_state(rig, low, 0), TASK_LEASED);
    }
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_less_urgent_gives_way),
        cmocka_unit_test(equals_do_not_give_way),
        cmocka_unit_test(an_attempt_runs_for_a_while_first),
        cmocka_unit_test(only_as_many_as_it_takes),
        cmocka_unit_test(a_work_gives_way_a_few_times_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
