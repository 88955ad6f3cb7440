/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_bullet_lines;

static void counts_lines_that_start_with_a_bullet(void **state)
{
    (void)state;
    /* Lines are stripped first; the triangular bullet is none, nor is a number. */
    struct measured measured = measure_text(
        step,
        NULL,
        "\xE2\x80\xA2 a\n  * b\n\xE2\x97\x8F c\n-d\n\n\xE2\x80\xA3 e\n1. f\n text - g");
    assert_int_equal(measured.row[1].u32, 4);
    assert_int_equal(measured.row[2].u32, 7);
    assert_true(measured.row[0].f32 == (float)(4.0 / 7.0));
}

static void keeps_the_threshold(void **state)
{
    (void)state;
    expect_kept(step, NULL, "-\n-\n-\n-\n-\n-\n-\n-\n-\nb");
    expect_rule(step, NULL, "- a\n- b", "many bullets");
    expect_kept(step, "{\"max\":0.5}", "- a\nb");
    expect_rule(step, "{\"max\":0.49}", "- a\nb", "many bullets");
    expect_kept(step, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_lines_that_start_with_a_bullet),
        cmocka_unit_test(keeps_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
