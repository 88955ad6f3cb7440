/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_repetition;

static void counts_lines(void **state)
{
    (void)state;
    static const char text[] =
        "alpha\nbeta\nalpha\ngamma\ndelta\nepsilon\nzeta\neta\ntheta\niota";
    struct measured measured = measure_text(step, NULL, text);
    assert_int_equal(measured.row[1].u32, 10);
    assert_int_equal(measured.row[2].u32, 47);
    assert_int_equal(measured.row[3].u32, 10);
    assert_true(measured.row[0].f32 == (float)(10.0 / 47.0));
    expect_kept(step, "{\"max_fraction\":0.22}", text);
    expect_rule(step, "{\"max_fraction\":0.21}", text, "repetition");
    expect_kept(step, "{\"max_fraction\":0.2,\"count_characters\":false}", text);
    expect_rule(step, "{\"max_fraction\":0.19,\"count_characters\":false}", text, "repetition");
}

static void counts_paragraphs(void **state)
{
    (void)state;
    struct measured measured = measure_text(
        step, "{\"granularity\":\"paragraph\"}", "one\ntwo\n\nthree\n\n one\ntwo ");
    assert_int_equal(measured.row[1].u32, 14);
    assert_int_equal(measured.row[2].u32, 19);
    assert_int_equal(measured.row[3].u32, 3);
}

static void finds_ngrams(void **state)
{
    (void)state;
    static const char text[] = "a b a b long word x long word";
    struct measured measured = measure_text(step, "{\"granularity\":\"ngram\",\"n\":2}", text);
    assert_int_equal(measured.row[1].u32, 16); /* (long word) twice */
    assert_int_equal(measured.row[2].u32, 21);
    /* (a b), (long word) and their copies cover all but x. */
    measured = measure_text(
        step, "{\"granularity\":\"ngram\",\"n\":2,\"ngram_char_ratio\":\"all\"}", text);
    assert_int_equal(measured.row[1].u32, 20);
    expect_rule(
        step, "{\"granularity\":\"ngram\",\"n\":2,\"max_fraction\":0.76}", text, "repetition");
    expect_kept(step, "{\"granularity\":\"ngram\",\"n\":2,\"max_fraction\":0.77}", text);
}

static void ignores_case_when_told(void **state)
{
    (void)state;
    assert_int_equal(measure_text(step, NULL, "A\na\nb").row[1].u32, 0);
    assert_int_equal(measure_text(step, "{\"ignore_case\":true}", "A\na\nb").row[1].u32, 2);
}

static void keeps_what_cannot_repeat(void **state)
{
    (void)state;
    expect_kept(step, "{\"max_fraction\":0}", "same");
    expect_rule(step, "{\"max_fraction\":0.9}", " \n\t\n", "no text");
    expect_rule(step, NULL, "", "no text");
    expect_kept(step, "{\"granularity\":\"ngram\",\"max_fraction\":0.2}", "!!! ??? ...");
    expect_kept(step, "{\"granularity\":\"ngram\",\"max_fraction\":0}", "all words differ");
    expect_rule(step, "{\"granularity\":\"ngram\"}", "", "no text");
}

static void refuses_odd_ngrams(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *params = node_map(arena);
    struct curation_use use;
    struct err err = {0};
    node_set(arena, params, "granularity", node_string(arena, "ngram"));
    node_set(arena, params, "n", node_int(arena, 12));
    assert_false(curation_use_bind(step, params, arena, &use, &err));
    assert_non_null(strstr(err.message, "no ngram_char_ratio"));
    node_set(arena, params, "ngram_char_ratio", node_string(arena, "all"));
    assert_true(curation_use_bind(step, params, arena, &use, &err));
    node_set(arena, params, "n", node_int(arena, 65));
    assert_false(curation_use_bind(step, params, arena, &use, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_lines),
        cmocka_unit_test(counts_paragraphs),
        cmocka_unit_test(finds_ngrams),
        cmocka_unit_test(ignores_case_when_told),
        cmocka_unit_test(keeps_what_cannot_repeat),
        cmocka_unit_test(refuses_odd_ngrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
