/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay plan` prints: per stage how many tasks would run, are cached or shared, and how
 * long it would take. Counting is O(tasks log tasks) and pure; the report is made of counts. */
#ifndef ASSAY_COORDINATOR_PLAN_REPORT_H
#define ASSAY_COORDINATOR_PLAN_REPORT_H

#include "coordinator/bundle.h"
#include "coordinator/shell.h"

struct stage_counts {
    uint64_t points, run, cached, shared, helpers_run, helpers_cached;
};

/* Of one program in one stage: counts.of[stage * programs_count + program]. */
struct plan_counts {
    struct stage_counts *of;
};

/* known[i]: the accepted result of task i by its plan key, or NULL. */
struct plan_counts plan_count(
    const struct plan *plan, const struct result_row *const *known, struct arena *arena);
/* Body of docs/api.md ("plan"). */
struct node *plan_report(
    struct shell *shell, const struct bundle *bundle, const struct plan_counts *counts);

#endif
