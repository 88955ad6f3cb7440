/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker's processes write for each other, and what an exit amounts to. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "worker/attempt/judge.h"
#include "worker/attempt_dir.h"
#include "worker/boot.h"
#include "worker/launch.h"
#include "worker/settings.h"
#include "worker/words.h"
#include "worker/worker.h"

static struct arena *arena;
static const char *dir;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    dir = test_temp_dir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_cleanup(&arena);
    return 0;
}

static void exit_records_are_read_back(void **state)
{
    (void)state;
    struct exit_record record = {
        .reason = EXIT_MEMORY,
        .started = true,
        .exit_status = -1,
        .signal = 9,
        .started_utc_ms = 1795600000000,
        .ended_utc_ms = 1795600001000,
        .wall_ms = 1000,
        .user_ms = 900,
        .sys_ms = 50,
        .max_rss_bytes = UINT64_C(1) << 40,
        .read_bytes = 512,
        .write_bytes = 1024,
        .detail = "used \"much\""};
    struct exit_record read;
    struct err err = {0};
    assert_false(exit_record_read(dir, arena, &read, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(exit_record_write(dir, &record, &err));
    assert_true(exit_record_read(dir, arena, &read, &err));
    assert_string_equal(read.detail, record.detail);
    read.detail = record.detail;
    assert_memory_equal(&read, &record, sizeof(read));
    test_write_file(path_join(arena, dir, EXIT_RECORD_FILE), "{\"assay_exit\": 2}");
    assert_false(exit_record_read(dir, arena, &read, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
}

static void launches_are_read_back(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "echo \"x\""};
    const char *env[] = {"PATH=/bin"};
    const uint32_t cpus[] = {3, 5};
    struct launch launch = {argv, 3, env, 1, 5, 6, 7, true, cpus, 2, true, 8};
    struct launch read;
    assert_true(launch_write(dir, &launch, NULL));
    assert_true(launch_read(dir, arena, &read, NULL));
    assert_int_equal(read.argv_count, 3);
    assert_string_equal(read.argv[2], argv[2]);
    assert_null(read.argv[3]);
    assert_string_equal(read.env[0], env[0]);
    assert_null(read.env[1]);
    assert_true(read.time_ms == 5 && read.grace_ms == 6 && read.memory_bytes == 7);
    assert_true(read.resumed && read.resumed_offset == 8);
    test_write_file(path_join(arena, dir, LAUNCH_FILE), "{\"assay_launch\":1,\"argv\":[]}");
    assert_false(launch_read(dir, arena, &read, NULL));
}

static void settings_are_read_back(void **state)
{
    (void)state;
    struct settings settings = {"/store", "/opt/python", "/bin/assay-curate", "node-1"};
    struct settings read;
    assert_true(settings_write(dir, &settings, NULL));
    assert_true(settings_read(dir, arena, &read, NULL));
    assert_string_equal(read.store, "/store");
    assert_string_equal(read.python, "/opt/python");
    assert_string_equal(read.engine, "/bin/assay-curate");
    assert_string_equal(read.worker, "node-1");
}

static void attempts_are_listed_with_their_marks(void **state)
{
    (void)state;
    struct msg_assignment assignment = {
        .task = 7, .attempt = 21, .name = "a", .program = "p", .params = "{}"};
    assert_true(attempt_dir_create(dir, &assignment, NULL));
    assignment.attempt = 3;
    assert_true(attempt_dir_create(dir, &assignment, NULL));
    const char *third = attempt_dir_path(arena, dir, 7, 3);
    struct msg_result result = {
        .task = 7, .attempt = 3, .outcome = MSG_OUTCOME_FAILED, .message = "exit status 1"};
    assert_false(attempt_has_result(third, arena));
    assert_true(attempt_write_result(third, &result, NULL));
    test_write_file(path_join(arena, third, ATTEMPT_BEGUN_FILE), "");
    test_write_file(path_join(arena, dir, "attempts/9/half/x"), "not an attempt");

    struct attempt_place *places;
    size_t count;
    assert_true(attempt_dir_list(dir, arena, &places, &count, NULL));
    assert_int_equal(count, 2);
    const struct attempt_place *ended = places[0].attempt == 3 ? &places[0] : &places[1];
    const struct attempt_place *fresh = places[0].attempt == 3 ? &places[1] : &places[0];
    assert_true(ended->ended && ended->begun && !ended->settled);
    assert_true(!fresh->ended && !fresh->begun);
    struct msg_result read;
    assert_true(attempt_read_result(third, arena, &read, NULL));
    assert_string_equal(read.message, "exit status 1");
    struct msg_assignment again;
    assert_true(attempt_read_assignment(third, arena, &again, NULL));
    assert_string_equal(again.program, "p");
    test_write_file(path_join(arena, third, "result"), "rubbish");
    assert_false(attempt_read_result(third, arena, &read, NULL));
}

static void what_began_in_another_run_of_the_machine_is_lost(void **state)
{
    (void)state;
    struct msg_assignment assignment = {
        .task = 1, .attempt = 2, .name = "a", .program = "p", .params = "{}"};
    const char *mark = path_join(arena, attempt_dir_path(arena, dir, 1, 2), ATTEMPT_BEGUN_FILE);
    const char *boot = path_join(arena, dir, "boot");
    assert_true(boot_look(dir, NULL));
    assert_true(attempt_dir_create(dir, &assignment, NULL));
    assert_true(boot_look(dir, NULL)); /* the process alone was started anew */
    assert_false(file_exists(mark));
    test_write_file(boot, "another run\n");
    assert_true(boot_look(dir, NULL));
    assert_true(file_exists(mark));
    assert_int_equal(unlink(mark), 0);
    assert_true(boot_look(dir, NULL));
    assert_false(file_exists(mark));
    test_write_file(boot, ""); /* as a crash may leave it */
    assert_true(boot_look(dir, NULL));
    assert_true(file_exists(mark));
}

static void the_newest_whole_checkpoint_is_found(void **state)
{
    (void)state;
    assert_null(attempt_checkpoint(dir, arena));
    test_write_file(path_join(arena, dir, "checkpoint/metrics.offset"), "5");
    test_write_file(path_join(arena, dir, "checkpoint/step-9.tmp/state"), "half");
    assert_null(attempt_checkpoint(dir, arena));
    test_write_file(path_join(arena, dir, "checkpoint/step-1/state"), "x");
    assert_true(str_has_suffix(attempt_checkpoint(dir, arena), "checkpoint/step-1"));
    test_write_file(path_join(arena, dir, "checkpoint/step-2/state"), "x");
    assert_true(str_has_suffix(attempt_checkpoint(dir, arena), "checkpoint/step-2"));
}

static void exits_are_judged(void **state)
{
    (void)state;
    static struct msg_exit_rule rules[] = {{3, "memory"}, {75, "failed"}, {9, "done"}};
    struct msg_assignment plain = {.time_ms = 60000};
    struct msg_assignment ruled = {.exits = rules, .exits_count = 3};

    const struct {
        enum exit_reason reason;
        int32_t status;
        uint32_t signal;
        const struct msg_assignment *assignment;
        enum msg_outcome outcome;
    } cases[] = {
        {EXIT_BY_ITSELF, 0, 0, &plain, MSG_OUTCOME_DONE},
        {EXIT_BY_ITSELF, 1, 0, &plain, MSG_OUTCOME_FAILED},
        {EXIT_BY_ITSELF, 75, 0, &plain, MSG_OUTCOME_AGAIN},
        {EXIT_BY_ITSELF, 75, 0, &ruled, MSG_OUTCOME_FAILED},
        {EXIT_BY_ITSELF, 3, 0, &ruled, MSG_OUTCOME_MEMORY},
        {EXIT_BY_ITSELF, 9, 0, &ruled, MSG_OUTCOME_DONE},
        {EXIT_BY_ITSELF, -1, SIGSEGV, &plain, MSG_OUTCOME_SIGNAL},
        {EXIT_TIME, -1, SIGKILL, &plain, MSG_OUTCOME_TIME},
        {EXIT_TIME, 0, 0, &plain, MSG_OUTCOME_DONE}, /* just in time */
        {EXIT_PREEMPTED, 75, 0, &plain, MSG_OUTCOME_PREEMPTED},
        {EXIT_PREEMPTED, 0, 0, &plain, MSG_OUTCOME_DONE},
        {EXIT_CANCELLED, 0, 0, &plain, MSG_OUTCOME_CANCELLED},
        {EXIT_MEMORY, -1, SIGKILL, &plain, MSG_OUTCOME_MEMORY},
        {EXIT_LOST, -1, 0, &plain, MSG_OUTCOME_LOST},
        {EXIT_STORE, -1, 0, &plain, MSG_OUTCOME_STORE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exit_record record = {
            .reason = cases[i].reason,
            .started = true,
            .exit_status = cases[i].status,
            .signal = cases[i].signal,
            .detail = "why"};
        const char *message = NULL;
        assert_int_equal(
            judge_exit(&record, cases[i].assignment, arena, &message), cases[i].outcome);
        assert_int_equal(message[0] == '\0', cases[i].outcome == MSG_OUTCOME_DONE);
    }
}

static void the_identity_only_rises(void **state)
{
    (void)state;
    struct identity first;
    struct identity second;
    assert_true(identity_open(dir, &first, NULL));
    assert_true(first.incarnation >= 1 && first.epoch == 0);
    assert_true(identity_raise_epoch(dir, &first, 9, NULL));
    assert_true(identity_open(dir, &second, NULL));
    assert_int_equal(second.epoch, 9);
    assert_true(second.incarnation > first.incarnation);
    /* A clock that was set back does not turn it round. */
    test_write_file(
        path_join(arena, dir, "identity.json"),
        "{\"assay_worker_identity\":1,\"epoch\":9,\"incarnation\":9000000000000000}");
    assert_true(identity_open(dir, &first, NULL));
    assert_true(first.incarnation == UINT64_C(9000000000000001));
}

static void lines_are_split_into_words(void **state)
{
    (void)state;
    char line[] = "  stop 12 cancelled\t500\n";
    struct words words = words_split(line);
    uint64_t number;
    assert_int_equal(words.count, 4);
    assert_true(words_are(&words, "stop", 4));
    assert_false(words_are(&words, "stop", 3));
    assert_true(words_number(&words, 3, &number));
    assert_int_equal(number, 500);
    assert_false(words_number(&words, 2, &number));
    assert_false(words_number(&words, 4, &number));
    char blank[] = " \n";
    words = words_split(blank);
    assert_false(words_are(&words, "", 1));
    char many[] = "1 2 3 4 5 6 7 8 9 10";
    assert_int_equal(words_split(many).count, WORDS_MAX);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORD_TEST(exit_records_are_read_back),
        RECORD_TEST(launches_are_read_back),
        RECORD_TEST(settings_are_read_back),
        RECORD_TEST(attempts_are_listed_with_their_marks),
        RECORD_TEST(what_began_in_another_run_of_the_machine_is_lost),
        RECORD_TEST(the_newest_whole_checkpoint_is_found),
        RECORD_TEST(exits_are_judged),
        RECORD_TEST(the_identity_only_rises),
        RECORD_TEST(lines_are_split_into_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
