/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static bool bind(
    const struct curation_step *step,
    const char *params,
    struct arena *arena,
    struct curation_use *ret_use,
    struct err *err)
{
    struct node *node = NULL;
    assert_true(node_parse_json(params, strlen(params), arena, &node, NULL, NULL));
    return curation_use_bind(step, node, arena, ret_use, err);
}

static void binds_defaults_and_values(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct curation_use use;
    assert_true(curation_use_bind(&step_page_length, NULL, arena, &use, NULL));
    assert_string_equal(use.values[0].text, "char");
    assert_true(use.values[5].set && use.values[5].number == 1.0);
    assert_false(use.values[6].set);
    assert_true(bind(&step_page_length, "{\"max\":7,\"keep\":0.5}", arena, &use, NULL));
    assert_true(use.values[6].set && use.values[6].number == 7.0);
    assert_false(use.has_at_least || use.has_at_most);
    assert_true(bind(&step_page_length, "{\"min\":null}", arena, &use, NULL));
    assert_true(use.values[5].number == 1.0);
}

static void expect_refusal(
    const struct curation_step *step, const char *params, const char *part)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct curation_use use;
    struct err err = {0};
    assert_false(bind(step, params, arena, &use, &err));
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, err.message);
    }
}

static void refuses_wrong_parameters(void **state)
{
    (void)state;
    expect_refusal(&step_word_length, "{\"mni\":3}", "no parameter 'mni'");
    expect_refusal(&step_word_length, "{\"min\":\"3\"}", "expected a number, found string");
    expect_refusal(&step_random, "{\"seed\":1.5}", "expected an integer");
    expect_refusal(&step_stop_words, "{\"count_unique\":1}", "expected a bool");
    expect_refusal(&step_page_length, "{\"length_type\":1}", "expected a string");
    expect_refusal(&step_word_length, "[1]", "parameters are a map");
    expect_refusal(&step_exact_dedup, "{\"at_least\":1}", "no parameter 'at_least'");
}

static void cuts_on_the_first_column(void **state)
{
    (void)state;
    expect_kept(&step_word_length, "{\"at_least\":2,\"at_most\":4}", "abc");
    expect_rule(&step_word_length, "{\"at_least\":3.5}", "abc", "at least");
    expect_rule(&step_word_length, "{\"at_most\":2.5}", "abc", "at most");
    /* The step's own rules come first. */
    expect_rule(&step_word_length, "{\"at_least\":3.5}", "", "no words");
    expect_rule(&step_stop_word_share, "{\"at_most\":1}", "", "missing");
    expect_kept(&step_stop_word_share, NULL, "");
    expect_rule(&step_stop_words, "{\"min\":1,\"at_least\":3}", "the the", "at least");
}

static void rounds_cuts_like_columns(void **state)
{
    (void)state;
    /* 7 of 10: as a float it is below the double 0.7. */
    expect_kept(&step_stop_word_share, "{\"at_least\":0.7}", "a a a a a a a x x x");
    expect_kept(&step_stop_word_share, "{\"at_most\":0.7}", "a a a a a a a x x x");
    expect_kept(&step_stop_word_share, "{\"at_most\":0.3}", "a a a x x x x x x x");
}

static void knows_absent_rows(void **state)
{
    (void)state;
    union cell row[3];
    curation_step_absent(&step_word_length, row);
    assert_true(isnan(row[0].f32));
    assert_int_equal(row[1].u32, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_defaults_and_values),
        cmocka_unit_test(refuses_wrong_parameters),
        cmocka_unit_test(cuts_on_the_first_column),
        cmocka_unit_test(rounds_cuts_like_columns),
        cmocka_unit_test(knows_absent_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
