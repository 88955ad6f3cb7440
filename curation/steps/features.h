/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one pass share about a document: each part is computed when first asked for
 * and kept until the next document. Buffers grow and are reused, so a pass allocates nothing per
 * document. Lengths in code points are called chars. Spans point into the text.
 */
#ifndef ASSAY_CURATION_STEPS_FEATURES_H
#define ASSAY_CURATION_STEPS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"

struct span {
    uint32_t start, bytes; /* in the text */
    uint32_t chars;
};

struct spans {
    struct span *items;
    size_t count, capacity;
};

struct features;

struct features *features_create(void);
void features_destroy(struct features *features);
void features_cleanup(struct features **features);
/* Turns to a document; `text` must be valid UTF-8, below 4 GiB, and stay until the next call. */
void features_set(struct features *features, const char *text, size_t length);
/* Hands over the digest of the text when it is known already. */
void features_set_digest(struct features *features, const struct digest *digest);

const char *features_text(const struct features *features, size_t *ret_length);
uint32_t features_chars(struct features *features);
const struct digest *features_digest(struct features *features); /* SHA-256 of the text */

#endif
