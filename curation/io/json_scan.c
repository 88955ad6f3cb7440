/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/io/json_scan.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"

/* The walk over one line. */
struct cursor {
    const char *line;
    size_t length, at;
    struct err *err;
};

void json_scan_init(struct json_scan *scan, const char *const names[JSON_FIELDS])
{
    *scan = (struct json_scan){0};
    for (size_t i = 0; i < JSON_FIELDS; i++) {
        scan->names[i] = names[i];
        scan->name_lengths[i] = names[i] == NULL ? 0 : strlen(names[i]);
    }
}

void json_scan_done(struct json_scan *scan)
{
    for (size_t i = 0; i < JSON_FIELDS; i++) {
        free(scan->buffers[i]);
    }
    free(scan->name_buffer);
    *scan = (struct json_scan){0};
}

static bool fail(const struct cursor *cursor, const char *what)
{
    return err_set(cursor->err, ERR_INPUT, "%s at byte %zu", what, cursor->at + 1);
}

/* --- Strings --- */

/* Bytes from `at` on that are printable ASCII and neither quote nor backslash. */
static size_t plain_run(const char *line, size_t at, size_t length)
{
    size_t start = at;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(' ');
    while (length - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(line + at));
        /* Signed: bytes beyond ASCII are below ' ' too. */
        __m128i stop = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)),
            _mm_cmplt_epi8(block, blank));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask != 0) {
            return at - start + (size_t)__builtin_ctz(mask);
        }
        at += 16;
    }
#endif
    while (at < length && line[at] != '"' && line[at] != '\\' && line[at] >= ' ') {
        at++;
    }
    return at - start;
}

/* Bytes from `at` on that are well-formed UTF-8 beyond ASCII. */
static size_t wide_run(const char *line, size_t at, size_t length)
{
    size_t start = at;
    while (at < length && (unsigned char)line[at] >= 0x80) {
        size_t bytes = utf8_sequence(line + at, length - at);
        if (bytes == 0) {
            break;
        }
        at += bytes;
    }
    return at - start;
}

static bool hex_value(const char *text, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = text[i];
        uint32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

static size_t encode(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (char)((uint32_t)(0xF00 >> bytes) | point);
    return bytes;
}

/* \uXXXX, perhaps a pair of surrogates; the cursor stands on the u. */
static bool scan_unicode(struct cursor *cursor, uint32_t *ret_point)
{
    uint32_t high = 0;
    uint32_t low = 0;
    const char *p = cursor->line + cursor->at;
    size_t left = cursor->length - cursor->at;
    if (left < 5 || !hex_value(p + 1, &high)) {
        return fail(cursor, "\\u without four hex digits");
    }
    if (high < 0xD800 || high > 0xDFFF) {
        cursor->at += 5;
        *ret_point = high;
        return true;
    }
    bool paired = high < 0xDC00 && left >= 11 && p[5] == '\\' && p[6] == 'u'
                  && hex_value(p + 7, &low) && low >= 0xDC00 && low <= 0xDFFF;
    if (!paired) {
        return fail(cursor, "lone surrogate, which is no Unicode text,");
    }
    cursor->at += 11;
    *ret_point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* One escape; the cursor stands behind the backslash. Writes at most 4 bytes. */
static bool scan_escape(struct cursor *cursor, char *out, size_t *ret_bytes)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (cursor->at == cursor->length) {
        return fail(cursor, "string without end");
    }
    char c = cursor->line[cursor->at];
    if (c == 'u') {
        uint32_t point = 0;
        if (!scan_unicode(cursor, &point)) {
            return false;
        }
        *ret_bytes = encode(point, out);
        return true;
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL) {
        return fail(cursor, "unknown escape");
    }
    out[0] = to[found - from];
    *ret_bytes = 1;
    cursor->at++;
    return true;
}

/*
 * A string; the cursor stands behind its opening quote. `out` NULL: only checked. It must have
 * room for the rest of the line, since unescaping never makes text longer.
 */
static bool scan_string(struct cursor *cursor, char *out, size_t *ret_length)
{
    size_t written = 0;
    char escaped[4];
    for (;;) {
        size_t run = plain_run(cursor->line, cursor->at, cursor->length);
        run += wide_run(cursor->line, cursor->at + run, cursor->length);
        if (out != NULL && run > 0) {
            memcpy(out + written, cursor->line + cursor->at, run);
        }
        written += run;
        cursor->at += run;
        if (cursor->at == cursor->length) {
            return fail(cursor, "string without end");
        }
        char c = cursor->line[cursor->at];
        if (c == '"') {
            cursor->at++;
            *ret_length = written;
            return true;
        }
        if (c == '\\') {
            size_t bytes = 0;
            cursor->at++;
            if (!scan_escape(cursor, escaped, &bytes)) {
                return false;
            }
            if (out != NULL) {
                memcpy(out + written, escaped, bytes);
            }
            written += bytes;
        } else if (run == 0) {
            bool wide = (unsigned char)c >= 0x80;
            return fail(cursor, wide ? "invalid UTF-8" : "control character in a string");
        }
    }
}

/* --- Other values --- */

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->length) {
        char c = cursor->line[cursor->at];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            break;
        }
        cursor->at++;
    }
}

