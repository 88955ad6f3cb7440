/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the comparison while a grid runs: the mean of the first metric of its compare block
 * over the cells that are done, with how many of how many. No intervals and no verdicts: what
 * is there first is no fair sample. Reads only what changed, and only when a count of the
 * coordinator's answer says that something did, so that a large grid can be watched. A database
 * that is away leaves the rows as they are.
 */
#ifndef ASSAY_CLI_STANDING_H
#define ASSAY_CLI_STANDING_H

#include "cli/layout.h"
#include "cli/show.h"

struct standing;

/* `grid` is its id. Nothing is read yet. */
struct standing *standing_create(const struct invocation *invocation, const char *grid);
void standing_destroy(struct standing *standing); /* NULL is fine */
void standing_cleanup(struct standing **standing);

/* Reads what the status answer `body` says is new; true when a row changed. */
bool standing_refresh(struct standing *standing, const struct node *body);
/* A table of at most `rows_max` rows; nothing as long as no cell is done. */
void standing_show(const struct standing *standing, const struct show *show, size_t rows_max);
/* The same as a line per column of the grid: "eval.bpb cpu-xs: raw 2.9428 (2/3), ...". */
void standing_lines(const struct standing *standing, const char *prefix, struct str *out);

/* --- Pure, for tests --- */

struct standing_place {
    double sum;
    size_t present, expected; /* cells, each task once */
};

/* Sums at row * columns_count + column; NULL before the metric has any value. */
struct standing_place *standing_sum(
    const struct layout *layout, const struct results_metric *metric, struct arena *arena);
void standing_table(
    const struct layout *layout,
    const struct results_metric *metric,
    const struct show *show,
    size_t rows_max);

#endif
