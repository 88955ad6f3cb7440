/* SPDX-License-Identifier: Apache-2.0 */
/* What is left when a worker, its shim, the coordinator or the connection goes away. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "tests/unit/worker/world.h"

static void expect(
    const struct msg_result *result, enum msg_outcome outcome, const char *message)
{
    if (result->outcome != outcome || !strstr(result->message, message)) {
        fail_msg(
            "expected %s '%s', found %s '%s' log '%s'",
            message_outcome_name(outcome),
            message,
            message_outcome_name(result->outcome),
            result->message,
            result->log_tail);
    }
}

static const char *const waits =
    "echo began; echo $$ > tmp/pid\n"
    "echo '{\"name\": \"loss\", \"value\": 1}' >> metrics.jsonl\n"
    "while [ ! -e tmp/go ]; do sleep 0.05; done\n"
    "echo '{\"name\": \"loss\", \"value\": 2, \"step\": 1}' >> metrics.jsonl\n"
    "mkdir out/out; echo done > out/out/file\n";

static long wait_pid(struct world *world, uint64_t attempt)
{
    return strtol(
        world_file(world, world_attempt(world, attempt, attempt, "tmp/pid")), NULL, 10);
}

static void let_go(struct world *world, uint64_t attempt)
{
    test_write_file(world_attempt(world, attempt, attempt, "tmp/go"), "");
}

static void begin(struct world *world, uint64_t attempt)
{
    struct msg_assignment assignment = world_assignment(world, attempt, attempt, waits);
    world_assign(world, &assignment);
}

static void wait_gone(long pid)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 20000;
    struct loop *loop CLEANUP(loop_cleanup) = loop_create();
    while (process_lives(pid)) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        assert_true(loop_poll(loop, clock_monotonic_ms() + 20, NULL));
    }
}

static void a_killed_worker_finds_its_stage_again(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    world_kill_worker(world, SIGKILL);
    assert_true(process_lives(pid));

    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 1);
    assert_int_equal(world->hello.inventory[0].attempt, 1);
    assert_int_equal(world->hello.inventory[0].held, MSG_HELD_RUNNING);
    assert_true(process_lives(pid));
    let_go(world, 1);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_DONE, "");
    assert_string_equal(world_output(world, result, "file"), "done\n");
    assert_string_equal(result->log_tail, "began\n");
    assert_int_equal(world->points_count, 2);
    assert_true(world->points[1].value == 2);
}

static void a_stage_ends_while_no_worker_is_there(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin(world, 1);
    (void)wait_pid(world, 1);
    world_kill_worker(world, SIGKILL);
    let_go(world, 1);
    (void)world_file(world, world_attempt(world, 1, 1, "result")); /* the shim did it all */

    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 1);
    assert_int_equal(world->hello.inventory[0].held, MSG_HELD_FINISHED);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
    assert_int_equal(world->points_count, 2);
}

static void an_unacknowledged_result_is_told_again(void **state)
{
    struct world *world = *state;
    world->hold_acks = true;
    world_start_worker(world);
    begin(world, 1);
    (void)wait_pid(world, 1);
    let_go(world, 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
    world_kill_worker(world, SIGKILL);

    world->hold_acks = false;
    size_t heard = world->results_heard;
    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 1);
    world_wait(world, &world->results_heard, heard + 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");

    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + 2); /* it has the acknowledgement */
    world_kill_worker(world, SIGKILL);
    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 0);
}

static void an_acknowledged_verdict_settles_a_result(void **state)
{
    struct world *world = *state;
    world->hold_acks = true;
    world_start_worker(world);
    begin(world, 1);
    (void)wait_pid(world, 1);
    let_go(world, 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
    world_kill_worker(world, SIGKILL);
    world->verdict = MSG_VERDICT_ACKNOWLEDGED;
    size_t heard = world->results_heard;
    world_start_worker(world);
    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + 2);
    assert_int_equal(world->results_heard, heard);
    assert_false(file_exists(world_attempt(world, 1, 1, "task.json")));
}

static void a_kill_verdict_ends_a_stage(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    world_kill_worker(world, SIGKILL);
    world->verdict = MSG_VERDICT_KILL;
    world_start_worker(world);
    expect(world_result(world, 1), MSG_OUTCOME_CANCELLED, "");
    assert_false(process_lives(pid));
}

