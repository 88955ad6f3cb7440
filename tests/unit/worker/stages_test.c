/* SPDX-License-Identifier: Apache-2.0 */
/* What stages do and how they end, with a worker that stays up. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/node.h"
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

static void a_stage_runs_and_is_published(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    assert_string_equal(world->hello.worker, "node-1");
    assert_int_equal(world->hello.slots, 4);
    assert_int_equal(world->hello.resources.cpus_milli, 8000);
    const struct msg_result *result = world_run(
        world,
        7,
        "echo hello; echo trouble >&2\n"
        "echo '{\"name\": \"loss\", \"step\": 1, \"value\": 2.5}' >> metrics.jsonl\n"
        "echo '{\"progress\": 0.5, \"done\": 1, \"total\": 2, \"unit\": \"docs\"}' >> metrics.jsonl\n"
        "echo '{\"name\": \"acc\", \"value\": 1, \"tag\": \"dev\"}' >> metrics.jsonl\n"
        "mkdir out/out; cp task.json out/out/task; env > out/out/env; pwd > out/out/pwd\n"
        "readlink /proc/self/fd/0 > out/out/stdin; ls /proc/self/fd | wc -w > out/out/fds\n");
    expect(result, MSG_OUTCOME_DONE, "");
    assert_int_equal(result->exit_status, 0);
    assert_string_equal(result->log_tail, "hello\ntrouble\n");
    assert_string_equal(world_blob(world, &result->log), "hello\ntrouble\n");
    assert_true(result->usage.wall_ms < 60000 && result->usage.max_rss_bytes > 0);
    assert_int_equal(world->points_count, 2);
    assert_string_equal(world->points[0].name, "loss");
    assert_true(world->points[0].value == 2.5);
    assert_string_equal(world->points[1].tag, "dev");
    assert_int_equal(result->metrics_end, world->metrics_offset);
    assert_string_equal(world_output(world, result, "stdin"), "/dev/null\n");
    assert_string_equal(world_output(world, result, "fds"), "4\n"); /* and that of ls */

    const char *env = world_output(world, result, "env");
    assert_non_null(strstr(env, "ASSAY_ATTEMPT=7\n"));
    assert_non_null(strstr(env, "ASSAY_TASK=stage/variant=raw\n"));
    assert_non_null(strstr(env, "OMP_NUM_THREADS=1\n"));
    assert_non_null(strstr(env, "CUDA_VISIBLE_DEVICES=\n"));
    assert_null(strstr(env, "USER="));

    struct node *task;
    const char *text = world_output(world, result, "task");
    assert_true(node_parse_json(text, strlen(text), world->arena, &task, NULL, NULL));
    assert_int_equal(node_get_int(task, "assay_task", 0), 1);
    assert_true(node_get_real(node_get(task, "parameters"), "lr", 0) == 0.004);
    assert_string_equal(
        node_get_text(node_get(node_get(task, "outputs"), "out"), "path", ""), "out/out");
    assert_int_equal(node_get_int(node_get(task, "volatile"), "attempt", 0), 7);
}

static void what_is_acknowledged_is_tidied_up(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    for (uint64_t attempt = 1; attempt <= 3; attempt++) {
        expect(world_run(world, attempt, "mkdir out/out"), MSG_OUTCOME_DONE, "");
        uint64_t deadline_ms = clock_monotonic_ms() + 20000;
        const char *trash = arena_printf(
            world->arena, "%s/trash/%" PRIu64 "-%" PRIu64, world->state, attempt, attempt);
        while (file_exists(world_attempt(world, attempt, attempt, "task.json"))
               || file_exists(trash)) {
            assert_true(clock_monotonic_ms() < deadline_ms);
            world_turn(world);
        }
    }
    size_t renews = world->renews;
    world_wait(world, &world->renews, renews + 2);
}

