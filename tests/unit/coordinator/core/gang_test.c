/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

struct gang_rig {
    struct rig *rig;
    struct grid_id grid;
    struct rig_worker workers[NODES];
    struct attempt_id attempt;
};

static const char *const names[NODES] = {"w0", "w1", "w2"};

static struct grid_id submit_gang(struct rig *rig, uint32_t nodes)
{
    struct rig_plan *plan = rig_plan(rig, 1);
    rig_task(rig, plan, 0, "plain", "{}")->traits.needs.nodes = nodes;
    return rig_submit(rig, plan);
}

/* A gang that was granted on as many workers as it needs; rank r is on worker r. */
static struct gang_rig granted(void)
{
    struct gang_rig it = {.rig = rig_create(NULL)};
    it.grid = submit_gang(it.rig, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_READY);
        it.workers[i] = rig_join(it.rig, names[i], 1, 4);
    }
    it.attempt = rig_attempt(it.rig, it.grid, 0);
    return it;
}

static void accept(struct gang_rig *it, uint32_t rank)
{
    rig_step(
        it->rig,
        &(struct event){
            .kind = EVENT_ACCEPTED,
            .accepted = {
                .from = it->workers[rank].from,
                .attempt = it->attempt,
                .host = names[rank],
                .port = 7000 + rank}});
}

static struct gang_rig running(void)
{
    struct gang_rig it = granted();
    for (uint32_t rank = 0; rank < NODES; rank++) {
        accept(&it, rank);
    }
    for (uint32_t rank = 0; rank < NODES; rank++) {
        rig_started(it.rig, &it.workers[rank], it.attempt);
    }
    return it;
}

static void is_placed_on_distinct_workers_or_not_at_all(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_LEASED);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ASSIGN), NODES);
    assert_int_equal(rig_count(it.rig, EFFECT_PERSIST_LEASE), NODES);
    for (uint32_t rank = 0; rank < NODES; rank++) {
        struct worker_id worker;
        assert_true(core_find_placement(it.rig->core, it.attempt, rank, &worker));
        assert_int_equal(worker.value, it.workers[rank].from.worker.value);
    }
    rig_destroy(it.rig);
}

/* One worker with room for three is not three workers. */
static void does_not_share_a_worker(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = submit_gang(rig, NODES);
    (void)rig_join(rig, "large", NODES, 64);
    (void)rig_join(rig, "small", 1, 64);
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    rig_destroy(rig);
}

static void goes_when_all_have_accepted(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    accept(&it, 2);
    accept(&it, 0);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_GO), 0);
    struct explain explain;
    assert_true(core_explain(it.rig->core, task_id_of(it.grid, 0), &explain));
    assert_int_equal(explain.ranks, NODES);
    assert_int_equal(explain.ranks_missing, 1);
    accept(&it, 1);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_GO), NODES);
    const struct effect_go *go = &rig_find(it.rig, EFFECT_SEND_GO)->go;
    assert_int_equal(go->port, 7000);
    assert_int_equal(go->hosts_count, NODES);
    assert_string_equal(go->hosts[1], "w1");
    rig_started(it.rig, &it.workers[0], it.attempt);
    rig_started(it.rig, &it.workers[1], it.attempt);
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_LEASED);
    rig_started(it.rig, &it.workers[2], it.attempt);
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_RUNNING);
    rig_destroy(it.rig);
}

/* Said again, after a connection broke: another GO for those that still wait. */
static void goes_again_when_asked_again(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    for (uint32_t rank = 0; rank < NODES; rank++) {
        accept(&it, rank);
    }
    rig_started(it.rig, &it.workers[0], it.attempt);
    accept(&it, 1);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_GO), NODES - 1);
    rig_destroy(it.rig);
}

static void is_done_when_all_ranks_are(void **state)
{
    (void)state;
    struct gang_rig it = running();
    rig_finish(it.rig, &it.workers[0], it.attempt, OUTCOME_DONE);
    rig_finish(it.rig, &it.workers[2], it.attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_RUNNING);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), 0);
    rig_finish(it.rig, &it.workers[1], it.attempt, OUTCOME_DONE);
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_DONE);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), NODES);
    assert_true(rig_find(it.rig, EFFECT_SEND_ACK)->ack.accepted);
    const struct attempt_row *row = &it.rig->attempts[it.attempt.value];
    assert_int_equal(row->placements_count, NODES);
    assert_int_equal(row->placements[1].outcome, OUTCOME_DONE);
    rig_destroy(it.rig);
}

