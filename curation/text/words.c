/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/words.h"

#include <string.h>

#include "curation/text/lines.h"
#include "curation/text/masks.h"
#include "curation/text/unicode.h"
#include "curation/text/uniseg.h"

/* --- Runs --- */

/*
 * Walks the runs of bytes of one kind over a text, block by block. A run's edges are the bits
 * that differ from the bit before; what is known of a run that crosses blocks is carried over.
 */
struct runs {
    const char *text;
    size_t length, base; /* of the block */
    uint64_t edges;      /* that are left in the block */
    uint64_t alpha, wide;
    bool inside; /* a run is open, from `start` on */
    size_t start;
    bool seen_alpha, seen_wide; /* in the part of the open run that lies in earlier blocks */
};

enum run_kind {
    RUN_SPLIT = 0, /* between ASCII white space */
    RUN_PART,      /* of letters, digits, low lines and what is beyond ASCII */
};

struct run {
    size_t start, end;
    bool alpha, wide; /* has such bytes */
};

static uint64_t bits_from(uint64_t bits, size_t base, size_t from)
{
    return from > base ? bits & (~UINT64_C(0) << (from - base)) : bits;
}

static void runs_load(struct runs *runs, enum run_kind kind)
{
    struct masks masks;
    masks_load(runs->text + runs->base, runs->length - runs->base, &masks);
    uint64_t set = kind == RUN_SPLIT ? ~(masks.blank | masks.separators)
                                     : masks.alpha | masks.digit | masks.low_line | masks.wide;
    runs->edges = set ^ (set << 1 | (uint64_t)runs->inside);
    runs->alpha = masks.alpha;
    runs->wide = masks.wide;
}

/* Leaves the block; false when it was the last. */
static bool runs_turn(struct runs *runs, enum run_kind kind)
{
    if (runs->inside) {
        runs->seen_alpha |= bits_from(runs->alpha, runs->base, runs->start) != 0;
        runs->seen_wide |= bits_from(runs->wide, runs->base, runs->start) != 0;
    }
    if (runs->length - runs->base <= MASKS_BYTES) {
        return false;
    }
    runs->base += MASKS_BYTES;
    runs_load(runs, kind);
    return true;
}

static struct run runs_close(struct runs *runs, size_t end)
{
    uint64_t below =
        end - runs->base < 64 ? (UINT64_C(1) << (end - runs->base)) - 1 : ~UINT64_C(0);
    uint64_t range = bits_from(below, runs->base, runs->start);
    struct run run = {
        .start = runs->start,
        .end = end,
        .alpha = runs->seen_alpha || (runs->alpha & range) != 0,
        .wide = runs->seen_wide || (runs->wide & range) != 0,
    };
    runs->inside = false;
    return run;
}

static void runs_begin(struct runs *runs, const char *text, size_t length, enum run_kind kind)
{
    *runs = (struct runs){.text = text, .length = length};
    if (length > 0) {
        runs_load(runs, kind);
    }
}

/* The next run; false at the end. */
static inline bool runs_next(struct runs *runs, enum run_kind kind, struct run *ret_run)
{
    for (;;) {
        while (runs->edges != 0) {
            size_t at = runs->base + (size_t)__builtin_ctzll(runs->edges);
            runs->edges &= runs->edges - 1;
            if (runs->inside) {
                *ret_run = runs_close(runs, at);
                return true;
            }
            runs->inside = true;
            runs->start = at;
            runs->seen_alpha = false;
            runs->seen_wide = false;
        }
        if (runs->length == 0 || !runs_turn(runs, kind)) {
            break;
        }
    }
    if (!runs->inside) {
        return false;
    }
    *ret_run = runs_close(runs, runs->length);
    return true;
}

/* --- By white space --- */

