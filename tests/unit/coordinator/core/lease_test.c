/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

struct one {
    struct rig *rig;
    struct grid_id grid;
    struct rig_worker worker;
    struct attempt_id attempt;
};

/* One task, running on one worker. */
static struct one running(const char *program)
{
    struct one one = {.rig = rig_create(NULL)};
    struct rig_plan *plan = rig_plan(one.rig, 1);
    (void)rig_task(one.rig, plan, 0, program, "{}");
    one.grid = rig_submit(one.rig, plan);
    one.worker = rig_join(one.rig, "w", 1, 4);
    one.attempt = rig_attempt(one.rig, one.grid, 0);
    rig_started(one.rig, &one.worker, one.attempt);
    return one;
}

static void is_not_issued_again_before_it_expires(void **state)
{
    (void)state;
    struct one one = running("plain");
    (void)rig_join(one.rig, "other", 1, 4);
    rig_tick(one.rig, 29999);
    assert_int_equal(rig_attempt(one.rig, one.grid, 0).value, one.attempt.value);
    rig_tick(one.rig, 1);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_WAITING);
    assert_int_equal(one.rig->attempts[one.attempt.value].outcome, OUTCOME_LOST);
    rig_destroy(one.rig);
}

static void is_renewed_by_name(void **state)
{
    (void)state;
    struct one one = running("plain");
    for (int i = 0; i < 10; i++) {
        one.rig->now += 20000;
        rig_renew(one.rig, &one.worker, one.attempt);
        const struct effect *renewed = rig_find(one.rig, EFFECT_SEND_RENEWED);
        assert_int_equal(renewed->renewed.items_count, 1);
        rig_tick(one.rig, 0);
    }
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_RUNNING);
    rig_destroy(one.rig);
}

static void grows_with_the_running_time(void **state)
{
    (void)state;
    struct one one = running("plain");
    uint64_t hour = 3600 * 1000;
    for (int i = 0; i < 150; i++) {
        one.rig->now += 29000;
        rig_renew(one.rig, &one.worker, one.attempt);
    }
    const struct effect *renewed = rig_find(one.rig, EFFECT_SEND_RENEWED);
    assert_int_equal(renewed->renewed.items[0].lease_ms, 150 * 29000 / 20);
    assert_true(150 * 29000 > hour);
    rig_destroy(one.rig);
}

/* A twin that a stalled network kept waiting is one grace period late at most. */
static void an_exclusive_one_waits_a_grace_period_more(void **state)
{
    (void)state;
    struct one one = running("exclusive");
    rig_tick(one.rig, 59999);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_RUNNING);
    rig_tick(one.rig, 1);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_WAITING);
    rig_destroy(one.rig);
}

static struct attempt_id lose_and_reissue(struct one *one, struct rig_worker *other)
{
    rig_tick(one->rig, 30000);
    *other = rig_join(one->rig, "other", 1, 4);
    rig_tick(one->rig, 5000);
    struct attempt_id second = rig_attempt(one->rig, one->grid, 0);
    assert_true(second.value > one->attempt.value);
    return second;
}

static void a_late_result_is_accepted_and_the_other_revoked(void **state)
{
    (void)state;
    struct one one = running("plain");
    struct rig_worker other;
    struct attempt_id second = lose_and_reissue(&one, &other);
    rig_finish(one.rig, &one.worker, one.attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_DONE);
    assert_true(rig_find(one.rig, EFFECT_SEND_ACK)->ack.accepted);
    assert_int_equal(rig_find(one.rig, EFFECT_SEND_REVOKE)->revoke.attempt.value, second.value);
    assert_int_equal(rig_view(one.rig, one.grid, 0).row.attempt.value, one.attempt.value);
    rig_finish(one.rig, &other, second, OUTCOME_DONE);
    assert_false(rig_find(one.rig, EFFECT_SEND_ACK)->ack.accepted);
    assert_int_equal(one.rig->results_count, 1);
    rig_destroy(one.rig);
}

static void a_late_result_is_dropped_when_another_was_accepted(void **state)
{
    (void)state;
    struct one one = running("plain");
    struct rig_worker other;
    struct attempt_id second = lose_and_reissue(&one, &other);
    rig_finish(one.rig, &other, second, OUTCOME_DONE);
    rig_finish(one.rig, &one.worker, one.attempt, OUTCOME_DONE);
    assert_false(rig_find(one.rig, EFFECT_SEND_ACK)->ack.accepted);
    assert_int_equal(one.rig->results_count, 1);
    assert_int_equal(rig_view(one.rig, one.grid, 0).row.attempt.value, second.value);
    rig_destroy(one.rig);
}

static void a_lost_one_goes_on_when_its_worker_returns_in_time(void **state)
{
    (void)state;
    struct one one = running("plain");
    rig_tick(one.rig, 30000);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_WAITING);
    struct inventory_item held = {one.attempt, INVENTORY_RUNNING};
    rig_hello(one.rig, &one.worker, &held, 1);
    assert_int_equal(
        rig_find(one.rig, EFFECT_SEND_WELCOME)->welcome.items[0].verdict, WELCOME_KEEP);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_RUNNING);
    rig_finish(one.rig, &one.worker, one.attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_DONE);
    rig_destroy(one.rig);
}

static void another_worker_cannot_speak_for_it(void **state)
{
    (void)state;
    struct one one = running("plain");
    struct rig_worker other = rig_join(one.rig, "other", 1, 4);
    rig_finish(one.rig, &other, one.attempt, OUTCOME_DONE);
    assert_false(rig_find(one.rig, EFFECT_SEND_ACK)->ack.accepted);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_RUNNING);
    rig_destroy(one.rig);
}

