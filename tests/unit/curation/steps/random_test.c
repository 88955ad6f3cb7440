/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_random;

static float value_of(const char *params, const char *text)
{
    return measure_text(step, params, text).row[0].f32;
}

static void is_uniform_and_repeatable(void **state)
{
    (void)state;
    unsigned low = 0;
    for (unsigned i = 0; i < 2000; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "document %u", i);
        float value = value_of(NULL, text);
        assert_true(value >= 0.0F && value < 1.0F);
        assert_true(value == value_of(NULL, text));
        low += value < 0.1F;
    }
    assert_in_range(low, 150, 250);
}

static void depends_on_seed_and_text_alone(void **state)
{
    (void)state;
    assert_true(value_of(NULL, "a") == value_of("{\"seed\":1}", "a"));
    assert_true(value_of("{\"seed\":2}", "a") != value_of("{\"seed\":1}", "a"));
    assert_true(value_of(NULL, "a") != value_of(NULL, "b"));
    /* SHA-256("random" 01 00.. SHA-256("")) begins with the three bytes of this number: the
     * value is part of what stored measures mean. */
    assert_true(value_of(NULL, "") == (float)0xb836c7 / 16777216.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_uniform_and_repeatable),
        cmocka_unit_test(depends_on_seed_and_text_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