/* Words of a part of the text that has characters beyond ASCII. */
static void split_wide(const char *text, size_t at, size_t end, struct spans *spans)
{
    while (at < end) {
        size_t bytes = 0;
        uint16_t record = utf8_record(text + at, &bytes);
        if (record & UNICODE_SPACE) {
            at += bytes;
            continue;
        }
        struct span span = {.start = (uint32_t)at};
        uint16_t seen = 0;
        while (!(record & UNICODE_SPACE)) {
            seen |= record;
            span.chars++;
            at += bytes;
            if (at == end) {
                break;
            }
            record = utf8_record(text + at, &bytes);
        }
        span.bytes = (uint32_t)at - span.start;
        span.flags = seen & UNICODE_ALPHA ? SPAN_ALPHA : 0;
        spans_push(spans, span);
    }
}

void words_split(const char *text, size_t length, struct spans *ret_spans)
{
    struct runs runs;
    struct run run;
    ret_spans->count = 0;
    runs_begin(&runs, text, length, RUN_SPLIT);
    while (runs_next(&runs, RUN_SPLIT, &run)) {
        if (run.wide) {
            split_wide(text, run.start, run.end, ret_spans);
            continue;
        }
        uint32_t bytes = (uint32_t)(run.end - run.start);
        uint32_t flags = run.alpha ? SPAN_ALPHA : 0;
        spans_push(ret_spans, (struct span){(uint32_t)run.start, bytes, bytes, flags});
    }
}

/* --- fastText --- */

static bool fasttext_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

size_t words_fasttext_count(const char *text, size_t length)
{
    size_t count = 0;
    uint64_t outside = 1; /* the byte before the block is no part of a word */
    for (size_t base = 0; base < length; base += MASKS_BYTES) {
        struct masks masks;
        masks_load(text + base, length - base, &masks);
        uint64_t space = masks.blank | masks.nul;
        uint64_t starts = ~space & (space << 1 | outside);
        outside = space >> 63;
        count += (size_t)__builtin_popcountll(starts & (masks.alpha | masks.digit));
        for (uint64_t wide = starts & masks.wide; wide != 0; wide &= wide - 1) {
            size_t bytes = 0;
            size_t at = base + (size_t)__builtin_ctzll(wide);
            count += (utf8_record(text + at, &bytes) & UNICODE_ALNUM) != 0;
        }
    }
    return count;
}

/* True when no character of the word is anything but white space. */
static bool is_blank(const char *text, const struct span *span)
{
    return text_strip(text, span->start, span->start + span->bytes).bytes == 0;
}

static bool passes(const char *text, const struct span *span, unsigned filter)
{
    size_t bytes = 0;
    if (filter & WORDS_NO_PUNCTUATION) {
        uint16_t record = utf8_record(text + span->start, &bytes);
        return (record & UNICODE_ALNUM)
               || (!(filter & WORDS_NO_WHITESPACE) && (record & UNICODE_SPACE));
    }
    return !(filter & WORDS_NO_WHITESPACE) || !is_blank(text, span);
}

static void push_passing(
    const char *text, size_t start, size_t end, unsigned filter, struct spans *spans)
{
    struct span span = {
        .start = (uint32_t)start,
        .bytes = (uint32_t)(end - start),
        .chars = (uint32_t)utf8_count(text + start, end - start),
    };
    if (passes(text, &span, filter)) {
        spans_push(spans, span);
    }
}

static void words_fasttext(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    size_t at = 0;
    while (at < length) {
        if (text[at] == '\n' && !(filter & WORDS_NO_PUNCTUATION)) {
            spans_push(ret_spans, (struct span){.start = (uint32_t)at});
        }
        if (fasttext_space(text[at])) {
            at++;
            continue;
        }
        size_t start = at;
        while (at < length && !fasttext_space(text[at])) {
            at++;
        }
        push_passing(text, start, at, filter, ret_spans);
    }
}

/* --- UAX #29 --- */

static bool is_mark(char c)
{
    return c == '.' || c == '\'' || c == ',' || c == ';' || c == ':' || c == '"';
}

