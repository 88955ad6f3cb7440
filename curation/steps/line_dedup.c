/* SPDX-License-Identifier: Apache-2.0 */
/* Line deduplication over all documents that reached the step: the first copy of a line in pool
 * order survives, later ones are cut out; a document without a line left is dropped. The op
 * `rewrite` does it. */
#include "common/base/cleanup.h"
#include "curation/steps/table.h"

static const struct curation_param params[] = {
    {.name = "min_chars",
     .type = "int",
     .role = STEP_ROLE_MEASURE,
     .fallback = "1",
     .min = "1",
     .help = "lines with fewer characters, white space around them left out, always stay"},
    {.name = "normalize",
     .type = "string",
     .role = STEP_ROLE_MEASURE,
     .fallback = "\"strip-lower\"",
     .choices = "[\"none\",\"strip\",\"strip-lower\"]",
     .help = "what makes lines equal: as they are, without white space around them, or also in "
             "lower case"},
};

static const char *const rules[] = {"no new line"};

const struct curation_step step_line_dedup = {
    .name = "line-dedup",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_TEXT,
    .global = true,
    .about = "cuts out lines that an earlier document, or the same, had before",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
};
