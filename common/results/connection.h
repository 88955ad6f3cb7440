/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this layer share of libpq. */
#ifndef ASSAY_RESULTS_CONNECTION_H
#define ASSAY_RESULTS_CONNECTION_H

#include <libpq-fe.h>

#include "common/results/results.h"

struct results {
    PGconn *connection;
};

void result_cleanup(PGresult **result);
/* A statement of ours with text parameters. */
bool run(
    struct results *results,
    const char *sql,
    const char *const *params,
    size_t count,
    PGresult **ret_result,
    struct err *err);
/* Sets err from what failed: ERR_UNAVAILABLE when the connection is gone, ERR_TIMEOUT when the
 * time limit ended it, else `code`. */
bool fail(
    const struct results *results, const PGresult *result, enum err_code code, struct err *err);
/* A copy in the arena; "" for NULL. */
const char *field(const PGresult *result, int row, int column, struct arena *arena);
int64_t field_integer(const PGresult *result, int row, int column);
/* NAN for NULL. */
double field_real(const PGresult *result, int row, int column);
/* A jsonb value as a tree; NULL when it is NULL (or no JSON, which cannot be). */
struct node *field_json(const PGresult *result, int row, int column, struct arena *arena);

#endif
