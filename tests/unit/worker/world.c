/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/worker/world.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

enum {
    PATIENCE_MS = 25000,
};

/* --- Life --- */

void world_open_server(struct world *world, const char *endpoint)
{
    struct net_server_config config = {endpoint, &world->server_pair, world->authorised};
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    struct err err = {0};
    while (!net_server_open(world->net, &config, &world->server, &err)) {
        assert_true(clock_monotonic_ms() < deadline_ms); /* the port is still being closed */
        assert_true(loop_poll(world->loop, clock_monotonic_ms() + 20, NULL));
    }
    (void)snprintf(
        world->endpoint, sizeof(world->endpoint), "%s", net_server_endpoint(world->server));
    world->server_source = loop_add_server(world->loop, world->server);
}

void world_close_server(struct world *world)
{
    loop_remove(world->loop, world->server_source);
    net_server_close(TAKE(world->server));
}

int world_set_up(void **state)
{
    struct arena *arena = arena_create();
    struct world *world = ARENA_NEW(arena, struct world);
    struct err err = {0};
    *world = (struct world){.arena = arena, .epoch = 1, .slots = "4", .worker = {.pidfd = -1}};
    world->dir = arena_strdup(arena, test_temp_dir());
    world->state = path_join(arena, world->dir, "state");
    world->keys = path_join(arena, world->dir, "keys");
    world->key_path = path_join(arena, world->dir, "key");
    assert_true(keypair_generate(&world->server_pair, &err));
    assert_true(keypair_generate(&world->worker_pair, &err));
    assert_true(keypair_write(world->key_path, &world->worker_pair, &err));
    assert_true(
        authorised_add(world->keys, world->worker_pair.public_key, "node", "worker", &err));
    assert_true(authorised_open(world->keys, &world->authorised, &err));
    assert_true(
        artifact_store_open(path_join(arena, world->dir, "store"), &world->store, &err));
    assert_true(net_create(&world->net, &err));
    world->loop = loop_create();
    world_open_server(world, "tcp://127.0.0.1:*");
    *state = world;
    return 0;
}

/* The pid of a process whose command line is `program`, perhaps with a path, and these words.
 */
static long find_process(const char *program, const char *words, size_t length)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    long found = 0;
    assert_non_null(dir);
    while (found == 0 && (entry = readdir(dir)) != NULL) {
        char path[300];
        char text[2048] = {0};
        (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        FILE *file = fopen(path, "re");
        size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
        file_cleanup(&file);
        if (got > length && strstr(text, program)
            && memcmp(text + strlen(text) + 1, words, length) == 0) {
            found = strtol(entry->d_name, NULL, 10);
        }
    }
    (void)closedir(dir);
    return found;
}

long shim_pid(struct world *world)
{
    return find_process("assay-shim", world->state, strlen(world->state) + 1);
}

long clerk_pid(struct world *world)
{
    static const char verb[] = "serve";
    size_t length = sizeof(verb) + strlen(world->state) + 1;
    char *words = arena_printf(world->arena, "%s %s", verb, world->state);
    words[sizeof(verb) - 1] = '\0';
    return find_process("assay-attempt", words, length);
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    world_kill_worker(world, SIGKILL);
    long shim = shim_pid(world);
    if (shim > 0) {
        (void)kill((pid_t)shim, SIGKILL);
    }
    net_server_close(world->server);
    loop_destroy(world->loop);
    net_destroy(world->net);
    authorised_close(world->authorised);
    artifact_store_close(world->store);
    arena_destroy(world->arena);
    return 0;
}

void world_start_worker(struct world *world)
{
    struct arena *arena = world->arena;
    const char *const argv[] = {
        TEST_WORKER,
        "--name=node-1",
        arena_printf(arena, "--gpus=%s", world->gpus ? world->gpus : "none"),
        arena_printf(arena, "--cpus=%s", world->cpus ? world->cpus : "8"),
        arena_printf(arena, "--disk-reserve=%s", world->reserve ? world->reserve : "0"),
        "--memory=64GiB",
        "--engine=/bin/false",
        arena_printf(arena, "--coordinator=%s", world->endpoint),
        arena_printf(arena, "--server-key=%s", world->server_pair.public_key),
        arena_printf(arena, "--key=%s", world->key_path),
        arena_printf(arena, "--state=%s", world->state),
        arena_printf(arena, "--store=%s", artifact_store_root(world->store)),
        arena_printf(arena, "--slots=%s", world->slots),
        NULL};
    struct child_request request = {
        .argv = argv,
        .env = (const char *const *)environ,
        .stdin_fd = -1,
        .stdout_fd = STDERR_FILENO,
        .stderr_fd = STDERR_FILENO};
    struct err err = {0};
    size_t wanted = world->hellos + 1;
    if (!child_spawn(&request, &world->worker, &err)) {
        fail_msg("%s", err.message);
    }
    if (!world->deaf) {
        world_wait(world, &world->hellos, wanted);
    }
}

