/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "tests/unit/test.h"

/* Runs one event with stderr sent to a pipe, and returns what arrived. */
static const char *capture(void (*event)(void))
{
    static char text[20000];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    event();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof(text) - 1);
    (void)close(ends[0]);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void warn(void)
{
    log_event(LOG_WARNING, "lease expired", F("task", "%s", "a b"), F("worker", "%u", 7U));
}

static void say_nothing_more(void)
{
    log_event(LOG_INFO, "started");
}

static void debug(void)
{
    log_event(LOG_DEBUG, "detail");
}

static void inject(void)
{
    log_event(LOG_ERR, "bad\nlevel=info", F("path", "%s", "x\"y"));
}

static void shout(void)
{
    char big[199];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct log_field fields[61];
    for (size_t i = 0; i < 60; i++) {
        fields[i] = log_field_format("field", "%s", big);
    }
    fields[60] = (struct log_field){0};
    log_write(LOG_ERR, "many", fields);
}

static void writes_logfmt(void **state)
{
    (void)state;
    log_open("assayd", LOG_INFO);
    const char *line = capture(warn);
    assert_memory_equal(line, "program=assayd time=", 20);
    assert_non_null(
        strstr(line, " level=warning msg=\"lease expired\" task=\"a b\" worker=7\n"));
    assert_non_null(strstr(capture(say_nothing_more), " level=info msg=started\n"));
}

static void hides_what_is_less_severe(void **state)
{
    (void)state;
    log_open("assayd", LOG_INFO);
    assert_string_equal(capture(debug), "");
    log_open("assayd", LOG_DEBUG);
    assert_non_null(strstr(capture(debug), "msg=detail"));
}

static void one_event_is_one_line(void **state)
{
    (void)state;
    log_open("assayd", LOG_INFO);
    const char *line = capture(inject);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "msg=\"bad\\nlevel=info\" path=\"x\\\"y\""));
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    log_open("assayd", LOG_INFO);
    const char *line = capture(shout);
    assert_int_equal(strlen(line), 8192);
    assert_ptr_equal(strchr(line, '\n'), line + 8191);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_logfmt),
        cmocka_unit_test(hides_what_is_less_severe),
        cmocka_unit_test(one_event_is_one_line),
        cmocka_unit_test(long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
