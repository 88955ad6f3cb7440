/* SPDX-License-Identifier: Apache-2.0 */
/* load(store) == core. tests/sim does the same in thousands of worlds. */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

static void restart_and_compare(struct rig *rig)
{
    char *before = rig_dump(rig);
    rig_restart(rig);
    assert_string_equal(rig_dump(rig), before);
}

/* A grid with tasks in every state. */
static struct grid_id mixed(struct rig *rig, struct rig_worker *worker)
{
    struct rig_plan *plan = rig_plan(rig, 9);
    plan->tasks[1].traits.failures_max = 1;
    rig_reads(rig, plan, 8, 1);
    struct grid_id grid = rig_submit(rig, plan);
    *worker = rig_join(rig, "w", 7, 8);
    rig_finish(rig, worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    rig_finish(rig, worker, rig_attempt(rig, grid, 1), OUTCOME_FAILED);
    rig_finish(rig, worker, rig_attempt(rig, grid, 2), OUTCOME_FAILED);
    rig_control(rig, CONTROL_CANCEL, grid, 3);
    rig_control(rig, CONTROL_SKIP, grid, 4);
    rig_started(rig, worker, rig_attempt(rig, grid, 5));
    rig_tick(rig, 1000);
    return grid;
}

static void every_state_comes_back(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker;
    struct grid_id grid = mixed(rig, &worker);
    rig_control(rig, CONTROL_HOLD, grid, 2);
    restart_and_compare(rig);
    assert_int_equal(rig_state(rig, grid, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_FAILED);
    assert_int_equal(rig_state(rig, grid, 3), TASK_CANCELLED);
    assert_int_equal(rig_state(rig, grid, 4), TASK_SKIPPED);
    assert_int_equal(rig_state(rig, grid, 5), TASK_RUNNING);
    rig_destroy(rig);
}

static void running_attempts_are_adopted(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker;
    struct grid_id grid = mixed(rig, &worker);
    struct attempt_id running = rig_attempt(rig, grid, 5);
    struct attempt_id unknown = {999};
    rig_restart(rig);
    assert_int_equal(rig_attempt(rig, grid, 5).value, running.value);
    struct inventory_item held[] = {
        {running, INVENTORY_RUNNING},
        {unknown, INVENTORY_RUNNING},
        {unknown, INVENTORY_FINISHED}};
    rig_hello(rig, &worker, held, 3);
    const struct effect_welcome *welcome = &rig_find(rig, EFFECT_SEND_WELCOME)->welcome;
    assert_int_equal(welcome->items[0].verdict, WELCOME_KEEP);
    assert_int_equal(welcome->items[1].verdict, WELCOME_KILL);
    assert_int_equal(welcome->items[2].verdict, WELCOME_ACKNOWLEDGED);
    rig_finish(rig, &worker, running, OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 5), TASK_DONE);
    rig_destroy(rig);
}

/* I5: the coordinator was away for a day; nothing is lost before a lease from now on. */
static void leases_begin_anew(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker;
    struct grid_id grid = mixed(rig, &worker);
    rig->now += UINT64_C(24) * 3600 * 1000;
    rig_restart(rig);
    rig_tick(rig, 29999);
    assert_int_equal(rig_state(rig, grid, 5), TASK_RUNNING);
    rig_destroy(rig);
}

/* The leader that asked for it is gone, its HELLO was long under way. */
static void an_older_hello_is_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker;
    struct grid_id grid = mixed(rig, &worker);
    struct attempt_id running = rig_attempt(rig, grid, 5);
    rig_restart(rig);
    struct event old = {
        .kind = EVENT_HELLO,
        .hello = {
            .session = {77},
            .name = "w",
            .principal = "cluster",
            .incarnation = 1,
            .number = 1,
            .capacity = worker.capacity,
        }};
    rig_step(rig, &old);
    assert_null(rig_find(rig, EFFECT_SEND_WELCOME));
    assert_int_equal(rig_attempt(rig, grid, 5).value, running.value);
    rig_destroy(rig);
}

static void a_cancelled_grid_stays_cancelled(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker;
    struct grid_id grid = mixed(rig, &worker);
    rig_control(rig, CONTROL_CANCEL, grid, -1);
    restart_and_compare(rig);
    assert_int_equal(rig_state(rig, grid, 7), TASK_CANCELLED);
    assert_int_equal(rig->grids[1].state, GRID_CANCELLING);
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(rig->grids[1].state, GRID_FINISHED);
    rig_destroy(rig);
}

static void shared_failures_find_each_other(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 2);
    plan->tasks[0].traits.failures_max = 1;
    plan->tasks[1].params = plan->tasks[0].params;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_FAILED);
    restart_and_compare(rig);
    rig_control(rig, CONTROL_RETRY, grid, 1);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.tasks_count, 2);
    rig_destroy(rig);
}

static void attempt_ids_are_never_given_twice(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    plan->tasks[0].traits.failures_max = 50;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        struct attempt_id attempt = rig_attempt(rig, grid, 0);
        assert_true(attempt.value > last);
        last = attempt.value;
        /* Crash before anything but the lease was stored; its worker does not have it. */
        rig_restart(rig);
        rig_hello(rig, &worker, NULL, 0);
    }
    rig_destroy(rig);
}

static void drained_workers_stay_drained(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct event drain = {
        .kind = EVENT_WORKER_CONTROL,
        .worker_control = {
            .kind = WORKER_DRAIN, .worker = worker.from.worker, .detail = "new disks"}};
    rig_step(rig, &drain);
    rig_restart(rig);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    rig_hello(rig, &worker, NULL, 0);
    assert_true(rig_find(rig, EFFECT_SEND_WELCOME)->welcome.draining);
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    struct worker_view view;
    assert_true(core_find_worker(rig->core, worker.from.worker, &view));
    assert_string_equal(view.row.detail, "new disks");
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_comes_back),
        cmocka_unit_test(running_attempts_are_adopted),
        cmocka_unit_test(leases_begin_anew),
        cmocka_unit_test(an_older_hello_is_refused),
        cmocka_unit_test(a_cancelled_grid_stays_cancelled),
        cmocka_unit_test(shared_failures_find_each_other),
        cmocka_unit_test(attempt_ids_are_never_given_twice),
        cmocka_unit_test(drained_workers_stay_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
