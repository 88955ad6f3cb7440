/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/lines.h"

#include <string.h>

#include "curation/text/unicode.h"

static size_t strip_left(const char *text, size_t start, size_t end)
{
    while (start < end) {
        size_t bytes = 0;
        if (!(utf8_record(text + start, &bytes) & UNICODE_SPACE)) {
            break;
        }
        start += bytes;
    }
    return start;
}

static size_t strip_right(const char *text, size_t start, size_t end)
{
    while (end > start) {
        size_t bytes = 0;
        if (!(unicode_record(utf8_decode_before(text, end, &bytes)) & UNICODE_SPACE)) {
            break;
        }
        end -= bytes;
    }
    return end;
}

struct span text_strip(const char *text, size_t start, size_t end)
{
    size_t left = strip_left(text, start, end);
    size_t right = strip_right(text, left, end);
    return (struct span){
        .start = (uint32_t)left,
        .bytes = (uint32_t)(right - left),
        .chars = (uint32_t)utf8_count(text + left, right - left),
    };
}

static void push_stripped(const char *text, size_t start, size_t end, struct spans *spans)
{
    struct span span = text_strip(text, start, end);
    if (span.bytes > 0) {
        spans_push(spans, span);
    }
}

/* The end of the piece that starts at `start`: the next LF (or pair of LFs), or the text's. */
static size_t piece_end(const char *text, size_t length, size_t start, size_t separator)
{
    size_t at = start;
    while (at < length) {
        const char *found = memchr(text + at, '\n', length - at);
        if (found == NULL) {
            return length;
        }
        at = (size_t)(found - text);
        if (separator == 1 || (at + 1 < length && text[at + 1] == '\n')) {
            return at;
        }
        at++;
    }
    return length;
}

static void pieces_split(
    const char *text, size_t length, size_t separator, struct spans *ret_spans)
{
    ret_spans->count = 0;
    size_t start = 0;
    while (start <= length) {
        size_t end = piece_end(text, length, start, separator);
        push_stripped(text, start, end, ret_spans);
        start = end + separator;
        if (end == length) {
            break;
        }
    }
}

static size_t pieces_count(const char *text, size_t length, size_t separator)
{
    size_t count = 1;
    size_t end = piece_end(text, length, 0, separator);
    while (end < length) {
        count++;
        end = piece_end(text, length, end + separator, separator);
    }
    return count;
}

void lines_split(const char *text, size_t length, struct spans *ret_spans)
{
    pieces_split(text, length, 1, ret_spans);
}

void paragraphs_split(const char *text, size_t length, struct spans *ret_spans)
{
    pieces_split(text, length, 2, ret_spans);
}

size_t lines_count_raw(const char *text, size_t length)
{
    return pieces_count(text, length, 1);
}

size_t paragraphs_count_raw(const char *text, size_t length)
{
    return pieces_count(text, length, 2);
}
