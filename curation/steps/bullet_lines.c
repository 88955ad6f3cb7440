/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's bullet_count_filter: share of lines that start with a bullet. A page without lines is
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
    uint32_t bullets = count_bullets(features);
    uint32_t lines = (uint32_t)features_lines(features)->count;
    row[0].f32 = share_of(bullets, lines);
    row[1].u32 = bullets;
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
         .fallback = "0.9",
         .min = "0",
         .help = "largest share of lines with a bullet to keep"},
};

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"bullets", COLUMN_U32},
    {"lines", COLUMN_U32},
};

static const char *const rules[] = {"many bullets"};

const struct curation_step step_bullet_lines = {
    .name = "bullet-lines",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "share of lines that start with a bullet",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
