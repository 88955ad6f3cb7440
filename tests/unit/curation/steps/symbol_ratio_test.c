/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_symbol_ratio;

static void counts_without_overlaps(void **state)
{
    (void)state;
    /* Two hash marks, seven dots are two ellipses, ". . . . ." is one, and U+2026. */
    struct measured measured = measure_text(step, NULL, "## ....... x . . . . . \xE2\x80\xA6");
    assert_int_equal(measured.row[1].u32, 2 + 2 + 1 + 1);
    assert_int_equal(measured.row[2].u32, 9);
    assert_true(measured.row[0].f32 == (float)(6.0 / 9.0));
}

static void keeps_the_threshold(void **state)
{
    (void)state;
    expect_kept(step, NULL, "# one two three four five six seven eight nine");
    expect_rule(step, NULL, "#one two three four five six seven eight nine", "many symbols");
    expect_kept(step, "{\"max\":0.5}", "# two");
    expect_rule(step, NULL, "\n \t", "no words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_without_overlaps),
        cmocka_unit_test(keeps_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
