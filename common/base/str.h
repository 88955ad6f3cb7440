/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a hard maximum, always NUL-terminated. Embedded:
 * str_init/str_done. Appending past the maximum truncates and sets `overflow`, which the caller
 * looks at once at the end.
 */
#ifndef ASSAY_BASE_STR_H
#define ASSAY_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct str {
    char *data; /* never NULL after str_init */
    size_t length;
    size_t capacity;
    size_t length_max;
    bool overflow;
};

void str_init(struct str *str, size_t length_max);
void str_done(struct str *str); /* usable with CLEANUP; empty or done twice is fine */
void str_clear(struct str *str);
void str_append(struct str *str, const char *text);
void str_append_bytes(struct str *str, const void *data, size_t length);
void str_append_char(struct str *str, char c);
void str_appendf(struct str *str, const char *format, ...) PRINTF(2, 3);
void str_vappendf(struct str *str, const char *format, va_list args) PRINTF(2, 0);
/* Appends text as a JSON string literal with quotes; invalid UTF-8 becomes U+FFFD. */
void str_append_json(struct str *str, const char *text, size_t length);
/* Hands the malloc'd NUL-terminated bytes to the caller and leaves an empty buffer. */
char *str_take(struct str *str);

bool str_has_prefix(const char *text, const char *prefix);
bool str_has_suffix(const char *text, const char *suffix);
/* Edit distance (Levenshtein with transpositions), for "did you mean"; capped at `limit` + 1.
 */
size_t str_distance(const char *a, const char *b, size_t limit);
/* Nearest of the names within a third of the length, or NULL. */
const char *str_nearest(const char *name, const char *const *names, size_t count);
/* Bytes as "1.2 MB", milliseconds as "3m12s", for people. Returns `buffer`. */
char *str_human_bytes(uint64_t bytes, char *buffer, size_t size);
char *str_human_ms(uint64_t ms, char *buffer, size_t size);
/* Whole-string conversions; false leaves the result alone. */
bool str_to_i64(const char *text, int64_t *ret_value);
bool str_to_u64(const char *text, uint64_t *ret_value);
bool str_to_double(const char *text, double *ret_value); /* C locale, finite only */
/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_is_utf8(const char *text, size_t length);
/* Copies text into a buffer of `size` bytes, at least 1; what is too long is cut between
 * characters, since nothing that is sent or stored may have half of one. */
void str_copy_cut(char *buffer, size_t size, const char *text);

#endif
