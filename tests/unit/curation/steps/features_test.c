/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/steps/measured.h"

static void shares_parts_of_a_document(void **state)
{
    (void)state;
    struct features *features CLEANUP(features_cleanup) = features_create();
    static const char text[] = "One two.\nThree";
    features_set(features, text, strlen(text));
    assert_ptr_equal(features_lines(features), features_lines(features));
    assert_int_equal(features_lines(features)->count, 2);
    assert_int_equal(features_split_words(features)->count, 3);
    assert_int_equal(features_uniseg_words(features)->count, 3);
    assert_int_equal(features_paragraphs(features)->count, 1);
    assert_int_equal(features_chars(features), 14);
    assert_int_equal(features_uniseg_chars(features), 11);
    struct digest digest = digest_of(text, strlen(text));
    assert_true(digest_equal(features_digest(features), &digest));
}

static void starts_anew_with_each_document(void **state)
{
    (void)state;
    struct features *features CLEANUP(features_cleanup) = features_create();
    features_set(features, "a b a b a b", 11);
    assert_int_equal(features_ngrams(features, 2)->top_chars, 6);
    assert_int_equal(features_lines(features)->count, 1);
    features_set(features, "x\ny z", 5);
    assert_int_equal(features_ngrams(features, 2)->top_chars, 0);
    assert_int_equal(features_lines(features)->count, 2);
    assert_int_equal(features_uniseg_chars(features), 3);
    features_set(features, "", 0);
    assert_int_equal(features_lines(features)->count, 0);
    assert_int_equal(features_ngrams(features, 3)->ngrams, 0);
    struct digest digest = digest_of("other", 5);
    features_set_digest(features, &digest);
    assert_true(digest_equal(features_digest(features), &digest));
}

static void lowers_the_text(void **state)
{
    (void)state;
    struct features *features CLEANUP(features_cleanup) = features_create();
    features_set(features, "ABC abc", 7);
    assert_int_equal(features_ngrams(features, 1)->top_chars, 0);
    assert_int_equal(features_ngrams(features_lowered(features), 1)->top_chars, 6);
    features_set(features, "X", 1);
    size_t length = 0;
    assert_string_equal(features_text(features_lowered(features), &length), "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_parts_of_a_document),
        cmocka_unit_test(starts_anew_with_each_document),
        cmocka_unit_test(lowers_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
