/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/text/unicode.h"
#include "curation/text/uniseg.h"
#include "tests/unit/test.h"

/* The segments of a text, with '|' between them. */
static void expect(const char *text, const char *segments)
{
    struct str out CLEANUP(str_done);
    str_init(&out, 4096);
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        struct uniseg_segment segment = uniseg_next(text, length, at);
        assert_true(segment.end > at && segment.end <= length);
        assert_int_equal(segment.chars, utf8_count(text + at, segment.end - at));
        str_append(&out, at > 0 ? "|" : "");
        str_append_bytes(&out, text + at, segment.end - at);
        at = segment.end;
    }
    assert_string_equal(out.data, segments);
}

static void splits_english(void **state)
{
    (void)state;
    expect("can't stop 3.14 e-mail", "can't| |stop| |3.14| |e|-|mail");
    expect("U.S.A. 1,234.5 a_b x:y", "U.S.A|.| |1,234.5| |a_b| |x:y");
    expect("a.1 1.a a' 'b 1;2 a;b", "a|.|1| |1|.|a| |a|'| |'|b| |1;2| |a|;|b");
    expect("__ a1b2 (x)", "__| |a1b2| |(|x|)");
    expect("  two\r\n\nblanks", "  |two|\r\n|\n|blanks");
}

static void splits_beyond_ascii(void **state)
{
    (void)state;
    expect("caf\xC3\xA9 don\xE2\x80\x99t", "caf\xC3\xA9| |don\xE2\x80\x99t");
    expect("na\xC3\xAFve.", "na\xC3\xAFve|.");
    /* A mark that belongs to a letter takes no part (WB4): a, combining acute, dot, b. */
    expect(
        "a\xCC\x81.b a.\xCC\x81"
        "b",
        "a\xCC\x81.b| |a.\xCC\x81"
        "b");
    expect("\xE4\xB8\xAD\xE6\x96\x87", "\xE4\xB8\xAD|\xE6\x96\x87");
    expect("\xE3\x82\xAB\xE3\x82\xBF", "\xE3\x82\xAB\xE3\x82\xBF");
}

/* One line of the cases: points in hex with marks between them that say whether a word ends. */
static void run_case(const char *line)
{
    struct str text CLEANUP(str_done);
    size_t ends[64];
    size_t ends_count = 0;
    str_init(&text, 1024);
    for (const char *at = line; *at != '\0' && *at != '\n';) {
        if (*at == ' ') {
            at++;
        } else if (strncmp(at, "\xC3\xB7", 2) == 0) {
            if (text.length > 0) {
                ends[ends_count++] = text.length;
            }
            at += 2;
        } else if (strncmp(at, "\xC3\x97", 2) == 0) {
            at += 2;
        } else {
            char *end = NULL;
            utf8_append(&text, (uint32_t)strtoul(at, &end, 16));
            at = end;
        }
    }
    size_t found = 0;
    for (size_t at = 0; at < text.length; found++) {
        at = uniseg_next(text.data, text.length, at).end;
        if (found >= ends_count || at != ends[found]) {
            fail_msg("word %zu ends at byte %zu: %s", found, at, line);
        }
    }
    assert_int_equal(found, ends_count);
}

static void agrees_with_unicode(void **state)
{
    (void)state;
    FILE *file CLEANUP(file_cleanup) = fopen(WORD_BREAK_CASES, "re");
    assert_non_null(file);
    char line[1024];
    unsigned cases = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != '#') {
            run_case(line);
            cases++;
        }
    }
    assert_int_equal(cases, 1823);
}

/* The short way for ASCII and the rules give the same: a text and the same text with a Cyrillic
 * letter in place of every "z" break at the same places. */
static void short_way_agrees_with_rules(void **state)
{
    (void)state;
    static const char alphabet[] = "abz09_.,:;'\" -#\n\rz";
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        char ascii[16];
        char wide[40];
        size_t length = 1 + (size_t)rng_below(&rng, sizeof(ascii) - 1);
        size_t places[17];
        size_t wide_length = 0;
        for (size_t i = 0; i < length; i++) {
            ascii[i] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
            places[i] = wide_length;
            if (ascii[i] == 'z') {
                wide[wide_length++] = (char)0xD0;
                wide[wide_length++] = (char)0xB7;
            } else {
                wide[wide_length++] = ascii[i];
            }
        }
        places[length] = wide_length;
        size_t at = 0;
        for (size_t wide_at = 0; wide_at < wide_length;) {
            wide_at = uniseg_next(wide, wide_length, wide_at).end;
            at = uniseg_next(ascii, length, at).end;
            assert_int_equal(places[at], wide_at);
        }
        assert_int_equal(at, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_english),
        cmocka_unit_test(splits_beyond_ascii),
        cmocka_unit_test(agrees_with_unicode),
        cmocka_unit_test(short_way_agrees_with_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
