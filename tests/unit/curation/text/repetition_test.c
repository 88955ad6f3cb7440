/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "curation/text/lines.h"
#include "curation/text/repetition.h"
#include "curation/text/words.h"
#include "tests/unit/test.h"

static struct repeats repeats_of(const char *text)
{
    struct spans lines CLEANUP(spans_done) = {0};
    struct interner interner CLEANUP(interner_done) = {0};
    struct repeats repeats = {0};
    lines_split(text, strlen(text), &lines);
    repeats_measure(&interner, text, &lines, &repeats);
    /* Marks of an earlier look do not count. */
    repeats_measure(&interner, text, &lines, &repeats);
    return repeats;
}

static void counts_all_copies(void **state)
{
    (void)state;
    struct repeats repeats = repeats_of("alpha\nbeta\nalpha\ngamma\nalpha\nbeta");
    assert_int_equal(repeats.pieces, 6);
    assert_int_equal(repeats.pieces_repeated, 5);
    assert_int_equal(repeats.chars, 28);
    assert_int_equal(repeats.chars_repeated, 23);
    repeats = repeats_of("A\na\nb");
    assert_int_equal(repeats.pieces_repeated, 0);
    repeats = repeats_of("");
    assert_int_equal(repeats.pieces, 0);
}

static struct ngram_repeats ngrams_of(const char *text, unsigned n)
{
    struct spans words CLEANUP(spans_done) = {0};
    struct ngram_counter counter CLEANUP(ngram_counter_done) = {0};
    words_uniseg(text, strlen(text), &words);
    ngram_counter_begin(&counter, text, &words);
    return *ngram_counter_measure(&counter, n);
}

static void finds_the_most_common(void **state)
{
    (void)state;
    /* (a b) and (long word) are both there twice: the longer counts. */
    struct ngram_repeats repeats = ngrams_of("a b a b long word x long word", 2);
    assert_int_equal(repeats.ngrams, 8);
    assert_int_equal(repeats.top_chars, 2 * 8);
    /* More copies beat more characters. */
    assert_int_equal(ngrams_of("a b c a b c a b longer word longer word", 2).top_chars, 3 * 2);
    assert_int_equal(ngrams_of("all words differ here", 2).top_chars, 0);
    assert_int_equal(ngrams_of("a", 2).ngrams, 0);
    /* Words are compared one by one: (ab c) is not (a bc). */
    assert_int_equal(ngrams_of("ab c a bc", 2).top_chars, 0);
}

static void covers_each_word_once(void **state)
{
    (void)state;
    /* The run of five stands twice; words in between do not count. */
    struct ngram_repeats repeats =
        ngrams_of("one two three four five six one two three four five seven", 5);
    assert_int_equal(repeats.covered_chars, 2 * 19);
    assert_int_equal(ngrams_of("x x x x x x x x", 5).covered_chars, 8);
    assert_int_equal(ngrams_of("a b c d e f g h", 5).covered_chars, 0);
}

/* Straight from the definition, for texts of one-letter words. */
static struct ngram_repeats naive(const char *letters, size_t count, size_t n)
{
    struct ngram_repeats repeats = {0};
    bool covered[64] = {false};
    size_t top = 1;
    for (size_t i = 0; i + n <= count; i++) {
        size_t copies = 0;
        for (size_t j = 0; j + n <= count; j++) {
            copies += memcmp(letters + i, letters + j, n) == 0;
        }
        repeats.ngrams++;
        top = copies > top ? copies : top;
        for (size_t j = i; copies > 1 && j < i + n; j++) {
            covered[j] = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        repeats.covered_chars += covered[i];
    }
    repeats.top_chars = top > 1 ? (uint32_t)(top * n) : 0;
    return repeats;
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    struct spans words CLEANUP(spans_done) = {0};
    struct ngram_counter counter CLEANUP(ngram_counter_done) = {0};
    for (int round = 0; round < 3000; round++) {
        char letters[60];
        char text[120];
        size_t count = (size_t)rng_below(&rng, sizeof(letters));
        uint64_t alphabet = 1 + rng_below(&rng, 5);
        for (size_t i = 0; i < count; i++) {
            letters[i] = (char)('a' + rng_below(&rng, alphabet));
            text[2 * i] = letters[i];
            text[2 * i + 1] = ' ';
        }
        words_uniseg(text, 2 * count, &words);
        ngram_counter_begin(&counter, text, &words);
        assert_int_equal(ngram_counter_chars(&counter), count);
        for (unsigned n = 1; n <= 12; n++) {
            struct ngram_repeats wanted = naive(letters, count, n);
            const struct ngram_repeats *found = ngram_counter_measure(&counter, n);
            assert_memory_equal(found, &wanted, sizeof(wanted));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_all_copies),
        cmocka_unit_test(finds_the_most_common),
        cmocka_unit_test(covers_each_word_once),
        cmocka_unit_test(agrees_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
