/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's ellipsis_count_filter: share of lines that end in an ellipsis. A page without lines is
 * kept. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MAX = 0,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    uint32_t ellipses = count_ellipses(features);
    uint32_t lines = (uint32_t)features_lines(features)->count;
    row[0].f32 = share_of(ellipses, lines);
    row[1].u32 = ellipses;
    row[2].u32 = lines;
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    return row[1].u32 > params[MAX].number * row[2].u32 ? 1 : 0;
}

static const struct curation_param params[] = {
    [MAX] =
        {.name = "max",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .fallback = "0.3",
         .min = "0",
         .help = "largest share of lines with an ellipsis to keep"},
};

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"ellipses", COLUMN_U32},
    {"lines", COLUMN_U32},
};

static const char *const rules[] = {"many ellipses"};

const struct curation_step step_ellipsis_lines = {
    .name = "ellipsis-lines",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "share of lines that end in an ellipsis",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
