/* SPDX-License-Identifier: Apache-2.0 */
/* A rank of a gang: prepared, accepted, and begun with GO. */
#include <signal.h>
#include <string.h>

#include "tests/unit/test.h"
#include "tests/unit/worker/world.h"

static const char script[] = "cp task.json out/task.json.keep\n"
                             "mkdir -p out/out\n"
                             "mv out/task.json.keep out/out/task\n"
                             "env > out/out/env\n";

/* A worker that has accepted the rank. */
static void accept(struct world *world, uint32_t rank)
{
    world->lease_ms = 30000;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(world, 9, 1, script);
    assignment.exclusive = true;
    assignment.rank = rank;
    assignment.ranks = 2;
    world_assign(world, &assignment);
    world_wait(world, &world->accepted_count, 1);
}

static void go(struct world *world)
{
    const char *hosts[] = {"10.0.0.1", "10.0.0.2"};
    struct message message = {
        .type = MSG_GO,
        .go = {.task = 9, .attempt = 1, .port = 4321, .hosts = hosts, .hosts_count = 2}};
    world_send(world, &message);
}

static void begins_with_go(void **state)
{
    struct world *world = *state;
    accept(world, 1);
    assert_int_equal(world->accepted.attempt, 1);
    assert_string_equal(world->accepted.host, "127.0.0.1");
    assert_int_equal(world->accepted.port, 0); /* rank 0 names it */
    assert_int_equal(world->started_count, 0);
    go(world);
    const struct msg_result *result = world_result(world, 1);
    assert_int_equal(result->outcome, MSG_OUTCOME_DONE);
    assert_int_equal(result->outputs_count, 0); /* rank 0's count */
}

static void has_the_environment_of_torchrun(void **state)
{
    struct world *world = *state;
    accept(world, 0);
    assert_true(world->accepted.port > 0);
    go(world);
    const struct msg_result *result = world_result(world, 1);
    assert_int_equal(result->outcome, MSG_OUTCOME_DONE);
    const char *env = world_output(world, result, "env");
    static const char *const wanted[] = {
        "RANK=0", "WORLD_SIZE=2", "LOCAL_RANK=0", "MASTER_ADDR=10.0.0.1", "MASTER_PORT=4321"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_non_null(strstr(env, wanted[i]));
    }
    const char *task = world_output(world, result, "task");
    assert_non_null(strstr(task, "\"world_size\": 2"));
    assert_non_null(strstr(task, "\"10.0.0.2\""));
}

static void is_revoked_while_it_waits(void **state)
{
    struct world *world = *state;
    accept(world, 0);
    struct msg_revocation order = {.task = 9, .attempt = 1, .grace_ms = 1000, .reason = "test"};
    struct message message = {.type = MSG_REVOKE, .revoke = {&order, 1}};
    world_send(world, &message);
    const struct msg_result *result = world_result(world, 1);
    assert_int_equal(result->outcome, MSG_OUTCOME_CANCELLED);
    assert_int_equal(world->started_count, 0);
}

/* The other ranks may know the port by then. */
static void a_new_process_accepts_with_the_same_port(void **state)
{
    struct world *world = *state;
    accept(world, 0);
    uint32_t port = world->accepted.port;
    world_kill_worker(world, SIGKILL);
    world_start_worker(world);
    world_wait(world, &world->accepted_count, 2);
    assert_int_equal(world->accepted.port, port);
    go(world);
    assert_int_equal(world_result(world, 1)->outcome, MSG_OUTCOME_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(begins_with_go, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            has_the_environment_of_torchrun, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            is_revoked_while_it_waits, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            a_new_process_accepts_with_the_same_port, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
