/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/utf8.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/str.h"

/* Sequence length by first byte, and the range of the second byte, which excludes overlong
 * forms and surrogates. */
static size_t sequence_shape(
    unsigned char first, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = 0x80;
    *ret_high = 0xbf;
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *ret_low = first == 0xe0 ? 0xa0 : 0x80;
        *ret_high = first == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *ret_low = first == 0xf0 ? 0x90 : 0x80;
        *ret_high = first == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

size_t utf8_sequence(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char low = 0;
    unsigned char high = 0;
    size_t size = sequence_shape(bytes[0], &low, &high);
    if (size == 0 || size > length) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] < low || bytes[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

size_t utf8_prefix(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length) {
        size_t step = (unsigned char)text[i] < 0x80 ? 1 : utf8_sequence(text + i, length - i);
        if (step == 0) {
            break;
        }
        i += step;
    }
    return i;
}

bool str_is_utf8(const char *text, size_t length)
{
    return utf8_prefix(text, length) == length;
}

void str_copy_cut(char *buffer, size_t size, const char *text)
{
    size_t length = utf8_prefix(text, strnlen(text, size - 1));
    memcpy(buffer, text, length);
    buffer[length] = '\0';
}
