/* SPDX-License-Identifier: Apache-2.0 */
/* Word boundaries by UAX #29 (Unicode 15.0, default rules, no dictionary). */
#ifndef ASSAY_CURATION_TEXT_UNISEG_H
#define ASSAY_CURATION_TEXT_UNISEG_H

#include <stddef.h>
#include <stdint.h>

struct uniseg_segment {
    size_t end;     /* byte behind the segment */
    uint32_t chars; /* its code points */
    uint16_t first; /* record of its first code point (unicode.h) */
};

/* The segment that starts at the boundary `start` < length. */
struct uniseg_segment uniseg_next(const char *text, size_t length, size_t start);

#endif
