/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a status answer (docs/api.md) as people read them; shared by status and the live
 * view. */
#ifndef ASSAY_CLI_SHOW_H
#define ASSAY_CLI_SHOW_H

#include "cli/cli.h"
#include "cli/table.h"

struct show {
    struct arena *arena;
    struct str *out;
    bool colour;
    size_t columns; /* of the terminal; 0: not one, lines may be long */
};

/* "running", "failed", ... : how a grid stands, and in which style. */
const char *show_grid_word(const struct node *grid, enum style *ret_style);
/* "docs-quickstart (12)  running, 3m12s". */
void show_title(const struct show *show, const struct node *grid);
/* The bar over all tasks, with counts and what is left of the time. */
void show_bar(const struct show *show, const struct node *body);
/* A row per stage. */
void show_stages(const struct show *show, const struct node *body);
/* What runs, at most `rows_max` rows. */
void show_running(const struct show *show, const struct node *body, size_t rows_max);
/* What failed, why, the last lines of the log and the next command. */
void show_failures(const struct show *show, const struct node *body, size_t rows_max);
/* One glyph per cell: the first axis down, the second across. `cells` as in docs/api.md; the
 * order of axes is that of `body`. */
void show_map(const struct show *show, const struct node *body, const struct node *cells);
/* A row per cell, a column per stage. */
void show_cells(const struct show *show, const struct node *body, const struct node *cells);
/* Why nothing runs although something could, and what to do; nothing otherwise. */
void show_idle(const struct show *show, const struct node *body);
/* True when that does not pass by itself: no worker is up, none is large enough,
 * or tasks are held. */
bool is_stalled(const struct node *body);
/* A line when the database is away; nothing otherwise. */
void show_degraded(const struct show *show, const struct node *body);

/* EXIT_OK or EXIT_CELLS_FAILED of a grid that has ended. */
enum exit_status grid_exit(const struct node *grid);
bool grid_has_ended(const struct node *grid);

#endif
