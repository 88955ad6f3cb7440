/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_stop_word_share;

static void counts_function_words(void **state)
{
    (void)state;
    struct measured measured = measure_text(step, NULL, "The cat and a dog were IN my house");
    assert_int_equal(measured.row[1].u32, 6); /* the and a were in my */
    assert_int_equal(measured.row[2].u32, 9);
    assert_true(measured.row[0].f32 == (float)(6.0 / 9.0));
    assert_int_equal(measure_text(step, NULL, "der Hund und die Katze").row[1].u32, 0);
    assert_true(isnan(measure_text(step, NULL, "").row[0].f32));
}

static void leaves_marks_out(void **state)
{
    (void)state;
    assert_int_equal(measure_text(step, NULL, "\"the, (and) of; 3the3").row[1].u32, 4);
    assert_int_equal(measure_text(step, NULL, "don't the-n \xC3\xA9the").row[1].u32, 0);
    assert_int_equal(
        measure_text(step, NULL, "although yourself notwithstanding").row[1].u32, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_function_words),
        cmocka_unit_test(leaves_marks_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