static void exit_statuses_have_their_meanings(void **state)
{
    struct world *world = *state;
    static struct msg_exit_rule rules[] = {{3, "memory"}, {4, "again"}, {5, "failed"}};

    static const struct {
        const char *script;
        enum msg_outcome outcome;
        const char *message;
    } cases[] = {
        {"echo broken; exit 9", MSG_OUTCOME_FAILED, "exit status 9"},
        {"exit 75", MSG_OUTCOME_AGAIN, "tried again"},
        {"exit 3", MSG_OUTCOME_MEMORY, "out of memory"},
        {"exit 4", MSG_OUTCOME_AGAIN, ""},
        {"kill -SEGV $$", MSG_OUTCOME_SIGNAL, "SIGSEGV"},
    };

    world_start_worker(world);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct msg_assignment assignment =
            world_assignment(world, i + 1, i + 1, cases[i].script);
        assignment.exits = rules;
        assignment.exits_count = ARRAY_LEN(rules);
        world_assign(world, &assignment);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(world_result(world, i + 1), cases[i].outcome, cases[i].message);
    }
    assert_string_equal(world_result(world, 1)->log_tail, "broken\n");
    assert_int_equal(world_result(world, 5)->signal, SIGSEGV);
}

/* The tree that a later attempt would read is deleted, or a blob of it. */
static void an_input_that_is_gone_is_named(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    const struct msg_result *made =
        world_run(world, 1, "mkdir out/out; echo text > out/out/file");
    expect(made, MSG_OUTCOME_DONE, "");
    struct digest tree = made->outputs[0].digest;
    struct digest blob = digest_of("text\n", 5);
    struct msg_entry entry = {.kind = MSG_ENTRY_TREE, .digest = tree, .spec = "", .label = ""};
    struct msg_input input = {
        .name = "in", .kind = "tree", .entries = &entry, .entries_count = 1};
    for (uint64_t attempt = 2; attempt < 4; attempt++) {
        bool whole = attempt == 3;
        assert_true(artifact_remove(
            world->store, whole ? ARTIFACT_TREE : ARTIFACT_BLOB, whole ? &tree : &blob, NULL));
        struct msg_assignment assignment = world_assignment(world, attempt, attempt, "true");
        assignment.inputs = &input;
        assignment.inputs_count = 1;
        world_assign(world, &assignment);
        const struct msg_result *result = world_result(world, attempt);
        expect(result, MSG_OUTCOME_STORE, "input 'in'");
        assert_true(digest_equal(&result->missing, &tree));
        assert_true(digest_equal(&result->missing_part, whole ? &tree : &blob));
        assert_int_equal(result->missing_part_is_tree, whole);
    }
}

static void a_command_that_is_not_there_says_so(void **state)
{
    struct world *world = *state;
    static const char *command[] = {"no-such-program"};
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(world, 1, 1, "");
    assignment.command = command;
    assignment.command_count = 1;
    world_assign(world, &assignment);
    expect(
        world_result(world, 1), MSG_OUTCOME_FAILED, "command 'no-such-program' was not found");
}

static void the_time_limit_ends_a_stage_with_its_children(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world, 1, 1, "trap 'echo asked' TERM\nsleep 300 & echo $! > tmp/pid\nwait\nwait\n");
    assignment.time_ms = 1500;
    assignment.grace_ms = 300;
    world_assign(world, &assignment);
    long pid = strtol(world_file(world, world_attempt(world, 1, 1, "tmp/pid")), NULL, 10);
    assert_true(pid > 0);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_TIME, "time limit");
    assert_non_null(strstr(result->log_tail, "asked"));
    assert_false(process_lives(pid));
}

static void the_memory_limit_ends_a_stage(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "exec python3 -c 'import time; x = bytearray(200 << 20); time.sleep(300)'");
    assignment.resources.memory_bytes = 100 << 20;
    world_assign(world, &assignment);
    expect(world_result(world, 1), MSG_OUTCOME_MEMORY, "raise needs.memory");
}

static void a_revoked_stage_is_ended(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "trap 'echo leaving; exit 75' TERM\necho $$ > tmp/pid\nwhile :; do sleep 0.05; done\n");
    world_assign(world, &assignment);
    long pid = strtol(world_file(world, world_attempt(world, 1, 1, "tmp/pid")), NULL, 10);
    world_wait(world, &world->started_count, 1);
    assert_int_equal(world->started[0].pid, pid);
    struct msg_revocation order = {1, 1, 5000, "test", false};
    struct message revoke = {.type = MSG_REVOKE, .revoke = {&order, 1}};
    world_send(world, &revoke);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_CANCELLED, "cancelled");
    assert_non_null(strstr(result->log_tail, "leaving\n"));
    assert_false(process_lives(pid));
}

