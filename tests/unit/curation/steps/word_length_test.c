/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_word_length;

static void takes_the_mean(void **state)
{
    (void)state;
    struct measured measured = measure_text(
        step,
        NULL,
        " na\xC3\xAFve ab\xE2\x80\x8B"
        "cd e ");
    assert_int_equal(measured.row[1].u32, 3);
    assert_int_equal(measured.row[2].u32, 11);
    assert_true(measured.row[0].f32 == (float)(11.0 / 3.0));
    assert_true(isnan(measure_text(step, NULL, "").row[0].f32));
}

static void keeps_the_bounds(void **state)
{
    (void)state;
    static const char bounds[] = "{\"min\":3,\"max\":10}";
    expect_kept(step, bounds, "abc abc");
    expect_rule(step, bounds, "ab abc", "short words");
    expect_kept(step, bounds, "abcdefghij abcdefghij");
    expect_rule(step, bounds, "abcdefghij abcdefghijk", "long words");
    expect_rule(step, NULL, " ", "no words");
    expect_kept(step, NULL, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_mean),
        cmocka_unit_test(keeps_the_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
