/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/rng.h"
#include "curation/text/unicode.h"
#include "tests/unit/test.h"

static void knows_properties(void **state)
{
    (void)state;
    assert_string_equal(unicode_version, "15.0.0");
    /* U+001C is no White_Space, but Python's isspace() says yes; U+200B is neither. */
    assert_true(unicode_record(0x1C) & UNICODE_SPACE);
    assert_true(unicode_record(0xA0) & UNICODE_SPACE);
    assert_true(unicode_record(0x2028) & UNICODE_SPACE);
    assert_false(unicode_record(0x200B) & UNICODE_SPACE);
    /* One half is alphanumeric but neither letter nor digit; superscript two is a digit. */
    assert_true(unicode_record(0xBD) & UNICODE_ALNUM);
    assert_false(unicode_record(0xBD) & (UNICODE_ALPHA | UNICODE_DIGIT));
    assert_true(unicode_record(0xB2) & UNICODE_DIGIT);
    /* Khmer letters are letters, their vowel signs are not. */
    assert_true(unicode_record(0x1780) & UNICODE_ALPHA);
    assert_false(unicode_record(0x17B6) & UNICODE_ALNUM);
    assert_true(unicode_record('A') & UNICODE_UPPER);
    assert_true(unicode_record(0x24B6) & UNICODE_UPPER); /* circled A: Other_Uppercase */
    assert_false(unicode_record(0x1C5) & UNICODE_UPPER); /* title case */
    assert_int_equal(unicode_word_break(unicode_record('_')), WB_EXTEND_NUM_LET);
    assert_int_equal(unicode_word_break(unicode_record(0x10FFFF)), WB_OTHER);
    assert_true(unicode_record(0x3400) & UNICODE_ALPHA); /* inside a range */
    assert_true(unicode_record(0x4E00) & UNICODE_NUMBER ? 0 : 1);
}

static void decodes_both_ways(void **state)
{
    (void)state;
    static const uint32_t points[] = {0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
    struct str text;
    str_init(&text, 100);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        size_t bytes = 0;
        str_clear(&text);
        str_append(&text, "a");
        utf8_append(&text, points[i]);
        assert_int_equal(utf8_decode(text.data + 1, &bytes), points[i]);
        assert_int_equal(bytes, text.length - 1);
        assert_int_equal(utf8_decode_before(text.data, text.length, &bytes), points[i]);
        assert_int_equal(bytes, text.length - 1);
    }
    str_done(&text);
}

static void counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_count("", 0), 0);
    assert_int_equal(utf8_count("na\xC3\xAFve", 6), 5);
    assert_int_equal(utf8_take("na\xC3\xAFve", 6, 3), 4);
    assert_int_equal(utf8_take("abc", 3, 9), 3);
    /* Long enough to wrap the byte lanes of the fast count. */
    struct str text;
    str_init(&text, 100000);
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t points = 0; points < 9000; points++) {
        assert_int_equal(utf8_count(text.data, text.length), points);
        static const uint32_t choices[] = {'a', 0xE9, 0x1780, 0x1F600};
        utf8_append(&text, choices[rng_below(&rng, 4)]);
    }
    str_done(&text);
}

static void expect_lower(const char *text, const char *lower)
{
    struct str out;
    str_init(&out, 1000);
    unicode_lower(text, strlen(text), &out);
    assert_string_equal(out.data, lower);
    str_done(&out);
}

static void lowers_like_python(void **state)
{
    (void)state;
    expect_lower("Hello WORLD 1[]", "hello world 1[]");
    expect_lower("\xC3\x89T\xC3\x89", "\xC3\xA9t\xC3\xA9");
    expect_lower("\xC4\xB0", "i\xCC\x87"); /* dotted capital I becomes two */
    /* Sigma at the end of a word, alone, and inside one. */
    expect_lower("\xCE\x9F\xCE\xA3", "\xCE\xBF\xCF\x82");
    expect_lower("\xCE\xA3", "\xCF\x83");
    expect_lower("\xCE\x9F\xCE\xA3\xCE\x9F", "\xCE\xBF\xCF\x83\xCE\xBF");
    expect_lower("\xCE\x9F\xCE\xA3. \xCE\x9F", "\xCE\xBF\xCF\x82. \xCE\xBF");
    expect_lower("\xE2\x84\xAA", "k"); /* Kelvin sign */
}

static void knows_ascii(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'x', sizeof(text));
    assert_true(text_is_ascii(text, sizeof(text)));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)0xC3;
        assert_false(text_is_ascii(text, sizeof(text)));
        text[i] = 'x';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_properties),
        cmocka_unit_test(decodes_both_ways),
        cmocka_unit_test(counts_code_points),
        cmocka_unit_test(lowers_like_python),
        cmocka_unit_test(knows_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