/* Each rank's outputs count: the attempt is done when they have been put together. */
static void all_ranks_outputs_become_one(void **state)
{
    (void)state;
    struct gang_rig it = {.rig = rig_create(NULL)};
    struct rig_plan *plan = rig_plan(it.rig, 1);
    rig_task(it.rig, plan, 0, "ranks", "{}")->traits.needs.nodes = NODES;
    it.grid = rig_submit(it.rig, plan);
    for (uint32_t i = 0; i < NODES; i++) {
        it.workers[i] = rig_join(it.rig, names[i], 1, 4);
    }
    it.attempt = rig_attempt(it.rig, it.grid, 0);
    for (uint32_t rank = 0; rank < NODES; rank++) {
        accept(&it, rank);
        rig_started(it.rig, &it.workers[rank], it.attempt);
    }
    for (uint32_t rank = 0; rank < NODES; rank++) {
        rig_finish(it.rig, &it.workers[rank], it.attempt, OUTCOME_DONE);
    }
    const struct effect *effect = rig_find(it.rig, EFFECT_JOIN);
    assert_non_null(effect);
    assert_int_equal(effect->join.ranks, NODES);
    assert_int_equal(effect->join.outputs_count, 1);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), 0);
    struct result_output whole = {"out", digest_of("whole", 5)};
    rig_step(
        it.rig,
        &(struct event){
            .kind = EVENT_JOINED,
            .joined = {.attempt = it.attempt, .outputs = &whole, .outputs_count = 1}});
    assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_DONE);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), NODES);
    const struct effect *result = rig_find(it.rig, EFFECT_PERSIST_RESULT);
    assert_true(digest_equal(&result->result.result.outputs[0].digest, &whole.digest));
    rig_destroy(it.rig);
}

static void ends_everywhere_when_one_fails(void **state)
{
    (void)state;
    struct gang_rig it = running();
    rig_finish(it.rig, &it.workers[1], it.attempt, OUTCOME_FAILED);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_REVOKE), NODES - 1);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), 0);
    rig_finish(it.rig, &it.workers[0], it.attempt, OUTCOME_REVOKED);
    rig_tick(it.rig, 20000);
    struct explain explain;
    assert_true(core_explain(it.rig->core, task_id_of(it.grid, 0), &explain));
    assert_int_equal(explain.cause, EXPLAIN_ENDING);
    assert_int_equal(explain.ranks_ended, 2);
    assert_int_equal(rig_attempt(it.rig, it.grid, 0).value, it.attempt.value);
    rig_finish(it.rig, &it.workers[2], it.attempt, OUTCOME_REVOKED);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_ACK), NODES);
    struct task_view view = rig_view(it.rig, it.grid, 0);
    assert_int_equal(view.row.failures, 1);
    assert_string_equal(view.row.detail, "rank 1 on worker 'w1': it did not work");
    rig_destroy(it.rig);
}

/* The others fail because their peer is gone: that is not the program's fault. */
static void a_lost_rank_does_not_count_as_a_failure(void **state)
{
    (void)state;
    struct gang_rig it = running();
    rig_finish(it.rig, &it.workers[1], it.attempt, OUTCOME_FAILED);
    rig_finish(it.rig, &it.workers[2], it.attempt, OUTCOME_SIGNAL);
    rig_hello(it.rig, &it.workers[0], NULL, 0);
    struct task_view view = rig_view(it.rig, it.grid, 0);
    assert_int_equal(view.row.failures, 0);
    assert_int_equal(view.row.losses, 1);
    assert_int_equal(view.last_outcome, OUTCOME_LOST);
    rig_destroy(it.rig);
}

/* A silent rank stops itself at its lease's end, and has the grace period for it. */
static void waits_for_lease_and_grace_of_a_silent_rank(void **state)
{
    (void)state;
    struct gang_rig it = running();
    for (int i = 0; i < 2; i++) {
        rig_tick(it.rig, 29000);
        rig_renew(it.rig, &it.workers[0], it.attempt);
        rig_renew(it.rig, &it.workers[1], it.attempt);
        assert_int_equal(rig_state(it.rig, it.grid, 0), TASK_RUNNING);
    }
    rig_tick(it.rig, 2000);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_REVOKE), 2);
    rig_finish(it.rig, &it.workers[0], it.attempt, OUTCOME_REVOKED);
    rig_finish(it.rig, &it.workers[1], it.attempt, OUTCOME_REVOKED);
    assert_int_equal(rig_view(it.rig, it.grid, 0).row.losses, 1);
    rig_destroy(it.rig);
}

