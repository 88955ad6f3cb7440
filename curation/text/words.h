/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three meanings of "word" that DCLM's steps have. `split`: runs between Unicode white
 * space. `fasttext`: runs between space, LF, CR, TAB, VT, FF and NUL, and one token "</s>" for
 * every LF (a span of no chars here, since it is not in the text). `uniseg`: UAX #29 segments.
 */
#ifndef ASSAY_CURATION_TEXT_WORDS_H
#define ASSAY_CURATION_TEXT_WORDS_H

#include <stdbool.h>

#include "curation/text/span.h"

enum word_model {
    WORDS_FASTTEXT = 0,
    WORDS_SPLIT,
    WORDS_UNISEG,
};

enum word_filter {
    WORDS_NO_PUNCTUATION = 1, /* only words whose first character is alphanumeric */
    WORDS_NO_WHITESPACE = 2,  /* no blank words */
};

/* Replaces what is in `ret_spans`. Filters add up as in DCLM's split_words(). */
void words_find(
    enum word_model model,
    unsigned filter,
    const char *text,
    size_t length,
    struct spans *ret_spans);

/* By white space, with SPAN_ALPHA. */
void words_split(const char *text, size_t length, struct spans *ret_spans);
/* UAX #29 segments that start with an alphanumeric character. */
void words_uniseg(const char *text, size_t length, struct spans *ret_spans);
/* Number of fastText tokens that start with an alphanumeric character. */
size_t words_fasttext_count(const char *text, size_t length);
/* "fasttext", "split", "uniseg". */
bool word_model_parse(const char *name, enum word_model *ret_model);

#endif
