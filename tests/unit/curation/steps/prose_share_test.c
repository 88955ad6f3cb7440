/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_prose_share;

#define TEN "one two three four five six seven eight nine ten"

static void weighs_lines_of_prose(void **state)
{
    (void)state;
    /* The first line has 49 characters, the text 59 with both LFs. */
    struct measured measured = measure_text(step, NULL, TEN ".\n  Menu  \n");
    assert_int_equal(measured.row[1].u32, 49);
    assert_int_equal(measured.row[2].u32, 59);
    assert_true(measured.row[0].f32 == (float)(49.0 / 59.0));
    assert_int_equal(measure_text(step, NULL, TEN "\n" TEN ":").row[1].u32, 0);
    assert_true(isnan(measure_text(step, NULL, "").row[0].f32));
}

static void knows_sentence_ends(void **state)
{
    (void)state;
    static const char *const ends[] = {
        ".", "!", "?", "\xE2\x80\xA6", ".\"", "?\xE2\x80\x9D", ".)", "!').", "\xE3\x80\x82"};
    static const char *const others[] = {"", ",", "\"", ")", ";", ". \xC2\xA0x"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), TEN "%s \t", ends[i]);
        assert_true(measure_text(step, NULL, text).row[1].u32 > 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), TEN "%s", others[i]);
        assert_int_equal(measure_text(step, NULL, text).row[1].u32, 0);
    }
}

static void counts_words_of_the_line(void **state)
{
    (void)state;
    assert_int_equal(measure_text(step, NULL, "one two.\n" TEN ".").row[1].u32, 49);
    assert_int_equal(measure_text(step, "{\"min_words\":2}", "a b.\n\nc.\nd e").row[1].u32, 4);
    assert_int_equal(measure_text(step, "{\"min_words\":11}", TEN ".").row[1].u32, 0);
}

static void cuts_by_share(void **state)
{
    (void)state;
    expect_rule(step, "{\"at_least\":0.5}", "Menu", "at least");
    expect_kept(step, "{\"at_least\":0.5}", TEN ".");
    expect_rule(step, "{\"at_least\":0.5}", "", "missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_lines_of_prose),
        cmocka_unit_test(knows_sentence_ends),
        cmocka_unit_test(counts_words_of_the_line),
        cmocka_unit_test(cuts_by_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