static void a_preempted_stage_leaves_its_checkpoint(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "trap 'mkdir checkpoint/a.tmp; mv checkpoint/a.tmp checkpoint/a; exit 75' TERM\n"
        "echo $$ > tmp/pid\nwhile :; do sleep 0.05; done\n");
    world_assign(world, &assignment);
    (void)world_file(world, world_attempt(world, 1, 1, "tmp/pid"));
    struct msg_revocation order = {1, 1, 5000, "test", true};
    struct message revoke = {.type = MSG_REVOKE, .revoke = {&order, 1}};
    world_send(world, &revoke);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_PREEMPTED, "more urgent");
    assert_true(str_has_suffix(result->checkpoint, "/checkpoint/a"));
}

static void a_stage_that_ignores_us_is_killed(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world, 1, 1, "trap '' TERM\necho $$ > tmp/pid\nwhile :; do sleep 0.05; done\n");
    world_assign(world, &assignment);
    long pid = strtol(world_file(world, world_attempt(world, 1, 1, "tmp/pid")), NULL, 10);
    struct msg_revocation order = {1, 1, 100, "test", false};
    struct message revoke = {.type = MSG_REVOKE, .revoke = {&order, 1}};
    world_send(world, &revoke);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_CANCELLED, "");
    assert_int_equal(result->signal, SIGKILL);
    assert_false(process_lives(pid));
}

static void leftovers_of_a_finished_stage_are_killed(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    const struct msg_result *result = world_run(
        world,
        1,
        "mkdir out/out\n"
        "setsid sh -c 'trap \"\" TERM; echo $$ > out/out/a; while :; do sleep 0.1; done' &\n"
        "(setsid env -i /bin/sh -c 'echo $$ > out/out/b; exec sleep 300' &)\n"
        "while [ ! -s out/out/a ] || [ ! -s out/out/b ]; do sleep 0.05; done\n");
    expect(result, MSG_OUTCOME_DONE, "");
    assert_false(process_lives(strtol(world_output(world, result, "a"), NULL, 10)));
    assert_false(process_lives(strtol(world_output(world, result, "b"), NULL, 10)));
}

/* Children that leave the session, ignore SIGTERM and have more of their kind, until the limit.
 */
static void a_breeding_stage_is_ended_whole(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "cat > tmp/breed <<'END'\n"
        "trap '' TERM HUP\n"
        "echo $$ >> tmp/pids\n"
        "[ $1 -gt 0 ] && { setsid sh tmp/breed $(($1 - 1)) & setsid sh tmp/breed $(($1 - 1)) & }\n"
        "while :; do sleep 0.2; done\n"
        "END\n"
        "sh tmp/breed 4\n");
    assignment.time_ms = 1500;
    assignment.grace_ms = 200;
    world_assign(world, &assignment);
    const char *pids = world_attempt(world, 1, 1, "tmp/pids");
    const char *text = world_file(world, pids);
    uint64_t deadline_ms = clock_monotonic_ms() + 20000;
    size_t count = 0;
    while (count < 31) { /* 1 + 2 + 4 + 8 + 16 */
        assert_true(clock_monotonic_ms() < deadline_ms && world->results_count == 0);
        world_turn(world);
        text = world_file(world, pids);
        count = 0;
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
            count++;
        }
    }
    expect(world_result(world, 1), MSG_OUTCOME_TIME, "time limit");
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        assert_false(process_lives(strtol(at, NULL, 10)));
    }
}

static void an_endless_log_keeps_head_and_tail(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    const struct msg_result *result = world_run(
        world,
        1,
        "mkdir out/out; echo first line\n"
        "dd if=/dev/zero bs=1M count=24 2>/dev/null | tr '\\0' x\n"
        "echo; echo last line\n");
    expect(result, MSG_OUTCOME_DONE, "");
    assert_true(result->log_bytes >= LIMIT_LOG_HEAD_BYTES + LIMIT_LOG_TAIL_BYTES);
    assert_true(result->log_bytes <= LIMIT_LOG_HEAD_BYTES + LIMIT_LOG_TAIL_BYTES + (2 << 20));
    const char *log = world_blob(world, &result->log);
    assert_true(str_has_prefix(log, "first line\n"));
    assert_true(str_has_suffix(log, "\nlast line\n"));
    assert_non_null(strstr(log, "bytes dropped here]"));
    assert_true(strlen(result->log_tail) <= LIMIT_LOG_EXCERPT_BYTES);
}

static void odd_bytes_in_a_log_do_no_harm(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    const struct msg_result *result =
        world_run(world, 1, "printf 'a\\377\\000\\033[31mz\\n'; exit 1");
    expect(result, MSG_OUTCOME_FAILED, "");
    assert_string_equal(result->log_tail, "a???[31mz\n");
}

