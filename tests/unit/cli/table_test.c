/* SPDX-License-Identifier: Apache-2.0 */
/* Tables line up whatever is in them; numbers and durations read well. */
#include <math.h>
#include <string.h>

#include "cli/table.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1 << 16)

static void columns_line_up_by_width_not_bytes(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    CLEANUP(str_done) struct str out;
    struct table table;
    str_init(&out, TEXT_MAX);
    table_init(&table, arena);
    table_left(&table, "NAME");
    table_right(&table, "N");
    table_left(&table, "EMPTY");
    table_left(&table, "WHY");
    table_add(&table, STYLE_PLAIN, "日本");
    table_addf(&table, STYLE_PLAIN, "%d", 7);
    table_add(&table, STYLE_PLAIN, NULL);
    table_add(&table, STYLE_PLAIN, "e\u0301t\u0301e");
    table_add(&table, STYLE_PLAIN, "longer");
    table_add(&table, STYLE_PLAIN, "1234");
    table_end_row(&table);
    table_render(&table, "  ", 0, false, &out);
    assert_string_equal(
        out.data,
        "  NAME       N  WHY\n"
        "  日本       7  e\u0301t\u0301e\n"
        "  longer  1234\n");
    str_clear(&out);
    table.keep_empty = true;
    table_render(&table, "", 0, false, &out);
    assert_non_null(strstr(out.data, "EMPTY"));
}

static void a_narrow_terminal_cuts_the_last_column(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    CLEANUP(str_done) struct str out;
    struct table table;
    str_init(&out, TEXT_MAX);
    table_init(&table, arena);
    table_left(&table, "");
    table_left(&table, "");
    table_add(&table, STYLE_PLAIN, "a");
    table_add(&table, STYLE_BAD, "a text that is much too long\nand has a line end");
    table_render(&table, "", 20, true, &out);
    assert_string_equal(out.data, "a  \033[31ma text that is m…\033[0m\n");
}

static void csv_quotes_what_it_must(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    CLEANUP(str_done) struct str out;
    struct table table;
    str_init(&out, TEXT_MAX);
    table_init(&table, arena);
    table_left(&table, "name");
    table_left(&table, "value");
    table_add(&table, STYLE_BAD, "raw, lr=2");
    table_add(&table, STYLE_PLAIN, "say \"so\"");
    table_render_csv(&table, &out);
    assert_string_equal(out.data, "name,value\r\n\"raw, lr=2\",\"say \"\"so\"\"\"\r\n");
}

static void numbers(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    assert_string_equal(text_integer(arena, 0), "0");
    assert_string_equal(text_integer(arena, 1234567), "1,234,567");
    assert_string_equal(text_amount(arena, 262144), "262 k");
    assert_string_equal(text_amount(arena, 1.25e9), "1.25 G");
    assert_string_equal(text_amount(arena, (double)NAN), "-");
    assert_string_equal(text_real(arena, 2.93456, 2.93456, false), "2.9346");
    assert_string_equal(text_real(arena, 33.333, 33.333, true), "+33.33");
    assert_string_equal(text_real(arena, -0.5, 12345.0, true), "-0"); /* as its column */
    assert_string_equal(text_real(arena, (double)NAN, 1, false), "");
    assert_string_equal(text_duration(arena, -1), "-");
    assert_string_equal(text_plural(arena, 1, "task"), "1 task");
    assert_string_equal(text_plural(arena, 2000, "task"), "2,000 tasks");
    assert_string_equal(text_bar(arena, 0.5, 6), "###...");
    assert_string_equal(text_bar(arena, (double)NAN, 3), "...");
    assert_string_equal(text_bar(arena, 7, 3), "###");
}

static void paragraphs_are_filled_and_examples_kept(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str out;
    str_init(&out, TEXT_MAX);
    text_wrap(&out, "one two three four\n\n  as it is\nfive", 2, 12);
    assert_string_equal(out.data, "  one two\n  three four\n\n    as it is\n  five\n");
}

static void times(void **state)
{
    (void)state;
    uint64_t ms = 0;
    assert_true(text_utc("1970-01-02T00:00:01.500Z", &ms));
    assert_int_equal(ms, 86401500);
    assert_true(text_utc("2026-03-01T00:00:00Z", &ms));
    assert_int_equal(ms, UINT64_C(1772323200000));
    assert_false(text_utc("yesterday", &ms));
    assert_false(text_utc("2026-13-01T00:00:00Z", &ms));
    assert_false(text_utc(NULL, &ms));
}

static void cut_and_width(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    assert_int_equal(text_width("日本"), 4);
    assert_int_equal(text_width("a\xff"), 2); /* not UTF-8: a column each */
    assert_string_equal(text_cut(arena, "日本語", 5), "日本…");
    assert_string_equal(text_cut(arena, "a\033[2Jb", 20), "a [2Jb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_line_up_by_width_not_bytes),
        cmocka_unit_test(a_narrow_terminal_cuts_the_last_column),
        cmocka_unit_test(csv_quotes_what_it_must),
        cmocka_unit_test(numbers),
        cmocka_unit_test(paragraphs_are_filled_and_examples_kept),
        cmocka_unit_test(times),
        cmocka_unit_test(cut_and_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
