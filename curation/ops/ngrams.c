/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/ngrams.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "curation/text/hash.h"
#include "curation/text/unicode.h"
#include "curation/text/words.h"

enum {
    CAPACITY_FIRST = 4096,
};

/* --- Hashes --- */

void ngrams_init(struct ngrams *ngrams)
{
    *ngrams = (struct ngrams){0};
    str_init(&ngrams->lowered, SIZE_MAX / 4);
}

void ngrams_done(struct ngrams *ngrams)
{
    str_done(&ngrams->lowered);
    spans_done(&ngrams->words);
    free(ngrams->hashes);
    *ngrams = (struct ngrams){0};
}

static void reserve(struct ngrams *ngrams, size_t count)
{
    if (count > ngrams->capacity) {
        ngrams->capacity = count * 2;
        ngrams->hashes = xrealloc(ngrams->hashes, ngrams->capacity * sizeof(*ngrams->hashes));
    }
}

static uint64_t hash_of_word(const struct ngrams *ngrams, size_t place)
{
    const struct span *word = &ngrams->words.items[place];
    return hash_bytes(ngrams->lowered.data + word->start, word->bytes);
}

/*
 * A polynomial over the words' hashes, rolled from position to position, so that its cost does
 * not grow with n. It is written in place: position i needs words i and i + n, and the hash of
 * word i is computed again rather than kept.
 */
void ngrams_find(struct ngrams *ngrams, const char *text, size_t length, size_t n)
{
    const uint64_t base = UINT64_C(0x9E3779B97F4A7C15);
    str_clear(&ngrams->lowered);
    unicode_lower(text, length, &ngrams->lowered);
    words_uniseg(ngrams->lowered.data, ngrams->lowered.length, &ngrams->words);
    ngrams->count = ngrams->words.count < n ? 0 : ngrams->words.count - n + 1;
    reserve(ngrams, ngrams->count);
    uint64_t highest = 1; /* base to the power n - 1 */
    uint64_t rolled = 0;
    for (size_t i = 0; i < n && ngrams->count > 0; i++) {
        highest = i > 0 ? highest * base : highest;
        rolled = rolled * base + hash_of_word(ngrams, i);
    }
    for (size_t i = 0; i < ngrams->count; i++) {
        ngrams->hashes[i] = hash_u64(rolled);
        if (i + 1 < ngrams->count) {
            rolled = (rolled - hash_of_word(ngrams, i) * highest) * base
                     + hash_of_word(ngrams, i + n);
        }
    }
}

/* --- The set --- */

void hash_set_init(struct hash_set *set)
{
    *set = (struct hash_set){
        .slots = xcalloc(CAPACITY_FIRST * sizeof(*set->slots)),
        .capacity = CAPACITY_FIRST,
    };
}

void hash_set_done(struct hash_set *set)
{
    free(set->slots);
    *set = (struct hash_set){0};
}

/* The slot that holds the hash, or the empty one where it belongs. Slots are found by the high
 * half, and 0, which marks an empty one, counts as 1. */
static uint64_t *find(const struct hash_set *set, uint64_t hash)
{
    size_t at = (size_t)(hash >> 16) & (set->capacity - 1);
    while (set->slots[at] != 0 && set->slots[at] != hash) {
        at = (at + 1) & (set->capacity - 1);
    }
    return &set->slots[at];
}

static void widen(struct hash_set *set)
{
    struct hash_set wider = {
        .slots = xcalloc(set->capacity * 2 * sizeof(*set->slots)),
        .capacity = set->capacity * 2,
        .count = set->count,
    };
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0) {
            *find(&wider, set->slots[i]) = set->slots[i];
        }
    }
    free(set->slots);
    *set = wider;
}

bool hash_set_add(struct hash_set *set, uint64_t hash)
{
    hash = hash == 0 ? 1 : hash;
    uint64_t *slot = find(set, hash);
    if (*slot == hash) {
        return false;
    }
    *slot = hash;
    set->count++;
    if (set->count * 2 > set->capacity) {
        widen(set);
    }
    return true;
}

bool hash_set_has(const struct hash_set *set, uint64_t hash)
{
    return *find(set, hash == 0 ? 1 : hash) != 0;
}
