/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 bytes of a text as sets of bits, one bit a byte, so that words are found by their edges
 * and not byte by byte. Only ASCII is told apart; what is beyond it is the business of the
 * caller.
 */
#ifndef ASSAY_CURATION_TEXT_MASKS_H
#define ASSAY_CURATION_TEXT_MASKS_H

#include <stddef.h>
#include <stdint.h>

#define MASKS_BYTES ((size_t)64)

struct masks {
    uint64_t blank;      /* space, TAB, LF, VT, FF, CR */
    uint64_t separators; /* U+001C to U+001F */
    uint64_t nul;
    uint64_t alpha, digit, low_line;
    uint64_t wide; /* bytes beyond ASCII */
};

/* The masks of up to 64 bytes; behind `length` stand spaces. */
void masks_load(const char *text, size_t length, struct masks *ret_masks);

#endif
