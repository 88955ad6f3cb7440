/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

/* t0 decides over t1; t2 reads from t1; t3 is free. */
static struct rig_plan *gated(struct rig *rig)
{
    struct rig_plan *plan = rig_plan(rig, 4);
    (void)rig_task(rig, plan, 0, "decide", "{}");
    plan->tasks[1].gate = 0;
    rig_reads(rig, plan, 2, 1);
    return plan;
}

static void a_verdict_of_skip_skips_in_the_same_step(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, gated(rig));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_decide(rig, &worker, rig_attempt(rig, grid, 0), DECISION_SKIP);
    assert_int_equal(rig_state(rig, grid, 1), TASK_SKIPPED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_SKIPPED);
    assert_int_equal(rig_view(rig, grid, 1).row.reason, TASK_REASON_DECISION);
    assert_string_equal(rig->tasks[1][1].detail, "4.1 epochs, at most 4");
    /* All rows of the decision lie in one batch. */
    assert_int_equal(rig_count(rig, EFFECT_PERSIST_TASK), 3);
    assert_int_equal(rig->audits[AUDIT_DECISION], 1);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 3), OUTCOME_DONE);
    assert_int_equal(rig->grids[1].verdict, VERDICT_DONE);
    rig_destroy(rig);
}

static void a_verdict_of_go_lets_it_run(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, gated(rig));
    struct rig_worker worker = rig_join(rig, "w", 4, 4);
    assert_int_equal(rig_state(rig, grid, 1), TASK_WAITING);
    rig_decide(rig, &worker, rig_attempt(rig, grid, 0), DECISION_GO);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_destroy(rig);
}

static void no_verdict_is_bad_output(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, gated(rig));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    rig_decide(rig, &worker, attempt, DECISION_NONE);
    assert_int_equal(rig->attempts[attempt.value].outcome, OUTCOME_BAD_OUTPUT);
    assert_int_equal(rig_state(rig, grid, 1), TASK_WAITING);
    rig_destroy(rig);
}

static void a_cached_verdict_counts_too(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id first = rig_submit(rig, gated(rig));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_decide(rig, &worker, rig_attempt(rig, first, 0), DECISION_SKIP);
    struct grid_id second = rig_submit(rig, gated(rig));
    assert_int_equal(rig_state(rig, second, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, second, 2), TASK_SKIPPED);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_of_skip_skips_in_the_same_step),
        cmocka_unit_test(a_verdict_of_go_lets_it_run),
        cmocka_unit_test(no_verdict_is_bad_output),
        cmocka_unit_test(a_cached_verdict_counts_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
