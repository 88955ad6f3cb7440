/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/text/unicode.h"
#include "curation/text/words.h"
#include "tests/unit/test.h"

/* Words with '|' between them; a token that is not in the text shows as nothing. */
static void expect(
    enum word_model model, unsigned filter, const char *text, size_t length, const char *words)
{
    struct spans spans CLEANUP(spans_done) = {0};
    struct str out CLEANUP(str_done);
    str_init(&out, 4096);
    words_find(model, filter, text, length, &spans);
    for (size_t i = 0; i < spans.count; i++) {
        str_append(&out, i > 0 ? "|" : "");
        str_append_bytes(&out, text + spans.items[i].start, spans.items[i].bytes);
    }
    assert_string_equal(out.data, words);
}

#define TEXT(literal) (literal), sizeof(literal) - 1

static void splits_by_white_space(void **state)
{
    (void)state;
    expect(
        WORDS_SPLIT,
        0,
        TEXT(" one\ttwo\xC2\xA0three\x1C"
             "four \n"),
        "one|two|three|four");
    expect(
        WORDS_SPLIT,
        0,
        TEXT("a\xE2\x80\x8B"
             "b"),
        "a\xE2\x80\x8B"
        "b");
    expect(WORDS_SPLIT, 0, TEXT(" \n"), "");
    expect(WORDS_SPLIT, WORDS_NO_PUNCTUATION, TEXT("a \"b\" 5 -c \xC3\xA9"), "a|5|\xC3\xA9");
}

static void marks_alphabetic_words(void **state)
{
    (void)state;
    struct spans spans CLEANUP(spans_done) = {0};
    words_split(TEXT("a1 12 \xD0\xB0 \xE2\x80\xA6 3."), &spans);
    static const uint32_t flags[] = {SPAN_ALPHA, 0, SPAN_ALPHA, 0, 0};
    static const uint32_t chars[] = {2, 2, 1, 1, 2};
    assert_int_equal(spans.count, 5);
    for (size_t i = 0; i < spans.count; i++) {
        assert_int_equal(spans.items[i].flags, flags[i]);
        assert_int_equal(spans.items[i].chars, chars[i]);
    }
}

static void splits_like_fasttext(void **state)
{
    (void)state;
    /* NUL separates, NBSP does not; every LF is a token of its own. */
    expect(
        WORDS_FASTTEXT,
        WORDS_NO_WHITESPACE,
        TEXT("a\0b\xC2\xA0"
             "c\n\nd\n"),
        "a|b\xC2\xA0"
        "c|||d|");
    expect(WORDS_FASTTEXT, WORDS_NO_PUNCTUATION, TEXT("a\n\"b\n</s> c"), "a|c");
    /* A token of NBSP alone is blank. */
    expect(WORDS_FASTTEXT, WORDS_NO_WHITESPACE, TEXT("a \xC2\xA0 b"), "a|b");
    expect(WORDS_FASTTEXT, 0, TEXT("a \xC2\xA0 b"), "a|\xC2\xA0|b");
    assert_int_equal(words_fasttext_count(TEXT("a\f\"b c\n\nd 1 \xC2\xBD")), 5);
    assert_int_equal(words_fasttext_count("", 0), 0);
}

static void filters_segments(void **state)
{
    (void)state;
    expect(WORDS_UNISEG, 0, TEXT("a, b"), "a|,| |b");
    expect(WORDS_UNISEG, WORDS_NO_WHITESPACE, TEXT("a, b\n"), "a|,|b");
    expect(WORDS_UNISEG, WORDS_NO_PUNCTUATION, TEXT("a, b"), "a| |b");
    expect(WORDS_UNISEG, WORDS_NO_PUNCTUATION | WORDS_NO_WHITESPACE, TEXT("a, _b 'c"), "a|c");
}

static void fast_segments_equal_filtered_ones(void **state)
{
    (void)state;
    static const char text[] =
        "It's 3 o'clock   in caf\xC3\xA9s \xE2\x80\x94 _no_ \xE4\xB8\xAD\xE6\x96\x87!\n\n\xCC\x81x";
    struct spans fast CLEANUP(spans_done) = {0};
    struct spans slow CLEANUP(spans_done) = {0};
    words_uniseg(TEXT(text), &fast);
    words_find(WORDS_UNISEG, WORDS_NO_PUNCTUATION | WORDS_NO_WHITESPACE, TEXT(text), &slow);
    assert_int_equal(fast.count, slow.count);
    for (size_t i = 0; i < fast.count; i++) {
        assert_memory_equal(&fast.items[i], &slow.items[i], sizeof(fast.items[i]));
    }
}

