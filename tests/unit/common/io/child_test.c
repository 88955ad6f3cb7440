/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/io/child.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_cleanup(&arena);
    return 0;
}

static struct child_output run_shell(
    const char *script, const char *input, const struct child_request *more)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_request request = more ? *more : (struct child_request){0};
    request.argv = argv;
    struct child_output output = {0};
    struct err err = {0};
    if (!child_run(&request, input, 1 << 20, 30000, arena, &output, &err)) {
        fail_msg("%s", err.message);
    }
    return output;
}

static void captures_both_streams(void **state)
{
    (void)state;
    struct child_output output = run_shell("echo out; echo err >&2; exit 3", NULL, NULL);
    assert_string_equal(output.out, "out\n");
    assert_string_equal(output.err, "err\n");
    assert_false(child_exit_ok(&output.exit));
    char text[64];
    assert_string_equal(child_exit_text(&output.exit, text, sizeof(text)), "exit 3");
    output = run_shell("kill -9 $$", NULL, NULL);
    assert_string_equal(child_exit_text(&output.exit, text, sizeof(text)), "signal 9 (Killed)");
    output = run_shell("true", NULL, NULL);
    assert_true(child_exit_ok(&output.exit));
}

static void input_is_given(void **state)
{
    (void)state;
    size_t size = 500000; /* more than a pipe holds */
    char *input = arena_alloc(arena, size + 1);
    memset(input, 'x', size);
    assert_string_equal(run_shell("wc -c | tr -d ' '", input, NULL).out, "500000\n");
    assert_string_equal(run_shell("exec true", input, NULL).out, ""); /* not read at all */
    assert_string_equal(run_shell("wc -c | tr -d ' '", NULL, NULL).out, "0\n");
    assert_int_equal(run_shell("cat", input, NULL).out_length, size);
}

static void output_is_bounded(void **state)
{
    (void)state;
    const char *const argv[] = {
        "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done", NULL};
    struct child_request request = {.argv = argv};
    struct child_output output = {0};
    assert_true(child_run(&request, NULL, 1000, 30000, arena, &output, NULL));
    assert_true(output.truncated);
    assert_int_equal(output.out_length, 1000);
    assert_true(child_exit_ok(&output.exit)); /* the rest was read, so it could end */
}

