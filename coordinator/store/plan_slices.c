/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/plan_slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "coordinator/store/commit_rows.h"

enum {
    PG_BYTEA = 17, /* its type's number in every server */
};

/* --- To the database --- */

static struct pg_param next_slice(struct plan_sending *sending)
{
    size_t left = sending->packed.length - sending->sent;
    size_t length = left < LIMIT_PLAN_SLICE_BYTES ? left : LIMIT_PLAN_SLICE_BYTES;
    const char *bytes = (const char *)sending->packed.bytes + sending->sent;
    sending->sent += length;
    return (struct pg_param){
        .value = bytes, .length = (int)length, .format = 1, .oid = PG_BYTEA};
}

static bool is_sent(const struct plan_sending *sending)
{
    return sending->sent == sending->packed.length;
}

struct pg_param plan_slices_begin(
    struct store *store, uint32_t grid, const struct plan *plan, struct packed_plan *packed)
{
    if (store->sending_count == store->sending_capacity) {
        store->sending_capacity = 2 * store->sending_capacity + 1;
        store->sending =
            xrealloc(store->sending, store->sending_capacity * sizeof(*store->sending));
    }
    struct plan_sending *sending = &store->sending[store->sending_count++];
    *sending = (struct plan_sending){.grid = grid, .plan = plan, .packed = *packed};
    *packed = (struct packed_plan){0};
    return next_slice(sending);
}

static struct plan_sending *first_unsent(const struct store *store)
{
    for (size_t i = 0; i < store->sending_count; i++) {
        if (!is_sent(&store->sending[i])) {
            return &store->sending[i];
        }
    }
    return NULL;
}

bool plan_slices_wait(const struct store *store)
{
    return first_unsent(store) != NULL;
}

void plan_slices_send(struct store *store)
{
    struct plan_sending *sending = first_unsent(store);
    char grid[16];
    char part[16];
    (void)snprintf(grid, sizeof(grid), "%u", sending->grid);
    (void)snprintf(part, sizeof(part), "%u", ++sending->parts);
    const struct pg_param params[] = {
        pg_param_text(grid), pg_param_text(part), next_slice(sending)};
    batch_send_params(
        store,
        "INSERT INTO grid_plan (grid_id, part, body) VALUES ($1::int4, $2::int4, $3)",
        params,
        ARRAY_LEN(params));
}

void plan_slices_end(struct store *store, bool stored)
{
    for (size_t i = 0; i < store->sending_count; i++) {
        struct plan_sending *sending = &store->sending[i];
        struct store_grid_info *info = store_grid_info_of(store, sending->plan);
        if (!stored && info != NULL) {
            info->packed = sending->packed;
        } else {
            packed_plan_done(&sending->packed);
        }
    }
    free(store->sending);
    store->sending = NULL;
    store->sending_count = store->sending_capacity = 0;
}

/* --- From it --- */

/* One slice, appended; *ret_length 0: there is none. `sql` speaks of the grid as $1 and of the
 * slice as $2. */
static bool load_slice(
    struct store *store,
    const char *sql,
    const char *const params[2],
    struct str *packed,
    size_t *ret_length,
    struct err *err)
{
    CLEANUP(pg_result_cleanup)
    PGresult *rows = PQexecParams(store->reader, sql, 2, NULL, params, NULL, NULL, 1);
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
        return pg_failure(store->reader, rows, "reading a plan", err);
    }
    *ret_length = 0;
    if (PQntuples(rows) == 1) {
        *ret_length = (size_t)PQgetlength(rows, 0, 0);
        str_append_bytes(packed, PQgetvalue(rows, 0, 0), *ret_length);
    }
    return true;
}

/* What older coordinators stored lies in the grid's row as a whole, and is read by slices too.
 */
static bool load_packed(struct store *store, uint32_t grid, struct str *packed, struct err *err)
{
    char sql[160];
    (void)snprintf(
        sql,
        sizeof(sql),
        "SELECT substr(plan, $2::int4, %d) FROM grid WHERE grid_id = $1::int4",
        LIMIT_PLAN_SLICE_BYTES);
    char id[16];
    char slice[24];
    const char *const params[2] = {id, slice};
    (void)snprintf(id, sizeof(id), "%u", grid);
    size_t length = LIMIT_PLAN_SLICE_BYTES;
    while (length == LIMIT_PLAN_SLICE_BYTES) {
        (void)snprintf(slice, sizeof(slice), "%zu", packed->length + 1);
        if (!load_slice(store, sql, params, packed, &length, err)) {
            return false;
        }
    }
    length = 1;
    for (uint32_t part = 1; length > 0; part++) {
        (void)snprintf(slice, sizeof(slice), "%u", part);
        if (!load_slice(
                store,
                "SELECT body FROM grid_plan WHERE grid_id = $1::int4 AND part = $2::int4",
                params,
                packed,
                &length,
                err)) {
            return false;
        }
    }
    return true;
}

bool plan_slices_load(
    struct store *store,
    uint32_t grid,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err)
{
    CLEANUP(str_done) struct str packed;
    str_init(&packed, LIMIT_PLAN_BYTES);
    return load_packed(store, grid, &packed, err)
           && plan_unpack(packed.data, packed.length, arena, ret_plan, err);
}
