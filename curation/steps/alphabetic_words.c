/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's alphabetic_word_ratio_filter: share of words by white space without an alphabetic
 * character. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MAX = 0,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    struct word_counts counts = count_words(features);
    row[0].f32 = share_of(counts.non_alphabetic, counts.words);
    row[1].u32 = counts.non_alphabetic;
    row[2].u32 = counts.words;
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    if (row[2].u32 == 0) {
        return 1;
    }
    return (double)row[1].u32 / row[2].u32 > params[MAX].number ? 2 : 0;
}

static const struct curation_param params[] = {
    [MAX] =
        {.name = "max",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .fallback = "0.2",
         .min = "0",
         .help = "largest share of words without a letter to keep"},
};

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"non_alphabetic", COLUMN_U32},
    {"words", COLUMN_U32},
};

static const char *const rules[] = {"no words", "few alphabetic words"};

const struct curation_step step_alphabetic_words = {
    .name = "alphabetic-words",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "share of words without any alphabetic character",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
