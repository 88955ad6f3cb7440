/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one pass share about a document: each part is computed when first asked for
 * and kept until the next document. Buffers grow and are reused, so a pass allocates nothing
 * per document. Lengths in code points are called chars. Spans point into the text and live
 * until the next features_set().
 */
#ifndef ASSAY_CURATION_STEPS_FEATURES_H
#define ASSAY_CURATION_STEPS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "curation/text/repetition.h"
#include "curation/text/span.h"
#include "curation/text/word_set.h"
#include "curation/text/words.h"

struct features;

struct features *features_create(void);
void features_destroy(struct features *features);
void features_cleanup(struct features **features);
/* Turns to a document; `text` must be valid UTF-8, below 4 GiB, and stay until the next call.
 */
void features_set(struct features *features, const char *text, size_t length);
/* Hands over the digest of the text when it is known already. */
void features_set_digest(struct features *features, const struct digest *digest);

const char *features_text(const struct features *features, size_t *ret_length);
uint32_t features_chars(struct features *features);
const struct digest *features_digest(struct features *features); /* SHA-256 of the text */
/* The same features of the lower-cased text (str.lower()). */
struct features *features_lowered(struct features *features);

const struct spans *features_lines(struct features *features);      /* lines.h */
const struct spans *features_paragraphs(struct features *features); /* lines.h */
const struct spans *features_split_words(struct features *features);
const struct spans *features_uniseg_words(struct features *features); /* no punctuation */
/* Any other kind of word; valid until the next call of this function. */
const struct spans *features_words(
    struct features *features, enum word_model model, unsigned filter);

const struct repeats *features_line_repeats(struct features *features);
const struct repeats *features_paragraph_repeats(struct features *features);
/* n-grams of UAX #29 words, for n from 1 to NGRAM_MAX. */
const struct ngram_repeats *features_ngrams(struct features *features, unsigned n);
/* Code points of all UAX #29 words. */
uint32_t features_uniseg_chars(struct features *features);

/* A set of words that a step asks for again and again: made once for each list, by its address.
 */
const struct word_set *features_word_set(
    struct features *features, const char *const *words, size_t count);

#endif
