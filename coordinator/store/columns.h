/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A statement over many rows: one array per column, in binary form. It speaks of its rows as
 *
 *     ... SELECT u.a, u.b FROM unnest($1::int8[], $2::text[]) AS u(a,b) ...
 *
 * which says the type of each column, too. A column whose rows are all alike travels once: its
 * `u.b` becomes `$2::text` and it leaves the unnest, so that a batch of similar rows costs what
 * differs in them, and a batch of one row no array at all. Statements that say `SELECT *` are
 * sent as they are. Each form of a statement is prepared once per session.
 */
#ifndef ASSAY_STORE_COLUMNS_H
#define ASSAY_STORE_COLUMNS_H

#include "coordinator/store/pg.h"

#define COLUMNS_MAX PG_PARAMS_MAX

struct columns {
    struct pg_array arrays[COLUMNS_MAX];
    size_t count;
};

void columns_init(struct columns *columns, size_t count);
void columns_done(struct columns *columns);
size_t columns_rows(const struct columns *columns);
/* Queues the statement of the batch; nothing when there is no row. The columns are spent. */
void columns_send(struct columns *columns, struct store *store, const char *sql);

#endif
