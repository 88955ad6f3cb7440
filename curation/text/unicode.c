/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/unicode.h"

#include <string.h>
#include <utf8proc.h>

#define SIGMA       0x3A3
#define SIGMA_SMALL 0x3C3
#define SIGMA_FINAL 0x3C2
#define DOTTED_I    0x130

uint32_t utf8_decode_before(const char *text, size_t end, size_t *ret_bytes)
{
    size_t start = end - 1;
    while (start > 0 && ((unsigned char)text[start] & 0xC0) == 0x80) {
        start--;
    }
    return utf8_decode(text + start, ret_bytes);
}

/* Continuation bytes among eight: those with bit 7 set and bit 6 clear. */
static uint64_t continuation_bits(const char *text)
{
    uint64_t word = 0;
    memcpy(&word, text, sizeof(word));
    return (word >> 7) & (~word >> 6) & UINT64_C(0x0101010101010101);
}

size_t utf8_count(const char *text, size_t length)
{
    size_t continuations = 0;
    size_t at = 0;
    while (length - at >= 8) {
        /* Up to 31 words fit the byte lanes before they are added up. */
        size_t words = (length - at) / 8 < 31 ? (length - at) / 8 : 31;
        uint64_t lanes = 0;
        for (size_t i = 0; i < words; i++, at += 8) {
            lanes += continuation_bits(text + at);
        }
        uint64_t pairs = (lanes & UINT64_C(0x00FF00FF00FF00FF))
                         + ((lanes >> 8) & UINT64_C(0x00FF00FF00FF00FF));
        continuations += (pairs * UINT64_C(0x0001000100010001)) >> 48;
    }
    for (; at < length; at++) {
        continuations += ((unsigned char)text[at] & 0xC0) == 0x80;
    }
    return length - continuations;
}

size_t utf8_take(const char *text, size_t length, size_t points)
{
    size_t at = 0;
    while (at < length && points > 0) {
        at += utf8_bytes((unsigned char)text[at]);
        points--;
    }
    return at;
}

void utf8_append(struct str *out, uint32_t point)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t count = utf8proc_encode_char((utf8proc_int32_t)point, bytes);
    str_append_bytes(out, bytes, (size_t)count);
}

bool text_is_ascii(const char *text, size_t length)
{
    uint64_t seen = 0;
    size_t at = 0;
    for (; length - at >= 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, text + at, sizeof(word));
        seen |= word;
    }
    for (; at < length; at++) {
        seen |= (unsigned char)text[at];
    }
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static bool cased_before(const char *text, size_t at)
{
    while (at > 0) {
        size_t bytes = 0;
        uint16_t record = unicode_record(utf8_decode_before(text, at, &bytes));
        if (!(record & UNICODE_CASE_IGNORABLE)) {
            return (record & UNICODE_CASED) != 0;
        }
        at -= bytes;
    }
    return false;
}

static bool cased_after(const char *text, size_t length, size_t at)
{
    while (at < length) {
        size_t bytes = 0;
        uint16_t record = unicode_record(utf8_decode(text + at, &bytes));
        if (!(record & UNICODE_CASE_IGNORABLE)) {
            return (record & UNICODE_CASED) != 0;
        }
        at += bytes;
    }
    return false;
}

static void lower_wide(const char *text, size_t length, size_t at, struct str *out)
{
    size_t bytes = 0;
    uint32_t point = utf8_decode(text + at, &bytes);
    if (point == SIGMA) {
        bool final = cased_before(text, at) && !cased_after(text, length, at + bytes);
        utf8_append(out, final ? SIGMA_FINAL : SIGMA_SMALL);
    } else if (point == DOTTED_I) {
        str_append(out, "i\xCC\x87");
    } else {
        utf8_append(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)point));
    }
}

void unicode_lower(const char *text, size_t length, struct str *out)
{
    char small[256];
    size_t at = 0;
    while (at < length) {
        size_t count = 0;
        while (at < length && count < sizeof(small) && (unsigned char)text[at] < 0x80) {
            char c = text[at++];
            small[count++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        }
        str_append_bytes(out, small, count);
        while (at < length && (unsigned char)text[at] >= 0x80) {
            lower_wide(text, length, at, out);
            at += utf8_bytes((unsigned char)text[at]);
        }
    }
}
