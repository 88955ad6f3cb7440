/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/utf8.h"

/* What data points to while nothing is allocated (capacity 0); never written except its NUL by
 * nobody. */
static char empty_text[1];

void str_init(struct str *str, size_t length_max)
{
    CHECK(length_max < SIZE_MAX / 2);
    *str = (struct str){.data = empty_text, .length_max = length_max};
}

void str_done(struct str *str)
{
    if (str->capacity > 0) {
        free(str->data);
    }
    *str = (struct str){.data = empty_text, .length_max = str->length_max};
}

void str_clear(struct str *str)
{
    str->length = 0;
    str->overflow = false;
    if (str->capacity > 0) {
        str->data[0] = '\0';
    }
}

/* Makes room for up to `extra` more bytes and a NUL; returns how many of them fit below the
 * maximum. */
static size_t reserve(struct str *str, size_t extra)
{
    size_t room = str->length_max - str->length;
    if (extra > room) {
        extra = room;
        str->overflow = true;
    }
    size_t needed = str->length + extra + 1;
    if (needed <= str->capacity) {
        return extra;
    }
    size_t capacity = str->capacity > 0 ? str->capacity : 64;
    while (capacity < needed) {
        capacity *= 2;
    }
    str->data = xrealloc(str->capacity > 0 ? str->data : NULL, capacity);
    str->capacity = capacity;
    return extra;
}

void str_append(struct str *str, const char *text)
{
    str_append_bytes(str, text, strlen(text));
}

void str_append_bytes(struct str *str, const void *data, size_t length)
{
    size_t fits = reserve(str, length);
    if (fits > 0) {
        memcpy(str->data + str->length, data, fits);
        str->length += fits;
    }
    str->data[str->length] = '\0';
}

void str_append_char(struct str *str, char c)
{
    str_append_bytes(str, &c, 1);
}

void str_appendf(struct str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_vappendf(str, format, args);
    va_end(args);
}

void str_vappendf(struct str *str, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof(small), format, args);
    CHECK(length >= 0);
    if ((size_t)length < sizeof(small)) {
        str_append_bytes(str, small, (size_t)length);
    } else {
        size_t fits = reserve(str, (size_t)length);
        (void)vsnprintf(str->data + str->length, fits + 1, format, again);
        str->length += fits;
    }
    va_end(again);
}

/* The escape of a character that JSON does not allow as it is, or NULL. */
static const char *json_escape(unsigned char c, char buffer[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20) {
            return NULL;
        }
        (void)snprintf(buffer, 8, "\\u%04x", c);
        return buffer;
    }
}

void str_append_json(struct str *str, const char *text, size_t length)
{
    str_append_char(str, '"');
    size_t start = 0; /* of the run that needs no change */
    size_t i = 0;
    while (i < length) {
        char buffer[8];
        size_t step = utf8_sequence(text + i, length - i);
        const char *instead =
            step == 0 ? "\xef\xbf\xbd" : json_escape((unsigned char)text[i], buffer);
        if (!instead) {
            i += step;
            continue;
        }
        str_append_bytes(str, text + start, i - start);
        str_append(str, instead);
        i += step > 0 ? step : 1;
        start = i;
    }
    str_append_bytes(str, text + start, length - start);
    str_append_char(str, '"');
}

char *str_take(struct str *str)
{
    (void)reserve(str, 0);
    char *data = str->data;
    data[str->length] = '\0';
    *str = (struct str){.data = empty_text, .length_max = str->length_max};
    return data;
}

bool str_has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}
