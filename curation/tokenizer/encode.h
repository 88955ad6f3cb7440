/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes text with a tokenizer. The encoder remembers the ids of pieces that it has seen (a
 * bounded number), which never changes a result. One thread per encoder; the tokenizer outlives
 * it.
 */
#ifndef ASSAY_CURATION_TOKENIZER_ENCODE_H
#define ASSAY_CURATION_TOKENIZER_ENCODE_H

#include "curation/tokenizer/tokenizer.h"

struct encoder;

/* Token ids, grown as needed; `ids` is heap memory. */
struct token_ids {
    uint32_t *ids;
    size_t count, capacity;
};

struct encoder *encoder_create(const struct tokenizer *tokenizer);
void encoder_destroy(struct encoder *encoder);
void encoder_cleanup(struct encoder **encoder); /* for CLEANUP */
/* Appends the ids of one text; no <|endoftext|>. */
void encoder_add(
    struct encoder *encoder, const char *text, size_t length, struct token_ids *out);
void token_ids_done(struct token_ids *ids); /* usable with CLEANUP */

#endif
