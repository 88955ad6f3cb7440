/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine wants to know of every document, whatever the pipelines are. The column
 * `digest`, 32 bytes wide, is written by the engine beside these. */
#include "common/base/cleanup.h"
#include "curation/steps/features.h"
#include "curation/steps/table.h"

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    size_t length = 0;
    (void)features_text(features, &length);
    row[0].u32 = (uint32_t)length;
    row[1].u32 = features_chars(features);
    row[2].u32 = 1;
}

static const struct curation_column columns[] = {
    {"bytes", COLUMN_U32},
    {"chars", COLUMN_U32},
    {"present", COLUMN_U32},
};

const struct curation_step step_document = {
    .name = "document",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .hidden = true,
    .about = "bytes and characters of a document",
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .measure = measure,
};
