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
    free(counter->numbers);
    free(counter->counts);
    free(counter->chars_before);
    interner_done(&counter->interner);
    *counter = (struct ngram_counter){0};
}

static void reserve(struct ngram_counter *counter, size_t count)
{
    if (count <= counter->capacity) {
        return;
    }
    counter->capacity = count + count / 2;
    counter->numbers =
        xrealloc(counter->numbers, counter->capacity * sizeof(counter->numbers[0]));
    counter->counts = xrealloc(counter->counts, counter->capacity * sizeof(counter->counts[0]));
    counter->chars_before =
        xrealloc(counter->chars_before, counter->capacity * sizeof(counter->chars_before[0]));
}

/* Most frequent first, then longest; a single pass over positions. */
static void summarise(struct ngram_counter *counter, unsigned n)
{
    struct ngram_repeats *result = &counter->results[n];
    const uint32_t *before = counter->chars_before;
    uint32_t top_count = 1;
    uint32_t top_length = 0;
    size_t covered_to = 0;
    for (size_t i = 0; i < result->ngrams; i++) {
        uint32_t number = counter->numbers[i];
        if (number == NGRAM_UNIQUE) {
            continue;
        }
        uint32_t count = counter->counts[number];
        if (count < 2) {
            counter->numbers[i] = NGRAM_UNIQUE;
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
    counter->repeated = top_count > 1;
    uint64_t top_chars = counter->repeated ? (uint64_t)top_count * top_length : 0;
    result->top_chars = top_chars < UINT32_MAX ? (uint32_t)top_chars : UINT32_MAX;
}

static void number_words(struct ngram_counter *counter)
{
    const struct spans *words = counter->words;
    interner_reset(&counter->interner, words->count);
    for (size_t i = 0; i < words->count; i++) {
        uint32_t seen = counter->interner.count;
        uint32_t number = interner_piece(&counter->interner, counter->text, words->items, i);
        counter->counts[number] = number == seen ? 1 : counter->counts[number] + 1;
        counter->numbers[i] = number;
    }
}

/*
 * An n-gram is the pair of the (n-1)-grams at its place and the next. It can be repeated only
 * where both are, so the longer the runs, the fewer there are to look at.
 */
static void number_pairs(struct ngram_counter *counter, size_t positions)
{
    size_t candidates = 0;
    for (size_t i = 0; i < positions; i++) {
        candidates +=
            counter->numbers[i] != NGRAM_UNIQUE && counter->numbers[i + 1] != NGRAM_UNIQUE;
    }
    interner_reset(&counter->interner, candidates);
    for (size_t i = 0; i < positions; i++) {
        uint32_t first = counter->numbers[i];
        uint32_t second = counter->numbers[i + 1];
        if (first == NGRAM_UNIQUE || second == NGRAM_UNIQUE) {
            counter->numbers[i] = NGRAM_UNIQUE;
            continue;
        }
        uint32_t seen = counter->interner.count;
        uint32_t number =
            interner_pair(&counter->interner, (uint64_t)first << 32 | (uint64_t)second);
        counter->counts[number] = number == seen ? 1 : counter->counts[number] + 1;
        counter->numbers[i] = number;
    }
}

void ngram_counter_begin(
    struct ngram_counter *counter, const char *text, const struct spans *words)
{
    counter->text = text;
    counter->words = words;
    counter->done = 0;
    counter->repeated = true;
    reserve(counter, words->count + 1);
    uint32_t sum = 0;
    for (size_t i = 0; i < words->count; i++) {
        counter->chars_before[i] = sum;
        sum += words->items[i].chars;
    }
    counter->chars_before[words->count] = sum;
}

const struct ngram_repeats *ngram_counter_measure(struct ngram_counter *counter, unsigned n)
{
    CHECK(n >= 1 && n <= NGRAM_MAX);
    while (counter->done < n) {
        unsigned next = ++counter->done;
        size_t words = counter->words->count;
        size_t positions = words >= next ? words - next + 1 : 0;
        counter->results[next] = (struct ngram_repeats){.ngrams = (uint32_t)positions};
        if (!counter->repeated || positions == 0) {
            continue;
        }
        if (next == 1) {
            number_words(counter);
        } else {
            number_pairs(counter, positions);
        }
        summarise(counter, next);
    }
    return &counter->results[n];
}

uint32_t ngram_counter_chars(const struct ngram_counter *counter)
{
    return counter->chars_before[counter->words->count];
}
