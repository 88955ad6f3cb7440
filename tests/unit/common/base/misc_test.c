/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK, clean-up helpers and the clock. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/version.h"
#include "tests/unit/test.h"

static void failed_check_prints_and_aborts(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    (void)close(ends[1]);
    char text[256] = {0};
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "misc_test.c:"));
    assert_non_null(strstr(text, "check failed: 1 + 1 == 3"));
}

static void descriptor_is_closed_once(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int number = fd;
    errno = EINTR;
    fd_cleanup(&fd);
    assert_int_equal(errno, EINTR);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    fd_cleanup(&fd);
    FILE *none = NULL;
    file_cleanup(&none);
}

static void take_leaves_null(void **state)
{
    (void)state;
    char *memory CLEANUP(free_cleanup) = strdup("x");
    char *taken CLEANUP(free_cleanup) = TAKE(memory);
    assert_null(memory);
    assert_string_equal(taken, "x");
}

static void clock_formats(void **state)
{
    (void)state;
    char buffer[40];
    assert_string_equal(
        clock_format_utc(0, buffer, sizeof(buffer)), "1970-01-01T00:00:00.000Z");
    assert_string_equal(
        clock_format_utc(UINT64_C(1795687395042), buffer, sizeof(buffer)),
        "2026-11-26T10:03:15.042Z");
    assert_string_equal(
        clock_format_utc(UINT64_C(951782400999), buffer, sizeof(buffer)),
        "2000-02-29T00:00:00.999Z");
}

static void clock_goes_forward(void **state)
{
    (void)state;
    uint64_t before = clock_monotonic_us();
    uint64_t after = clock_monotonic_us();
    assert_true(after >= before);
    assert_true(clock_monotonic_ms() >= before / 1000);
    assert_true(clock_utc_ms() > UINT64_C(1700000000000));
}

static void version_names_the_tree(void **state)
{
    (void)state;
    assert_int_equal(access(ASSAY_SOURCE_DIR "/common/base/version.h.in", R_OK), 0);
    assert_true(strchr(ASSAY_VERSION, '.') != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_check_prints_and_aborts),
        cmocka_unit_test(descriptor_is_closed_once),
        cmocka_unit_test(take_leaves_null),
        cmocka_unit_test(clock_formats),
        cmocka_unit_test(clock_goes_forward),
        cmocka_unit_test(version_names_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
