/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_ellipsis_lines;

static void counts_lines_that_end_in_an_ellipsis(void **state)
{
    (void)state;
    struct measured measured =
        measure_text(step, NULL, "a... \nb. . .\nc\xE2\x80\xA6\nd..\ne. . . .\n...");
    assert_int_equal(measured.row[1].u32, 5);
    assert_int_equal(measured.row[2].u32, 6);
}

static void keeps_the_threshold(void **state)
{
    (void)state;
    expect_kept(step, NULL, "a...\nb...\nc...\nd\ne\nf\ng\nh\ni\nj");
    expect_rule(step, NULL, "a...\nb\nc", "many ellipses");
    expect_kept(step, "{\"max\":0.34}", "a...\nb\nc");
    expect_kept(step, NULL, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_lines_that_end_in_an_ellipsis),
        cmocka_unit_test(keeps_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