static void lies_are_bad_output(void **state)
{
    struct world *world = *state;

    static const struct {
        const char *script;
        const char *message;
    } cases[] = {
        {"true", "output 'out' is missing"},
        {"echo x > out/out", "output 'out' is a file"},
        {"mkdir out/out; ln -s /etc/passwd out/out/p", "symbolic link"},
        {"mkdir out/out; ln -s ../.. out/out/up", "symbolic link"},
        {"ln -s /etc out/out", "symbolic link"},
        {"mkdir out/out; mkfifo out/out/pipe", "pipe"},
        {"mkdir out/out; touch 'out/out/a b'", "is not allowed"},
        {"mkdir out/out; (echo '{\"name\":\"a\",\"value\":1}'; echo oops) > metrics.jsonl",
         "metrics.jsonl line 2"},
        {"mkdir out/out; echo '{\"name\":\"a\",\"value\":1e999}' > metrics.jsonl", "line 1"},
        {"mkdir out/out; echo '{\"name\":\"a\"}' > metrics.jsonl",
         "line 1: 'value' is missing"},
        {"mkdir out/out; head -c 300000 /dev/zero | tr '\\0' x > metrics.jsonl",
         "line 1: longer than 65536 bytes"},
        {"mkdir out/out; ln -s /dev/zero metrics.jsonl", "not a regular file"},
        {"mkdir -p tmp/else/out; rmdir out; ln -s tmp/else out", "no longer the folder"},
        {"rmdir out", "out"},
        {"cd /; rm -rf \"$HOME\"", "removed its own directory"},
        {"mkdir out/out; (echo '{\"name\":\"a\",\"value\":1}'; printf '{\"name\"') > metrics.jsonl",
         "metrics.jsonl line 2"},
        {"mkdir out/out; mknod out/out/null c 1 3 2>/dev/null || mkfifo out/out/null", "null"},
    };

    world_start_worker(world);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world->metrics_offset = 0;
        const struct msg_result *result = world_run(world, i + 1, cases[i].script);
        expect(result, MSG_OUTCOME_BAD_OUTPUT, cases[i].message);
        assert_int_equal(result->outputs_count, 0);
    }
}

static void decisions_are_bounded_and_checked(void **state)
{
    struct world *world = *state;
    static struct msg_declared_output output = {"decision", "decision"};

    static const struct {
        const char *script;
        enum msg_outcome outcome;
        const char *message;
    } cases[] = {
        {"echo '{\"assay_decision\":1,\"verdict\":\"skip\",\"reason\":\"few tokens\"}' > out/decision/decision.json",
         MSG_OUTCOME_DONE,
         ""},
        {"echo '{\"assay_decision\":1,\"verdict\":\"maybe\"}' > out/decision/decision.json",
         MSG_OUTCOME_BAD_OUTPUT,
         "verdict"},
        {"head -c 70000 /dev/zero > out/decision/decision.json",
         MSG_OUTCOME_BAD_OUTPUT,
         "decision"},
        {"true", MSG_OUTCOME_BAD_OUTPUT, "decision"},
    };

    world_start_worker(world);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *script =
            arena_printf(world->arena, "mkdir out/decision\n%s\n", cases[i].script);
        struct msg_assignment assignment = world_assignment(world, i + 1, i + 1, script);
        assignment.outputs = &output;
        assignment.decision = true;
        world_assign(world, &assignment);
        expect(world_result(world, i + 1), cases[i].outcome, cases[i].message);
    }
    assert_string_equal(
        world_result(world, 1)->decision,
        "{\"assay_decision\":1,\"reason\":\"few tokens\",\"verdict\":\"skip\"}");
}

