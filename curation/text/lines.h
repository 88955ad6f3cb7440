/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines and paragraphs as DCLM has them: pieces between LFs (lines) or between pairs of LFs
 * (paragraphs), stripped of white space, blank ones left out.
 */
#ifndef ASSAY_CURATION_TEXT_LINES_H
#define ASSAY_CURATION_TEXT_LINES_H

#include "curation/text/span.h"

/* The part of text[start, end) without white space (str.strip()) at both ends. */
struct span text_strip(const char *text, size_t start, size_t end);

/* Replace what is in `ret_spans`. */
void lines_split(const char *text, size_t length, struct spans *ret_spans);
void paragraphs_split(const char *text, size_t length, struct spans *ret_spans);
/* Number of pieces, blank ones counted: what re.split() gives. */
size_t lines_count_raw(const char *text, size_t length);
size_t paragraphs_count_raw(const char *text, size_t length);

#endif
