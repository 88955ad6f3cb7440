/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/uniseg.h"

#include <stdbool.h>

#include "curation/text/unicode.h"

/* --- ASCII --- */

static bool ascii_joins(enum word_break last, unsigned char mark)
{
    if (last == WB_ALETTER) {
        return mark == '.' || mark == '\'' || mark == ':';
    }
    return last == WB_NUMERIC && (mark == '.' || mark == '\'' || mark == ',' || mark == ';');
}

static bool is_ascii_word_part(enum word_break class)
{
    return class == WB_ALETTER || class == WB_NUMERIC || class == WB_EXTEND_NUM_LET;
}

/*
 * The common case: a run of ASCII letters, digits and low lines, perhaps joined by marks
 * (don't, 3.14). Returns its end, or 0 where a character beyond ASCII has a say.
 */
static size_t ascii_word(const char *text, size_t length, size_t start)
{
    const unsigned char *p = (const unsigned char *)text;
    enum word_break last = WB_OTHER;
    for (size_t at = start;; at++) {
        for (; at < length && p[at] < 0x80; at++) {
            enum word_break class = unicode_word_break(unicode_ascii[p[at]]);
            if (!is_ascii_word_part(class)) {
                break;
            }
            last = class;
        }
        if (at < length && p[at] >= 0x80) {
            return 0;
        }
        if (at + 1 >= length || !ascii_joins(last, p[at])) {
            return at;
        }
        if (p[at + 1] >= 0x80) {
            return 0;
        }
        if (unicode_word_break(unicode_ascii[p[at + 1]]) != last) {
            return at;
        }
    }
}

/* --- The rules --- */

static bool is_ignored(enum word_break class)
{
    return class == WB_EXTEND || class == WB_FORMAT || class == WB_ZWJ;
}

static bool is_newline(enum word_break class)
{
    return class == WB_CR || class == WB_LF || class == WB_NEWLINE;
}

static bool is_letter(enum word_break class)
{
    return class == WB_ALETTER || class == WB_HEBREW_LETTER;
}

static bool is_mid_letter(enum word_break class)
{
    return class == WB_MID_LETTER || class == WB_MID_NUM_LET || class == WB_SINGLE_QUOTE;
}

static bool is_mid_number(enum word_break class)
{
    return class == WB_MID_NUM || class == WB_MID_NUM_LET || class == WB_SINGLE_QUOTE;
}

static bool is_word_part(enum word_break class)
{
    return is_letter(class) || class == WB_NUMERIC || class == WB_KATAKANA;
}

/* What the rules see of a segment while it grows. */
struct state {
    enum word_break last;   /* the last class that is not ignored (WB4) */
    enum word_break before; /* the one in front of it */
    enum word_break raw;    /* of the last character, ignored or not */
    size_t indicators;      /* regional indicators in a row */
};

/* The class of the next character that is not ignored at or behind `at`; WB_OTHER at the end.
 */
static enum word_break class_ahead(const char *text, size_t length, size_t at)
{
    while (at < length) {
        size_t bytes = 0;
        uint16_t record = utf8_record(text + at, &bytes);
        enum word_break class = unicode_word_break(record);
        if (!is_ignored(class)) {
            return class;
        }
        at += bytes;
    }
    return WB_OTHER;
}

/* WB5 to WB7c and WB9, WB10: letters, and letters with numbers. */
static bool letters_join(const struct state *state, enum word_break next, enum word_break ahead)
{
    if (is_letter(state->last)) {
        if (is_letter(next) || next == WB_NUMERIC) {
            return true;
        }
        if (is_mid_letter(next) && is_letter(ahead)) {
            return true;
        }
        if (state->last == WB_HEBREW_LETTER
            && (next == WB_SINGLE_QUOTE
                || (next == WB_DOUBLE_QUOTE && ahead == WB_HEBREW_LETTER))) {
            return true;
        }
    }
    if (is_mid_letter(state->last) && is_letter(state->before) && is_letter(next)) {
        return true;
    }
    return state->last == WB_DOUBLE_QUOTE && state->before == WB_HEBREW_LETTER
           && next == WB_HEBREW_LETTER;
}

