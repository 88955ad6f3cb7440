/* SPDX-License-Identifier: Apache-2.0 */
/* The store's two connections: opening, opening again, closing; and what it remembers of grids.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/plan_slices.h"

static bool check_server(PGconn *connection, struct err *err)
{
    if (PQserverVersion(connection) < 150000) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "PostgreSQL 15 or later is needed, this is %d",
            PQserverVersion(connection) / 10000);
        return err_hint(err, "let assay run its own: assay up without --database");
    }
    CLEANUP(pg_result_cleanup) PGresult *result = NULL;
    if (!pg_run(
            connection,
            "SELECT current_setting('fsync'), current_setting('full_page_writes')",
            NULL,
            0,
            &result,
            err)) {
        return false;
    }
    if (strcmp(pg_text(result, 0, 0), "on") != 0 || strcmp(pg_text(result, 0, 1), "on") != 0) {
        (void)err_set(
            err,
            ERR_CONFLICT,
            "the database runs with fsync or full_page_writes off: results would not survive a crash");
        return err_hint(
            err,
            "set fsync = on and full_page_writes = on in postgresql.conf and restart the server");
    }
    return true;
}

bool store_reconnect(struct store *store, struct err *err)
{
    store->in_flight = false;
    PQfinish(store->writer);
    store->writer = NULL;
    store->prepared_count = 0;
    store->tuned = false;
    PQfinish(store->reader);
    store->reader = NULL;
    return pg_connect(store->conninfo_text.data, "assayd", &store->writer, err)
           && pg_connect(store->conninfo_text.data, "assayd-read", &store->reader, err)
           /* A lock that is held by a session nobody hears of any more. */
           && pg_command(store->writer, "SET lock_timeout = '5s'", err)
           && pg_command(store->reader, "SET lock_timeout = '2s'", err)
           && check_server(store->writer, err);
}

bool store_open(const char *conninfo, struct store **ret_store, struct err *err)
{
    struct arena *arena = arena_create();
    struct store *store = ARENA_NEW(arena, struct store);
    store->arena = arena;
    str_init(&store->conninfo_text, 4096);
    str_append(&store->conninfo_text, conninfo);
    if (!store_reconnect(store, err)) {
        store_close(store);
        return false;
    }
    *ret_store = store;
    return true;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < store->infos_count; i++) {
        packed_plan_done(&store->infos[i].packed);
    }
    plan_slices_end(store, true);
    PQfinish(store->writer);
    PQfinish(store->reader);
    str_done(&store->conninfo_text);
    struct arena *arena = store->arena;
    arena_destroy(arena);
}

void store_cleanup(struct store **store)
{
    store_close(*store);
    *store = NULL;
}

int store_fd(const struct store *store)
{
    return store->writer == NULL ? -1 : PQsocket(store->writer);
}

bool store_wants_write(const struct store *store)
{
    return store->wants_write;
}

struct store_grid_info *store_grid_info_of(struct store *store, const struct plan *plan)
{
    for (size_t i = 0; i < store->infos_count; i++) {
        if (store->infos[i].plan == plan) {
            return &store->infos[i];
        }
    }
    return NULL;
}

void store_set_grid_info(struct store *store, const struct store_grid_info *info)
{
    store_forget_grid_info(store, info->plan);
    ARENA_PUSH(store->arena, store->infos, store->infos_count, store->infos_capacity, *info);
}

void store_forget_grid_info(struct store *store, const struct plan *plan)
{
    struct store_grid_info *info = store_grid_info_of(store, plan);
    if (info != NULL) {
        packed_plan_done(&info->packed);
        *info = store->infos[--store->infos_count];
    }
}