static char peek(const struct cursor *cursor)
{
    if (cursor->at == cursor->length) {
        return '\0';
    }
    return cursor->line[cursor->at];
}

static bool scan_word(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);
    if (cursor->length - cursor->at < length
        || memcmp(cursor->line + cursor->at, word, length) != 0) {
        return fail(cursor, "unexpected character");
    }
    cursor->at += length;
    return true;
}

static size_t scan_digits(struct cursor *cursor)
{
    size_t start = cursor->at;
    while (peek(cursor) >= '0' && peek(cursor) <= '9') {
        cursor->at++;
    }
    return cursor->at - start;
}

static bool scan_number(struct cursor *cursor)
{
    if (peek(cursor) == '-') {
        cursor->at++;
    }
    bool zero = peek(cursor) == '0';
    size_t digits = scan_digits(cursor);
    if (digits == 0 || (zero && digits > 1)) {
        return fail(cursor, "malformed number");
    }
    if (peek(cursor) == '.') {
        cursor->at++;
        if (scan_digits(cursor) == 0) {
            return fail(cursor, "malformed number");
        }
    }
    if ((peek(cursor) | 0x20) == 'e') {
        cursor->at++;
        if (peek(cursor) == '+' || peek(cursor) == '-') {
            cursor->at++;
        }
        if (scan_digits(cursor) == 0) {
            return fail(cursor, "malformed number");
        }
    }
    return true;
}

/* Python's json writes these, though JSON does not know them. */
static bool scan_not_finite(struct cursor *cursor)
{
    return scan_word(cursor, peek(cursor) == 'N' ? "NaN" : "Infinity");
}

/* A value that is neither string, object nor list. */
static bool scan_scalar(struct cursor *cursor)
{
    switch (peek(cursor)) {
    case 't':
        return scan_word(cursor, "true");
    case 'f':
        return scan_word(cursor, "false");
    case 'n':
        return scan_word(cursor, "null");
    case 'N':
    case 'I':
        return scan_not_finite(cursor);
    case '-':
        if (cursor->at + 1 < cursor->length && cursor->line[cursor->at + 1] == 'I') {
            return scan_word(cursor, "-Infinity");
        }
        return scan_number(cursor);
    default:
        return scan_number(cursor);
    }
}

/* --- Nested values --- */

/* Open objects and lists, one bit each: set for an object. */
struct nesting {
    uint64_t bits[LIMIT_DOCUMENT_DEPTH / 64];
    size_t depth;
};

static bool nesting_push(struct cursor *cursor, struct nesting *nesting, bool object)
{
    if (nesting->depth == LIMIT_DOCUMENT_DEPTH) {
        return fail(cursor, "nesting deeper than 512 levels");
    }
    uint64_t bit = UINT64_C(1) << (nesting->depth % 64);
    uint64_t *bits = &nesting->bits[nesting->depth / 64];
    *bits = object ? *bits | bit : *bits & ~bit;
    nesting->depth++;
    return true;
}

static bool nesting_is_object(const struct nesting *nesting)
{
    size_t top = nesting->depth - 1;
    return (nesting->bits[top / 64] >> (top % 64) & 1) != 0;
}

/* A member's name that nobody asks for, and its colon. */
static bool skip_name(struct cursor *cursor)
{
    size_t length = 0;
    skip_blanks(cursor);
    if (peek(cursor) != '"') {
        return fail(cursor, "expected a member's name");
    }
    cursor->at++;
    if (!scan_string(cursor, NULL, &length)) {
        return false;
    }
    skip_blanks(cursor);
    if (peek(cursor) != ':') {
        return fail(cursor, "expected ':'");
    }
    cursor->at++;
    return true;
}

/* Opens objects and lists until a value is complete or an empty one was closed. */
static bool skip_opening(struct cursor *cursor, struct nesting *nesting)
{
    size_t length = 0;
    for (;;) {
        skip_blanks(cursor);
        char c = peek(cursor);
        if (c == '"') {
            cursor->at++;
            return scan_string(cursor, NULL, &length);
        }
        if (c != '{' && c != '[') {
            return scan_scalar(cursor);
        }
        if (!nesting_push(cursor, nesting, c == '{')) {
            return false;
        }
        cursor->at++;
        skip_blanks(cursor);
        if (peek(cursor) == (c == '{' ? '}' : ']')) {
            cursor->at++;
            nesting->depth--;
            return true;
        }
        if (c == '{' && !skip_name(cursor)) {
            return false;
        }
    }
}

