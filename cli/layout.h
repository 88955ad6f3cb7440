/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cells of a grid stand in which row and column of a comparison, and which row each one
 * is compared to: from the grid's compare block, or from flags. Shared by `assay compare` and
 * by the rows that the live view shows.
 */
#ifndef ASSAY_CLI_LAYOUT_H
#define ASSAY_CLI_LAYOUT_H

#include "common/results/results.h"

/* What is asked for instead of the grid's compare block; zeros: nothing. */
struct layout_wish {
    const char *const *rows; /* axes */
    size_t rows_count;
    const char *columns;      /* axis */
    const char *const *where; /* "AXIS=POINT": these cells alone; an axis named twice: either */
    size_t where_count;
    const char *const *baseline; /* "AXIS=POINT", all of them together one row */
    size_t baseline_count;
};

/* Names are in the order of the grid's cells. */
struct layout {
    const struct results_grid *grid;
    const char *const *row_axes;
    size_t row_axes_count;
    const char *column_axis; /* NULL: one column */
    const char **rows;       /* names */
    const struct node **row_points;
    size_t rows_count;
    const char **columns;
    size_t columns_count;
    bool *stands;                /* of each cell: it is asked for */
    size_t *row_of, *column_of;  /* of each cell that stands */
    size_t *baselines;           /* of each row: the one it is compared to, or COMPARE_NO_ROW */
    const char *baseline;        /* its name for a heading, or NULL */
    const char *baseline_column; /* the only column with a baseline; NULL: all alike */
    const char **notes;          /* what a reader must know, such as what is not in force */
    size_t notes_count, notes_capacity;
};

/* ERR_INPUT with the nearest name for an axis or a point that the grid does not have, and for
 * an axis that would be averaged in silence. */
bool layout_make(
    const struct layout_wish *wish,
    const struct results_grid *grid,
    struct arena *arena,
    struct layout *ret_layout,
    struct err *err);
/* The metrics that the grid's block names; none is fine. */
const char *const *layout_metrics(
    const struct results_grid *grid, size_t *ret_count, struct arena *arena);

#endif