/* A tree input, gathered ones, and an output that links to a whole input. */
static void inputs_are_links_and_may_become_outputs(void **state)
{
    struct world *world = *state;
    struct digest tree;
    const char *made = path_join(world->arena, world->dir, "made");
    test_write_file(path_join(world->arena, made, "sub/a"), "12345");
    assert_true(artifact_publish_tree(world->store, made, &tree, NULL, NULL));
    struct msg_entry one = {.digest = tree};
    struct msg_entry two[] = {
        {.digest = tree, .label = "seed=1"}, {.digest = tree, .label = "seed=2"}};
    struct msg_input inputs[] = {
        {"data", "view", false, &one, 1}, {"parts", "items", true, two, 2}};
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "set -e; mkdir out/out; cat in/data/sub/a in/parts/0000/sub/a in/parts/0001/sub/a > out/out/all\n"
        "cp task.json out/out/task; ln -s ../../in/data out/out/same\n"
        "if [ -w in/data/sub ] && [ $(id -u) != 0 ]; then exit 9; fi\n");
    assignment.inputs = inputs;
    assignment.inputs_count = 2;
    world_assign(world, &assignment);
    const struct msg_result *result = world_result(world, 1);
    expect(result, MSG_OUTCOME_DONE, "");
    assert_string_equal(world_output(world, result, "all"), "123451234512345");
    assert_string_equal(world_output(world, result, "same/sub/a"), "12345");
    const char *task = world_output(world, result, "task");
    assert_non_null(strstr(task, "\"in/parts/0001\""));
    assert_non_null(strstr(task, "\"seed=2\""));
    struct artifact_entry *entries;
    size_t count;
    assert_true(artifact_tree_entries(
        world->store, &result->outputs[0].digest, world->arena, &entries, &count, NULL));
    assert_int_equal(count, 3);
    assert_true(digest_equal(&entries[1].digest, &tree));
}

static const struct msg_result *run_with_entry(
    struct world *world, uint64_t attempt, struct msg_entry *entry, const char *script)
{
    struct msg_input input = {"docs", "documents", false, entry, 1};
    struct msg_assignment assignment = world_assignment(world, attempt, attempt, script);
    assignment.inputs = &input;
    assignment.inputs_count = 1;
    world_assign(world, &assignment);
    return world_result(world, attempt);
}