void world_kill_worker(struct world *world, int signal_number)
{
    struct child_exit status;
    if (world->worker.pid == 0) {
        return;
    }
    (void)kill(world->worker.pid, signal_number);
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (!child_wait(&world->worker, 0, &status, NULL)) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        if (world->server) {
            world_turn(world);
        }
    }
    world->worker = (struct child){.pidfd = -1};
}

/* --- The coordinator --- */

void world_send(struct world *world, struct message *message)
{
    struct str frame CLEANUP(str_done) = {0};
    struct err err = {0};
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    message->epoch = message->epoch ? message->epoch : world->epoch;
    if (!message_pack(message, &frame, &err)) {
        fail_msg("%s", err.message);
    }
    (void)net_server_send(world->server, world->connection, frame.data, frame.length, NULL);
}

static void answer_hello(struct world *world, const struct msg_hello *hello)
{
    struct msg_verdict_entry *verdicts =
        ARENA_ARRAY(world->arena, struct msg_verdict_entry, hello->inventory_count + 1);
    for (size_t i = 0; i < hello->inventory_count; i++) {
        verdicts[i] = (struct msg_verdict_entry){
            .task = hello->inventory[i].task,
            .attempt = hello->inventory[i].attempt,
            .verdict = world->verdict,
            .lease_ms = 60000,
            .metrics_offset = world->metrics_offset};
    }
    struct message welcome = {
        .type = MSG_WELCOME,
        .welcome = {
            .protocol = 1,
            .cluster = "test",
            .coordinator = "here",
            .worker = 1,
            .heartbeat_ms = 200,
            .verdicts = verdicts,
            .verdicts_count = hello->inventory_count}};
    world->hello = *hello;
    world->hellos++;
    world_send(world, &welcome);
}

static void take_renew(struct world *world, const struct msg_renew *renew)
{
    struct msg_renewal *renewals =
        ARENA_ARRAY(world->arena, struct msg_renewal, renew->held.count + 1);
    for (size_t i = 0; i < renew->held.count; i++) {
        renewals[i] = (struct msg_renewal){
            renew->held.items[i].task, renew->held.items[i].attempt, world->lease_ms};
    }
    struct message renewed = {
        .type = MSG_RENEWED, .renewed = {renewals, renew->held.count, renew->number}};
    world->renew = *renew;
    world->renews++;
    if (world->lease_ms > 0) {
        world_send(world, &renewed);
    }
}

static void take_metrics(struct world *world, const struct msg_metrics *metrics)
{
    if (metrics->offset == world->metrics_offset) {
        for (size_t i = 0; i < metrics->count && world->points_count < WORLD_RESULTS; i++) {
            world->points[world->points_count++] = metrics->points[i];
        }
        world->metrics_offset = metrics->end;
    }
    struct message ack = {
        .type = MSG_METRICS_ACK,
        .metrics_ack = {metrics->task, metrics->attempt, world->metrics_offset}};
    world_send(world, &ack);
}

static void keep_result(struct world *world, const struct msg_result *result)
{
    world->results_heard++;
    for (size_t i = 0; i < world->results_count; i++) {
        if (world->results[i].attempt == result->attempt) {
            world->results[i] = *result;
            return;
        }
    }
    assert_true(world->results_count < WORLD_RESULTS);
    world->results[world->results_count++] = *result;
}

static void take_finished(struct world *world, const struct msg_finished *finished)
{
    struct msg_attempt *attempts =
        ARENA_ARRAY(world->arena, struct msg_attempt, finished->count + 1);
    for (size_t i = 0; i < finished->count; i++) {
        keep_result(world, &finished->results[i]);
        attempts[i] =
            (struct msg_attempt){finished->results[i].task, finished->results[i].attempt};
    }
    struct message ack = {.type = MSG_ACK, .ack = {{attempts, finished->count}}};
    if (!world->hold_acks) {
        world_send(world, &ack);
    }
}

static void take(struct world *world, const struct message *message)
{
    switch ((int)message->type) {
    case MSG_HELLO:
        answer_hello(world, &message->hello);
        break;
    case MSG_ACCEPTED:
        world->accepted = message->accepted.acceptances[0];
        world->accepted.host = arena_strdup(world->arena, world->accepted.host);
        world->accepted_count += message->accepted.count;
        break;
    case MSG_STARTED:
        for (size_t i = 0; i < message->started.count; i++) {
            assert_true(world->started_count < WORLD_RESULTS);
            world->started[world->started_count++] = message->started.starts[i];
        }
        break;
    case MSG_RENEW:
        take_renew(world, &message->renew);
        break;
    case MSG_METRICS:
        take_metrics(world, &message->metrics);
        break;
    case MSG_PROGRESS:
        world->progress = message->progress.entries[0];
        break;
    case MSG_FINISHED:
        take_finished(world, &message->finished);
        break;
    case MSG_LOG_DATA:
        world->log_data = message->log_data;
        world->logs++;
        break;
    case MSG_BYE:
        world->byes++;
        break;
    case MSG_DRAIN:
        world->drains++;
        break;
    default:
        fail_msg("unexpected %s", message_type_name(message->type));
    }
}

