/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/steps/counts.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/cleanup.h"

#define ELLIPSIS "\xE2\x80\xA6"

static uint32_t count_text(const char *text, size_t length, const char *wanted)
{
    size_t wanted_length = strlen(wanted);
    const char *end = text + length;
    const char *at = text;
    uint32_t count = 0;
    while ((size_t)(end - at) >= wanted_length) {
        at = memchr(at, wanted[0], (size_t)(end - at) - wanted_length + 1);
        if (at == NULL) {
            break;
        }
        bool found = memcmp(at, wanted, wanted_length) == 0;
        count += found;
        at += found ? wanted_length : 1;
    }
    return count;
}

uint32_t count_symbols(struct features *features)
{
    static const char *const symbols[] = {"#", "...", ". . .", ELLIPSIS};
    size_t length = 0;
    const char *text = features_text(features, &length);
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        count += count_text(text, length, symbols[i]);
    }
    return count;
}

static bool starts_with(const char *text, const struct span *span, const char *prefix)
{
    size_t length = strlen(prefix);
    return span->bytes >= length && memcmp(text + span->start, prefix, length) == 0;
}

static bool ends_with(const char *text, const struct span *span, const char *suffix)
{
    size_t length = strlen(suffix);
    return span->bytes >= length
           && memcmp(text + span->start + span->bytes - length, suffix, length) == 0;
}

uint32_t count_bullets(struct features *features)
{
    static const char *const bullets[] = {"-", "*", "\xE2\x80\xA2", "\xE2\x97\x8F"};
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *lines = features_lines(features);
    uint32_t count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        bool found = false;
        for (size_t j = 0; j < ARRAY_LEN(bullets) && !found; j++) {
            found = starts_with(text, &lines->items[i], bullets[j]);
        }
        count += found;
    }
    return count;
}

uint32_t count_ellipses(struct features *features)
{
    static const char *const ellipses[] = {"...", ". . .", ELLIPSIS};
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *lines = features_lines(features);
    uint32_t count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        bool found = false;
        for (size_t j = 0; j < ARRAY_LEN(ellipses) && !found; j++) {
            found = ends_with(text, &lines->items[i], ellipses[j]);
        }
        count += found;
    }
    return count;
}

struct word_counts count_words(struct features *features)
{
    const struct spans *words = features_split_words(features);
    struct word_counts counts = {.words = (uint32_t)words->count};
    for (size_t i = 0; i < words->count; i++) {
        counts.chars += words->items[i].chars;
        counts.non_alphabetic += (words->items[i].flags & SPAN_ALPHA) == 0;
    }
    return counts;
}

/* No character beyond ASCII has one of their letters as its lower case. */
static const char *const stop_words[] = {
    "the", "be", "to", "of", "and", "that", "have", "with"};

struct stop_word_counts count_stop_words(struct features *features)
{
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *words = features_split_words(features);
    const struct word_set *set = features_word_set(features, stop_words, ARRAY_LEN(stop_words));
    struct stop_word_counts counts = {0};
    unsigned seen = 0;
    for (size_t i = 0; i < words->count; i++) {
        const struct span *word = &words->items[i];
        if (word->bytes < 2 || word->bytes > 4) {
            continue;
        }
        int index = word_set_find(set, text + word->start, word->bytes);
        if (index >= 0) {
            counts.all++;
            counts.distinct += (seen >> index & 1) == 0;
            seen |= 1U << index;
        }
    }
    return counts;
}
