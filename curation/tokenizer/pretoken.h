/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GPT-2 pre-tokenizer, as a state machine over Unicode categories:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * Pieces add up to the text. Pure; one pass, no memory. Bytes that are not UTF-8 (which the
 * reader never lets through) count as single symbols.
 */
#ifndef ASSAY_CURATION_TOKENIZER_PRETOKEN_H
#define ASSAY_CURATION_TOKENIZER_PRETOKEN_H

#include <stddef.h>

/* Bytes of the first piece of `text`; `length` > 0, and so is the result. */
size_t pretoken_length(const char *text, size_t length);

#endif
