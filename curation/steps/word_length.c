/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's word_length_filter: mean length of words by white space, both bounds kept. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MIN = 0,
    MAX,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    struct word_counts counts = count_words(features);
    row[0].f32 = share_of(counts.chars, counts.words);
    row[1].u32 = counts.words;
    row[2].u32 = counts.chars;
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    if (row[1].u32 == 0) {
        return 1;
    }
    double mean = (double)row[2].u32 / row[1].u32;
    if (mean < params[MIN].number) {
        return 2;
    }
    return params[MAX].set && mean > params[MAX].number ? 3 : 0;
}

static const struct curation_param params[] = {
    [MIN] =
        {.name = "min",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .fallback = "0",
         .help = "shortest mean word to keep, in characters"},
    [MAX] =
        {.name = "max",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .help = "longest mean word to keep, in characters"},
};

static const struct curation_column columns[] = {
    {"mean", COLUMN_F32},
    {"words", COLUMN_U32},
    {"chars", COLUMN_U32},
};

static const char *const rules[] = {"no words", "short words", "long words"};

const struct curation_step step_word_length = {
    .name = "word-length",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "mean length of the words of a page",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
