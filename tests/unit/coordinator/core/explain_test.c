/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

static struct explain explain(const struct rig *rig, struct grid_id grid, uint32_t ordinal)
{
    struct explain result;
    assert_true(core_explain(rig->core, task_id_of(grid, ordinal), &result));
    return result;
}

static void assert_says(
    struct rig *rig, struct grid_id grid, uint32_t ordinal, const char *text)
{
    struct explain found = explain(rig, grid, ordinal);
    struct str out;
    str_init(&out, 1 << 16);
    explain_render(&found, &out);
    if (strstr(out.data, text) == NULL) {
        fail_msg("expected '%s' in:\n%s", text, out.data);
    }
    str_done(&out);
}

static void names_upstream_tasks(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 2);
    rig_reads(rig, plan, 1, 0);
    struct grid_id grid = rig_submit(rig, plan);
    struct explain found = explain(rig, grid, 1);
    assert_int_equal(found.cause, EXPLAIN_UPSTREAM);
    assert_int_equal(found.upstream_count, 1);
    assert_string_equal(found.upstream[0].name, "t0");
    assert_says(rig, grid, 1, "t0 (ready)");
    rig_control(rig, CONTROL_CANCEL, grid, 0);
    assert_int_equal(explain(rig, grid, 1).cause, EXPLAIN_STUCK);
    assert_says(rig, grid, 1, "t0 (cancelled)");
    rig_destroy(rig);
}

static void says_what_is_short_and_where(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[1].traits.needs.cpus_milli = 3000;
    plan->tasks[2].traits.needs.cpus_milli = 64000;
    struct grid_id grid = rig_submit(rig, plan);
    assert_int_equal(explain(rig, grid, 0).cause, EXPLAIN_NO_WORKER);
    assert_says(rig, grid, 0, "no worker is up");
    (void)rig_join(rig, "w1", 4, 3);
    struct explain found = explain(rig, grid, 1);
    assert_int_equal(found.cause, EXPLAIN_RESOURCES);
    assert_int_equal(found.workers[0].short_of, EXPLAIN_CPUS);
    assert_int_equal(found.workers[0].needed, 3000);
    assert_int_equal(found.workers[0].free, 2000);
    assert_says(rig, grid, 1, "worker 'w1': cpus: needs 3, free 2");
    assert_int_equal(explain(rig, grid, 2).cause, EXPLAIN_TOO_LARGE);
    assert_says(rig, grid, 2, "needs more than any worker has");
    assert_says(rig, grid, 2, "needs 64, has 3");
    rig_destroy(rig);
}

static void names_labels_and_counters(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct counter cluster = {"licence", 1};
    struct core_options options = core_options_default();
    options.counters = counters_make(arena, &cluster, 1);
    struct rig *rig = rig_create(&options);
    const char *const a10[] = {"a10"};
    const char *const a100[] = {"a100"};
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[0].traits.needs.counters = counters_make(rig->arena, &cluster, 1);
    plan->tasks[1].traits.needs.counters = counters_make(rig->arena, &cluster, 1);
    plan->tasks[2].traits.needs.labels = labels_make(rig->arena, a10, 1);
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w1", 4, 4);
    worker.capacity.labels = labels_make(rig->arena, a100, 1);
    struct inventory_item held = {rig_attempt(rig, grid, 0), INVENTORY_RUNNING};
    rig_hello(rig, &worker, &held, 1);
    assert_int_equal(explain(rig, grid, 1).cause, EXPLAIN_RESOURCES);
    assert_says(rig, grid, 1, "worker 'w1': counter 'licence': needs 1, free 0");
    assert_int_equal(explain(rig, grid, 2).cause, EXPLAIN_TOO_LARGE);
    assert_says(rig, grid, 2, "worker 'w1' has no label 'a10'");
    assert_says(rig, grid, 2, "no worker offers 'a10'; did you mean 'a100'?");
    char *before = rig_dump(rig);
    rig_restart(rig);
    assert_string_equal(rig_dump(rig), before);
    rig_destroy(rig);
}

static void a_closed_worker_says_why(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = {
        .name = "w1",
        .capacity = {
            .slots = 1,
            .cpus_milli = 4000,
            .memory_bytes = 1 << 30,
            .disk_bytes = 1 << 30,
            .closed = true,
            .notice = "disk full"}};
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(rig_view(rig, grid, 0).row.state, TASK_READY);
    assert_says(rig, grid, 0, "worker 'w1': disk full");
    worker.capacity.closed = false;
    worker.capacity.notice = NULL;
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(rig_view(rig, grid, 0).row.state, TASK_LEASED);
    rig_destroy(rig);
}

static void counts_those_before_it(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 5));
    (void)rig_join(rig, "w1", 1, 4);
    struct explain found = explain(rig, grid, 4);
    assert_int_equal(found.cause, EXPLAIN_RESOURCES);
    assert_int_equal(found.ahead, 3);
    rig_destroy(rig);
}

