/* SPDX-License-Identifier: Apache-2.0 */
/* The part of str.h that reads text: conversions, nearness, and forms for people. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

enum {
    DISTANCE_LENGTH_MAX = 255,
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One row of the optimal string alignment table: rows[0] is the new one, rows[1] and rows[2]
 * the two before it. */
static size_t distance_row(size_t *const rows[3], const char *a, const char *b, size_t i)
{
    size_t least = rows[0][0] = i;
    for (size_t j = 1; b[j - 1] != '\0'; j++) {
        size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
        size_t best = min_size(rows[1][j] + 1, rows[0][j - 1] + 1);
        best = min_size(best, rows[1][j - 1] + cost);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
            best = min_size(best, rows[2][j - 2] + 1);
        }
        rows[0][j] = best;
        least = min_size(least, best);
    }
    return least;
}

size_t str_distance(const char *a, const char *b, size_t limit)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    size_t difference = a_length > b_length ? a_length - b_length : b_length - a_length;
    if (difference > limit || a_length > DISTANCE_LENGTH_MAX
        || b_length > DISTANCE_LENGTH_MAX) {
        return strcmp(a, b) == 0 ? 0 : limit + 1;
    }
    size_t storage[3][DISTANCE_LENGTH_MAX + 1] = {{0}};
    size_t *rows[3] = {storage[0], storage[1], storage[2]};
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    size_t least_before = 0;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *oldest = rows[2];
        rows[2] = rows[1];
        rows[1] = rows[0];
        rows[0] = oldest;
        size_t least = distance_row(rows, a, b, i);
        /* A transposition looks two rows back, so both must be out of reach. */
        if (least > limit && least_before > limit) {
            return limit + 1;
        }
        least_before = least;
    }
    return min_size(rows[0][b_length], limit + 1);
}

const char *str_nearest(const char *name, const char *const *names, size_t count)
{
    size_t length = strlen(name);
    size_t limit = length / 3;
    if (limit == 0 && length == 2) {
        limit = 1; /* "rl" for "lr" */
    }
    const char *nearest = NULL;
    size_t nearest_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = str_distance(name, names[i], limit);
        if (distance < nearest_distance) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

char *str_human_bytes(uint64_t bytes, char *buffer, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        (void)snprintf(buffer, size, "%u B", (unsigned)bytes);
        return buffer;
    }
    double value = (double)bytes;
    size_t unit = 0;
    /* 999.5 would be printed as 1000. */
    while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(buffer, size, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buffer;
}

char *str_human_ms(uint64_t ms, char *buffer, size_t size)
{
    uint64_t seconds = ms / 1000;
    uint64_t minutes = seconds / 60;
    uint64_t hours = minutes / 60;
    if (ms < 1000) {
        (void)snprintf(buffer, size, "%ums", (unsigned)ms);
    } else if (ms < 10000) {
        (void)snprintf(buffer, size, "%u.%us", (unsigned)seconds, (unsigned)(ms % 1000 / 100));
    } else if (seconds < 60) {
        (void)snprintf(buffer, size, "%us", (unsigned)seconds);
    } else if (minutes < 60) {
        (void)snprintf(buffer, size, "%um%02us", (unsigned)minutes, (unsigned)(seconds % 60));
    } else if (hours < 24) {
        (void)snprintf(buffer, size, "%uh%02um", (unsigned)hours, (unsigned)(minutes % 60));
    } else {
        (void)snprintf(
            buffer,
            size,
            "%llud%02uh",
            (unsigned long long)(hours / 24),
            (unsigned)(hours % 24));
    }
    return buffer;
}

static bool all_digits(const char *text)
{
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

bool str_to_i64(const char *text, int64_t *ret_value)
{
    if (!all_digits(*text == '-' ? text + 1 : text)) {
        return false;
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_u64(const char *text, uint64_t *ret_value)
{
    if (!all_digits(text)) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

static const char *skip_digits(const char *text)
{
    while (isdigit((unsigned char)*text)) {
        text++;
    }
    return text;
}

/* [-+] (digits [. digits] | . digits) [(e|E) [-+] digits]: what strtod takes, less "inf",
 * "nan", hexadecimal and blanks. */
static bool is_decimal_number(const char *text)
{
    const char *c = *text == '-' || *text == '+' ? text + 1 : text;
    const char *whole_end = skip_digits(c);
    const char *end = whole_end;
    size_t digits = (size_t)(whole_end - c);
    if (*end == '.') {
        end = skip_digits(whole_end + 1);
        digits += (size_t)(end - whole_end - 1);
    }
    if (digits == 0) {
        return false;
    }
    if (*end == 'e' || *end == 'E') {
        end++;
        if (*end == '-' || *end == '+') {
            end++;
        }
        const char *exponent = end;
        end = skip_digits(end);
        if (end == exponent) {
            return false;
        }
    }
    return *end == '\0';
}

/* No program of the house calls setlocale, so strtod reads the C locale's point. */
bool str_to_double(const char *text, double *ret_value)
{
    if (!is_decimal_number(text)) {
        return false;
    }
    double value = strtod(text, NULL);
    if (!isfinite(value)) {
        return false;
    }
    *ret_value = value;
    return true;
}
