/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "worker/metrics.h"

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

static struct metric_line good(const char *text)
{
    struct metric_line line;
    struct err err = {0};
    if (!metric_line_parse(text, strlen(text), arena, &line, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return line;
}

static void points_and_progress(void **state)
{
    (void)state;
    struct metric_line line =
        good("{\"name\": \"loss\", \"step\": -3, \"value\": 2, \"tag\": \"é\", \"more\": [1]}");
    assert_int_equal(line.kind, METRIC_POINT);
    assert_string_equal(line.point.name, "loss");
    assert_string_equal(line.point.tag, "é");
    assert_int_equal(line.point.step, -3);
    assert_true(line.point.value == 2.0);
    line = good("{\"name\":\"a\",\"value\":1e-3}");
    assert_int_equal(line.point.step, 0);
    assert_string_equal(line.point.tag, "");
    line = good("{\"progress\": 0.4, \"done\": 4.0e6, \"total\": 1.0e7, \"unit\": \"tokens\"}");
    assert_int_equal(line.kind, METRIC_PROGRESS);
    assert_true(line.fraction == 0.4 && line.done == 4e6 && line.total == 1e7);
    assert_string_equal(line.unit, "tokens");
    assert_true(good("{\"progress\": 7}").fraction == 1);
    assert_true(good("{\"progress\": -1}").fraction == 0);
}

static void bad(const char *text, const char *message)
{
    struct metric_line line;
    struct err err = {0};
    if (metric_line_parse(text, strlen(text), arena, &line, &err)) {
        fail_msg("%s was taken", text);
    }
    if (!strstr(err.message, message)) {
        fail_msg("%s: '%s' lacks '%s'", text, err.message, message);
    }
}

static void malformed_lines_say_what_is_wrong(void **state)
{
    (void)state;
    bad("", "");
    bad("[1]", "expected an object");
    bad("{}", "expected 'name' or 'progress'");
    bad("{\"value\": 1}", "expected 'name'");
    bad("{\"name\": \"a\"}", "'value' is missing");
    bad("{\"name\": 3, \"value\": 1}", "'name' is not a text");
    bad("{\"name\": \"a\\u0000b\", \"value\": 1}", "");
    bad("{\"name\": \"a\", \"value\": \"1\"}", "'value' is not a finite number");
    bad("{\"name\": \"a\", \"value\": NaN}", "");
    bad("{\"name\": \"a\", \"value\": 1, \"step\": 1.5}", "'step' is not an integer");
    bad("{\"name\": \"a\", \"value\": 1} x", "");
    bad("{\"progress\": \"half\"}", "'progress' is not a finite number");
    char *name = arena_alloc(arena, LIMIT_METRIC_NAME + 2);
    memset(name, 'n', LIMIT_METRIC_NAME + 1);
    bad(arena_printf(arena, "{\"name\": \"%s\", \"value\": 1}", name), "more than 128 bytes");
}

static struct metrics_piece read_from(const char *path, uint64_t offset, bool complete)
{
    struct metrics_piece piece;
    struct err err = {0};
    if (!metrics_read(path, offset, complete, arena, &piece, &err)) {
        fail_msg("%s", err.message);
    }
    return piece;
}

#define LINE "{\"name\":\"a\",\"value\":1}"

static void a_growing_file_is_read_by_whole_lines(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "metrics.jsonl");
    assert_int_equal(read_from(path, 0, false).end, 0); /* absent */
    test_write_file(path, LINE "\n{\"progress\":0.5}\n{\"name\":\"b\"");
    struct metrics_piece piece = read_from(path, 0, false);
    assert_int_equal(piece.count, 1);
    assert_true(piece.has_progress);
    assert_int_equal(piece.lines, 2);
    assert_int_equal(piece.end, strlen(LINE "\n{\"progress\":0.5}\n"));
    assert_false(piece.bad);
    assert_int_equal(read_from(path, piece.end, false).end, piece.end);

    assert_true(file_append(path, ",\"value\":2}\n", 12, 0644, NULL));
    piece = read_from(path, piece.end, false);
    assert_int_equal(piece.count, 1);
    assert_string_equal(piece.points[0].name, "b");
    assert_int_equal(read_from(path, piece.end + 1000, false).count, 0); /* was cut meanwhile */
}

static void a_complete_file_may_lack_its_last_newline(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "metrics.jsonl");
    test_write_file(path, LINE "\n" LINE);
    assert_int_equal(read_from(path, 0, false).count, 1);
    struct metrics_piece piece = read_from(path, 0, true);
    assert_int_equal(piece.count, 2);
    assert_int_equal(piece.end, strlen(LINE "\n" LINE));
}

static void expect_judgement(
    const char *path, uint64_t end, uint64_t bad_line, const char *message)
{
    uint64_t got_end;
    uint64_t got_line;
    struct err what = {0};
    assert_true(metrics_judge(path, &got_end, &got_line, &what, NULL));
    assert_int_equal(got_end, end);
    assert_int_equal(got_line, bad_line);
    assert_non_null(strstr(what.message, message));
}

static void a_file_is_judged_to_the_line(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "metrics.jsonl");
    expect_judgement(path, 0, 0, "");
    test_write_file(path, LINE "\n" LINE "\noops\n" LINE "\n");
    expect_judgement(path, 2 * strlen(LINE "\n"), 3, "");
    test_write_file(path, LINE "\n\n");
    expect_judgement(path, strlen(LINE "\n"), 2, "");
}

/* More than one piece, and a line as long as is allowed at the seam. */
static void long_files_and_lines(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "metrics.jsonl");
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, 4 << 20);
    for (int i = 0; i < 30000; i++) {
        str_appendf(&text, "{\"name\":\"a\",\"step\":%d,\"value\":1}\n", i);
    }
    str_append(&text, LINE);
    for (size_t i = strlen(LINE); i < LIMIT_METRIC_LINE_BYTES; i++) {
        str_append_char(&text, ' ');
    }
    test_write_file(path, text.data);
    expect_judgement(path, text.length, 0, "");
    str_append_char(&text, ' ');
    test_write_file(path, text.data);
    expect_judgement(path, text.length - LIMIT_METRIC_LINE_BYTES - 1, 30001, "longer than");
    assert_true(read_from(path, 0, false).count <= LIMIT_METRIC_POINTS);
    /* A live reader does not wait for the end of a line that is too long already. */
    assert_true(read_from(path, text.length - LIMIT_METRIC_LINE_BYTES - 1, false).bad);
}

static void only_a_regular_file_is_read(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "metrics.jsonl");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct metrics_piece piece;
    struct err err = {0};
    assert_false(metrics_read(path, 0, false, arena, &piece, &err));
    assert_int_equal(err.code, ERR_INPUT);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(points_and_progress),
        METRICS_TEST(malformed_lines_say_what_is_wrong),
        METRICS_TEST(a_growing_file_is_read_by_whole_lines),
        METRICS_TEST(a_complete_file_may_lack_its_last_newline),
        METRICS_TEST(a_file_is_judged_to_the_line),
        METRICS_TEST(long_files_and_lines),
        METRICS_TEST(only_a_regular_file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