static void tells_of_backoff_and_failure(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    plan->tasks[0].traits.failures_max = 2;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w1", 1, 4);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_FAILED);
    struct explain found = explain(rig, grid, 0);
    assert_int_equal(found.cause, EXPLAIN_BACKOFF);
    assert_in_range(found.until_ms, rig->now, rig->now + 1000);
    assert_says(rig, grid, 0, "it did not work");
    assert_says(rig, grid, 0, "1 of 2 failures used");
    rig_tick(rig, 2000);
    assert_says(rig, grid, 0, "was given out");
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_FAILED);
    assert_int_equal(explain(rig, grid, 0).cause, EXPLAIN_FINAL);
    assert_says(rig, grid, 0, "failed (failures, 2 of 2 failures): it did not work");
    assert_says(rig, grid, 0, "assay retry 1 --failed");
    rig_destroy(rig);
}

static void tells_who_does_the_work(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 2);
    (void)rig_task(rig, plan, 1, "plain", plan->tasks[0].params);
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w1", 4, 4);
    rig_started(rig, &worker, rig_attempt(rig, grid, 0));
    assert_int_equal(explain(rig, grid, 1).same_as.value, task_id_of(grid, 0).value);
    assert_says(rig, grid, 1, "is the same work as task 1/0");
    assert_says(rig, grid, 1, "runs on worker 'w1'");
    rig_control(rig, CONTROL_HOLD, grid, 1);
    assert_int_equal(explain(rig, grid, 1).cause, EXPLAIN_RUNNING);
    rig_destroy(rig);
}

static void names_limits_and_pauses(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->head.policies = ARENA_ARRAY(rig->arena, struct stage_policy, 1);
    plan->head.policies[0].at_most = 1;
    struct grid_id grid = rig_submit(rig, plan);
    (void)rig_join(rig, "w1", 4, 4);
    assert_int_equal(explain(rig, grid, 1).gate, GATE_AT_MOST);
    assert_says(rig, grid, 1, "its stage runs 1 tasks and `at_most` is 1");
    rig_control(rig, CONTROL_PAUSE, grid, -1);
    assert_int_equal(explain(rig, grid, 1).gate, GATE_PAUSED);
    assert_says(rig, grid, 1, "its grid is paused");
    assert_says(rig, grid, 1, "next: assay resume");
    rig_limit(rig, "bob", (struct owner_limits){.weight = 1, .tasks_max = 1});
    struct rig_plan *other = rig_plan(rig, 3);
    for (uint32_t t = 0; t < 3; t++) {
        (void)rig_task(rig, other, t, "fresh", arena_printf(rig->arena, "{\"b\":%u}", t));
    }
    struct grid_id bob = rig_submit_as(rig, "bob", other);
    assert_int_equal(explain(rig, bob, 2).gate, GATE_QUOTA_TASKS);
    assert_says(rig, bob, 2, "'bob' runs 1 tasks of a quota of 1");
    rig_destroy(rig);
}

static void says_why_others_come_first(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    struct grid_id grid = rig_submit(rig, plan);
    (void)rig_join(rig, "w1", 1, 4);
    struct rig_plan *urgent = rig_plan(rig, 2);
    struct rig_plan *fair = rig_plan(rig, 2);
    for (uint32_t t = 0; t < 2; t++) {
        (void)rig_task(rig, urgent, t, "fresh", arena_printf(rig->arena, "{\"u\":%u}", t));
        (void)rig_task(rig, fair, t, "fresh", arena_printf(rig->arena, "{\"f\":%u}", t));
    }
    urgent->head.priority = 4;
    (void)rig_submit(rig, urgent);
    (void)rig_submit_as(rig, "bob", fair);
    struct explain found = explain(rig, grid, 2);
    assert_int_equal(found.ahead, 5);
    assert_int_equal(found.ahead_priority, 2);
    assert_int_equal(found.ahead_share, 2);
    assert_says(rig, grid, 2, "2 of higher priority than its 0");
    assert_says(rig, grid, 2, "2 of owners who have had less by their weight, such as 'bob'");
    rig_destroy(rig);
}

static void says_what_is_left_of_budgets(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    plan->head.policies = ARENA_ARRAY(rig->arena, struct stage_policy, 1);
    plan->head.policies[0].oom_milli = 2000;
    plan->tasks[0].traits.needs.memory_bytes = 1 << 20;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w1", 1, 4);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_MEMORY);
    assert_says(rig, grid, 0, "1 of 3 failures used");
    assert_says(rig, grid, 0, "the next attempt asks for 2.1 MB of memory (on_oom)");
    rig_tick(rig, 1000);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_AGAIN);
    assert_says(rig, grid, 0, "1 ends in a row that do not count against it");
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_upstream_tasks),
        cmocka_unit_test(says_what_is_short_and_where),
        cmocka_unit_test(names_labels_and_counters),
        cmocka_unit_test(a_closed_worker_says_why),
        cmocka_unit_test(counts_those_before_it),
        cmocka_unit_test(tells_of_backoff_and_failure),
        cmocka_unit_test(tells_who_does_the_work),
        cmocka_unit_test(names_limits_and_pauses),
        cmocka_unit_test(says_why_others_come_first),
        cmocka_unit_test(says_what_is_left_of_budgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
