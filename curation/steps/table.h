/* SPDX-License-Identifier: Apache-2.0 */
/* The steps by name, for table.c. To add a step: its file, a line here, a row there, a test. */
#ifndef ASSAY_CURATION_STEPS_TABLE_H
#define ASSAY_CURATION_STEPS_TABLE_H

#include "curation/steps/step.h"

extern const struct curation_step step_document;
extern const struct curation_step step_page_length;
extern const struct curation_step step_word_length;
extern const struct curation_step step_symbol_ratio;
extern const struct curation_step step_bullet_lines;
extern const struct curation_step step_ellipsis_lines;
extern const struct curation_step step_alphabetic_words;
extern const struct curation_step step_stop_words;
extern const struct curation_step step_repetition;
extern const struct curation_step step_gopher_quality;
extern const struct curation_step step_gopher_repetition;
extern const struct curation_step step_stop_word_share;
extern const struct curation_step step_prose_share;
extern const struct curation_step step_random;
extern const struct curation_step step_exact_dedup;
extern const struct curation_step step_line_dedup;

#endif