/* Behind a complete value: closes what it completes, up to the next value or the end. */
static bool skip_closing(struct cursor *cursor, struct nesting *nesting)
{
    while (nesting->depth > 0) {
        bool object = nesting_is_object(nesting);
        skip_blanks(cursor);
        char c = peek(cursor);
        if (c == ',') {
            cursor->at++;
            return !object || skip_name(cursor);
        }
        if (c != (object ? '}' : ']')) {
            return fail(cursor, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        cursor->at++;
        nesting->depth--;
    }
    return true;
}

/* Any value, walked over without recursion. */
static bool skip_value(struct cursor *cursor)
{
    struct nesting nesting;
    nesting.depth = 0;
    do {
        if (!skip_opening(cursor, &nesting) || !skip_closing(cursor, &nesting)) {
            return false;
        }
    } while (nesting.depth > 0);
    return true;
}

/* --- Members --- */

static void reserve(char **buffer, size_t *capacity, size_t bytes)
{
    if (bytes > *capacity) {
        *capacity = bytes + bytes / 2;
        *buffer = xrealloc(*buffer, *capacity);
    }
}

/* The closing quote may lie no further than the end of the line. */
static size_t string_room(const struct cursor *cursor)
{
    return cursor->length - cursor->at + 1;
}

static bool scan_name(struct json_scan *scan, struct cursor *cursor, int *ret_field)
{
    if (peek(cursor) != '"') {
        return fail(cursor, "expected a member's name");
    }
    size_t start = ++cursor->at;
    size_t run = plain_run(cursor->line, start, cursor->length);
    const char *name = cursor->line + start;
    size_t length = run;
    if (start + run < cursor->length && cursor->line[start + run] == '"') {
        cursor->at = start + run + 1;
    } else {
        reserve(&scan->name_buffer, &scan->name_capacity, string_room(cursor));
        if (!scan_string(cursor, scan->name_buffer, &length)) {
            return false;
        }
        name = scan->name_buffer;
    }
    *ret_field = -1;
    for (int i = 0; i < JSON_FIELDS; i++) {
        if (scan->names[i] != NULL && scan->name_lengths[i] == length
            && memcmp(scan->names[i], name, length) == 0) {
            *ret_field = i;
            break;
        }
    }
    return true;
}

/* Of fields with the same name the first takes the value; the others get a copy of the view. */
static void share(struct json_scan *scan, int field)
{
    for (int i = field + 1; i < JSON_FIELDS; i++) {
        if (scan->names[i] != NULL && strcmp(scan->names[i], scan->names[field]) == 0) {
            scan->values[i] = scan->values[field];
        }
    }
}

static bool scan_field(struct json_scan *scan, struct cursor *cursor, int field)
{
    struct json_value value = {.start = cursor->at};
    char c = peek(cursor);
    if (c == '"') {
        cursor->at++;
        /* A long text is not the last string of its line by much; growth is geometric. */
        reserve(&scan->buffers[field], &scan->capacities[field], string_room(cursor));
        if (!scan_string(cursor, scan->buffers[field], &value.length)) {
            return false;
        }
    } else {
        if (c == '{' || c == '[' ? !skip_value(cursor) : !scan_scalar(cursor)) {
            return false;
        }
        value.length = cursor->at - value.start;
        reserve(&scan->buffers[field], &scan->capacities[field], value.length + 1);
        memcpy(scan->buffers[field], cursor->line + value.start, value.length);
    }
    value.end = cursor->at;
    scan->buffers[field][value.length] = '\0';
    value.data = c == 'n' ? NULL : scan->buffers[field];
    scan->values[field] = value;
    share(scan, field);
    return true;
}

static bool scan_member(struct json_scan *scan, struct cursor *cursor)
{
    int field = -1;
    skip_blanks(cursor);
    if (!scan_name(scan, cursor, &field)) {
        return false;
    }
    skip_blanks(cursor);
    if (peek(cursor) != ':') {
        return fail(cursor, "expected ':'");
    }
    cursor->at++;
    skip_blanks(cursor);
    return field < 0 ? skip_value(cursor) : scan_field(scan, cursor, field);
}

static bool scan_object(struct json_scan *scan, struct cursor *cursor)
{
    cursor->at++;
    skip_blanks(cursor);
    if (peek(cursor) == '}') {
        cursor->at++;
        return true;
    }
    for (;;) {
        if (!scan_member(scan, cursor)) {
            return false;
        }
        skip_blanks(cursor);
        char c = peek(cursor);
        if (c == '}') {
            cursor->at++;
            return true;
        }
        if (c != ',') {
            return fail(cursor, "expected ',' or '}'");
        }
        cursor->at++;
    }
}

bool json_scan_line(struct json_scan *scan, const char *line, size_t length, struct err *err)
{
    struct cursor cursor = {.line = line, .length = length, .err = err};
    memset(scan->values, 0, sizeof(scan->values));
    scan->is_null = false;
    skip_blanks(&cursor);
    if (peek(&cursor) == 'n') {
        scan->is_null = true;
        if (!scan_word(&cursor, "null")) {
            return false;
        }
    } else if (peek(&cursor) != '{') {
        return fail(&cursor, "expected a JSON object");
    } else if (!scan_object(scan, &cursor)) {
        return false;
    }
    skip_blanks(&cursor);
    return cursor.at == length || fail(&cursor, "something behind the JSON object");
}
