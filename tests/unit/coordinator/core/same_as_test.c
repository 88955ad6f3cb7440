/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

/* One task whose key is that of every other plan made here. */
static struct rig_plan *twin(struct rig *rig, const char *program)
{
    struct rig_plan *plan = rig_plan(rig, 1);
    (void)rig_task(rig, plan, 0, program, "{\"twin\":1}");
    return plan;
}

static void equal_keys_run_once(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id a = rig_submit(rig, twin(rig, "plain"));
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    assert_int_equal(rig_count(rig, EFFECT_SEND_ASSIGN), 1);
    assert_int_equal(rig_state(rig, b, 0), TASK_LEASED);
    assert_int_equal(rig_view(rig, b, 0).same_as.value, task_id_of(a, 0).value);
    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, a, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, b, 0), TASK_DONE);
    assert_int_equal(rig->results_count, 1);
    assert_int_equal(rig->grids[2].verdict, VERDICT_DONE);
    rig_destroy(rig);
}

/* Equal bytes from different inputs meet again: an edit that changes nothing stops there. */
static void equal_bytes_meet_again_downstream(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 4);
    (void)rig_task(rig, plan, 2, "plain", "{\"down\":1}");
    (void)rig_task(rig, plan, 3, "plain", "{\"down\":1}");
    rig_reads(rig, plan, 2, 0);
    rig_reads(rig, plan, 3, 1);
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 4, 8);
    struct result_output output = {"out", digest_of("same", 4)};
    for (uint32_t t = 0; t < 2; t++) {
        struct event event = {
            .kind = EVENT_FINISHED,
            .finished = {
                .from = worker.from,
                .attempt = rig_attempt(rig, grid, t),
                .outcome = OUTCOME_DONE,
                .outputs = &output,
                .outputs_count = 1,
            }};
        rig_step(rig, &event);
    }
    assert_int_equal(rig_view(rig, grid, 3).same_as.value, task_id_of(grid, 2).value);
    rig_destroy(rig);
}

/* A task without outputs is only waited for: its key stands for it. */
static void a_task_without_outputs_is_waited_for(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 2);
    rig_reads(rig, plan, 1, 0);
    plan->tasks[0].outputs_count = 0;
    plan->tasks[1].inputs[0].sources[0].output = NULL;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 1);
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished = {
            .from = worker.from,
            .attempt = rig_attempt(rig, grid, 0),
            .outcome = OUTCOME_DONE,
        }};
    rig_step(rig, &event);
    assert_int_equal(rig_state(rig, grid, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_restart(rig);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_destroy(rig);
}

static void a_result_in_the_store_answers(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id a = rig_submit(rig, twin(rig, "plain"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_DONE);
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    assert_int_equal(rig_state(rig, b, 0), TASK_DONE);
    assert_int_equal(rig_view(rig, b, 0).row.reason, TASK_REASON_CACHED);
    assert_int_equal(rig_count(rig, EFFECT_SEND_ASSIGN), 0);
    rig_destroy(rig);
}

static void a_program_that_is_not_cached_runs_again(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id a = rig_submit(rig, twin(rig, "fresh"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_DONE);
    struct grid_id b = rig_submit(rig, twin(rig, "fresh"));
    assert_int_equal(rig_state(rig, b, 0), TASK_LEASED);
    rig_finish(rig, &worker, rig_attempt(rig, b, 0), OUTCOME_DONE);
    assert_true(rig_find(rig, EFFECT_PERSIST_RESULT)->result.recomputed);
    rig_destroy(rig);
}

static void the_attempt_goes_on_for_the_other_row(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id a = rig_submit(rig, twin(rig, "plain"));
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    struct attempt_id attempt = rig_attempt(rig, a, 0);
    rig_control(rig, CONTROL_CANCEL, a, -1);
    assert_int_equal(rig_count(rig, EFFECT_SEND_REVOKE), 0);
    assert_int_equal(rig->grids[1].state, GRID_FINISHED);
    assert_int_equal(rig_attempt(rig, b, 0).value, attempt.value);
    /* The lease is the other row's now, in the store too. */
    assert_int_equal(rig->leases[rig->leases_count - 1].task.value, task_id_of(b, 0).value);
    rig_finish(rig, &worker, attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(rig, a, 0), TASK_CANCELLED);
    assert_int_equal(rig_state(rig, b, 0), TASK_DONE);
    rig_destroy(rig);
}

/* I6: while the old attempt is being ended, the key has no second one. */
static void a_new_wish_waits_until_the_old_attempt_has_ended(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id a = rig_submit(rig, twin(rig, "plain"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    struct attempt_id attempt = rig_attempt(rig, a, 0);
    rig_control(rig, CONTROL_CANCEL, a, -1);
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    assert_int_equal(rig_state(rig, b, 0), TASK_WAITING);
    assert_int_equal(rig_count(rig, EFFECT_SEND_ASSIGN), 0);
    rig_finish(rig, &worker, attempt, OUTCOME_REVOKED);
    assert_int_equal(rig_state(rig, b, 0), TASK_LEASED);
    rig_destroy(rig);
}

static void failure_and_retry_are_shared(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = twin(rig, "plain");
    plan->tasks[0].traits.failures_max = 1;
    struct grid_id a = rig_submit(rig, plan);
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_FAILED);
    assert_int_equal(rig_state(rig, b, 0), TASK_FAILED);
    assert_int_equal(rig->tasks[2][0].same_as.value, task_id_of(a, 0).value);
    rig_control(rig, CONTROL_RETRY, b, -1);
    assert_int_equal(rig_state(rig, a, 0), TASK_LEASED);
    assert_int_equal(rig->grids[1].state, GRID_ACTIVE);
    rig_finish(rig, &worker, rig_attempt(rig, b, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, a, 0), TASK_DONE);
    rig_destroy(rig);
}

static void a_new_grid_is_not_bound_by_an_old_failure(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = twin(rig, "plain");
    plan->tasks[0].traits.failures_max = 1;
    struct grid_id a = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_FAILED);
    struct grid_id b = rig_submit(rig, twin(rig, "plain"));
    assert_int_equal(rig_state(rig, b, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, a, 0), TASK_FAILED);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_keys_run_once),
        cmocka_unit_test(a_task_without_outputs_is_waited_for),
        cmocka_unit_test(equal_bytes_meet_again_downstream),
        cmocka_unit_test(a_result_in_the_store_answers),
        cmocka_unit_test(a_program_that_is_not_cached_runs_again),
        cmocka_unit_test(the_attempt_goes_on_for_the_other_row),
        cmocka_unit_test(a_new_wish_waits_until_the_old_attempt_has_ended),
        cmocka_unit_test(failure_and_retry_are_shared),
        cmocka_unit_test(a_new_grid_is_not_bound_by_an_old_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
