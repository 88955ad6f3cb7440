/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, of the worker's state or of the artifact store: trouble of the store and
 * never the task's failure; after room was made everything goes on. The disks are small file
 * systems in a mount namespace of this test's own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "tests/unit/worker/world.h"

static const char *no_mounts; /* why there are none, or NULL */

static bool write_text(const char *path, const char *text)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Before there is any thread. As root in the present user namespace, else in one of our own. */
static void enter_namespace(void)
{
    char map[64];
    unsigned user = geteuid();
    unsigned group = getegid();
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            no_mounts = strerrordesc_np(errno);
            return;
        }
        (void)snprintf(map, sizeof(map), "0 %u 1", user);
        (void)(write_text("/proc/self/uid_map", map) && write_text("/proc/self/setgroups", "deny"));
        (void)snprintf(map, sizeof(map), "0 %u 1", group);
        (void)write_text("/proc/self/gid_map", map);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        no_mounts = strerrordesc_np(errno);
    }
}

static void mount_small(const char *path, const char *size)
{
    char options[64];
    (void)snprintf(options, sizeof(options), "size=%s,mode=700", size);
    assert_true(file_mkdirs(path, 0700, NULL));
    assert_int_equal(mount("tmpfs", path, "tmpfs", 0, options), 0);
}

static const char *store_dir(struct world *world)
{
    return path_join(world->arena, world->dir, "store");
}

static int set_up(void **state)
{
    if (no_mounts) {
        return 0;
    }
    (void)world_set_up(state);
    struct world *world = *state;
    artifact_store_close(world->store);
    mount_small(store_dir(world), "3m");
    mount_small(world->state, "3m");
    assert_true(artifact_store_open(store_dir(world), &world->store, NULL));
    return 0;
}

static int tear_down(void **state)
{
    if (no_mounts) {
        return 0;
    }
    struct world *world = *state;
    const char *const mounts[] = {world->state, store_dir(world)};
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
        assert_int_equal(umount2(mounts[i], MNT_DETACH), 0);
    }
    return world_tear_down(state);
}

static struct world *open_world(void **state)
{
    if (no_mounts) {
        print_message("skipped, no mount namespace: %s\n", no_mounts);
        skip();
    }
    return *state;
}

/* Writes until not a byte goes. */
static void fill(struct world *world, const char *dir)
{
    static const char block[4096];
    const char *path = path_join(world->arena, dir, "ballast");
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
}

static void make_room(struct world *world, const char *dir)
{
    assert_int_equal(unlink(path_join(world->arena, dir, "ballast")), 0);
}

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

static const char *const writes =
    "echo $$ > tmp/pid; while [ ! -e tmp/go ]; do sleep 0.05; done\n"
    "mkdir out/out; head -c 100000 /dev/urandom > out/out/file\n";

static void wait_begun(struct world *world, uint64_t attempt)
{
    (void)world_file(world, world_attempt(world, attempt, attempt, "tmp/pid"));
}

static void let_go(struct world *world, uint64_t attempt)
{
    test_write_file(world_attempt(world, attempt, attempt, "tmp/go"), "");
}

static void assign(struct world *world, uint64_t attempt, const char *script)
{
    struct msg_assignment assignment = world_assignment(world, attempt, attempt, script);
    world_assign(world, &assignment);
}

/* It has kept the epoch when it renews. */
static void start(struct world *world)
{
    world_start_worker(world);
    world_wait(world, &world->renews, 1);
}

static void a_full_store_takes_no_output(void **state)
{
    struct world *world = open_world(state);
    start(world);
    assign(world, 1, writes);
    wait_begun(world, 1);
    fill(world, store_dir(world));
    let_go(world, 1);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_STORE, "No space left on device");
    assert_int_equal(result->outputs_count, 0);
    make_room(world, store_dir(world));
    expect(world_run(world, 2, "mkdir out/out"), MSG_OUTCOME_DONE, "");
}

static void a_full_store_has_no_room_for_a_checkout(void **state)
{
    struct world *world = open_world(state);
    start(world);
    struct msg_assignment assignment = world_assignment(world, 1, 1, "mkdir out/out");
    fill(world, store_dir(world));
    world_assign(world, &assignment);
    expect(world_result(world, 1), MSG_OUTCOME_STORE, "No space left on device");
    make_room(world, store_dir(world));
    assignment.attempt = 2;
    world_assign(world, &assignment);
    expect(world_result(world, 2), MSG_OUTCOME_DONE, "");
}

static void a_full_state_begins_nothing(void **state)
{
    struct world *world = open_world(state);
    start(world);
    fill(world, world->state);
    expect(world_run(world, 1, "mkdir out/out"), MSG_OUTCOME_STORE, "No space left on device");
    make_room(world, world->state);
    assert_false(file_exists(world_attempt(world, 1, 1, "")));
    expect(world_run(world, 2, "mkdir out/out"), MSG_OUTCOME_DONE, "");
}

