/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <utf8proc.h>

#include "common/base/utf8.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN     40

/* One character: its bytes and columns. */
static size_t measure(const char *text, size_t length, size_t *ret_columns)
{
    utf8proc_int32_t point = 0;
    size_t bytes = utf8_sequence(text, length);
    *ret_columns = 1;
    if (bytes == 0) {
        return 1;
    }
    if (utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &point) > 0) {
        int width = utf8proc_charwidth(point);
        *ret_columns = width < 0 ? 0 : (size_t)width;
    }
    return bytes;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        size_t columns = 0;
        i += measure(text + i, length - i, &columns);
        width += columns;
    }
    return width;
}

char *text_cut(struct arena *arena, const char *text, size_t width)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
    if (text_width(copy) <= width) {
        return copy;
    }
    size_t length = strlen(copy);
    size_t used = 0;
    size_t at = 0;
    while (at < length) {
        size_t columns = 0;
        size_t bytes = measure(copy + at, length - at, &columns);
        if (used + columns + 1 > width) {
            break;
        }
        used += columns;
        at += bytes;
    }
    return arena_printf(arena, "%.*s…", (int)at, copy);
}

/* --- Paragraphs --- */

static void pad(struct str *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        str_append_char(out, ' ');
    }
}

/* Fills words until a line that must stay as it is, or the paragraph's end. */
static const char *fill(struct str *out, const char *text, size_t indent, size_t width)
{
    size_t column = 0;
    while (*text != '\0' && *text != '\n') {
        size_t length = strcspn(text, " \n");
        if (column > 0 && column + 1 + length > width - indent) {
            str_append_char(out, '\n');
            column = 0;
        }
        if (column == 0) {
            pad(out, indent);
        } else {
            str_append_char(out, ' ');
        }
        str_append_bytes(out, text, length);
        column += length + (column > 0);
        text += length;
        text += strspn(text, " ");
        if (*text == '\n' && text[1] != '\n' && text[1] != ' ' && text[1] != '\0') {
            text++;
        }
    }
    str_append_char(out, '\n');
    return *text == '\n' ? text + 1 : text;
}

void text_wrap(struct str *out, const char *text, size_t indent, size_t width)
{
    while (*text != '\0') {
        if (*text == '\n') {
            str_append_char(out, '\n');
            text++;
        } else if (*text == ' ') {
            size_t length = strcspn(text, "\n");
            pad(out, indent);
            str_append_bytes(out, text, length);
            str_append_char(out, '\n');
            text += length;
            text += *text == '\n';
        } else {
            text = fill(out, text, indent, width);
        }
    }
}

size_t text_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return COLUMNS_DEFAULT;
    }
    return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
}

/* --- Colour --- */

const char *style_on(enum style style, bool colour)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "",
        [STYLE_BOLD] = "\033[1m",
        [STYLE_DIM] = "\033[2m",
        [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[31m",
        [STYLE_LOOK] = "\033[33m",
        [STYLE_ACTIVE] = "\033[36m",
    };
    return colour ? codes[style] : "";
}

const char *style_off(enum style style, bool colour)
{
    return colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

/* --- Numbers --- */

char *text_integer(struct arena *arena, uint64_t value)
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    char out[32];
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            out[length++] = ',';
        }
        out[length++] = digits[i];
    }
    return arena_strndup(arena, out, length);
}

char *text_amount(struct arena *arena, double value)
{
    static const char *const prefixes[] = {"", " k", " M", " G", " T", " P", " E"};
    size_t prefix = 0;
    double size = fabs(value);
    if (!isfinite(value)) {
        return arena_strdup(arena, "-");
    }
    while (size >= 999.5 && prefix + 1 < ARRAY_LEN(prefixes)) {
        size /= 1000;
        value /= 1000;
        prefix++;
    }
    int decimals = size >= 99.95 || size == floor(size) ? 0 : size >= 9.995 ? 1 : 2;
    return arena_printf(arena, "%.*f%s", decimals, value, prefixes[prefix]);
}

char *text_real(struct arena *arena, double value, double size, bool sign)
{
    int decimals = fabs(size) >= 1000 ? 0 : fabs(size) >= 10 ? 2 : 4;
    return isnan(value) ? arena_strdup(arena, "")
                        : arena_printf(arena, sign ? "%+.*f" : "%.*f", decimals, value);
}

char *text_duration(struct arena *arena, int64_t ms)
{
    char buffer[32];
    if (ms < 0) {
        return arena_strdup(arena, "-");
    }
    return arena_strdup(arena, str_human_ms((uint64_t)ms, buffer, sizeof(buffer)));
}

char *text_bar(struct arena *arena, double fraction, size_t width)
{
    if (!(fraction > 0)) {
        fraction = 0;
    }
    size_t full = fraction >= 1 ? width : (size_t)(fraction * (double)width);
    char *bar = arena_alloc(arena, width + 1);
    memset(bar, '.', width);
    memset(bar, '#', full);
    return bar;
}

char *text_plural(struct arena *arena, uint64_t count, const char *noun)
{
    return arena_printf(
        arena, "%s %s%s", text_integer(arena, count), noun, count == 1 ? "" : "s");
}

/* --- Time --- */

/* Days from 1970 to a date of the Gregorian calendar (Hinnant's days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool text_utc(const char *text, uint64_t *ret_ms)
{
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    double second = 0;
    if (text == NULL
        || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lf", &year, &month, &day, &hour, &minute, &second)
               != 6) { // NOLINT(cert-err34-c): the ranges are checked below
        return false;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24
        || minute > 59 || !(second >= 0 && second < 61)) {
        return false;
    }
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute;
    *ret_ms = (uint64_t)minutes * 60000 + (uint64_t)(second * 1000 + 0.5);
    return true;
}
