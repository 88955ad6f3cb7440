/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay plan` prints: per stage how many tasks would run, are cached or shared, and how
 * long it would take. */
#ifndef ASSAY_COORDINATOR_PLAN_REPORT_H
#define ASSAY_COORDINATOR_PLAN_REPORT_H

#include "coordinator/bundle.h"
#include "coordinator/shell.h"

/* Body of docs/api.md ("plan"). known[i]: the accepted result of task i by its plan key, or
 * NULL. */
struct node *plan_report(
    struct shell *shell, const struct bundle *bundle, const struct result_row *const *known);

#endif
