/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line deduplication (step line-dedup) over all documents that are given to it, in the order in
 * which they come: the first occurrence of a line stays, wherever it is. Lines are compared by
 * a 64-bit hash that is not verified: among 10^8 distinct lines one is taken for another with
 * probability 0.0003.
 */
#ifndef ASSAY_CURATION_OPS_LINE_DEDUP_H
#define ASSAY_CURATION_OPS_LINE_DEDUP_H

#include "curation/ops/ngrams.h"
#include "curation/steps/step.h"

struct line_dedup {
    struct hash_set seen;
    struct str key; /* scratch */
    bool strip, lower;
    uint32_t chars_min; /* shorter lines stay */
};

bool line_dedup_is(const char *step);
/* Takes the parameters of a bound step `line-dedup`. */
void line_dedup_init(struct line_dedup *dedup, const struct curation_use *use);
void line_dedup_done(struct line_dedup *dedup); /* usable with CLEANUP; zeroed is fine */
/* Appends the lines that stay, joined by LF. False when none but blank ones is left. */
bool line_dedup_apply(
    struct line_dedup *dedup, const char *text, size_t length, struct str *out);

#endif