static void frozen_inputs_are_checked(void **state)
{
    struct world *world = *state;
    struct arena *arena = world->arena;
    const char *pool = path_join(arena, world->dir, "pool");
    test_write_file(path_join(arena, pool, "shards/a b.jsonl.zst"), "123");
    struct msg_entry entry = {.kind = MSG_ENTRY_DOCUMENTS};
    const char *script =
        "mkdir out/out; cp in/docs/documents.json out/out/; cat in/docs/000000.jsonl.zst > out/out/bytes";
    world_start_worker(world);
    struct str spec CLEANUP(str_done) = {0};
    str_init(&spec, 4096);

    static const struct {
        const char *path;
        int bytes;
        const char *message;
    } cases[] = {
        {"shards/a b.jsonl.zst", 4, "has 3 bytes, had 4"},
        {"shards/gone.jsonl.zst", 3, "is gone"},
        {"../keys", 3, "is not allowed"},
        {"/etc/passwd", 3, "is not allowed"},
        {"shards/../../keys", 3, "is not allowed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str_clear(&spec);
        str_appendf(
            &spec,
            "{\"root\":\"%s\",\"text\":\"body\",\"group\":3,\"shards\":[{\"path\":\"%s\",\"bytes\":%d}]}",
            pool,
            cases[i].path,
            cases[i].bytes);
        entry.spec = spec.data;
        expect(
            run_with_entry(world, i + 1, &entry, script), MSG_OUTCOME_FAILED, cases[i].message);
    }
    str_clear(&spec);
    str_appendf(
        &spec,
        "{\"root\":\"%s\",\"text\":\"body\",\"group\":3,\"shards\":[{\"path\":\"shards/a b.jsonl.zst\",\"bytes\":3,\"sha256\":\"00\"}]}",
        pool);
    entry.spec = spec.data;
    const struct msg_result *result = run_with_entry(world, 20, &entry, script);
    expect(result, MSG_OUTCOME_DONE, "");
    assert_string_equal(world_output(world, result, "bytes"), "123");
    assert_string_equal(
        world_output(world, result, "documents.json"),
        "{\"assay_documents\":1,\"domain\":null,\"group\":3,\"id\":\"id\",\"shards\":[{\"bytes\":3,"
        "\"path\":\"000000.jsonl.zst\",\"sha256\":\"00\",\"source\":\"shards/a b.jsonl.zst\"}],"
        "\"text\":\"body\",\"url\":\"url\"}");

    entry = (struct msg_entry){.kind = MSG_ENTRY_FILE};
    entry.spec =
        arena_printf(arena, "{\"path\":\"%s/shards/a b.jsonl.zst\",\"bytes\":3}", pool);
    expect(
        run_with_entry(world, 21, &entry, "mkdir out/out; grep -q 123 in/docs"),
        MSG_OUTCOME_DONE,
        "");
    entry = (struct msg_entry){.kind = MSG_ENTRY_DIR};
    entry.spec = arena_printf(
        arena,
        "{\"root\":\"%s\",\"files\":[{\"path\":\"shards/a b.jsonl.zst\",\"bytes\":3}]}",
        pool);
    expect(
        run_with_entry(
            world, 22, &entry, "mkdir out/out; grep -q 123 'in/docs/shards/a b.jsonl.zst'"),
        MSG_OUTCOME_DONE,
        "");
    entry = (struct msg_entry){.kind = MSG_ENTRY_TREE, .digest = digest_of("x", 1)};
    expect(run_with_entry(world, 23, &entry, "true"), MSG_OUTCOME_STORE, "input 'docs'");
}

static void a_live_log_can_be_read(void **state)
{
    struct world *world = *state;
    world_start_worker(world);
    struct msg_assignment assignment = world_assignment(
        world,
        1,
        1,
        "mkdir out/out; echo one two; echo x > tmp/said\nwhile [ ! -e tmp/go ]; do sleep 0.05; done\n");
    world_assign(world, &assignment);
    (void)world_file(world, world_attempt(world, 1, 1, "tmp/said"));
    (void)world_file(world, world_attempt(world, 1, 1, "log.d/00000000000000000000"));
    struct message ask = {.type = MSG_LOG_READ, .log_read = {5, 1, 1, 4, 100}};
    world_send(world, &ask);
    world_wait(world, &world->logs, 1);
    assert_int_equal(world->log_data.request, 5);
    assert_true(world->log_data.found && world->log_data.live);
    assert_int_equal(world->log_data.total, 8);
    assert_int_equal(world->log_data.data.length, 4);
    assert_memory_equal(world->log_data.data.data, "two\n", 4);
    ask.log_read.attempt = 99;
    world_send(world, &ask);
    world_wait(world, &world->logs, 2);
    assert_false(world->log_data.found);
    test_write_file(world_attempt(world, 1, 1, "tmp/go"), "");
    expect(world_result(world, 1), MSG_OUTCOME_DONE, "");
}

static void nulls_are_done_at_once(void **state)
{
    struct world *world = *state;

    enum {
        NULLS = 500,
    };
    struct msg_assignment *nulls = ARENA_ARRAY(world->arena, struct msg_assignment, NULLS);
    for (size_t i = 0; i < NULLS; i++) {
        nulls[i] = (struct msg_assignment){
            .task = i, .attempt = i + 1, .name = "null", .program = "null", .builtin = true};
    }
    world->slots = "64";
    world_start_worker(world);
    struct message message = {.type = MSG_ASSIGN, .assign = {nulls, NULLS}};
    world_send(world, &message);
    world_wait(world, &world->results_count, NULLS);
    for (size_t i = 0; i < NULLS; i++) {
        assert_int_equal(world->results[i].outcome, MSG_OUTCOME_DONE);
    }
    assert_false(file_exists(path_join(world->arena, world->state, "attempts")));
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_stage_runs_and_is_published),
        STAGE_TEST(what_is_acknowledged_is_tidied_up),
        STAGE_TEST(exit_statuses_have_their_meanings),
        STAGE_TEST(an_input_that_is_gone_is_named),
        STAGE_TEST(a_command_that_is_not_there_says_so),
        STAGE_TEST(the_time_limit_ends_a_stage_with_its_children),
        STAGE_TEST(the_memory_limit_ends_a_stage),
        STAGE_TEST(a_revoked_stage_is_ended),
        STAGE_TEST(a_preempted_stage_leaves_its_checkpoint),
        STAGE_TEST(a_stage_that_ignores_us_is_killed),
        STAGE_TEST(leftovers_of_a_finished_stage_are_killed),
        STAGE_TEST(a_breeding_stage_is_ended_whole),
        STAGE_TEST(an_endless_log_keeps_head_and_tail),
        STAGE_TEST(odd_bytes_in_a_log_do_no_harm),
        STAGE_TEST(lies_are_bad_output),
        STAGE_TEST(decisions_are_bounded_and_checked),
        STAGE_TEST(inputs_are_links_and_may_become_outputs),
        STAGE_TEST(frozen_inputs_are_checked),
        STAGE_TEST(a_live_log_can_be_read),
        STAGE_TEST(nulls_are_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
