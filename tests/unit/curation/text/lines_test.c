/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "curation/text/lines.h"
#include "tests/unit/test.h"

typedef void (*splitter)(const char *text, size_t length, struct spans *ret_spans);

static void expect(splitter split, const char *text, const char *pieces)
{
    struct spans spans CLEANUP(spans_done) = {0};
    struct str out CLEANUP(str_done);
    str_init(&out, 4096);
    split(text, strlen(text), &spans);
    for (size_t i = 0; i < spans.count; i++) {
        str_append(&out, i > 0 ? "|" : "");
        str_append_bytes(&out, text + spans.items[i].start, spans.items[i].bytes);
    }
    assert_string_equal(out.data, pieces);
}

static void splits_lines(void **state)
{
    (void)state;
    expect(lines_split, "a\n\n  \n b \r\nc", "a|b|c");
    expect(lines_split, "", "");
    expect(lines_split, "\n", "");
    /* Only LF ends a line; other line ends are white space to strip, or stay inside. */
    expect(lines_split, "\xE2\x80\xA8x\xE2\x80\xA8y\xC2\xA0\nz", "x\xE2\x80\xA8y|z");
}

static void splits_paragraphs(void **state)
{
    (void)state;
    expect(paragraphs_split, "p1\nx\n\np2\n\n\np3", "p1\nx|p2|p3");
    expect(paragraphs_split, "a\n \nb", "a\n \nb");
    expect(paragraphs_split, "\n\n\n\n", "");
}

static void counts_chars(void **state)
{
    (void)state;
    struct spans spans CLEANUP(spans_done) = {0};
    lines_split(" na\xC3\xAFve \n", 9, &spans);
    assert_int_equal(spans.count, 1);
    assert_int_equal(spans.items[0].start, 1);
    assert_int_equal(spans.items[0].chars, 5);
}

static void counts_raw_pieces(void **state)
{
    (void)state;
    assert_int_equal(lines_count_raw("a\n\n  \nb", 7), 4);
    assert_int_equal(lines_count_raw("", 0), 1);
    assert_int_equal(lines_count_raw("a\n", 2), 2);
    assert_int_equal(paragraphs_count_raw("a\n\n\nb", 5), 2);
    assert_int_equal(paragraphs_count_raw("\n\n\n\n", 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lines),
        cmocka_unit_test(splits_paragraphs),
        cmocka_unit_test(counts_chars),
        cmocka_unit_test(counts_raw_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