static void a_killed_shim_takes_its_stages_along(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "echo began\n"
        "setsid sh -c 'trap \"\" TERM HUP; echo $$ > tmp/daemon; while :; do sleep 0.1; done' &\n"
        "while [ ! -s tmp/daemon ]; do sleep 0.05; done; echo $$ > tmp/pid; sleep 300\n");
    world_assign(world, &assignment);
    long pid = wait_pid(world, 1);
    long escaped =
        strtol(world_file(world, world_attempt(world, 1, 1, "tmp/daemon")), NULL, 10);
    assert_true(process_lives(pid) && process_lives(escaped));
    long shim = shim_pid(world);
    assert_true(shim > 0);
    assert_int_equal(kill((pid_t)shim, SIGKILL), 0);

    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_LOST, "shim");
    assert_string_equal(result->log_tail, "began\n");
    wait_gone(pid);
    assert_false(process_lives(escaped));
    /* And life goes on, under a new shim. */
    assert_true(shim_pid(world) > 0 && shim_pid(world) != shim);
    expect(world_run(world, 2, "mkdir out/out"), MSG_OUTCOME_DONE, "");
}

static void worker_and_shim_are_killed_together(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    long shim = shim_pid(world);
    world_kill_worker(world, SIGKILL);
    assert_int_equal(kill((pid_t)shim, SIGKILL), 0);
    wait_gone(pid);
    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 1);
    expect(world_result(world, 1), MSG_OUTCOME_LOST, "");
}

static void a_killed_clerk_fails_nothing(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    expect(world_run(world, 1, "mkdir out/out\n"), MSG_OUTCOME_DONE, "");
    long first = clerk_pid(world);
    assert_true(first > 0);
    assert_int_equal(kill((pid_t)first, SIGKILL), 0); /* idle */
    begin(world, 2);
    (void)wait_pid(world, 2);
    long second = clerk_pid(world);
    assert_int_not_equal(second, first);

    assert_int_equal(kill((pid_t)second, SIGSTOP), 0);
    let_go(world, 2);
    (void)world_file(world, world_attempt(world, 2, 2, "exit.json"));
    assert_int_equal(kill((pid_t)second, SIGKILL), 0); /* while it is to publish */
    expect(world_result(world, 2), MSG_OUTCOME_DONE, "");
    assert_int_not_equal(clerk_pid(world), second);
}

static void a_clerk_stays(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    expect(world_run(world, 1, "mkdir out/out\n"), MSG_OUTCOME_DONE, "");
    long clerk = clerk_pid(world);
    expect(world_run(world, 2, "mkdir out/out\n"), MSG_OUTCOME_DONE, "");
    expect(world_run(world, 3, "exit 1\n"), MSG_OUTCOME_FAILED, "");
    assert_int_equal(clerk_pid(world), clerk);
}

