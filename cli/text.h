/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for a terminal: width, wrapping, colour, numbers and bars. */
#ifndef ASSAY_CLI_TEXT_H
#define ASSAY_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/str.h"

enum style {
    STYLE_PLAIN = 0,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_GOOD,  /* green */
    STYLE_BAD,   /* red */
    STYLE_LOOK,  /* yellow */
    STYLE_ACTIVE /* cyan */
};

/* Columns that a text takes on a terminal; bytes that are not UTF-8 count one each. */
size_t text_width(const char *text);
/* The text, or its beginning and "…" where it is wider than `width`. Control characters become
 * blanks. */
char *text_cut(struct arena *arena, const char *text, size_t width);
/* Appends paragraphs (separated by an empty line) filled to `width`, each line after `indent`
 * blanks. Lines that begin with a blank stay as they are. */
void text_wrap(struct str *out, const char *text, size_t indent, size_t width);
/* Columns of the terminal on that descriptor; 80 when it is none. */
size_t text_columns(int fd);

/* Escape sequences, or "" without colour. */
const char *style_on(enum style style, bool colour);
const char *style_off(enum style style, bool colour);

/* "1 234 567" is hard to read in logs, so: 1,234,567. */
char *text_integer(struct arena *arena, uint64_t value);
/* 4 significant digits at most with a unit prefix: 262144 -> "262 k", 1.25e9 -> "1.25 G". */
char *text_amount(struct arena *arena, double value);
/* A measured value with as many decimals as `size` asks for, so that a column lines up; "" for
 * NAN. */
char *text_real(struct arena *arena, double value, double size, bool sign);
/* "3m12s" of milliseconds; "-" when negative. */
char *text_duration(struct arena *arena, int64_t ms);
/* "######······" of `width` columns. */
char *text_bar(struct arena *arena, double fraction, size_t width);
/* "1 task", "3 tasks". */
char *text_plural(struct arena *arena, uint64_t count, const char *noun);
/* Milliseconds since 1970 of "2026-11-25T10:03:15.042Z"; false when it is none. */
bool text_utc(const char *text, uint64_t *ret_ms);

#endif
