/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_stop_words;

static void counts_all_and_distinct(void **state)
{
    (void)state;
    /* "the," and "toe" are none. */
    struct measured measured = measure_text(step, NULL, "The the, of OF toe WITH the");
    assert_int_equal(measured.row[0].u32, 5);
    assert_int_equal(measured.row[1].u32, 3);
}

static void keeps_the_threshold(void **state)
{
    (void)state;
    expect_kept(step, NULL, "The end of");
    expect_rule(step, NULL, "the end", "few stop words");
    expect_rule(step, "{\"count_unique\":true}", "the the", "few stop words");
    expect_kept(step, "{\"min\":1}", "the end");
    expect_rule(step, "{\"min\":0}", "nothing here", "few stop words");
    expect_rule(step, NULL, "", "few stop words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_all_and_distinct),
        cmocka_unit_test(keeps_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
