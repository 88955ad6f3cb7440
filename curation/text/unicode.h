/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character properties of Unicode 15.0 and the walk over UTF-8 that needs them. All text that
 * arrives here is valid UTF-8 (the reader sees to that), so decoding does not check again. The
 * predicates are those of Python's str methods, by which the curation steps are defined.
 */
#ifndef ASSAY_CURATION_TEXT_UNICODE_H
#define ASSAY_CURATION_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

/* Word_Break, in the low five bits of a record. The order is that of tools/unicode-table. */
enum word_break {
    WB_OTHER = 0,
    WB_CR,
    WB_LF,
    WB_NEWLINE,
    WB_EXTEND,
    WB_ZWJ,
    WB_REGIONAL_INDICATOR,
    WB_FORMAT,
    WB_KATAKANA,
    WB_HEBREW_LETTER,
    WB_ALETTER,
    WB_SINGLE_QUOTE,
    WB_DOUBLE_QUOTE,
    WB_MID_NUM_LET,
    WB_MID_LETTER,
    WB_MID_NUM,
    WB_NUMERIC,
    WB_EXTEND_NUM_LET,
    WB_WSEG_SPACE,
};

/* The other bits of a record. */
enum unicode_flag {
    UNICODE_WORD_BREAK = 31,
    UNICODE_PICTOGRAPH = 1 << 5, /* Extended_Pictographic */
    UNICODE_SPACE = 1 << 6,      /* str.isspace(): White_Space and U+001C..001F */
    UNICODE_ALPHA = 1 << 7,      /* str.isalpha(): categories L* */
    UNICODE_ALNUM = 1 << 8,      /* str.isalnum(): letters and all that is numeric */
    UNICODE_UPPER = 1 << 9,      /* str.isupper(): Uppercase */
    UNICODE_DIGIT = 1 << 10,     /* str.isdigit(): decimal digits and superscripts */
    UNICODE_NUMBER = 1 << 11,    /* categories N* */
    UNICODE_CASED = 1 << 12,
    UNICODE_CASE_IGNORABLE = 1 << 13,
};

extern const char unicode_version[];
extern const uint16_t unicode_ascii[128];
extern const uint16_t unicode_records[];
extern const uint16_t unicode_index[];
extern const uint8_t unicode_blocks[][64];

static inline uint16_t unicode_record(uint32_t point)
{
    return unicode_records[unicode_blocks[unicode_index[point >> 6]][point & 63]];
}

static inline enum word_break unicode_word_break(uint16_t record)
{
    return (enum word_break)(record & UNICODE_WORD_BREAK);
}

/* Bytes of the sequence that this lead byte starts. */
static inline size_t utf8_bytes(unsigned char lead)
{
    if (lead < 0x80) {
        return 1;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The code point at `text`, and its bytes. */
static inline uint32_t utf8_decode(const char *text, size_t *ret_bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t bytes = utf8_bytes(p[0]);
    *ret_bytes = bytes;
    switch (bytes) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12
               | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    }
}

/* The record of the character at `text`, and its bytes. */
static inline uint16_t utf8_record(const char *text, size_t *ret_bytes)
{
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *ret_bytes = 1;
        return unicode_ascii[lead];
    }
    return unicode_record(utf8_decode(text, ret_bytes));
}

/* The code point that ends at `end` > 0, and its bytes. */
uint32_t utf8_decode_before(const char *text, size_t end, size_t *ret_bytes);
/* Number of code points. */
size_t utf8_count(const char *text, size_t length);
/* Bytes of the first `points` code points, or `length` when there are fewer. */
size_t utf8_take(const char *text, size_t length, size_t points);
/* Appends a code point as UTF-8. */
void utf8_append(struct str *out, uint32_t point);

/* Appends str.lower() of the text: full mappings, final sigma included. */
void unicode_lower(const char *text, size_t length, struct str *out);
/* True when the text has no character outside ASCII. */
bool text_is_ascii(const char *text, size_t length);

#endif
