/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that read results out of the database. */
#ifndef ASSAY_CLI_READING_H
#define ASSAY_CLI_READING_H

#include "cli/cli.h"
#include "common/results/results.h"

/* What a query of ours may take. */
#define READING_MS UINT64_C(60000)

/* Connects as a reader: --database, else what the context says. A statement ends after
 * timeout_ms. */
bool reading_open(
    const struct invocation *invocation,
    uint64_t timeout_ms,
    struct results **ret_results,
    struct err *err);

#endif
