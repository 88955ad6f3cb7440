/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/io/signals.h"
#include "tests/unit/test.h"

static void signals_become_events(void **state)
{
    (void)state;
    static const int watched[] = {SIGTERM, SIGHUP};
    int fd CLEANUP(fd_cleanup) = -1;
    struct err err = {0};
    assert_true(signals_open(watched, ARRAY_LEN(watched), &fd, &err));
    assert_int_equal(signals_read(fd), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(signals_read(fd), SIGTERM);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(signals_read(fd), SIGHUP);
    assert_int_equal(signals_read(fd), 0);
    /* Writing to a broken pipe is an error code from now on. */
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    (void)close(ends[1]);
}

static void a_bad_signal_is_refused(void **state)
{
    (void)state;
    static const int watched[] = {-5};
    int fd = -1;
    struct err err = {0};
    assert_false(signals_open(watched, 1, &fd, &err));
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_become_events),
        cmocka_unit_test(a_bad_signal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
