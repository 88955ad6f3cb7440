/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

static void goes_by_grid_then_by_ordinal(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    struct rig_plan *other = rig_plan(rig, 1);
    (void)rig_task(rig, other, 0, "plain", "{\"other\":1}");
    struct grid_id first = rig_submit(rig, plan);
    struct grid_id second = rig_submit(rig, other);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    for (uint32_t t = 0; t < 3; t++) {
        assert_int_equal(rig_state(rig, first, t), TASK_LEASED);
        assert_int_equal(rig_state(rig, second, 0), TASK_READY);
        rig_finish(rig, &worker, rig_attempt(rig, first, t), OUTCOME_DONE);
        assert_int_equal(rig_state(rig, first, t), TASK_DONE);
    }
    assert_int_equal(rig_state(rig, second, 0), TASK_LEASED);
    assert_int_equal(rig_verdict(rig, first), VERDICT_DONE);
    rig_destroy(rig);
}

static void small_ones_overtake_a_large_one(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[1].traits.needs.cpus_milli = 4000;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 8, 4);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 1), TASK_READY);
    assert_int_equal(rig_state(rig, grid, 2), TASK_LEASED);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_READY);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 2), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_destroy(rig);
}

/* Without a reservation a stream of small tasks would starve the large one for ever. */
static void a_worker_is_kept_for_one_that_waited_long(void **state)
{
    (void)state;
    struct core_options options = core_options_default();
    struct rig *rig = rig_create(&options);
    struct rig_plan *plan = rig_plan(rig, 12);
    rig->ran_ms = options.patience_ms / 2; /* two at a time */
    plan->tasks[1].traits.needs.cpus_milli = 2000;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 2, 2);
    uint32_t next = 0;
    for (int turn = 0; turn < 9 && rig_state(rig, grid, 1) == TASK_READY; turn++) {
        while (rig_state(rig, grid, next) != TASK_LEASED
               && rig_state(rig, grid, next) != TASK_RUNNING) {
            next++;
        }
        rig->now += options.patience_ms / 4;
        rig_renew(rig, &worker, rig_attempt(rig, grid, next));
        rig_tick(rig, 0);
        rig_finish(rig, &worker, rig_attempt(rig, grid, next), OUTCOME_DONE);
    }
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 11), TASK_READY);
    rig_destroy(rig);
}

static void nothing_is_placed_beyond_slots(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 10));
    (void)rig_join(rig, "a", 2, 64);
    (void)rig_join(rig, "b", 3, 64);
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    assert_int_equal(view.counts.of[TASK_LEASED], 5);
    assert_int_equal(view.counts.of[TASK_READY], 5);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_by_grid_then_by_ordinal),
        cmocka_unit_test(small_ones_overtake_a_large_one),
        cmocka_unit_test(a_worker_is_kept_for_one_that_waited_long),
        cmocka_unit_test(nothing_is_placed_beyond_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
