/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay compare` shares among its files: which cells stand in which row and column, one
 * metric's comparison at one column, and what curation left. */
#ifndef ASSAY_CLI_COMPARE_H
#define ASSAY_CLI_COMPARE_H

#include <stdint.h>

#include "cli/reading.h"
#include "cli/show.h"
#include "common/stats/compare.h"

/* Axes as rows and columns. Names are in the order of the grid's cells. */
struct layout {
    const struct results_grid *grid;
    const char *const *row_axes;
    size_t row_axes_count;
    const char *column_axis; /* NULL: one column */
    const char **rows;       /* names */
    size_t rows_count;
    const char **columns;
    size_t columns_count;
    size_t *row_of, *column_of; /* of each cell */
    const char **dropped;       /* of each cell: not the best of its axis; NULL: in */
    size_t baseline;            /* row, or SIZE_MAX */
};

/* From the flags, else the grid's compare block, else variant by scale. */
bool layout_make(
    const struct invocation *invocation,
    struct results *results,
    const struct results_grid *grid,
    struct layout *ret_layout,
    struct err *err);
/* The names of metrics to compare, from --metric or the block. */
bool layout_metrics(
    const struct invocation *invocation,
    const struct results_grid *grid,
    const char *const **ret_metrics,
    size_t *ret_count,
    struct err *err);

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
