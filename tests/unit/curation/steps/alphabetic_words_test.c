/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_alphabetic_words;

static void counts_words_without_letters(void **state)
{
    (void)state;
    /* Words: a1, 12, --, Khmer letter, one half. */
    struct measured measured = measure_text(step, NULL, "a1 12 -- \xE1\x9E\x80 \xC2\xBD");
    assert_true(measured.row[0].f32 == 0.6F);
    assert_int_equal(measured.row[1].u32, 3);
    assert_int_equal(measured.row[2].u32, 5);
    assert_true(isnan(measure_text(step, NULL, " \n").row[0].f32));
}

static void keeps_the_threshold(void **state)
{
    (void)state;
    expect_kept(step, NULL, "a b c d 5");
    expect_rule(step, NULL, "a b c 5", "few alphabetic words");
    expect_kept(step, "{\"max\":0.25}", "a b c 5");
    expect_rule(step, NULL, "", "no words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_words_without_letters),
        cmocka_unit_test(keeps_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
