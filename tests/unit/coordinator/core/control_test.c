/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

/* t0 -> t1 -> t2, and t3 by itself. */
static struct rig_plan *chain(struct rig *rig)
{
    struct rig_plan *plan = rig_plan(rig, 4);
    rig_reads(rig, plan, 1, 0);
    rig_reads(rig, plan, 2, 1);
    return plan;
}

static struct state_counts counts(const struct rig *rig, struct grid_id grid)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    return view.counts;
}

static void cancelling_a_grid_revokes_what_runs(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    rig_control(rig, CONTROL_CANCEL, grid, -1);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.tasks_count, 4);
    assert_int_equal(rig_find(rig, EFFECT_SEND_REVOKE)->revoke.attempt.value, attempt.value);
    assert_int_equal(rig->grids[1].state, GRID_CANCELLING);
    assert_int_equal(counts(rig, grid).of[TASK_CANCELLED], 4);
    rig_finish(rig, &worker, attempt, OUTCOME_REVOKED);
    assert_int_equal(rig->grids[1].state, GRID_FINISHED);
    assert_int_equal(rig->grids[1].verdict, VERDICT_CANCELLED);
    rig_destroy(rig);
}

static void a_result_of_a_cancelled_task_is_dropped(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    rig_control(rig, CONTROL_CANCEL, grid, 0);
    rig_finish(rig, &worker, attempt, OUTCOME_DONE);
    assert_false(rig_find(rig, EFFECT_SEND_ACK)->ack.accepted);
    assert_int_equal(rig_state(rig, grid, 0), TASK_CANCELLED);
    assert_int_equal(rig->results_count, 0);
    rig_destroy(rig);
}

/* What depends on it is stuck, and so does not keep the grid open. */
static void cancelling_a_task_leaves_the_rest(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    rig_control(rig, CONTROL_CANCEL, grid, 0);
    assert_int_equal(counts(rig, grid).stuck, 2);
    assert_int_equal(rig->grids[1].state, GRID_ACTIVE);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 3), OUTCOME_DONE);
    assert_int_equal(rig->grids[1].state, GRID_FINISHED);
    rig_destroy(rig);
}

static void retry_revives_what_failed_and_what_waited_for_it(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = chain(rig);
    plan->tasks[0].traits.failures_max = 1;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 3), OUTCOME_DONE);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_FAILED);
    assert_int_equal(rig->grids[1].verdict, VERDICT_FAILED);
    assert_int_equal(counts(rig, grid).stuck, 2);
    rig_control(rig, CONTROL_RETRY, grid, -1);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.tasks_count, 1);
    assert_int_equal(rig->grids[1].state, GRID_ACTIVE);
    assert_int_equal(counts(rig, grid).stuck, 0);
    for (uint32_t t = 0; t < 3; t++) {
        rig_finish(rig, &worker, rig_attempt(rig, grid, t), OUTCOME_DONE);
    }
    assert_int_equal(rig->grids[1].verdict, VERDICT_DONE);
    rig_destroy(rig);
}

static void a_held_task_waits_for_its_release(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    rig_control(rig, CONTROL_HOLD, grid, -1);
    (void)rig_join(rig, "w", 4, 4);
    assert_int_equal(counts(rig, grid).of[TASK_HELD], 4);
    assert_int_equal(rig->grids[1].state, GRID_ACTIVE);
    rig_control(rig, CONTROL_RELEASE, grid, 0);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 3), TASK_HELD);
    rig_destroy(rig);
}

static void skipping_takes_what_depends_on_it_along(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    rig_control(rig, CONTROL_SKIP, grid, 1);
    assert_int_equal(rig_state(rig, grid, 1), TASK_SKIPPED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_SKIPPED);
    assert_int_equal(rig_view(rig, grid, 2).row.reason, TASK_REASON_UPSTREAM);
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    rig_destroy(rig);
}

/* Cancelled, then its upstream was skipped: a retry must not make it wait for ever. */
static void retry_after_the_upstream_was_skipped_skips(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    rig_control(rig, CONTROL_CANCEL, grid, 1);
    rig_control(rig, CONTROL_SKIP, grid, 0);
    assert_int_equal(rig_state(rig, grid, 1), TASK_CANCELLED);
    struct event event = {
        .kind = EVENT_CONTROL,
        .control = {.kind = CONTROL_RETRY, .grid = grid, .cancelled = true}};
    rig_step(rig, &event);
    assert_int_equal(rig_state(rig, grid, 1), TASK_SKIPPED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_SKIPPED);
    rig_destroy(rig);
}

static void an_unknown_grid_is_said_to_be_so(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    rig_control(rig, CONTROL_CANCEL, (struct grid_id){9}, -1);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.code, ERR_NOT_FOUND);
    assert_non_null(rig_find(rig, EFFECT_REPLY)->reply.hint);
    rig_destroy(rig);
}

static void a_finished_grid_can_be_forgotten(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, chain(rig));
    assert_false(core_forget_grid(rig->core, grid));
    rig_control(rig, CONTROL_CANCEL, grid, -1);
    assert_true(core_forget_grid(rig->core, grid));
    struct grid_view view;
    assert_false(core_find_grid(rig->core, grid, &view));
    rig_tick(rig, 1000);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelling_a_grid_revokes_what_runs),
        cmocka_unit_test(a_result_of_a_cancelled_task_is_dropped),
        cmocka_unit_test(cancelling_a_task_leaves_the_rest),
        cmocka_unit_test(retry_revives_what_failed_and_what_waited_for_it),
        cmocka_unit_test(a_held_task_waits_for_its_release),
        cmocka_unit_test(skipping_takes_what_depends_on_it_along),
        cmocka_unit_test(retry_after_the_upstream_was_skipped_skips),
        cmocka_unit_test(an_unknown_grid_is_said_to_be_so),
        cmocka_unit_test(a_finished_grid_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
