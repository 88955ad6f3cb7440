/* SPDX-License-Identifier: Apache-2.0 */
/* Statements for results whose outputs are gone: marked when that is found out, and no longer
 * current when their key has another. */
#include "coordinator/store/commit_rows.h"
#include "coordinator/store/pg.h"

static void send_marks(struct store *store, const struct effects *batch)
{
    CLEANUP(columns_done) struct columns attempts;
    CLEANUP(columns_done) struct columns digests;
    columns_init(&attempts, 1);
    columns_init(&digests, 1);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_GONE) {
            pg_array_u64(&attempts.arrays[0], batch->items[i].gone.attempt.value);
            pg_array_digest(&digests.arrays[0], &batch->items[i].gone.digest);
            store->has_gone = true;
        }
    }
    columns_send(
        &attempts,
        store,
        "UPDATE result r SET gone = true FROM unnest($1::int8[]) AS u(a) WHERE r.attempt_id = u.a");
    columns_send(
        &digests,
        store,
        "DELETE FROM output o USING unnest($1::bytea[]) AS u(a) WHERE o.digest = u.a");
}

/* Keys that get a result in this batch: one that is gone makes room for it. Few databases have
 * any, so the others do not ask. */
static void send_replaced(struct store *store, const struct effects *batch)
{
    CLEANUP(columns_done) struct columns keys;
    columns_init(&keys, 1);
    for (size_t i = 0; store->has_gone && i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_RESULT) {
            pg_array_digest(&keys.arrays[0], &batch->items[i].result.result.key);
        }
    }
    columns_send(
        &keys,
        store,
        "UPDATE result r SET current = false FROM unnest($1::bytea[]) AS u(a) WHERE r.key = u.a AND r.gone AND r.current");
}

void batch_send_gone(struct store *store, const struct effects *batch, struct arena *arena)
{
    (void)arena;
    send_marks(store, batch);
    send_replaced(store, batch);
}

bool store_load_gone(struct store *store, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(
            store->writer,
            "SELECT EXISTS (SELECT FROM result WHERE gone AND current)",
            NULL,
            0,
            &rows,
            err)) {
        return false;
    }
    store->has_gone = pg_bool(rows, 0, 0);
    return true;
}
