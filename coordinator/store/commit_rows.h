/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of a batch, one function per table family. Not for others than commit.c. */
#ifndef ASSAY_STORE_COMMIT_ROWS_H
#define ASSAY_STORE_COMMIT_ROWS_H

#include "coordinator/store/columns.h"

/* Queues one statement of the batch; the first failure is kept in the store. */
void batch_send(struct store *store, const char *sql, const char *const *params, size_t count);
void batch_send_params(
    struct store *store, const char *sql, const struct pg_param *params, size_t count);

/* What a batch says of one row: its last effect counts; the first one tells whether the row is
 * new. */
struct batch_row {
    uint64_t id;
    const struct effect *first, *last;
};

/* Rows of a kind in the order of identities. */
size_t batch_rows(
    const struct effects *batch,
    enum effect_kind kind,
    struct arena *arena,
    struct batch_row **ret_rows);

void batch_send_grids(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_workers(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_leases(
    struct store *store,
    const struct effects *batch,
    struct arena *arena,
    uint64_t epoch,
    uint64_t number);
void batch_send_tasks(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_attempts(struct store *store, const struct effects *batch, struct arena *arena);
/* gone.c; before the results of the batch */
void batch_send_gone(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_results(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_metrics(struct store *store, const struct effects *batch, struct arena *arena);
/* events.c */
void batch_send_events(
    struct store *store,
    const struct effects *batch,
    struct arena *arena,
    uint64_t epoch,
    uint64_t number);

/* {axis: point id} of a task. */
char *batch_point_json(const struct plan *plan, const uint32_t *point, struct arena *arena);

#endif