static void an_old_session_is_not_heard(void **state)
{
    (void)state;
    struct one one = running("plain");
    struct rig_worker old = one.worker;
    struct inventory_item held = {one.attempt, INVENTORY_RUNNING};
    rig_hello(one.rig, &one.worker, &held, 1);
    rig_finish(one.rig, &old, one.attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(one.rig, one.grid, 0), TASK_RUNNING);
    assert_int_equal(one.rig->effects.count, 0);
    rig_destroy(one.rig);
}

static void gets_a_row_after_a_second(void **state)
{
    (void)state;
    struct one one = running("plain");
    assert_false(one.rig->has_attempt[one.attempt.value]);
    rig_tick(one.rig, 1000);
    assert_true(one.rig->has_attempt[one.attempt.value]);
    assert_int_equal(one.rig->attempts[one.attempt.value].outcome, OUTCOME_NONE);
    assert_int_equal(one.rig->tasks[1][0].state, TASK_RUNNING);
    rig_destroy(one.rig);
}

static void send_metrics(struct one *one, uint64_t offset, uint64_t length)
{
    struct metric_point point = {.name = "loss", .tag = "", .step = 1, .value = 2};
    rig_step(
        one->rig,
        &(struct event){
            .kind = EVENT_METRICS,
            .metrics = {
                .from = one->worker.from,
                .attempt = one->attempt,
                .offset = offset,
                .length = length,
                .points = &point,
                .points_count = 1,
            }});
}

/* Pieces that come twice, or too early, are answered with where the next one begins. */
static void takes_metrics_in_order_and_once(void **state)
{
    (void)state;
    struct one one = running("plain");
    send_metrics(&one, 0, 10);
    assert_int_equal(rig_count(one.rig, EFFECT_PERSIST_METRICS), 1);
    assert_int_equal(rig_find(one.rig, EFFECT_SEND_METRICS_ACK)->metrics_ack.offset, 10);
    send_metrics(&one, 0, 10);
    assert_int_equal(rig_count(one.rig, EFFECT_PERSIST_METRICS), 0);
    send_metrics(&one, 20, 5);
    assert_int_equal(rig_count(one.rig, EFFECT_PERSIST_METRICS), 0);
    assert_int_equal(rig_find(one.rig, EFFECT_SEND_METRICS_ACK)->metrics_ack.offset, 10);
    send_metrics(&one, 10, 5);
    assert_int_equal(rig_find(one.rig, EFFECT_SEND_METRICS_ACK)->metrics_ack.offset, 15);
    rig_destroy(one.rig);
}

static void a_result_waits_for_its_metrics(void **state)
{
    (void)state;
    struct one one = running("plain");
    struct result_output output = {"out", digest_of("x", 1)};
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished = {
            .from = one.worker.from,
            .attempt = one.attempt,
            .outcome = OUTCOME_DONE,
            .metrics_length = 10,
            .outputs = &output,
            .outputs_count = 1,
        }};
    rig_step(one.rig, &event);
    assert_int_equal(rig_count(one.rig, EFFECT_SEND_ACK), 0);
    assert_int_equal(rig_find(one.rig, EFFECT_SEND_METRICS_ACK)->metrics_ack.offset, 0);
    send_metrics(&one, 0, 10);
    rig_step(one.rig, &event);
    assert_true(rig_find(one.rig, EFFECT_SEND_ACK)->ack.accepted);
    rig_destroy(one.rig);
}

/* While the store is away nothing is sent, so no lease may run out meanwhile. */
static void begins_when_its_batch_is_committed(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 1));
    struct effects effects;
    effects_init(&effects);
    struct event hello = {
        .kind = EVENT_HELLO,
        .now_ms = rig->now,
        .hello = {
            .session = {1},
            .name = "w",
            .principal = "cluster",
            .incarnation = 1,
            .number = 1,
            .capacity = {.slots = 1, .cpus_milli = 4000},
        }};
    core_step(rig->core, &hello, &effects);
    struct attempt_id attempt = rig_attempt(rig, grid, 0);
    struct event later = {.kind = EVENT_TICK, .now_ms = rig->now + 3600 * 1000};
    core_step(rig->core, &later, &effects);
    assert_int_equal(rig_attempt(rig, grid, 0).value, attempt.value);
    later.kind = EVENT_COMMITTED;
    later.committed.attempt = attempt;
    core_step(rig->core, &later, &effects);
    later = (struct event){.kind = EVENT_TICK, .now_ms = later.now_ms + 30000};
    core_step(rig->core, &later, &effects);
    assert_int_equal(rig_attempt(rig, grid, 0).value, 0);
    effects_done(&effects);
    arena_destroy(arena);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_not_issued_again_before_it_expires),
        cmocka_unit_test(is_renewed_by_name),
        cmocka_unit_test(grows_with_the_running_time),
        cmocka_unit_test(an_exclusive_one_waits_a_grace_period_more),
        cmocka_unit_test(a_late_result_is_accepted_and_the_other_revoked),
        cmocka_unit_test(a_late_result_is_dropped_when_another_was_accepted),
        cmocka_unit_test(a_lost_one_goes_on_when_its_worker_returns_in_time),
        cmocka_unit_test(another_worker_cannot_speak_for_it),
        cmocka_unit_test(an_old_session_is_not_heard),
        cmocka_unit_test(gets_a_row_after_a_second),
        cmocka_unit_test(takes_metrics_in_order_and_once),
        cmocka_unit_test(a_result_waits_for_its_metrics),
        cmocka_unit_test(begins_when_its_batch_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