static void a_stage_that_meets_a_full_disk_is_not_to_blame(void **state)
{
    struct world *world = open_world(state);
    start(world);
    expect(world_run(world, 1, "cat /dev/zero > tmp/a; exit 3"), MSG_OUTCOME_STORE, "full");
    const char *trash = path_join(world->arena, world->state, "trash/1-1");
    uint64_t deadline_ms = clock_monotonic_ms() + 20000;
    while (file_exists(world_attempt(world, 1, 1, "")) || file_exists(trash)) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        world_turn(world);
    }
    expect(world_run(world, 2, "mkdir out/out"), MSG_OUTCOME_DONE, "");
    expect(world_run(world, 3, "exit 3"), MSG_OUTCOME_FAILED, "exit status 3");
}

/* Space was set aside for what is written at the end. */
static void a_finished_stage_is_told_of_on_a_full_disk(void **state)
{
    struct world *world = open_world(state);
    start(world);
    assign(
        world,
        1,
        "mkdir out/out; echo result > out/out/file; mkfifo tmp/go; echo $$ > tmp/pid; read x < tmp/go");
    wait_begun(world, 1);
    fill(world, world->state);
    int go CLEANUP(fd_cleanup) =
        open(world_attempt(world, 1, 1, "tmp/go"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(go, "\n", 1), 1);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_DONE, "");
    assert_string_equal(world_output(world, result, "file"), "result\n");
}

static void a_state_that_fills_up_loses_nothing_else(void **state)
{
    struct world *world = open_world(state);
    world->hold_acks = true;
    start(world);
    expect(world_run(world, 1, "mkdir out/out"), MSG_OUTCOME_DONE, "");
    assign(world, 2, writes);
    wait_begun(world, 2);
    test_write_file(world_attempt(world, 2, 2, "tmp/go"), "");
    fill(world, world->state);
    expect(world_result(world, 2), MSG_OUTCOME_STORE, "");
    world_kill_worker(world, SIGKILL);
    make_room(world, world->state);
    world->hold_acks = false;
    world->verdict = MSG_VERDICT_KEEP;
    world_start_worker(world); /* what was written before is there; the other is told again */
    size_t heard = world->results_heard;
    world_wait(world, &world->results_heard, heard + 2);
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
    expect(world_run(world, 3, "mkdir out/out"), MSG_OUTCOME_DONE, "");
}

/* The epoch of a new coordinator must be on disk before it is obeyed: it waits for room. */
static void a_new_epoch_waits_for_room(void **state)
{
    struct world *world = open_world(state);
    start(world);
    fill(world, world->state);
    world->epoch = 2;
    struct message need = {.type = MSG_NEED_HELLO};
    world_send(world, &need);
    size_t renews = world->renews;
    make_room(world, world->state);
    world_wait(world, &world->renews, renews + 2);
    world_send(world, &need);
    size_t hellos = world->hellos;
    world_wait(world, &world->hellos, hellos + 1);
    assert_int_equal(world->hello.epoch_seen, 2);
}

static void a_shim_that_cannot_be_started_is_tried_again(void **state)
{
    struct world *world = open_world(state);
    start(world);
    assign(world, 1, writes);
    wait_begun(world, 1);
    const char *log = path_join(world->arena, world->state, "shim.log");
    assert_int_equal(unlink(log), 0);
    assert_int_equal(mkdir(log, 0700), 0);
    assert_int_equal(kill((pid_t)shim_pid(world), SIGKILL), 0);
    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + 3);
    assert_true(process_lives(world->worker.pid));
    assert_int_equal(rmdir(log), 0);
    expect(world_result(world, 1), MSG_OUTCOME_LOST, "");
    expect(world_run(world, 2, "mkdir out/out"), MSG_OUTCOME_DONE, "");
}

static void an_unwritable_state_is_said_at_once(void **state)
{
    struct world *world = open_world(state);
    struct child_exit status;
    assert_int_equal(mount("tmpfs", world->state, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    world->deaf = true;
    world_start_worker(world);
    assert_true(child_wait(&world->worker, 20000, &status, NULL));
    assert_int_equal(status.code, 1);
    assert_int_equal(mount("tmpfs", world->state, "tmpfs", MS_REMOUNT, NULL), 0);
    world->worker = (struct child){.pidfd = -1};
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(a_full_store_takes_no_output),
        DISK_TEST(a_full_store_has_no_room_for_a_checkout),
        DISK_TEST(a_full_state_begins_nothing),
        DISK_TEST(a_stage_that_meets_a_full_disk_is_not_to_blame),
        DISK_TEST(a_finished_stage_is_told_of_on_a_full_disk),
        DISK_TEST(a_state_that_fills_up_loses_nothing_else),
        DISK_TEST(a_new_epoch_waits_for_room),
        DISK_TEST(a_shim_that_cannot_be_started_is_tried_again),
        DISK_TEST(an_unwritable_state_is_said_at_once),
    };
    enter_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
