/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static const struct curation_step *const step = &step_gopher_quality;

#define WORDS        "word of the text " /* 4 words, 2 of them stop words */
#define TEN_TIMES(x) x x x x x x x x x x

static void counts_everything_once(void **state)
{
    (void)state;
    struct measured measured = measure_text(
        step,
        NULL,
        "# The \"quoted\" of\n- 12 caf\xC3\xA9s...\n* \xE2\x80\xA6\n\nand\xC2\xA0to");
    assert_int_equal(measured.row[0].u32, 5); /* The of 12 cafés... and<NBSP>to */
    assert_int_equal(measured.row[1].u32, 11);
    assert_int_equal(measured.row[2].u32, 32);
    assert_int_equal(measured.row[3].u32, 5); /* # - 12 * ellipsis */
    assert_int_equal(measured.row[4].u32, 3); /* # ... ellipsis */
    assert_int_equal(measured.row[5].u32, 4); /* The of and to */
    assert_int_equal(measured.row[6].u32, 4);
    assert_int_equal(measured.row[7].u32, 2);
    assert_int_equal(measured.row[8].u32, 2);
}

static void applies_rules_in_order(void **state)
{
    (void)state;
    static const char good[] = TEN_TIMES(WORDS) TEN_TIMES(WORDS);
    expect_kept(step, NULL, good);
    expect_rule(step, NULL, "", "few words");
    expect_rule(step, "{\"min_words\":81}", good, "few words");
    expect_kept(step, "{\"min_words\":80,\"max_words\":80}", good);
    expect_rule(step, "{\"max_words\":79}", good, "many words");
    expect_rule(step, "{\"min_word_length\":3.5}", good, "word length");
    expect_rule(step, "{\"max_word_length\":3.24}", good, "word length");
    expect_rule(step, "{\"min_words\":0}", "", "word length");
    expect_rule(step, "{\"min_words\":1,\"min_word_length\":0}", "# a", "many symbols");
    expect_rule(step, "{\"min_words\":1,\"min_word_length\":0}", "-a\n- bc", "many bullets");
    expect_rule(
        step,
        "{\"min_words\":1,\"max_symbol_ratio\":1}",
        "some more\xE2\x80\xA6\nwords",
        "many ellipses");
    expect_rule(step, "{\"min_words\":1}", "1234 abcd efgh", "few alphabetic words");
    expect_rule(step, "{\"min_words\":1}", "abcd efgh the", "few stop words");
    expect_kept(step, "{\"min_words\":1,\"min_stop_words\":1}", "abcd efgh the");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_everything_once),
        cmocka_unit_test(applies_rules_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
