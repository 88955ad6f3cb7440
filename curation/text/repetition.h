/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a text is said more than once: equal pieces, and equal runs of n words. Equality
 * is exact (pieces are compared byte by byte, runs by the numbers of their parts), so nothing
 * depends on a hash. The tables are reused from document to document.
 */
#ifndef ASSAY_CURATION_TEXT_REPETITION_H
#define ASSAY_CURATION_TEXT_REPETITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "curation/text/span.h"

#define NGRAM_MAX 64

/* Gives equal things equal numbers, 0, 1, 2, ... in the order in which they come. */
struct interner {
    uint32_t *slots; /* number + 1; 0 = free */
    size_t mask;
    size_t slots_capacity;
    uint64_t *keys;   /* of pairs; of pieces their bytes, or hash */
    uint32_t *firsts; /* of pieces: the index of the first copy */
    size_t keys_capacity;
    uint32_t count;
};

void interner_done(struct interner *interner);
/* Empties it, with room for `count_max` things. */
void interner_reset(struct interner *interner, size_t count_max);
uint32_t interner_pair(struct interner *interner, uint64_t pair);
uint32_t interner_piece(
    struct interner *interner, const char *text, const struct span *pieces, size_t index);

/* Of lines or paragraphs. A repeated piece counts with all its copies, the first included. */
struct repeats {
    uint32_t pieces, pieces_repeated;
    uint32_t chars, chars_repeated; /* of the pieces */
};

void repeats_measure(
    struct interner *interner,
    const char *text,
    const struct spans *pieces,
    struct repeats *ret_repeats);

/* Of the n-grams of some words, for one n. Zeros where nothing is repeated. */
struct ngram_repeats {
    uint32_t ngrams;    /* positions */
    uint32_t top_chars; /* copies of the most frequent one x its chars; the longest of ties */
    uint32_t covered_chars; /* of words that stand in any repeated one, each word once */
};

/* The n-grams of one document, found for n = 1, 2, ... as far as they are asked for. */
struct ngram_counter {
    const struct spans *words;
    const char *text;
    unsigned done; /* largest n that is in `results` */
    /* The n-grams of size `done` that are repeated: where they stand, ascending, and numbers
     * that are equal for equal ones. */
    uint32_t *places, *numbers;
    size_t live;
    uint32_t *counts;       /* of each number */
    uint32_t *chars_before; /* sum of chars of the words in front of each place */
    size_t capacity;
    struct interner interner;
    struct ngram_repeats results[NGRAM_MAX + 1];
};

void ngram_counter_done(struct ngram_counter *counter);
void ngram_counter_begin(
    struct ngram_counter *counter, const char *text, const struct spans *words);
const struct ngram_repeats *ngram_counter_measure(struct ngram_counter *counter, unsigned n);
/* Code points of all words. */
uint32_t ngram_counter_chars(const struct ngram_counter *counter);

#endif
