/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/pretoken.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/base/utf8.h"
#include "curation/text/unicode.h"

enum symbol_class {
    SYMBOL_OTHER = 0,
    SYMBOL_SPACE,
    SYMBOL_LETTER,
    SYMBOL_NUMBER,
};

struct symbol {
    enum symbol_class class;
    size_t bytes;
};

static enum symbol_class class_of_ascii(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return SYMBOL_LETTER;
    }
    if (c >= '0' && c <= '9') {
        return SYMBOL_NUMBER;
    }
    return c == ' ' || (c >= '\t' && c <= '\r') ? SYMBOL_SPACE : SYMBOL_OTHER;
}

/* The property White_Space, which is what \s means in the pattern: not U+001C to U+001F, which
 * UNICODE_SPACE has too. */
static enum symbol_class class_of_wide(uint32_t point)
{
    uint16_t record = unicode_record(point);
    if (record & UNICODE_SPACE) {
        return SYMBOL_SPACE;
    }
    if (record & UNICODE_ALPHA) {
        return SYMBOL_LETTER;
    }
    return record & UNICODE_NUMBER ? SYMBOL_NUMBER : SYMBOL_OTHER;
}

static struct symbol symbol_at(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return (struct symbol){class_of_ascii(first), 1};
    }
    if (utf8_sequence(text, length) == 0) {
        return (struct symbol){SYMBOL_OTHER, 1};
    }
    size_t bytes;
    uint32_t point = utf8_decode(text, &bytes);
    return (struct symbol){class_of_wide(point), bytes};
}

/* Bytes of an English contraction at `text`, which starts with an apostrophe; else 0. */
static size_t contraction_length(const char *text, size_t length)
{
    int second = length > 1 ? text[1] : 0;
    int third = length > 2 ? text[2] : 0;
    if (second == 's' || second == 't' || second == 'm' || second == 'd') {
        return 2;
    }
    bool long_form = (second == 'r' && third == 'e') || (second == 'v' && third == 'e')
                     || (second == 'l' && third == 'l');
    return long_form ? 3 : 0;
}

/* Bytes from `start` over all symbols of one class. */
static size_t run_end(const char *text, size_t length, size_t start, enum symbol_class class)
{
    while (start < length) {
        struct symbol symbol = symbol_at(text + start, length - start);
        if (symbol.class != class) {
            break;
        }
        start += symbol.bytes;
    }
    return start;
}

/* A run of white space: all of it at the end of the text; else all but its last symbol, which
 * belongs to what follows (or stands alone). */
static size_t space_length(const char *text, size_t length)
{
    size_t end = 0;
    size_t before_last = 0;
    while (end < length) {
        struct symbol symbol = symbol_at(text + end, length - end);
        if (symbol.class != SYMBOL_SPACE) {
            return before_last > 0 ? before_last : end;
        }
        before_last = end;
        end += symbol.bytes;
    }
    return end;
}

size_t pretoken_length(const char *text, size_t length)
{
    if (text[0] == '\'') {
        size_t contraction = contraction_length(text, length);
        if (contraction > 0) {
            return contraction;
        }
    }
    size_t start = text[0] == ' ' && length > 1 ? 1 : 0;
    struct symbol symbol = symbol_at(text + start, length - start);
    if (symbol.class == SYMBOL_SPACE) {
        return space_length(text, length);
    }
    return run_end(text, length, start + symbol.bytes, symbol.class);
}
