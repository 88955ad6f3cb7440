/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/words.h"

#include <string.h>

#include "curation/text/lines.h"
#include "curation/text/unicode.h"
#include "curation/text/uniseg.h"

/* --- By white space --- */

/* One character's part in words by white space. */
static inline uint16_t record_at(const char *text, size_t at, size_t *ret_bytes)
{
    unsigned char lead = (unsigned char)text[at];
    if (lead < 0x80) {
        *ret_bytes = 1;
        return unicode_record(lead);
    }
    return unicode_record(utf8_decode(text + at, ret_bytes));
}

void words_split(const char *text, size_t length, struct spans *ret_spans)
{
    ret_spans->count = 0;
    size_t at = 0;
    while (at < length) {
        size_t bytes = 0;
        uint16_t record = record_at(text, at, &bytes);
        if (record & UNICODE_SPACE) {
            at += bytes;
            continue;
        }
        size_t start = at;
        uint16_t seen = 0;
        uint32_t chars = 0;
        do {
            seen |= record;
            chars++;
            at += bytes;
            if (at == length) {
                break;
            }
            record = record_at(text, at, &bytes);
        } while (!(record & UNICODE_SPACE));
        struct span span = {
            .start = (uint32_t)start,
            .bytes = (uint32_t)(at - start),
            .chars = chars,
            .flags = seen & UNICODE_ALPHA ? SPAN_ALPHA : 0,
        };
        spans_push(ret_spans, span);
    }
}

/* --- fastText --- */

static bool fasttext_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static bool starts_alnum(const char *text, size_t at)
{
    size_t bytes = 0;
    return (record_at(text, at, &bytes) & UNICODE_ALNUM) != 0;
}

size_t words_fasttext_count(const char *text, size_t length)
{
    size_t count = 0;
    bool outside = true;
    for (size_t at = 0; at < length; at++) {
        bool space = fasttext_space(text[at]);
        if (outside && !space) {
            count += starts_alnum(text, at);
        }
        outside = space;
    }
    return count;
}

/* True when no character of the word is anything but white space. */
static bool is_blank(const char *text, const struct span *span)
{
    return text_strip(text, span->start, span->start + span->bytes).bytes == 0;
}

static bool passes(const char *text, const struct span *span, unsigned filter)
{
    size_t bytes = 0;
    if (filter & WORDS_NO_PUNCTUATION) {
        uint16_t record = record_at(text, span->start, &bytes);
        return (record & UNICODE_ALNUM)
               || (!(filter & WORDS_NO_WHITESPACE) && (record & UNICODE_SPACE));
    }
    return !(filter & WORDS_NO_WHITESPACE) || !is_blank(text, span);
}

static void push_passing(
    const char *text, size_t start, size_t end, unsigned filter, struct spans *spans)
{
    struct span span = {
        .start = (uint32_t)start,
        .bytes = (uint32_t)(end - start),
        .chars = (uint32_t)utf8_count(text + start, end - start),
    };
    if (passes(text, &span, filter)) {
        spans_push(spans, span);
    }
}

static void words_fasttext(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    size_t at = 0;
    while (at < length) {
        if (text[at] == '\n' && !(filter & WORDS_NO_PUNCTUATION)) {
            spans_push(ret_spans, (struct span){.start = (uint32_t)at});
        }
        if (fasttext_space(text[at])) {
            at++;
            continue;
        }
        size_t start = at;
        while (at < length && !fasttext_space(text[at])) {
            at++;
        }
        push_passing(text, start, at, filter, ret_spans);
    }
}

/* --- UAX #29 --- */

void words_uniseg(const char *text, size_t length, struct spans *ret_spans)
{
    ret_spans->count = 0;
    size_t at = 0;
    while (at < length) {
        /* A single blank between words is a segment that nobody asks for. */
        if (text[at] == ' ') {
            at++;
            continue;
        }
        struct uniseg_segment segment = uniseg_next(text, length, at);
        if (segment.first & UNICODE_ALNUM) {
            struct span span = {
                .start = (uint32_t)at,
                .bytes = (uint32_t)(segment.end - at),
                .chars = segment.chars,
            };
            spans_push(ret_spans, span);
        }
        at = segment.end;
    }
}

static void words_uniseg_all(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    for (size_t at = 0; at < length;) {
        size_t end = uniseg_next(text, length, at).end;
        push_passing(text, at, end, filter, ret_spans);
        at = end;
    }
}

static void words_split_filtered(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    words_split(text, length, ret_spans);
    size_t kept = 0;
    for (size_t i = 0; i < ret_spans->count; i++) {
        if (passes(text, &ret_spans->items[i], filter)) {
            ret_spans->items[kept++] = ret_spans->items[i];
        }
    }
    ret_spans->count = kept;
}

void words_find(
    enum word_model model,
    unsigned filter,
    const char *text,
    size_t length,
    struct spans *ret_spans)
{
    ret_spans->count = 0;
    switch (model) {
    case WORDS_FASTTEXT:
        words_fasttext(text, length, filter, ret_spans);
        break;
    case WORDS_SPLIT:
        words_split_filtered(text, length, filter, ret_spans);
        break;
    case WORDS_UNISEG:
        words_uniseg_all(text, length, filter, ret_spans);
        break;
    }
}

bool word_model_parse(const char *name, enum word_model *ret_model)
{
    static const char *const names[] = {"fasttext", "split", "uniseg"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_model = (enum word_model)i;
            return true;
        }
    }
    return false;
}
