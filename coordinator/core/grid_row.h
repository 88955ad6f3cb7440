/* SPDX-License-Identifier: Apache-2.0 */
/* Grids in memory: found by id, taken in, loaded, finished, forgotten. */
#ifndef ASSAY_CORE_GRID_ROW_H
#define ASSAY_CORE_GRID_ROW_H

#include "coordinator/core/state.h"

struct graph *grids_find(const struct core *core, struct grid_id id);
struct task *grids_task(const struct core *core, struct task_id id); /* NULL when unknown */

void grid_enter(struct core *core, const struct event_grid *event);
/* grid_restore.c: rows, results and attempts of one that comes from the store. */
void grid_restore(struct core *core, struct graph *graph, const struct event_grid *event);
/* At a start, when every grid is there: rows that shared a failure find each other, leases
 * begin anew, what is ready is evaluated. */
void grid_start(struct core *core, struct graph *graph);
/* Takes in the next tasks of fresh grids. True while there are more. */
bool grids_take_in(struct core *core);
bool grid_is_taken_in(const struct graph *graph);

/* Asks for a look at whether it is finished, before the step ends. */
void grid_touch(struct core *core, struct graph *graph);
void grids_judge(struct core *core);
void grid_persist(struct core *core, const struct graph *graph, bool created);
void grid_destroy(struct graph *graph);

#endif
