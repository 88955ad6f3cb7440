/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of a batch, one function per table family. Not for others than commit.c. */
#ifndef ASSAY_STORE_COMMIT_ROWS_H
#define ASSAY_STORE_COMMIT_ROWS_H

#include "coordinator/store/pg.h"

/* Queues one statement of the batch; the first failure is kept in the store. */
void batch_send(struct store *store, const char *sql, const char *const *params, size_t count);
/* Effects of a kind, the last of each identity, in the order of identities. */
size_t batch_last_of(
    const struct effects *batch,
    enum effect_kind kind,
    struct arena *arena,
    const struct effect ***ret_effects);

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
void batch_send_results(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_metrics(struct store *store, const struct effects *batch, struct arena *arena);
void batch_send_audit(
    struct store *store,
    const struct effects *batch,
    struct arena *arena,
    uint64_t epoch,
    uint64_t number);

/* {axis: point id} of a task. */
char *batch_point_json(const struct plan *plan, const uint32_t *point, struct arena *arena);

/* Columns of a statement as arrays; all are ended and sent by columns_send. */
#define COLUMNS_MAX PG_PARAMS_MAX

struct columns {
    struct pg_array arrays[COLUMNS_MAX];
    size_t count;
};

void columns_init(struct columns *columns, size_t count);
void columns_done(struct columns *columns);
void columns_send(struct columns *columns, struct store *store, const char *sql);

#endif
