/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/steps/features.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "curation/text/lines.h"
#include "curation/text/unicode.h"

/* What is there for the present document. */
enum feature {
    HAS_CHARS = 1 << 0,
    HAS_DIGEST = 1 << 1,
    HAS_LINES = 1 << 2,
    HAS_PARAGRAPHS = 1 << 3,
    HAS_SPLIT = 1 << 4,
    HAS_UNISEG = 1 << 5,
    HAS_LINE_REPEATS = 1 << 6,
    HAS_PARAGRAPH_REPEATS = 1 << 7,
    HAS_NGRAMS = 1 << 8,
    HAS_LOWERED = 1 << 9,
};

/* Lists of words that steps have; a step has at most one. */
#define WORD_LISTS_MAX 8

struct features {
    const char *text;
    size_t length;
    unsigned has;
    uint32_t chars;
    struct digest digest;
    struct spans lines, paragraphs, split, uniseg, other;
    struct repeats line_repeats, paragraph_repeats;
    struct interner interner;
    struct ngram_counter ngrams;
    struct str lowered_text;

    struct word_list {
        const char *const *words;
        struct word_set set;
    } * lists[WORD_LISTS_MAX];
    struct features *lowered; /* created when first needed */
};

struct features *features_create(void)
{
    struct features *features = xcalloc(sizeof(*features));
    str_init(&features->lowered_text, 2 * LIMIT_DOCUMENT_BYTES);
    return features;
}

static void destroy_one(struct features *features)
{
    spans_done(&features->lines);
    spans_done(&features->paragraphs);
    spans_done(&features->split);
    spans_done(&features->uniseg);
    spans_done(&features->other);
    interner_done(&features->interner);
    ngram_counter_done(&features->ngrams);
    str_done(&features->lowered_text);
    for (size_t i = 0; i < WORD_LISTS_MAX; i++) {
        free(features->lists[i]);
    }
    free(features);
}

void features_destroy(struct features *features)
{
    while (features != NULL) {
        struct features *lowered = features->lowered;
        destroy_one(features);
        features = lowered;
    }
}

void features_cleanup(struct features **features)
{
    features_destroy(*features);
    *features = NULL;
}

void features_set(struct features *features, const char *text, size_t length)
{
    CHECK(length < UINT32_MAX);
    features->text = text;
    features->length = length;
    features->has = 0;
}

/* True the first time for a document: then the caller computes the feature. */
static bool lacks(struct features *features, enum feature feature)
{
    bool missing = (features->has & (unsigned)feature) == 0;
    features->has |= (unsigned)feature;
    return missing;
}

void features_set_digest(struct features *features, const struct digest *digest)
{
    features->digest = *digest;
    features->has |= HAS_DIGEST;
}

const char *features_text(const struct features *features, size_t *ret_length)
{
    *ret_length = features->length;
    return features->text;
}

uint32_t features_chars(struct features *features)
{
    if (lacks(features, HAS_CHARS)) {
        features->chars = (uint32_t)utf8_count(features->text, features->length);
    }
    return features->chars;
}

const struct digest *features_digest(struct features *features)
{
    if (lacks(features, HAS_DIGEST)) {
        features->digest = digest_of(features->text, features->length);
    }
    return &features->digest;
}

struct features *features_lowered(struct features *features)
{
    if (lacks(features, HAS_LOWERED)) {
        if (features->lowered == NULL) {
            features->lowered = features_create();
        }
        str_clear(&features->lowered_text);
        unicode_lower(features->text, features->length, &features->lowered_text);
        features_set(
            features->lowered, features->lowered_text.data, features->lowered_text.length);
    }
    return features->lowered;
}

/* --- Pieces and words --- */

const struct spans *features_lines(struct features *features)
{
    if (lacks(features, HAS_LINES)) {
        lines_split(features->text, features->length, &features->lines);
    }
    return &features->lines;
}

const struct spans *features_paragraphs(struct features *features)
{
    if (lacks(features, HAS_PARAGRAPHS)) {
        paragraphs_split(features->text, features->length, &features->paragraphs);
    }
    return &features->paragraphs;
}

const struct spans *features_split_words(struct features *features)
{
    if (lacks(features, HAS_SPLIT)) {
        words_split(features->text, features->length, &features->split);
    }
    return &features->split;
}

const struct spans *features_uniseg_words(struct features *features)
{
    if (lacks(features, HAS_UNISEG)) {
        words_uniseg(features->text, features->length, &features->uniseg);
    }
    return &features->uniseg;
}

const struct spans *features_words(
    struct features *features, enum word_model model, unsigned filter)
{
    words_find(model, filter, features->text, features->length, &features->other);
    return &features->other;
}

/* --- Repetition --- */

const struct repeats *features_line_repeats(struct features *features)
{
    if (lacks(features, HAS_LINE_REPEATS)) {
        repeats_measure(
            &features->interner,
            features->text,
            features_lines(features),
            &features->line_repeats);
    }
    return &features->line_repeats;
}

const struct repeats *features_paragraph_repeats(struct features *features)
{
    if (lacks(features, HAS_PARAGRAPH_REPEATS)) {
        repeats_measure(
            &features->interner,
            features->text,
            features_paragraphs(features),
            &features->paragraph_repeats);
    }
    return &features->paragraph_repeats;
}

static struct ngram_counter *begin_ngrams(struct features *features)
{
    if (lacks(features, HAS_NGRAMS)) {
        ngram_counter_begin(&features->ngrams, features->text, features_uniseg_words(features));
    }
    return &features->ngrams;
}

const struct ngram_repeats *features_ngrams(struct features *features, unsigned n)
{
    return ngram_counter_measure(begin_ngrams(features), n);
}

uint32_t features_uniseg_chars(struct features *features)
{
    return ngram_counter_chars(begin_ngrams(features));
}

/* --- Word lists --- */

const struct word_set *features_word_set(
    struct features *features, const char *const *words, size_t count)
{
    size_t place = 0;
    while (features->lists[place] != NULL && features->lists[place]->words != words) {
        place++;
        CHECK(place < WORD_LISTS_MAX);
    }
    if (features->lists[place] == NULL) {
        features->lists[place] = xmalloc(sizeof(struct word_list));
        features->lists[place]->words = words;
        word_set_init(&features->lists[place]->set, words, count);
    }
    return &features->lists[place]->set;
}
