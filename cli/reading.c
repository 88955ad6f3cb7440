/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reading.h"

#include "cli/context.h"

bool reading_open(
    const struct invocation *invocation,
    uint64_t timeout_ms,
    struct results **ret_results,
    struct err *err)
{
    const char *database = config_text(invocation->flags, "database");
    struct context context = {0};
    if (database == NULL || database[0] == '\0') {
        if (!context_find(invocation, &context, err)) {
            return false;
        }
        database = context.database;
    }
    if (database == NULL) {
        (void)err_set(err, ERR_UNAVAILABLE, "it is not known in which database results lie");
        return err_hint(
            err,
            "name it with --database, or `database:` in the context file: a libpq conninfo");
    }
    return results_open(database, timeout_ms, ret_results, err);
}
