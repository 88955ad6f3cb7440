/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

static enum worker_state state_of(const struct rig *rig, const struct rig_worker *worker)
{
    struct worker_view view;
    assert_true(core_find_worker(rig->core, worker->from.worker, &view));
    return view.row.state;
}

static void control(struct rig *rig, const struct rig_worker *worker, enum worker_control kind)
{
    struct event event = {
        .kind = EVENT_WORKER_CONTROL,
        .worker_control = {.kind = kind, .worker = worker->from.worker}};
    rig_step(rig, &event);
}

static void silence_makes_suspect_then_lost(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    assert_int_equal(state_of(rig, &worker), WORKER_UP);
    rig_tick(rig, 30000);
    assert_int_equal(state_of(rig, &worker), WORKER_SUSPECT);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    rig_tick(rig, 30000);
    assert_int_equal(state_of(rig, &worker), WORKER_LOST);
    rig_renew(rig, &worker, (struct attempt_id){5});
    assert_int_equal(state_of(rig, &worker), WORKER_UP);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    rig_destroy(rig);
}

static void a_draining_worker_finishes_what_it_has(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 2));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    control(rig, &worker, WORKER_DRAIN);
    assert_true(rig_find(rig, EFFECT_SEND_DRAIN)->drain.draining);
    assert_int_equal(state_of(rig, &worker), WORKER_DRAINING);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(state_of(rig, &worker), WORKER_DRAINED);
    assert_int_equal(rig_state(rig, grid, 1), TASK_READY);
    control(rig, &worker, WORKER_UNDRAIN);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_destroy(rig);
}

/* Stopped and started again, it works again; a user's drain outlives its process. */
static void a_worker_that_left_comes_back(void **state)
{
    (void)state;
    for (int by_user = 0; by_user < 2; by_user++) {
        for (int says_goodbye = 0; says_goodbye < 3; says_goodbye++) {
            struct rig *rig = rig_create(NULL);
            struct rig_worker worker = rig_join(rig, "w", 1, 4);
            control(rig, &worker, WORKER_LEAVE);
            assert_int_equal(state_of(rig, &worker), WORKER_DRAINED);
            if (by_user) {
                control(rig, &worker, WORKER_DRAIN);
            }
            if (says_goodbye & 1) {
                struct event event = {.kind = EVENT_GOODBYE, .goodbye = {worker.from}};
                rig_step(rig, &event);
            }
            if (says_goodbye >= 1) {
                rig_restart(rig); /* assay down, assay up; 2: the coordinator went first */
            }
            worker.restarts++;
            rig_hello(rig, &worker, NULL, 0);
            struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
            assert_int_equal(state_of(rig, &worker), by_user ? WORKER_DRAINED : WORKER_UP);
            assert_int_equal(rig_state(rig, grid, 0), by_user ? TASK_READY : TASK_LEASED);
            rig_destroy(rig);
        }
    }
}

/* Told to end while no coordinator was there to hear of it. */
static void hello_says_that_a_worker_leaves(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_HELLO,
            .hello = {
                .session = {50},
                .name = "w",
                .principal = "cluster",
                .incarnation = 1,
                .number = worker.number + 1,
                .capacity = worker.capacity,
                .leaving = true}});
    assert_int_equal(state_of(rig, &worker), WORKER_DRAINED);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    worker.restarts++;
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    rig_destroy(rig);
}

/* It would be easy to leave, else. */
static void quarantine_outlives_the_process(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig->workers[worker.from.worker.value].state = WORKER_QUARANTINED;
    rig_restart(rig);
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(state_of(rig, &worker), WORKER_QUARANTINED);
    control(rig, &worker, WORKER_LEAVE);
    worker.restarts++;
    rig_hello(rig, &worker, NULL, 0);
    assert_int_equal(state_of(rig, &worker), WORKER_QUARANTINED);
    rig_destroy(rig);
}

static void goodbye_gives_attempts_back_at_once(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    struct event event = {.kind = EVENT_GOODBYE, .goodbye = {worker.from}};
    rig_step(rig, &event);
    assert_int_equal(rig->attempts[attempt.value].outcome, OUTCOME_PREEMPTED);
    assert_int_equal(state_of(rig, &worker), WORKER_LOST);
    assert_int_equal(rig_state(rig, grid, 0), TASK_WAITING);
    assert_int_equal(rig->tasks[1][0].failures, 0);
    rig_destroy(rig);
}

static void an_unknown_attempt_is_revoked(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    rig_renew(rig, &worker, (struct attempt_id){42});
    assert_int_equal(rig_find(rig, EFFECT_SEND_REVOKE)->revoke.attempt.value, 42);
    assert_int_equal(rig_find(rig, EFFECT_SEND_RENEWED)->renewed.items_count, 0);
    rig_destroy(rig);
}

/* The same name under another key is another worker. */
static void names_belong_to_principals(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 1, 4);
    struct event event = {
        .kind = EVENT_HELLO,
        .hello = {
            .session = {50},
            .name = "w",
            .principal = "mallory",
            .incarnation = 1,
            .number = 1,
            .capacity = worker.capacity,
        }};
    rig_step(rig, &event);
    assert_int_not_equal(
        rig_find(rig, EFFECT_SEND_WELCOME)->welcome.to.worker.value, worker.from.worker.value);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_makes_suspect_then_lost),
        cmocka_unit_test(a_draining_worker_finishes_what_it_has),
        cmocka_unit_test(a_worker_that_left_comes_back),
        cmocka_unit_test(hello_says_that_a_worker_leaves),
        cmocka_unit_test(quarantine_outlives_the_process),
        cmocka_unit_test(goodbye_gives_attempts_back_at_once),
        cmocka_unit_test(an_unknown_attempt_is_revoked),
        cmocka_unit_test(names_belong_to_principals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
