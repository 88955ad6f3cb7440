/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that read results out of the database. */
#ifndef ASSAY_CLI_READING_H
#define ASSAY_CLI_READING_H

#include "cli/cli.h"
#include "common/results/results.h"

/* Connects as a reader: --database, else what the context says. */
bool reading_open(
    const struct invocation *invocation, struct results **ret_results, struct err *err);

#endif