/* WB8 and WB10 to WB12. */
static bool numbers_join(const struct state *state, enum word_break next, enum word_break ahead)
{
    if (state->last == WB_NUMERIC) {
        return next == WB_NUMERIC || is_letter(next)
               || (is_mid_number(next) && ahead == WB_NUMERIC);
    }
    return is_mid_number(state->last) && state->before == WB_NUMERIC && next == WB_NUMERIC;
}

/* WB13 to WB16. */
static bool others_join(const struct state *state, enum word_break next)
{
    if (state->last == WB_KATAKANA && next == WB_KATAKANA) {
        return true;
    }
    if (next == WB_EXTEND_NUM_LET) {
        return is_word_part(state->last) || state->last == WB_EXTEND_NUM_LET;
    }
    if (state->last == WB_EXTEND_NUM_LET) {
        return is_word_part(next);
    }
    return state->last == WB_REGIONAL_INDICATOR && next == WB_REGIONAL_INDICATOR
           && state->indicators % 2 == 1;
}

static bool joins(
    const struct state *state, uint16_t record, const char *text, size_t length, size_t behind)
{
    enum word_break next = unicode_word_break(record);
    if (is_newline(state->raw) || is_newline(next)) {
        return state->raw == WB_CR && next == WB_LF;
    }
    if ((state->raw == WB_ZWJ && (record & UNICODE_PICTOGRAPH))
        || (state->raw == WB_WSEG_SPACE && next == WB_WSEG_SPACE) || is_ignored(next)) {
        return true;
    }
    /* Only a mark between two letters or numbers needs to know what follows it. */
    enum word_break ahead = WB_OTHER;
    if (is_mid_letter(next) || is_mid_number(next) || next == WB_DOUBLE_QUOTE) {
        ahead = class_ahead(text, length, behind);
    }
    return letters_join(state, next, ahead) || numbers_join(state, next, ahead)
           || others_join(state, next);
}

static void state_move(struct state *state, enum word_break next)
{
    state->raw = next;
    if (is_ignored(next)) {
        return;
    }
    state->indicators = next == WB_REGIONAL_INDICATOR ? state->indicators + 1 : 0;
    state->before = state->last;
    state->last = next;
}

static struct uniseg_segment next_by_rules(const char *text, size_t length, size_t start)
{
    size_t bytes = 0;
    uint16_t first = utf8_record(text + start, &bytes);
    struct state state = {
        .last = unicode_word_break(first),
        .before = WB_OTHER,
        .raw = unicode_word_break(first),
        .indicators = unicode_word_break(first) == WB_REGIONAL_INDICATOR ? 1 : 0,
    };
    struct uniseg_segment segment = {.end = start + bytes, .chars = 1, .first = first};
    while (segment.end < length) {
        uint16_t record = utf8_record(text + segment.end, &bytes);
        if (!joins(&state, record, text, length, segment.end + bytes)) {
            break;
        }
        state_move(&state, unicode_word_break(record));
        segment.end += bytes;
        segment.chars++;
    }
    return segment;
}

struct uniseg_segment uniseg_next(const char *text, size_t length, size_t start)
{
    unsigned char lead = (unsigned char)text[start];
    if (lead >= 0x80) {
        return next_by_rules(text, length, start);
    }
    uint16_t record = unicode_ascii[lead];
    if (is_ascii_word_part(unicode_word_break(record))) {
        size_t end = ascii_word(text, length, start);
        if (end != 0) {
            return (struct uniseg_segment){end, (uint32_t)(end - start), record};
        }
    } else if (lead > ' ' && start + 1 < length && (unsigned char)text[start + 1] < 0x80) {
        /* A mark in front of an ASCII character stands alone. */
        return (struct uniseg_segment){start + 1, 1, record};
    }
    return next_by_rules(text, length, start);
}
