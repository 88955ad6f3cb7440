/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_gopher_repetition;

static void counts_everything(void **state)
{
    (void)state;
    struct measured measured =
        measure_text(step, NULL, "buy now\nbuy now\n\nother line\n\nlast thing");
    static const uint32_t wanted[] = {4, 2, 34, 14, 3, 0, 35, 0};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(measured.row[1 + i].u32, wanted[i]);
    }
    assert_int_equal(measured.row[9].u32, 30);  /* characters of words */
    assert_int_equal(measured.row[10].u32, 12); /* (buy now) twice */
    for (size_t i = 11; i < 19; i++) {
        assert_int_equal(measured.row[i].u32, 0);
    }
}

static void applies_rules_in_order(void **state)
{
    (void)state;
    expect_rule(step, NULL, "", "no text");
    expect_rule(step, NULL, " \n", "no text");
    expect_kept(step, NULL, "one single line");
    expect_rule(step, NULL, "a b\na b\nc d e f g\nh i j k l", "repeated lines");
    expect_rule(
        step,
        "{\"max_lines\":1}",
        "aaa bbb\n\nccc\n\naaa bbb\n\nddd eee fff",
        "repeated paragraphs");
    expect_rule(
        step,
        "{\"max_lines\":1}",
        "a long line to be sure\na long line to be sure\nb",
        "characters in repeated lines");
    expect_rule(
        step,
        "{\"max_lines\":1,\"max_line_chars\":1,\"max_paragraphs\":1}",
        "a long line\n\na long line\n\nb",
        "characters in repeated paragraphs");
    expect_rule(step, NULL, "a b a b c d e", "most common 2-gram");
    expect_rule(step, "{\"max_top_2gram\":1}", "a b c a b c d e f g", "most common 3-gram");
    expect_rule(
        step,
        "{\"max_top_2gram\":1,\"max_top_3gram\":1,\"max_top_4gram\":1}",
        "one two three four five six one two three four five seven eight",
        "repeated 5-grams");
    expect_rule(
        step,
        "{\"max_top_2gram\":1,\"max_top_3gram\":1,\"max_top_4gram\":1,\"max_dup_5gram\":1,"
        "\"max_dup_6gram\":1,\"max_dup_7gram\":1,\"max_dup_8gram\":1,\"max_dup_9gram\":1}",
        "a b c d e f g h i j and a b c d e f g h i j",
        "repeated 10-grams");
}

static void skips_paragraphs_when_told(void **state)
{
    (void)state;
    static const char text[] = "aa bb\ncc dd\n\naa bb\ncc ee\n\naa bb\ncc dd";
    static const char *const loose =
        "{\"max_lines\":1,\"max_line_chars\":1,\"max_top_2gram\":2,\"max_top_3gram\":2,"
        "\"max_top_4gram\":2}";
    static const char *const skipping =
        "{\"max_lines\":1,\"max_line_chars\":1,\"max_top_2gram\":2,\"max_top_3gram\":2,"
        "\"max_top_4gram\":2,\"skip_paragraph\":true}";
    expect_rule(step, loose, text, "repeated paragraphs");
    expect_kept(step, skipping, text);
}

static void scores_by_the_worst(void **state)
{
    (void)state;
    assert_true(measure_text(step, NULL, "a b\na b\nc d\ne f").row[0].f32 == 0.5F);
    assert_true(measure_text(step, NULL, "nothing twice").row[0].f32 == 0.0F);
    assert_true(isnan(measure_text(step, NULL, " ").row[0].f32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_everything),
        cmocka_unit_test(applies_rules_in_order),
        cmocka_unit_test(skips_paragraphs_when_told),
        cmocka_unit_test(scores_by_the_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
