/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's symbol_ratio_filter: hash marks and ellipses per word by white space. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MAX = 0,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    uint32_t symbols = count_symbols(features);
    uint32_t words = (uint32_t)features_split_words(features)->count;
    row[0].f32 = share_of(symbols, words);
    row[1].u32 = symbols;
    row[2].u32 = words;
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
         .fallback = "0.1",
         .min = "0",
         .help = "most symbols per word to keep"},
};

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"symbols", COLUMN_U32},
    {"words", COLUMN_U32},
};

static const char *const rules[] = {"no words", "many symbols"};

const struct curation_step step_symbol_ratio = {
    .name = "symbol-ratio",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "hash marks and ellipses per word",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
