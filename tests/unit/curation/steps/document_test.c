/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_document;

static void counts_bytes_and_chars(void **state)
{
    (void)state;
    struct measured measured = measure_text(step, NULL, "na\xC3\xAFve\n");
    assert_int_equal(measured.row[0].u32, 7);
    assert_int_equal(measured.row[1].u32, 6);
    assert_int_equal(measured.row[2].u32, 1);
    union cell absent[3];
    curation_step_absent(step, absent);
    assert_int_equal(absent[2].u32, 0);
    measured = measure_bytes(step, NULL, "a\0b", 3);
    assert_int_equal(measured.row[0].u32, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_bytes_and_chars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
