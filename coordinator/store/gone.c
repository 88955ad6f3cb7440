/* SPDX-License-Identifier: Apache-2.0 */
/* Statements for results whose outputs are gone (marked when that is found out, and no longer
 * current when their key has another) and for doomed trees, which whoever plans with them
 * saves. */
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
    bool may_be =
        store->has_gone || store->has_doomed; /* doomed ones are gone without a word */
    for (size_t i = 0; may_be && i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_RESULT) {
            pg_array_digest(&keys.arrays[0], &batch->items[i].result.result.key);
        }
    }
    columns_send(
        &keys,
        store,
        "UPDATE result r SET current = false FROM unnest($1::bytea[]) AS u(a) WHERE r.key = u.a AND r.gone AND r.current");
}

/* --- Doomed trees that the batch plans with --- */

static void add_plan(struct columns *digests, const struct plan *plan)
{
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        size_t inputs = plan_task_inputs(plan, t).count;
        for (size_t i = 0; i < inputs; i++) {
            uint32_t sources = plan_task_sources(plan, t, i);
            for (uint32_t j = 0; j < sources; j++) {
                const struct plan_source source = plan_task_source(plan, t, i, j);
                if (source.kind == PLAN_FROM_ARTIFACT) {
                    pg_array_digest(&digests->arrays[0], &source.artifact);
                }
            }
        }
    }
}

static void add_bundle(
    struct columns *digests, const struct store *store, const struct plan *plan)
{
    for (size_t i = 0; i < store->infos_count; i++) {
        if (store->infos[i].plan == plan) {
            pg_array_digest(&digests->arrays[0], &store->infos[i].bundle);
        }
    }
}

static void send_saved(struct store *store, const struct effects *batch)
{
    CLEANUP(columns_done) struct columns digests;
    CLEANUP(columns_done) struct columns cached;
    columns_init(&digests, 1);
    columns_init(&cached, 2);
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->items[i];
        if (effect->kind == EFFECT_PERSIST_GRID && effect->grid.created) {
            add_plan(&digests, effect->grid.plan);
            add_bundle(&digests, store, effect->grid.plan);
        } else if (effect->kind == EFFECT_PERSIST_RESULT) {
            for (size_t o = 0; o < effect->result.result.outputs_count; o++) {
                pg_array_digest(&digests.arrays[0], &effect->result.result.outputs[o].digest);
            }
        } else if (
            effect->kind == EFFECT_PERSIST_TASK && effect->task.row.state == TASK_DONE
            && effect->task.row.reason == TASK_REASON_CACHED) {
            pg_array_u64(&cached.arrays[0], effect->task.row.attempt.value);
            pg_array_digest(&cached.arrays[1], &effect->task.row.key);
        }
    }
    columns_send(
        &digests,
        store,
        "DELETE FROM doomed d USING unnest($1::bytea[]) AS u(a) WHERE d.digest = u.a");
    columns_send(
        &cached,
        store,
        "DELETE FROM doomed d USING result_output o, unnest($1::int8[], $2::bytea[]) AS u(a,b) WHERE o.key = u.b AND o.attempt_id = "
        "u.a AND d.digest = o.digest");
}

void batch_send_gone(struct store *store, const struct effects *batch, struct arena *arena)
{
    (void)arena;
    send_marks(store, batch);
    send_replaced(store, batch);
    if (store->has_doomed) {
        send_saved(store, batch);
    }
}

static const char gone_sql[] =
    "SELECT EXISTS (SELECT FROM result WHERE gone AND current) AS " GONE_COLUMN
    ", EXISTS (SELECT FROM doomed)";

void store_take_gone(struct store *store, const PGresult *result)
{
    store->has_gone = pg_bool(result, 0, 0);
    store->has_doomed = pg_bool(result, 0, 1);
}

void batch_send_gone_question(struct store *store)
{
    batch_send(store, gone_sql, NULL, 0);
}

bool store_load_gone(struct store *store, struct err *err)
{
    CLEANUP(pg_result_cleanup) PGresult *rows = NULL;
    if (!pg_run(store->writer, gone_sql, NULL, 0, &rows, err)) {
        return false;
    }
    store_take_gone(store, rows);
    return true;
}
