/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_page_length;

static uint32_t length_of(const char *params, const char *text)
{
    return measure_text(step, params, text).row[0].u32;
}

static void counts_chars(void **state)
{
    (void)state;
    assert_int_equal(length_of(NULL, "na\xC3\xAFve"), 5);
    assert_int_equal(length_of(NULL, ""), 0);
}

static void counts_words(void **state)
{
    (void)state;
    static const char text[] = "one \"two\"\nthr\xC2\xA0"
                               "ee 4";
    assert_int_equal(length_of("{\"length_type\":\"word\"}", text), 5);
    assert_int_equal(
        length_of("{\"length_type\":\"word\",\"ignore_punctuation\":true}", text), 3);
    assert_int_equal(length_of("{\"length_type\":\"word\",\"model\":\"split\"}", text), 5);
    assert_int_equal(
        length_of(
            "{\"length_type\":\"word\",\"model\":\"uniseg\",\"ignore_punctuation\":true}",
            "can't stop 3.14 e-mail"),
        5);
}

static void counts_lines_and_paragraphs(void **state)
{
    (void)state;
    static const char text[] = "a\n\n  \nb\n\nc";
    assert_int_equal(length_of("{\"length_type\":\"line\"}", text), 3);
    assert_int_equal(length_of("{\"length_type\":\"line\",\"remove_empty\":false}", text), 6);
    assert_int_equal(length_of("{\"length_type\":\"paragraph\"}", text), 3);
    assert_int_equal(
        length_of("{\"length_type\":\"paragraph\",\"remove_empty\":false}", "\n\n\n\nx"), 3);
}

static void keeps_both_ends(void **state)
{
    (void)state;
    expect_kept(step, "{\"min\":3,\"max\":3}", "abc");
    expect_rule(step, "{\"min\":4}", "abc", "too short");
    expect_rule(step, "{\"max\":2}", "abc", "too long");
    expect_rule(step, NULL, "", "too short");
    expect_kept(step, "{\"min\":0}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_chars),
        cmocka_unit_test(counts_words),
        cmocka_unit_test(counts_lines_and_paragraphs),
        cmocka_unit_test(keeps_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