static void a_coordinator_that_comes_back_finds_everything_as_it_was(void **state)
{
    struct world *world = *state;
    char endpoint[256];
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    memcpy(endpoint, world->endpoint, sizeof(endpoint));
    world_close_server(world);
    let_go(world, 1);
    (void)world_file(world, world_attempt(world, 1, 1, "result"));
    assert_false(process_lives(pid));
    world->epoch = 2;
    size_t hellos = world->hellos;
    world_open_server(world, endpoint);
    world_wait(world, &world->hellos, hellos + 1);
    assert_int_equal(world->hello.epoch_seen, 1);
    assert_int_equal(world->hello.inventory_count, 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
}

static void need_hello_is_answered(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    size_t hellos = world->hellos;
    uint64_t number = world->hello.number;
    struct message message = {.type = MSG_NEED_HELLO};
    world_send(world, &message);
    world_wait(world, &world->hellos, hellos + 1);
    assert_true(world->hello.number > number);
}

static void a_deposed_coordinator_is_not_obeyed(void **state)
{
    struct world *world = *state;
    world->epoch = 5;
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    struct msg_revocation order = {1, 1, 0, "deposed", false};
    struct message revoke = {.type = MSG_REVOKE, .epoch = 4, .revoke = {&order, 1}};
    world_send(world, &revoke);
    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + 2);
    assert_true(process_lives(pid));

    /* Not by a restarted worker, either: the epoch is on disk. */
    world_kill_worker(world, SIGKILL);
    world_start_worker(world);
    assert_int_equal(world->hello.epoch_seen, 5);
    let_go(world, 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
}

/* A stage with a checkpoint: preempted by the worker's end, resumed by the next attempt. */
static void a_leaving_worker_preempts_and_the_next_attempt_resumes(void **state)
{
    struct world *world = *state;
    static const char *const script =
        "ls checkpoint > tmp/seen; cp metrics.jsonl tmp/before 2>/dev/null\n"
        "if [ -e checkpoint/step-2 ]; then\n"
        "  mkdir out/out; cp tmp/seen tmp/before out/out; cat checkpoint/step-2/state >> out/out/seen; exit 0\n"
        "fi\n"
        "echo '{\"name\": \"loss\", \"value\": 1}' >> metrics.jsonl\n"
        "size=$(wc -c < metrics.jsonl)\n"
        "echo '{\"name\": \"loss\", \"value\": 9, \"step\": 1}' >> metrics.jsonl\n"
        "trap 'mkdir checkpoint/s.tmp; echo weights > checkpoint/s.tmp/state\n"
        "  echo $size > checkpoint/s.tmp/metrics.offset; mv checkpoint/s.tmp checkpoint/step-2\n"
        "  mkdir checkpoint/half.tmp; exit 75' TERM\n"
        "echo $$ > tmp/pid; while :; do sleep 0.05; done\n";
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(world, 7, 1, script);
    world_assign(world, &assignment);
    (void)world_file(world, world_attempt(world, 7, 1, "tmp/pid"));
    world_kill_worker(world, SIGTERM);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_PREEMPTED, "");
    assert_true(str_has_suffix(result->checkpoint, "checkpoint/step-2"));
    assert_int_equal(world->drains, 1);
    assert_int_equal(world->byes, 1);
    long shim = shim_pid(world);
    if (shim != 0) {
        wait_gone(shim); /* it was told to end, too */
    }

    world_start_worker(world);
    assert_int_equal(world->hello.inventory_count, 0);
    world->metrics_offset = 0;
    world->points_count = 0;
    assignment = world_assignment(world, 7, 2, script);
    assignment.checkpoint_attempt = 1;
    world_assign(world, &assignment);
    result = world_result(world, 2);
    expect(result, MSG_OUTCOME_DONE, "");
    assert_string_equal(world_output(world, result, "seen"), "step-2\nweights\n");
    assert_string_equal(
        world_output(world, result, "before"), "{\"name\": \"loss\", \"value\": 1}\n");
    assert_int_equal(world->points_count, 1); /* the prefix belongs to this attempt's curve */
    size_t last = world->started_count - 1;
    assert_true(world->started[last].resumed);
    assert_int_equal(
        world->started[last].resumed_offset, strlen("{\"name\": \"loss\", \"value\": 1}\n"));
    uint64_t deadline_ms = clock_monotonic_ms() + 20000;
    while (file_exists(world_attempt(world, 7, 1, "assignment"))) { /* no use any more */
        assert_true(clock_monotonic_ms() < deadline_ms);
        world_turn(world);
    }
}

static void two_workers_do_not_share_a_state(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct child first = world->worker;
    world->worker = (struct child){.pidfd = -1};
    world->deaf = true;
    world_start_worker(world);
    struct child_exit status;
    assert_true(child_wait(&world->worker, 20000, &status, NULL));
    assert_int_equal(status.code, 1);
    world->worker = first;
    world->deaf = false;
}

static void silence_kills_nothing(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin(world, 1);
    long pid = wait_pid(world, 1);
    world_close_server(world);
    uint64_t until_ms = clock_monotonic_ms() + 1500;
    while (clock_monotonic_ms() < until_ms) {
        assert_true(loop_poll(world->loop, until_ms, NULL));
    }
    assert_true(process_lives(pid));
    assert_true(process_lives(world->worker.pid));
}

/* Waits for the number of renewals that it hears now and `more`. */
static void wait_renews(struct world *world, size_t more)
{
    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + more);
}

static void begin_exclusive(struct world *world, uint64_t attempt, const char *script)
{
    struct msg_assignment assignment = world_assignment(world, attempt, attempt, script);
    assignment.exclusive = true;
    assignment.grace_ms = 500;
    world_assign(world, &assignment);
}

