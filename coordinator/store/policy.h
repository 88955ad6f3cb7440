/* SPDX-License-Identifier: Apache-2.0 */
/* What scheduling policy stores. For commit.c and load.c. */
#ifndef ASSAY_STORE_POLICY_H
#define ASSAY_STORE_POLICY_H

#include "coordinator/store/store.h"

void batch_send_policy(struct store *store, const struct effects *batch, struct arena *arena);
bool load_usage(
    struct store *store, struct arena *arena, struct store_loaded *loaded, struct err *err);
/* Into the grid's row and its task rows, which are loaded in the order of ids. */
bool load_policy(struct store *store, uint32_t id, struct store_grid *grid, struct err *err);

#endif