/* Words by white space, character by character. */
static void expect_split(const struct str *text, const struct spans *spans)
{
    size_t found = 0;
    bool inside = false;
    struct span word = {0};
    for (size_t at = 0; at <= text->length;) {
        size_t bytes = 1;
        uint16_t record = UNICODE_SPACE;
        if (at < text->length) {
            record = unicode_record(utf8_decode(text->data + at, &bytes));
        }
        bool space = (record & UNICODE_SPACE) != 0;
        if (!space && !inside) {
            word = (struct span){.start = (uint32_t)at};
        }
        if (!space) {
            word.bytes += (uint32_t)bytes;
            word.chars++;
            word.flags |= record & UNICODE_ALPHA ? SPAN_ALPHA : 0;
        } else if (inside) {
            assert_true(found < spans->count);
            assert_memory_equal(&spans->items[found], &word, sizeof(word));
            found++;
        }
        inside = !space;
        at += bytes;
    }
    assert_int_equal(found, spans->count);
}

/* The ways by masks against the ways by characters, on texts that cross blocks in all places.
 */
static void fast_ways_agree_with_slow_ones(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",
        "word",
        "x9",
        "12",
        "_",
        ".",
        "'",
        ",",
        ":",
        ";",
        "\"",
        " ",
        "  ",
        "\n",
        "\t",
        "\x1D",
        "\xC2\xA0",
        "\xC3\xA9",
        "\xCC\x81",
        "\xD7\x90",
        "\xE2\x80\x99",
        "\xE2\x80\xA8",
        "\xC2\xBD",
        "\xE2\x80\x8D",
        "\xF0\x9F\x98\x80",
        "\xE3\x82\xAB",
        "\xE1\x9E\x80",
        "-",
        "#",
        "\x00"};
    struct rng rng;
    struct spans fast CLEANUP(spans_done) = {0};
    struct spans slow CLEANUP(spans_done) = {0};
    struct str text CLEANUP(str_done);
    rng_init(&rng, 21);
    str_init(&text, 10000);
    for (int round = 0; round < 30000; round++) {
        str_clear(&text);
        size_t kinds = 2 + (size_t)rng_below(&rng, ARRAY_LEN(pieces) - 1);
        for (uint64_t left = rng_below(&rng, 90); left > 0; left--) {
            size_t piece = (size_t)rng_below(&rng, kinds);
            str_append_bytes(
                &text,
                pieces[piece],
                piece == ARRAY_LEN(pieces) - 1 ? 1 : strlen(pieces[piece]));
        }
        words_uniseg(text.data, text.length, &fast);
        words_find(
            WORDS_UNISEG,
            WORDS_NO_PUNCTUATION | WORDS_NO_WHITESPACE,
            text.data,
            text.length,
            &slow);
        assert_int_equal(fast.count, slow.count);
        assert_memory_equal(fast.items, slow.items, fast.count * sizeof(fast.items[0]));
        words_find(
            WORDS_FASTTEXT,
            WORDS_NO_PUNCTUATION | WORDS_NO_WHITESPACE,
            text.data,
            text.length,
            &slow);
        assert_int_equal(words_fasttext_count(text.data, text.length), slow.count);
        words_split(text.data, text.length, &fast);
        expect_split(&text, &fast);
    }
}

static void knows_its_models(void **state)
{
    (void)state;
    enum word_model model = WORDS_FASTTEXT;
    assert_true(word_model_parse("uniseg", &model));
    assert_int_equal(model, WORDS_UNISEG);
    assert_false(word_model_parse("spacy", &model));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_by_white_space),
        cmocka_unit_test(marks_alphabetic_words),
        cmocka_unit_test(splits_like_fasttext),
        cmocka_unit_test(filters_segments),
        cmocka_unit_test(fast_segments_equal_filtered_ones),
        cmocka_unit_test(fast_ways_agree_with_slow_ones),
        cmocka_unit_test(knows_its_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
