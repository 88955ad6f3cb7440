/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay compare` shares among its files: one metric's comparison at one column, and what
 * curation left. */
#ifndef ASSAY_CLI_COMPARE_H
#define ASSAY_CLI_COMPARE_H

#include <stdint.h>

#include "cli/layout.h"
#include "cli/reading.h"
#include "cli/show.h"
#include "common/stats/compare.h"

/* One metric at one column. */
struct comparison {
    struct results_metric *metric;
    const char *column;
    struct compare_column stats;
    const char **why; /* per row: what is missing, or NULL */
    double *epochs;   /* per row; NAN: not known */
    const char *sentence;
};

void comparison_make(
    const struct layout *layout,
    struct results_metric *metric,
    const struct results_metric *epochs,
    size_t column,
    struct comparison *ret_comparison,
    struct arena *arena);
void comparison_show(
    const struct layout *layout, const struct comparison *comparison, const struct show *show);
struct node *comparison_node(
    const struct layout *layout, const struct comparison *comparison, struct arena *arena);

/* What each variant's curation kept, and samples of what it removed. `body` gets "funnel". */
bool funnel_show(
    const struct invocation *invocation,
    struct results *results,
    const struct results_grid *grid,
    const struct show *show,
    struct node *body,
    struct err *err);

#endif
