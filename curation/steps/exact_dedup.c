/* SPDX-License-Identifier: Apache-2.0 */
/* Exact document deduplication: of documents with the same digest the first in pool order,
 * among those that reached the step, survives. The op `dedup` does it from the digests alone.
 */
#include "common/base/cleanup.h"
#include "curation/steps/table.h"

static const char *const rules[] = {"copy of an earlier document"};

const struct curation_step step_exact_dedup = {
    .name = "exact-dedup",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_SELECTION,
    .global = true,
    .about = "drops exact copies of earlier documents",
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
};
