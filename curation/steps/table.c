/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/steps/table.h"

#include <string.h>

#include "common/base/cleanup.h"

/* The order is that of the manifest and of the help. */
static const struct curation_step *const table[] = {
    &step_document,
    &step_page_length,
    &step_word_length,
    &step_symbol_ratio,
    &step_bullet_lines,
    &step_ellipsis_lines,
    &step_alphabetic_words,
    &step_stop_words,
    &step_repetition,
    &step_gopher_quality,
    &step_gopher_repetition,
    &step_stop_word_share,
    &step_prose_share,
    &step_random,
    &step_exact_dedup,
    &step_line_dedup,
};

const struct curation_step *const *curation_steps(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(table);
    return table;
}

const struct curation_step *curation_step_find(const char *name, const char *profile)
{
    bool any = profile == NULL || profile[0] == '\0';
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct curation_step *step = table[i];
        if (strcmp(step->name, name) == 0
            && (any ? step->profile_default : strcmp(step->profile, profile) == 0)) {
            return step;
        }
    }
    return NULL;
}
