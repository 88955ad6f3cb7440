/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that end. */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

#define MINUTE 60000u

/* Task 0 has a limit of an hour, task 1 one of five minutes, task 2 none. */
static struct grid_id submit(struct rig *rig)
{
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[0].traits.time_ms = 60 * MINUTE;
    plan->tasks[1].traits.time_ms = 5 * MINUTE;
    return rig_submit(rig, plan);
}

static struct rig_worker join(struct rig *rig, const char *name, uint64_t life_ms)
{
    struct rig_worker worker = {
        .name = name,
        .life_ms = life_ms,
        .capacity = {.slots = 8, .cpus_milli = 8000, .memory_bytes = 1, .disk_bytes = 1},
    };
    rig_hello(rig, &worker, NULL, 0);
    return worker;
}

static void what_would_outlast_the_worker_waits(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = submit(rig);
    (void)join(rig, "ending", 20 * MINUTE);
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_LEASED);
    struct explain explain;
    assert_true(core_explain(rig->core, task_id_of(grid, 0), &explain));
    assert_int_equal(explain.cause, EXPLAIN_TOO_LARGE);
    assert_int_equal(explain.workers_count, 1);
    assert_int_equal(explain.workers[0].short_of, EXPLAIN_LIFE);
    assert_int_equal(explain.workers[0].free, 20 * MINUTE);
    (void)join(rig, "staying", 0);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    rig_destroy(rig);
}

static void life_passes(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = join(rig, "ending", 20 * MINUTE);
    for (int i = 0; i < 60; i++) {
        rig_tick(rig, MINUTE / 4);
        rig_renew(rig, &worker, (struct attempt_id){999});
    }
    struct grid_id grid = submit(rig);
    /* Five minutes are left: too few for five minutes and the grace period. */
    assert_int_equal(rig_state(rig, grid, 1), TASK_READY);
    assert_int_equal(rig_state(rig, grid, 2), TASK_READY);
    worker.life_ms = 6 * MINUTE;
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_READY);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_would_outlast_the_worker_waits),
        cmocka_unit_test(life_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
