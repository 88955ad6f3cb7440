/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

/* Ends the task's next attempt; waits out its back-off first. */
static void end_next(
    struct rig *rig,
    const struct rig_worker *worker,
    struct grid_id grid,
    enum attempt_outcome how)
{
    for (int i = 0; i < 100 && rig_attempt(rig, grid, 0).value == 0; i++) {
        rig_tick(rig, 10000);
        rig_renew(rig, worker, (struct attempt_id){UINT64_MAX});
    }
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    assert_int_not_equal(attempt.value, 0);
    rig_started(rig, worker, attempt);
    rig_finish(rig, worker, attempt, how);
}

static void own_failures_end_a_task(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    end_next(rig, &worker, grid, OUTCOME_FAILED);
    assert_int_equal(rig_state(rig, grid, 0), TASK_WAITING);
    assert_int_equal(rig->tasks[1][0].failures, 1);
    end_next(rig, &worker, grid, OUTCOME_MEMORY);
    end_next(rig, &worker, grid, OUTCOME_SIGNAL);
    assert_int_equal(rig_state(rig, grid, 0), TASK_FAILED);
    assert_int_equal(rig_view(rig, grid, 0).row.reason, TASK_REASON_FAILURES);
    assert_string_equal(rig->tasks[1][0].detail, "it did not work");
    assert_int_equal(rig_verdict(rig, grid), VERDICT_FAILED);
    rig_destroy(rig);
}

/* PostgreSQL takes no half of a character, and so no row of a batch with one. */
static void a_detail_is_cut_between_characters(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    char detail[LIMIT_DETAIL + 8];
    memset(detail, 'x', sizeof(detail));
    memcpy(detail + LIMIT_DETAIL - 1, "\u00e9", sizeof("\u00e9"));
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_FINISHED,
            .finished = {
                .from = worker.from,
                .attempt = rig_attempt(rig, grid, 0),
                .outcome = OUTCOME_FAILED,
                .detail = detail}});
    assert_int_equal(strlen(rig->tasks[1][0].detail), LIMIT_DETAIL - 1);
    rig_destroy(rig);
}

static void other_ends_do_not_count(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    for (int i = 0; i < 8; i++) {
        end_next(rig, &worker, grid, i % 2 == 0 ? OUTCOME_AGAIN : OUTCOME_STORE);
        assert_int_equal(rig_state(rig, grid, 0), TASK_WAITING);
        assert_int_equal(rig->tasks[1][0].failures, 0);
    }
    assert_int_equal(rig->tasks[1][0].soft_failures, 8);
    assert_true(rig->tasks[1][0].backoff_ms <= 300000);
    end_next(rig, &worker, grid, OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 0), TASK_DONE);
    rig_destroy(rig);
}

static void backs_off_longer_each_time(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    plan->tasks[0].traits.failures_max = 20;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    for (uint32_t i = 0; i < 12; i++) {
        end_next(rig, &worker, grid, OUTCOME_FAILED);
        uint64_t full = i < 10 ? UINT64_C(1000) << i : 600000;
        full = full > 600000 ? 600000 : full;
        assert_in_range(rig->tasks[1][0].backoff_ms, full / 2, full);
    }
    rig_destroy(rig);
}

/* Its worker comes back each time, but without the attempt. */
static void one_that_takes_workers_down_is_poison(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    for (int i = 0; i < 3; i++) {
        while (rig_attempt(rig, grid, 0).value == 0) {
            rig_tick(rig, 10000);
            rig_renew(rig, &worker, (struct attempt_id){UINT64_MAX});
        }
        rig_started(rig, &worker, rig_attempt(rig, grid, 0));
        rig_hello(rig, &worker, NULL, 0);
    }
    assert_int_equal(rig_state(rig, grid, 0), TASK_FAILED);
    assert_int_equal(rig_view(rig, grid, 0).row.reason, TASK_REASON_POISON);
    assert_non_null(strstr(rig->tasks[1][0].detail, "3 workers"));
    rig_destroy(rig);
}

static void an_assignment_that_never_arrived_is_nobodys_fault(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    for (int i = 0; i < 10; i++) {
        struct attempt_id attempt = rig_attempt(rig, grid, 0);
        rig_hello(rig, &worker, NULL, 0);
        assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
        assert_true(rig_attempt(rig, grid, 0).value > attempt.value);
    }
    rig_destroy(rig);
}

static void a_missing_output_is_a_failure(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished = {.from = worker.from, .attempt = attempt, .outcome = OUTCOME_DONE}};
    rig_step(rig, &event);
    assert_int_equal(rig->attempts[attempt.value].outcome, OUTCOME_BAD_OUTPUT);
    assert_int_equal(rig->tasks[1][0].failures, 1);
    assert_int_equal(rig->results_count, 0);
    rig_destroy(rig);
}

/* Three tasks fail on one worker and succeed on the other. */
static void a_worker_that_fails_what_others_can_is_quarantined(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 4));
    struct rig_worker bad = rig_join(rig, "bad", 4, 8);
    struct attempt_id attempts[4];
    for (uint32_t t = 0; t < 4; t++) {
        attempts[t] = rig_attempt(rig, grid, t);
    }
    for (uint32_t t = 0; t < 4; t++) {
        rig_finish(rig, &bad, attempts[t], OUTCOME_FAILED);
    }
    struct rig_worker good = rig_join(rig, "good", 4, 8);
    rig_tick(rig, 2000);
    for (uint32_t t = 0; t < 4; t++) {
        assert_int_equal(rig_view(rig, grid, t).worker.value, good.from.worker.value);
        rig_finish(rig, &good, rig_attempt(rig, grid, t), OUTCOME_DONE);
    }
    struct worker_view view;
    assert_true(core_find_worker(rig->core, bad.from.worker, &view));
    assert_int_equal(view.row.state, WORKER_QUARANTINED);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_failures_end_a_task),
        cmocka_unit_test(a_detail_is_cut_between_characters),
        cmocka_unit_test(other_ends_do_not_count),
        cmocka_unit_test(backs_off_longer_each_time),
        cmocka_unit_test(one_that_takes_workers_down_is_poison),
        cmocka_unit_test(an_assignment_that_never_arrived_is_nobodys_fault),
        cmocka_unit_test(a_missing_output_is_a_failure),
        cmocka_unit_test(a_worker_that_fails_what_others_can_is_quarantined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