static void time_limit_kills_the_group(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *script =
        arena_printf(arena, "(exec tail -f /dev/null) & echo $! > %s/pid; wait", dir);
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_request request = {.argv = argv};
    struct child_output output = {0};
    struct err err = {0};
    assert_false(child_run(&request, NULL, 1000, 1000, arena, &output, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    char *text = NULL;
    size_t length = 0;
    assert_true(file_read(test_path(dir, "pid"), 100, arena, &text, &length, NULL));
    int grandchild = (int)strtol(text, NULL, 10);
    assert_true(grandchild > 0);
    /* Killed, and reaped by init or at least a zombie: wait until the signal has been
     * delivered. */
    uint64_t start_ms = clock_monotonic_ms();
    char state_letter = 'R';
    while (state_letter != 'Z' && state_letter != 'X'
           && clock_monotonic_ms() - start_ms < 10000) {
        char *stat = NULL;
        if (!file_read(
                arena_printf(arena, "/proc/%d/stat", grandchild),
                1000,
                arena,
                &stat,
                &length,
                NULL)) {
            state_letter = 'X';
            break;
        }
        const char *after = strrchr(stat, ')');
        state_letter = 'X';
        if (after) {
            state_letter = after[2];
        }
    }
    assert_true(state_letter == 'Z' || state_letter == 'X');
}

/* A daemon that keeps the pipe open must not keep us. */
static void stragglers_are_not_waited_for(void **state)
{
    (void)state;
    uint64_t start_ms = clock_monotonic_ms();
    struct child_output output = run_shell("(exec tail -f /dev/null) & echo done", NULL, NULL);
    assert_string_equal(output.out, "done\n");
    assert_true(clock_monotonic_ms() - start_ms < 20000);
}

static void environment_is_an_allow_list(void **state)
{
    (void)state;
    assert_int_equal(setenv("ASSAY_TEST_SECRET", "hidden", 1), 0);
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    struct child_output output = run_shell("echo \"[$ASSAY_TEST_SECRET] [$TZ]\"", NULL, NULL);
    assert_string_equal(output.out, "[] [UTC]\n");
    const char *const extra[] = {"TZ=Local", "MORE=1", NULL};
    struct child_request request = {.env = (const char *const *)child_env(arena, extra)};
    output = run_shell("echo \"[$TZ] [$MORE]\"", NULL, &request);
    assert_string_equal(output.out, "[Local] [1]\n");
    const char *const none[] = {NULL};
    request.env = none;
    const char *const argv[] = {"/usr/bin/env", NULL};
    request.argv = argv;
    assert_true(child_run(&request, NULL, 1000, 30000, arena, &output, NULL));
    assert_string_equal(output.out, "");
}

static void working_folder_and_group(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    struct child_request request = {.cwd = dir};
    char *real CLEANUP(free_cleanup) = realpath(dir, NULL);
    struct child_output output = run_shell("pwd -P", NULL, &request);
    assert_string_equal(output.out, arena_printf(arena, "%s\n", real));
    /* Fields 5 and 6 of /proc/PID/stat, behind the name in brackets: group and session. */
    const char *script =
        "set -- $(sed 's/.*) //' /proc/$$/stat); echo $(($3 == $$)) $(($4 == $$))";
    assert_string_equal(run_shell(script, NULL, NULL).out, "1 0\n");
    request.new_session = true;
    assert_string_equal(run_shell(script, NULL, &request).out, "1 1\n");
}

/* Opens at a number that is far from those that the test gives away; without O_CLOEXEC when
 * flags are 0. */
static int open_high(const char *path, int flags)
{
    int low CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(low >= 0);
    int high = fcntl(low, flags == O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 60);
    assert_true(high >= 0);
    return high;
}

/* Sources may carry the numbers of other targets; nothing else is inherited. */
static void descriptors_are_exactly_those_named(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    test_write_file(test_path(dir, "five"), "FIVE");
    test_write_file(test_path(dir, "seven"), "SEVEN");
    int five = open_high(test_path(dir, "five"), O_CLOEXEC);
    int seven = open_high(test_path(dir, "seven"), O_CLOEXEC);
    int leak = open_high("/dev/null", 0);
    assert_true(dup2(five, 7) >= 0 && dup2(seven, 5) >= 0 && dup2(leak, 6) >= 0);
    const struct child_fd fds[] = {{7, 5}, {5, 7}};
    struct child_request request = {.fds = fds, .fds_count = 2};
    struct child_output output = run_shell(
        "cat <&5; cat <&7; for f in /proc/$$/fd/*; do echo ${f##*/}; done", NULL, &request);
    const int opened[] = {five, seven, leak, 5, 6, 7};
    for (size_t i = 0; i < ARRAY_LEN(opened); i++) {
        (void)close(opened[i]);
    }
    assert_memory_equal(output.out, "FIVESEVEN", 9);
    char *saved = NULL;
    for (char *word = strtok_r(output.out + 9, "\n", &saved); word;
         word = strtok_r(NULL, "\n", &saved)) {
        int fd = (int)strtol(word, NULL, 10);
        /* The shell's own: 3 is the folder that it lists, 10 the script. */
        assert_true(fd <= 3 || fd == 10 || fd == 5 || fd == 7);
    }
}

static void signals_are_reset(void **state)
{
    (void)state;
    sigset_t set;
    sigset_t old;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    struct child_output output =
        run_shell("grep -E 'Sig(Blk|Ign)' /proc/self/status", NULL, NULL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
    unsigned long blocked = 1;
    unsigned long ignored = 1;
    assert_int_equal(sscanf(output.out, "SigBlk: %lx SigIgn: %lx", &blocked, &ignored), 2);
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored & 0x7fffffff, 0); /* 32 and 33 belong to the C library */
}

static void missing_program_is_an_error(void **state)
{
    (void)state;
    const char *const argv[] = {"/no/such/program", NULL};
    struct child_request request = {.argv = argv};
    struct child child = {.pidfd = -1};
    struct err err = {0};
    assert_false(child_spawn(&request, &child, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/no/such/program"));
    const char *const shell[] = {"sh", "-c", "true", NULL};
    request = (struct child_request){.argv = shell, .cwd = "/no/such/folder"};
    assert_false(child_spawn(&request, &child, &err));
    assert_int_equal(child.pid, 0);
}

static void waits_polls_and_stops(void **state)
{
    (void)state;
    const char *const stubborn[] = {
        "sh", "-c", "trap '' TERM; echo ready; while :; do :; done", NULL};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct child_request request = {.argv = stubborn, .stdin_fd = -1, .stdout_fd = ends[1]};
    struct child child CLEANUP(child_cleanup) = {.pidfd = -1};
    assert_true(child_spawn(&request, &child, NULL));
    char ready[6];
    assert_int_equal(read(ends[0], ready, 6), 6); /* the trap is set */
    bool ended = true;
    struct child_exit exit = {0};
    assert_true(child_poll(&child, &ended, &exit, NULL));
    assert_false(ended);
    struct err err = {0};
    assert_false(child_wait(&child, 50, &exit, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_true(child_stop(&child, 100, &exit, NULL));
    assert_true(exit.signalled);
    assert_int_equal(exit.code, SIGKILL);
    assert_int_equal(child.pid, 0);
    assert_false(child_signal(&child, SIGTERM));

    const char *const polite[] = {
        "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do :; done", NULL};
    request.argv = polite;
    assert_true(child_spawn(&request, &child, NULL));
    assert_int_equal(read(ends[0], ready, 6), 6);
    assert_true(child_stop(&child, 30000, &exit, NULL));
    assert_false(exit.signalled);
    assert_int_equal(exit.code, 7);

    const char *const quick[] = {"true", NULL};
    request.argv = quick;
    assert_true(child_spawn(&request, &child, NULL));
    assert_true(child_wait(&child, 30000, &exit, NULL));
    assert_true(child_exit_ok(&exit));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_both_streams),
        cmocka_unit_test(input_is_given),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(time_limit_kills_the_group),
        cmocka_unit_test(stragglers_are_not_waited_for),
        cmocka_unit_test(environment_is_an_allow_list),
        cmocka_unit_test(working_folder_and_group),
        cmocka_unit_test(descriptors_are_exactly_those_named),
        cmocka_unit_test(signals_are_reset),
        cmocka_unit_test(missing_program_is_an_error),
        cmocka_unit_test(waits_polls_and_stops),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
