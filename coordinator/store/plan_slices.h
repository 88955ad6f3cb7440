/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans between us and the database in slices. libpq keeps a buffer of what its largest message
 * took for as long as a connection lives, and a plan of a million tasks is 40 MB. The first
 * slice lies in the grid's row, which is all that most grids have; those after it are rows of
 * grid_plan. They are sent at the end of the batch that inserts the grid, each when the one
 * before it has left the buffer, and belong to its transaction: a grid has its whole plan or is
 * not there.
 */
#ifndef ASSAY_STORE_PLAN_SLICES_H
#define ASSAY_STORE_PLAN_SLICES_H

#include "coordinator/store/pg.h"

/* The first slice, as a parameter that stands as long as the batch. Takes the packed plan,
 * which goes back to the grid's info if the batch is not stored. */
struct pg_param plan_slices_begin(
    struct store *store, uint32_t grid, const struct plan *plan, struct packed_plan *packed);
/* Some are left to be sent. */
bool plan_slices_wait(const struct store *store);
/* Queues the next one. */
void plan_slices_send(struct store *store);
/* The batch has ended. */
void plan_slices_end(struct store *store, bool stored);

bool plan_slices_load(
    struct store *store,
    uint32_t grid,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err);

#endif
