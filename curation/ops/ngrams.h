/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes of a text's word n-grams, for decontamination: UAX #29 words without punctuation,
 * lower case. A hash has 64 bits and is not verified: with 10^9 n-grams held out, a document of
 * 1,000 positions meets a false one with probability 5e-8, far below the share that drops it.
 * The same text gives the same hashes on every machine; changing them changes the version of op
 * mask.
 */
#ifndef ASSAY_CURATION_OPS_NGRAMS_H
#define ASSAY_CURATION_OPS_NGRAMS_H

#include "common/base/str.h"
#include "curation/text/span.h"

struct ngrams {
    struct str lowered;
    struct spans words;
    uint64_t *hashes; /* of the last text, position by position */
    size_t count, capacity;
};

void ngrams_init(struct ngrams *ngrams);
void ngrams_done(struct ngrams *ngrams); /* usable with CLEANUP */
/* Fills in the hashes of all positions; none when the text has fewer than n words. n > 0. */
void ngrams_find(struct ngrams *ngrams, const char *text, size_t length, size_t n);

/* A set of such hashes. */
struct hash_set {
    uint64_t *slots; /* 0: empty */
    size_t capacity, count;
};

void hash_set_init(struct hash_set *set);
void hash_set_done(struct hash_set *set); /* usable with CLEANUP */
/* False when it was there. */
bool hash_set_add(struct hash_set *set, uint64_t hash);
bool hash_set_has(const struct hash_set *set, uint64_t hash);

#endif
