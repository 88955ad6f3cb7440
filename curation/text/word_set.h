/* SPDX-License-Identifier: Apache-2.0 */
/* A small fixed set of short lower-case ASCII words, for questions that come once a word. */
#ifndef ASSAY_CURATION_TEXT_WORD_SET_H
#define ASSAY_CURATION_TEXT_WORD_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_SET_SLOTS     1024
#define WORD_SET_BYTES_MAX 8

struct word_set {
    uint64_t slots[WORD_SET_SLOTS]; /* packed words; 0 = free */
    uint16_t numbers[WORD_SET_SLOTS];
};

/* Each word has 1 to 8 letters; at most half as many words as slots. */
void word_set_init(struct word_set *set, const char *const *words, size_t count);
/* The word's index in the list, or -1. Letters may be upper case (ASCII). */
int word_set_find(const struct word_set *set, const char *word, size_t length);

#endif
