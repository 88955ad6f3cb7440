/* SPDX-License-Identifier: Apache-2.0 */
/* Counts that several steps of the Gopher family share, as DCLM makes them. */
#ifndef ASSAY_CURATION_STEPS_COUNTS_H
#define ASSAY_CURATION_STEPS_COUNTS_H

#include <math.h>
#include <stdint.h>

#include "curation/steps/features.h"

/* For the column that people cut by; verdicts divide the counts again, in double. */
static inline float share_of(uint32_t part, uint32_t whole)
{
    return whole == 0 ? NAN : (float)((double)part / (double)whole);
}

/* "#", "...", ". . ." and U+2026, each without overlaps, added up. */
uint32_t count_symbols(struct features *features);
/* Lines that start with U+25CF, U+2022, "*" or "-". */
uint32_t count_bullets(struct features *features);
/* Lines that end in "...", ". . ." or U+2026. */
uint32_t count_ellipses(struct features *features);

struct word_counts {
    uint32_t words, chars;
    uint32_t non_alphabetic; /* words without any alphabetic character */
};

/* Of words by white space. */
struct word_counts count_words(struct features *features);

struct stop_word_counts {
    uint32_t all, distinct;
};

/* Words by white space that are, lower-cased, one of: the be to of and that have with. */
struct stop_word_counts count_stop_words(struct features *features);

#endif
