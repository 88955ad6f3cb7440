/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view of a grid, on stderr: a bar with done and total, ETA, counts per stage, what
 * runs with its progress, and rows of the comparison as cells complete. Redrawn on a terminal,
 * plain lines otherwise. Used by `watch` and by `submit --wait`.
 */
#ifndef ASSAY_CLI_LIVE_H
#define ASSAY_CLI_LIVE_H

#include "cli/cli.h"
#include "cli/client.h"

/*
 * Returns when the grid has ended: EXIT_OK or EXIT_CELLS_FAILED. Ctrl-C leaves the grid
 * running, says so and returns EXIT_INTERRUPTED with err clear. A coordinator that cannot be
 * reached for a while is waited for; only what cannot mend itself (grid unknown, key refused)
 * is an error.
 */
enum exit_status live_view(
    const struct invocation *invocation,
    struct client *client,
    const char *grid, /* id or name */
    struct err *err);

#endif