void world_turn(struct world *world)
{
    struct net_frame frame CLEANUP(net_frame_done) = {0};
    struct net_peer peer;
    assert_true(loop_poll(world->loop, clock_monotonic_ms() + 20, NULL));
    while (net_server_receive(world->server, &frame, &peer, NULL) == NET_DONE) {
        struct message message;
        struct err err = {0};
        if (world->deaf) {
            continue;
        }
        if (!message_unpack(frame.data, frame.length, world->arena, &message, &err)) {
            fail_msg("%s", err.message);
        }
        world->connection = peer.connection;
        take(world, &message);
    }
}

void world_wait(struct world *world, const size_t *count, size_t wanted)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (*count < wanted) {
        if (clock_monotonic_ms() >= deadline_ms) {
            fail_msg("waited too long: %zu of %zu", *count, wanted);
        }
        world_turn(world);
    }
}

/* --- Work --- */

struct msg_assignment world_assignment(
    struct world *world, uint64_t task, uint64_t attempt, const char *script)
{
    static const char *command[] = {"/bin/sh", "program/stage.sh"};
    static struct msg_declared_output output = {"out", "tree"};
    struct err err = {0};
    struct msg_assignment assignment = {
        .task = task,
        .attempt = attempt,
        .name = "stage/variant=raw",
        .grid = "test",
        .program = "stage",
        .version = 1,
        .command = command,
        .command_count = 2,
        .params = "{\"lr\":0.004,\"seed\":1}",
        .outputs = &output,
        .outputs_count = 1,
        .resources = {.cpus_milli = 1000},
        .grace_ms = 5000,
        .lease_ms = 60000};
    const char *dir = arena_printf(world->arena, "%s/program-%" PRIu64, world->dir, attempt);
    test_write_file(path_join(world->arena, dir, "stage.sh"), script);
    if (!artifact_publish_tree(world->store, dir, &assignment.files, NULL, &err)) {
        fail_msg("%s", err.message);
    }
    return assignment;
}

void world_assign(struct world *world, struct msg_assignment *assignment)
{
    struct message message = {.type = MSG_ASSIGN, .assign = {assignment, 1}};
    world_send(world, &message);
}

const struct msg_result *world_result(struct world *world, uint64_t attempt)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    for (;;) {
        for (size_t i = 0; i < world->results_count; i++) {
            if (world->results[i].attempt == attempt) {
                return &world->results[i];
            }
        }
        if (clock_monotonic_ms() >= deadline_ms) {
            fail_msg("no result of attempt %" PRIu64, attempt);
        }
        world_turn(world);
    }
}

const struct msg_result *world_run(struct world *world, uint64_t attempt, const char *script)
{
    struct msg_assignment assignment = world_assignment(world, attempt, attempt, script);
    world_assign(world, &assignment);
    return world_result(world, attempt);
}

const char *world_blob(struct world *world, const struct digest *digest)
{
    char *text;
    size_t length;
    struct err err = {0};
    const char *path = artifact_blob_path(world->store, digest, world->arena);
    if (!file_read(path, 64 << 20, world->arena, &text, &length, &err)) {
        fail_msg("%s", err.message);
    }
    return text;
}

const char *world_output(struct world *world, const struct msg_result *result, const char *file)
{
    char *path;
    char *text;
    size_t length;
    assert_int_equal(result->outputs_count, 1);
    assert_true(
        artifact_checkout(world->store, &result->outputs[0].digest, world->arena, &path, NULL));
    if (!file_read(
            path_join(world->arena, path, file), 1 << 20, world->arena, &text, &length, NULL)) {
        fail_msg("output has no '%s'", file);
    }
    return text;
}

const char *world_attempt(
    struct world *world, uint64_t task, uint64_t attempt, const char *file)
{
    return arena_printf(
        world->arena,
        "%s/attempts/%" PRIu64 "/%" PRIu64 "/%s",
        world->state,
        task,
        attempt,
        file);
}

const char *world_file(struct world *world, const char *path)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    char *text = NULL;
    size_t length = 0;
    while (!file_read(path, 1 << 20, world->arena, &text, &length, NULL) || length == 0) {
        if (clock_monotonic_ms() >= deadline_ms) {
            fail_msg("'%s' was not written", path);
        }
        if (world->server) {
            world_turn(world);
        } else {
            assert_true(loop_poll(world->loop, clock_monotonic_ms() + 20, NULL));
        }
    }
    return text;
}

/* A zombie does not live. */
bool process_lives(long pid)
{
    char path[64];
    char text[512] = {0};
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    bool read = file && fread(text, 1, sizeof(text) - 1, file) > 0;
    file_cleanup(&file);
    const char *state = read ? strrchr(text, ')') : NULL;
    return state && state[2] != 'Z' && state[2] != 'X';
}
