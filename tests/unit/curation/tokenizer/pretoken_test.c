/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/tokenizer/pretoken.h"
#include "tests/unit/test.h"

/* The pieces of a text, with '|' between them. */
static void expect(const char *text, const char *pieces)
{
    struct str CLEANUP(str_done) out;
    str_init(&out, 4096);
    size_t length = strlen(text);
    while (length > 0) {
        size_t bytes = pretoken_length(text, length);
        assert_true(bytes > 0 && bytes <= length);
        str_append(&out, out.length > 0 ? "|" : "");
        str_append_bytes(&out, text, bytes);
        text += bytes;
        length -= bytes;
    }
    assert_string_equal(out.data, pieces);
}

static void splits_words_and_numbers(void **state)
{
    (void)state;
    expect("Hello world", "Hello| world");
    expect("abc123def", "abc|123|def");
    expect("a, b.", "a|,| b|.");
    expect("x=1;y", "x|=|1|;|y");
    expect(" leading", " leading");
    expect("f(x) -> y_1", "f|(|x|)| ->| y|_|1");
}

static void splits_contractions(void **state)
{
    (void)state;
    expect(
        "it's we'll I'm you've they're he'd don't",
        "it|'s| we|'ll| I|'m| you|'ve| they|'re"
        "| he|'d| don|'t");
    /* Lower case only, and only where a piece begins. */
    expect("IT'S", "IT|'|S");
    expect(" 's", " '|s");
    expect("''s", "''|s");
    expect("'sun", "'s|un");
    expect("'", "'");
    expect("'l", "'|l");
}

static void splits_white_space(void **state)
{
    (void)state;
    expect("a  b", "a| | b");
    expect("a\n\nb", "a|\n|\n|b");
    expect("a\n\n  b", "a|\n\n | b");
    expect("a   ", "a|   ");
    expect("a\n", "a|\n");
    expect(" ", " ");
    expect("\t\tx", "\t|\t|x");
    /* NO-BREAK SPACE is white space, but not the blank that may precede a word. */
    expect("a\u00a0b", "a|\u00a0|b");
    expect("a\u2003\u2003b", "a|\u2003|\u2003|b");
    /* ZERO WIDTH SPACE and the information separators are not white space. */
    expect("a\u200bb", "a|\u200b|b");
    expect(
        "a\x1f"
        "b",
        "a|\x1f|b");
}

static void splits_other_scripts(void **state)
{
    (void)state;
    expect("Tiếng Việt", "Tiếng| Việt");
    /* Combining marks are neither letters nor numbers. */
    expect("e\u0301x", "e|\u0301|x");
    expect("កម្ពុជា", "កម|្|ព|ុ|ជ|ា");
    expect("Ⅻ½ ٣", "Ⅻ½| ٣");
    expect("日本語、です", "日本語|、|です");
    expect("a😀😀 😀", "a|😀😀| 😀");
}

static void never_leaves_the_text(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t length = 1 + (size_t)rng_below(&rng, sizeof(text));
        for (size_t i = 0; i < length; i++) {
            /* Any byte at all: broken sequences must not be read past their end. */
            int any = (int)rng_below(&rng, 256) - 128;
            int usual = (unsigned char)" '\nas1"[rng_below(&rng, 6)];
            text[i] = (char)(rng_below(&rng, 3) == 0 ? any : usual);
        }
        size_t at = 0;
        while (at < length) {
            size_t bytes = pretoken_length(text + at, length - at);
            assert_true(bytes > 0 && bytes <= length - at);
            at += bytes;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_words_and_numbers),
        cmocka_unit_test(splits_contractions),
        cmocka_unit_test(splits_white_space),
        cmocka_unit_test(splits_other_scripts),
        cmocka_unit_test(never_leaves_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