static void an_exclusive_program_begins_when_its_lease_is_confirmed(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    begin_exclusive(world, 1, waits);
    begin(world, 2);
    (void)wait_pid(world, 2); /* an ordinary one behind it is not held up */
    wait_renews(world, 3);
    assert_false(file_exists(world_attempt(world, 1, 1, "assignment")));
    struct msg_renewal early = {1, 1, 60000};
    struct message stale = {.type = MSG_RENEWED, .renewed = {&early, 1, 1}};
    world_send(world, &stale); /* answers a RENEW from before the assignment */
    wait_renews(world, 3);
    assert_false(file_exists(world_attempt(world, 1, 1, "assignment")));
    world->lease_ms = 60000;
    (void)wait_pid(world, 1);
    let_go(world, 1);
    let_go(world, 2);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
    expect(world_result(world, 2), MSG_OUTCOME_DONE, "");
}

static void an_exclusive_program_ends_with_its_lease_while_the_worker_is_stopped(void **state)
{
    struct world *world = *state;
    world->lease_ms = 2000;
    world_start_worker(world);
    begin_exclusive(world, 1, waits);
    begin_exclusive(
        world, 2, "trap '' TERM; echo $$ > tmp/pid; while :; do sleep 0.05; done\n");
    begin(world, 3);
    long polite = wait_pid(world, 1);
    long deaf = wait_pid(world, 2);
    long ordinary = wait_pid(world, 3);
    uint64_t longer_ms = clock_monotonic_ms() + 2500;
    while (clock_monotonic_ms() < longer_ms) { /* renewed, it goes on */
        wait_renews(world, 1);
    }
    assert_true(process_lives(polite) && process_lives(deaf));
    assert_int_equal(kill(world->worker.pid, SIGSTOP), 0);
    uint64_t stopped_ms = clock_monotonic_ms();
    wait_gone(polite);
    wait_gone(deaf);
    assert_true(clock_monotonic_ms() - stopped_ms < 2000 + 500 + 1500);
    assert_true(process_lives(ordinary));
    assert_int_equal(kill(world->worker.pid, SIGCONT), 0);
    expect(world_result(world, 1), MSG_OUTCOME_CANCELLED, "lease");
    expect(world_result(world, 2), MSG_OUTCOME_CANCELLED, "lease");
    let_go(world, 3);
    expect(world_result(world, 3), MSG_OUTCOME_DONE, "");
}

static void a_restarted_worker_renews_an_exclusive_program(void **state)
{
    struct world *world = *state;
    world->lease_ms = 2000;
    world_start_worker(world);
    begin_exclusive(world, 1, waits);
    long pid = wait_pid(world, 1);
    world_kill_worker(world, SIGKILL);
    assert_true(process_lives(pid));
    world_start_worker(world);
    uint64_t longer_ms = clock_monotonic_ms() + 2500;
    while (clock_monotonic_ms() < longer_ms) {
        wait_renews(world, 1);
    }
    assert_true(process_lives(pid));
    let_go(world, 1);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
}

#define SURVIVAL_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURVIVAL_TEST(a_killed_worker_finds_its_stage_again),
        SURVIVAL_TEST(a_stage_ends_while_no_worker_is_there),
        SURVIVAL_TEST(an_unacknowledged_result_is_told_again),
        SURVIVAL_TEST(an_acknowledged_verdict_settles_a_result),
        SURVIVAL_TEST(a_kill_verdict_ends_a_stage),
        SURVIVAL_TEST(a_killed_shim_takes_its_stages_along),
        SURVIVAL_TEST(worker_and_shim_are_killed_together),
        SURVIVAL_TEST(a_killed_clerk_fails_nothing),
        SURVIVAL_TEST(a_clerk_stays),
        SURVIVAL_TEST(a_coordinator_that_comes_back_finds_everything_as_it_was),
        SURVIVAL_TEST(need_hello_is_answered),
        SURVIVAL_TEST(a_deposed_coordinator_is_not_obeyed),
        SURVIVAL_TEST(a_leaving_worker_preempts_and_the_next_attempt_resumes),
        SURVIVAL_TEST(two_workers_do_not_share_a_state),
        SURVIVAL_TEST(silence_kills_nothing),
        SURVIVAL_TEST(an_exclusive_program_begins_when_its_lease_is_confirmed),
        SURVIVAL_TEST(an_exclusive_program_ends_with_its_lease_while_the_worker_is_stopped),
        SURVIVAL_TEST(a_restarted_worker_renews_an_exclusive_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
