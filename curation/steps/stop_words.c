/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's stop_word_filter: a page of English has some of "the be to of and that have with". At
 * least one is needed even where `min` is 0, as there. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MIN = 0,
    COUNT_UNIQUE,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    struct stop_word_counts counts = count_stop_words(features);
    row[0].u32 = counts.all;
    row[1].u32 = counts.distinct;
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    uint32_t count = params[COUNT_UNIQUE].boolean ? row[1].u32 : row[0].u32;
    return count == 0 || count < params[MIN].number ? 1 : 0;
}

static const struct curation_param params[] = {
    [MIN] =
        {.name = "min",
         .type = "int",
         .role = STEP_ROLE_CUT,
         .fallback = "2",
         .min = "0",
         .help = "fewest stop words to keep; at least one is needed always"},
    [COUNT_UNIQUE] =
        {.name = "count_unique",
         .type = "bool",
         .role = STEP_ROLE_CUT,
         .fallback = "false",
         .help = "count every stop word once"},
};

static const struct curation_column columns[] = {
    {"stop_words", COLUMN_U32},
    {"distinct", COLUMN_U32},
};

static const char *const rules[] = {"few stop words"};

const struct curation_step step_stop_words = {
    .name = "stop-words",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "number of English stop words: the be to of and that have with",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