/* Whether a mark in front of text[at] joins what is on both sides: both are ASCII. */
static bool mark_joins(const char *text, size_t at)
{
    enum word_break left = unicode_word_break(unicode_ascii[(unsigned char)text[at - 2]]);
    enum word_break right = unicode_word_break(unicode_ascii[(unsigned char)text[at]]);
    char mark = text[at - 1];
    if (left != right) {
        return false;
    }
    return left == WB_ALETTER ? mark != ',' && mark != ';' && mark != '"'
                              : left == WB_NUMERIC && mark != ':' && mark != '"';
}

/* The segments of a part of the text that has characters beyond ASCII, by the rules. */
static void push_wide(const char *text, size_t start, size_t end, struct spans *spans)
{
    for (size_t at = start; at < end;) {
        struct uniseg_segment segment = uniseg_next(text, end, at);
        if (segment.first & UNICODE_ALNUM) {
            uint32_t bytes = (uint32_t)(segment.end - at);
            spans_push(spans, (struct span){(uint32_t)at, bytes, segment.chars, 0});
        }
        at = segment.end;
    }
}

static void push_segments(
    const char *text, size_t length, const struct run *run, struct spans *spans)
{
    if (run->wide) {
        /* A Hebrew letter keeps a quote behind it, whatever comes then (WB7a). */
        bool quote = run->end < length && text[run->end] == '\'';
        push_wide(text, run->start, run->end + quote, spans);
    } else if (text[run->start] != '_') {
        uint32_t bytes = (uint32_t)(run->end - run->start);
        spans_push(spans, (struct span){(uint32_t)run->start, bytes, bytes, 0});
    }
}

/*
 * Runs of letters and digits are segments, unless a mark joins two of them (3.14, don't). Where
 * a character beyond ASCII is near, the rules decide: about all of a run, and of runs that only
 * a mark keeps apart.
 */
void words_uniseg(const char *text, size_t length, struct spans *ret_spans)
{
    struct runs runs;
    struct run run;
    struct run pending = {0};
    ret_spans->count = 0;
    runs_begin(&runs, text, length, RUN_PART);
    while (runs_next(&runs, RUN_PART, &run)) {
        bool near =
            pending.end > 0 && run.start == pending.end + 1 && is_mark(text[pending.end]);
        if (near && (run.wide || pending.wide || mark_joins(text, run.start))) {
            pending.end = run.end;
            pending.wide |= run.wide;
            continue;
        }
        if (pending.end > 0) {
            push_segments(text, length, &pending, ret_spans);
        }
        pending = run;
    }
    if (pending.end > 0) {
        push_segments(text, length, &pending, ret_spans);
    }
}

static void words_uniseg_all(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    for (size_t at = 0; at < length;) {
        size_t end = uniseg_next(text, length, at).end;
        push_passing(text, at, end, filter, ret_spans);
        at = end;
    }
}

static void words_split_filtered(
    const char *text, size_t length, unsigned filter, struct spans *ret_spans)
{
    words_split(text, length, ret_spans);
    size_t kept = 0;
    for (size_t i = 0; i < ret_spans->count; i++) {
        if (passes(text, &ret_spans->items[i], filter)) {
            ret_spans->items[kept++] = ret_spans->items[i];
        }
    }
    ret_spans->count = kept;
}

void words_find(
    enum word_model model,
    unsigned filter,
    const char *text,
    size_t length,
    struct spans *ret_spans)
{
    ret_spans->count = 0;
    switch (model) {
    case WORDS_FASTTEXT:
        words_fasttext(text, length, filter, ret_spans);
        break;
    case WORDS_SPLIT:
        words_split_filtered(text, length, filter, ret_spans);
        break;
    case WORDS_UNISEG:
        words_uniseg_all(text, length, filter, ret_spans);
        break;
    }
}

bool word_model_parse(const char *name, enum word_model *ret_model)
{
    static const char *const names[] = {"fasttext", "split", "uniseg"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_model = (enum word_model)i;
            return true;
        }
    }
    return false;
}