static void times_out_as_a_whole(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    accept(&it, 0);
    accept(&it, 1);
    for (int i = 0; i < 3; i++) {
        rig_tick(it.rig, 20000);
        for (uint32_t rank = 0; rank < NODES && i < 2; rank++) {
            rig_renew(it.rig, &it.workers[rank], it.attempt);
        }
    }
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_REVOKE), NODES);
    for (uint32_t rank = 0; rank < NODES; rank++) {
        rig_finish(it.rig, &it.workers[rank], it.attempt, OUTCOME_REVOKED);
    }
    struct task_view view = rig_view(it.rig, it.grid, 0);
    assert_int_equal(view.row.failures, 0);
    assert_int_equal(view.row.soft_failures, 1);
    assert_string_equal(view.row.detail, "rank 2 on worker 'w2' had not accepted after 60 s");
    rig_destroy(it.rig);
}

static void starts_although_its_coordinator_changed(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    accept(&it, 0);
    char *before = rig_dump(it.rig);
    rig_restart(it.rig);
    assert_string_equal(rig_dump(it.rig), before);
    struct inventory_item held = {it.attempt, INVENTORY_RUNNING};
    for (uint32_t rank = 0; rank < NODES; rank++) {
        rig_hello(it.rig, &it.workers[rank], &held, 1);
    }
    for (uint32_t rank = 0; rank < NODES; rank++) {
        accept(&it, rank);
    }
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_GO), NODES);
    rig_destroy(it.rig);
}

/* Nobody expects it to start any more. */
static void a_cancelled_one_is_not_late(void **state)
{
    (void)state;
    struct gang_rig it = granted();
    rig_control(it.rig, CONTROL_CANCEL, it.grid, -1);
    for (int i = 0; i < 3; i++) {
        rig_tick(it.rig, 29000);
        for (uint32_t rank = 0; rank < NODES; rank++) {
            rig_renew(it.rig, &it.workers[rank], it.attempt);
        }
    }
    for (uint32_t rank = 0; rank < NODES; rank++) {
        rig_finish(it.rig, &it.workers[rank], it.attempt, OUTCOME_REVOKED);
    }
    assert_int_equal(it.rig->attempts[it.attempt.value].outcome, OUTCOME_REVOKED);
    rig_destroy(it.rig);
}

static void a_cancelled_one_ends_on_all_workers(void **state)
{
    (void)state;
    struct gang_rig it = running();
    rig_control(it.rig, CONTROL_CANCEL, it.grid, -1);
    assert_int_equal(rig_count(it.rig, EFFECT_SEND_REVOKE), NODES);
    for (uint32_t rank = 0; rank < NODES; rank++) {
        assert_int_equal(rig_verdict(it.rig, it.grid), VERDICT_NONE);
        rig_finish(it.rig, &it.workers[rank], it.attempt, OUTCOME_REVOKED);
    }
    assert_int_equal(rig_verdict(it.rig, it.grid), VERDICT_CANCELLED);
    rig_destroy(it.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_placed_on_distinct_workers_or_not_at_all),
        cmocka_unit_test(does_not_share_a_worker),
        cmocka_unit_test(goes_when_all_have_accepted),
        cmocka_unit_test(goes_again_when_asked_again),
        cmocka_unit_test(is_done_when_all_ranks_are),
        cmocka_unit_test(all_ranks_outputs_become_one),
        cmocka_unit_test(ends_everywhere_when_one_fails),
        cmocka_unit_test(a_lost_rank_does_not_count_as_a_failure),
        cmocka_unit_test(waits_for_lease_and_grace_of_a_silent_rank),
        cmocka_unit_test(times_out_as_a_whole),
        cmocka_unit_test(starts_although_its_coordinator_changed),
        cmocka_unit_test(a_cancelled_one_is_not_late),
        cmocka_unit_test(a_cancelled_one_ends_on_all_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
