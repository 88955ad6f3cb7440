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
        struct span *first = &pieces->items[interner->firsts[number]];
        if (!(first->flags & SPAN_REPEATED)) {
            first->flags |= SPAN_REPEATED;
            repeats.pieces_repeated++;
            repeats.chars_repeated += piece->chars;
        }
    }
    *ret_repeats = repeats;
}

/* --- n-grams --- */

void ngram_counter_done(struct ngram_counter *counter)
{
    free(counter->places);
    free(counter->numbers);
    free(counter->counts);
    free(counter->chars_before);
    interner_done(&counter->interner);
    *counter = (struct ngram_counter){0};
}

static void grow(uint32_t **array, size_t count)
{
    *array = xrealloc(*array, count * sizeof((*array)[0]));
}

static void reserve(struct ngram_counter *counter, size_t count)
{
    if (count <= counter->capacity) {
        return;
    }
    counter->capacity = count + count / 2;
    grow(&counter->places, counter->capacity);
    grow(&counter->numbers, counter->capacity);
    grow(&counter->counts, counter->capacity);
    grow(&counter->chars_before, counter->capacity);
}

void ngram_counter_begin(
    struct ngram_counter *counter, const char *text, const struct spans *words)
{
    counter->text = text;
    counter->words = words;
    counter->done = 0;
    counter->live = 0;
    reserve(counter, words->count + 1);
    uint32_t sum = 0;
    for (size_t i = 0; i < words->count; i++) {
        counter->chars_before[i] = sum;
        sum += words->items[i].chars;
    }
    counter->chars_before[words->count] = sum;
}

static void number_words(struct ngram_counter *counter)
{
    const struct spans *words = counter->words;
    interner_reset(&counter->interner, words->count);
    for (size_t i = 0; i < words->count; i++) {
        uint32_t seen = counter->interner.count;
        uint32_t number = interner_piece(&counter->interner, counter->text, words->items, i);
        counter->counts[number] = number == seen ? 1 : counter->counts[number] + 1;
        counter->places[i] = (uint32_t)i;
        counter->numbers[i] = number;
    }
    counter->live = words->count;
}

/*
 * An n-gram is the pair of the (n-1)-grams at its place and the next. It can be repeated only
 * where both are, so the longer the runs, the fewer there are to look at.
 */
static void number_pairs(struct ngram_counter *counter)
{
    const uint32_t *places = counter->places;
    size_t kept = 0;
    interner_reset(&counter->interner, counter->live);
    for (size_t i = 0; i + 1 < counter->live; i++) {
        if (places[i + 1] != places[i] + 1) {
            continue;
        }
        uint64_t pair = (uint64_t)counter->numbers[i] << 32 | counter->numbers[i + 1];
        uint32_t seen = counter->interner.count;
        uint32_t number = interner_pair(&counter->interner, pair);
        counter->counts[number] = number == seen ? 1 : counter->counts[number] + 1;
        counter->places[kept] = places[i];
        counter->numbers[kept++] = number;
    }
    counter->live = kept;
}

/* Leaves only those that are repeated; sums up the most frequent one, the longest of ties, and
 * the words that are covered. */
static void summarise(struct ngram_counter *counter, unsigned n)
{
    struct ngram_repeats *result = &counter->results[n];
    const uint32_t *before = counter->chars_before;
    uint64_t top_count = 0;
    uint64_t top_length = 0;
    size_t covered_to = 0;
    size_t kept = 0;
    for (size_t i = 0; i < counter->live; i++) {
        uint32_t place = counter->places[i];
        uint32_t number = counter->numbers[i];
        uint32_t count = counter->counts[number];
        if (count < 2) {
            continue;
        }
        uint32_t length = before[place + n] - before[place];
        if (count > top_count || (count == top_count && length > top_length)) {
            top_count = count;
            top_length = length;
        }
        size_t from = place > covered_to ? place : covered_to;
        result->covered_chars += before[place + n] - before[from];
        covered_to = place + n;
        counter->places[kept] = place;
        counter->numbers[kept++] = number;
    }
    counter->live = kept;
    uint64_t top_chars = top_count * top_length;
    result->top_chars = top_chars < UINT32_MAX ? (uint32_t)top_chars : UINT32_MAX;
}

const struct ngram_repeats *ngram_counter_measure(struct ngram_counter *counter, unsigned n)
{
    CHECK(n >= 1 && n <= NGRAM_MAX);
    while (counter->done < n) {
        unsigned next = ++counter->done;
        size_t words = counter->words->count;
        size_t ngrams = words >= next ? words - next + 1 : 0;
        counter->results[next] = (struct ngram_repeats){.ngrams = (uint32_t)ngrams};
        if (next == 1) {
            number_words(counter);
        } else if (counter->live > 0) {
            number_pairs(counter);
        }
        summarise(counter, next);
    }
    return &counter->results[n];
}

uint32_t ngram_counter_chars(const struct ngram_counter *counter)
{
    return counter->chars_before[counter->words->count];
}
