/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a text, by place: words, lines, paragraphs. Arrays grow and are reused. */
#ifndef ASSAY_CURATION_TEXT_SPAN_H
#define ASSAY_CURATION_TEXT_SPAN_H

#include <stddef.h>
#include <stdint.h>

enum span_flag {
    SPAN_ALPHA = 1,    /* of words by white space: an alphabetic character is in it */
    SPAN_REPEATED = 2, /* of lines and paragraphs, once repeats_measure() has seen them */
};

struct span {
    uint32_t start, bytes; /* in the text */
    uint32_t chars;        /* code points */
    uint32_t flags;
};

struct spans {
    struct span *items;
    size_t count, capacity;
};

void spans_done(struct spans *spans); /* usable with CLEANUP */
void spans_grow(struct spans *spans); /* room for one more */

static inline void spans_push(struct spans *spans, struct span span)
{
    if (spans->count == spans->capacity) {
        spans_grow(spans);
    }
    spans->items[spans->count++] = span;
}

#endif
