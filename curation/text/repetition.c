/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/repetition.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"

/* --- Pieces --- */

void repeats_measure(
    struct interner *interner,
    const char *text,
    const struct spans *pieces,
    struct repeats *ret_repeats)
{
    struct repeats repeats = {.pieces = (uint32_t)pieces->count};
    interner_reset(interner, pieces->count);
    for (size_t i = 0; i < pieces->count; i++) {
        struct span *piece = &pieces->items[i];
        piece->flags &= ~(uint32_t)SPAN_REPEATED;
        uint32_t seen = interner->count;
        uint32_t number = interner_piece(interner, text, pieces->items, i);
        repeats.chars += piece->chars;
        if (number == seen) {
            continue;
        }
        repeats.pieces_repeated++;
        repeats.chars_repeated += piece->chars;
        /* The first copy counts when the second is met. */
        struct span *first = &pieces->items[interner->keys[number]];
        if (!(first->flags & SPAN_REPEATED)) {
            first->flags |= SPAN_REPEATED;
            repeats.pieces_repeated++;
            repeats.chars_repeated += piece->chars;
        }
    }
    *ret_repeats = repeats;
}

/* --- n-grams --- */

void ngrams_done(struct ngrams *ngrams)
{
    free(ngrams->numbers);
    free(ngrams->counts);
    free(ngrams->chars_before);
    interner_done(&ngrams->interner);
    *ngrams = (struct ngrams){0};
}

static void reserve(struct ngrams *ngrams, size_t count)
{
    if (count <= ngrams->capacity) {
        return;
    }
    ngrams->capacity = count + count / 2;
    ngrams->numbers = xrealloc(ngrams->numbers, ngrams->capacity * sizeof(ngrams->numbers[0]));
    ngrams->counts = xrealloc(ngrams->counts, ngrams->capacity * sizeof(ngrams->counts[0]));
    ngrams->chars_before =
        xrealloc(ngrams->chars_before, ngrams->capacity * sizeof(ngrams->chars_before[0]));
}

/* Most frequent first, then longest; a single pass over positions. */
static void summarise(struct ngrams *ngrams, unsigned n)
{
    struct ngram_repeats *result = &ngrams->results[n];
    const uint32_t *before = ngrams->chars_before;
    uint32_t top_count = 1;
    uint32_t top_length = 0;
    size_t covered_to = 0;
    for (size_t i = 0; i < result->ngrams; i++) {
        uint32_t number = ngrams->numbers[i];
        if (number == NGRAM_UNIQUE) {
            continue;
        }
        uint32_t count = ngrams->counts[number];
        if (count < 2) {
            ngrams->numbers[i] = NGRAM_UNIQUE;
            continue;
        }
        uint32_t length = before[i + n] - before[i];
        if (count > top_count || (count == top_count && length > top_length)) {
            top_count = count;
            top_length = length;
        }
        size_t from = i > covered_to ? i : covered_to;
        result->covered_chars += before[i + n] - before[from];
        covered_to = i + n;
    }
    ngrams->repeated = top_count > 1;
    uint64_t top_chars = ngrams->repeated ? (uint64_t)top_count * top_length : 0;
    result->top_chars = top_chars < UINT32_MAX ? (uint32_t)top_chars : UINT32_MAX;
}

static void number_words(struct ngrams *ngrams)
{
    const struct spans *words = ngrams->words;
    interner_reset(&ngrams->interner, words->count);
    for (size_t i = 0; i < words->count; i++) {
        uint32_t seen = ngrams->interner.count;
        uint32_t number = interner_piece(&ngrams->interner, ngrams->text, words->items, i);
        ngrams->counts[number] = number == seen ? 1 : ngrams->counts[number] + 1;
        ngrams->numbers[i] = number;
    }
}

/*
 * An n-gram is the pair of the (n-1)-grams at its place and the next. It can be repeated only
 * where both are, so the longer the runs, the fewer there are to look at.
 */
static void number_pairs(struct ngrams *ngrams, size_t positions)
{
    size_t candidates = 0;
    for (size_t i = 0; i < positions; i++) {
        candidates +=
            ngrams->numbers[i] != NGRAM_UNIQUE && ngrams->numbers[i + 1] != NGRAM_UNIQUE;
    }
    interner_reset(&ngrams->interner, candidates);
    for (size_t i = 0; i < positions; i++) {
        uint32_t first = ngrams->numbers[i];
        uint32_t second = ngrams->numbers[i + 1];
        if (first == NGRAM_UNIQUE || second == NGRAM_UNIQUE) {
            ngrams->numbers[i] = NGRAM_UNIQUE;
            continue;
        }
        uint32_t seen = ngrams->interner.count;
        uint32_t number =
            interner_pair(&ngrams->interner, (uint64_t)first << 32 | (uint64_t)second);
        ngrams->counts[number] = number == seen ? 1 : ngrams->counts[number] + 1;
        ngrams->numbers[i] = number;
    }
}

void ngrams_begin(struct ngrams *ngrams, const char *text, const struct spans *words)
{
    ngrams->text = text;
    ngrams->words = words;
    ngrams->done = 0;
    ngrams->repeated = true;
    reserve(ngrams, words->count + 1);
    uint32_t sum = 0;
    for (size_t i = 0; i < words->count; i++) {
        ngrams->chars_before[i] = sum;
        sum += words->items[i].chars;
    }
    ngrams->chars_before[words->count] = sum;
}

const struct ngram_repeats *ngrams_measure(struct ngrams *ngrams, unsigned n)
{
    CHECK(n >= 1 && n <= NGRAM_MAX);
    while (ngrams->done < n) {
        unsigned next = ++ngrams->done;
        size_t words = ngrams->words->count;
        size_t positions = words >= next ? words - next + 1 : 0;
        ngrams->results[next] = (struct ngram_repeats){.ngrams = (uint32_t)positions};
        if (!ngrams->repeated || positions == 0) {
            continue;
        }
        if (next == 1) {
            number_words(ngrams);
        } else {
            number_pairs(ngrams, positions);
        }
        summarise(ngrams, next);
    }
    return &ngrams->results[n];
}

uint32_t ngrams_chars(const struct ngrams *ngrams)
{
    return ngrams->chars_before[ngrams->words->count];
}
