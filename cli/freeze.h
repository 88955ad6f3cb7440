/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs frozen at submission: listed, sized, digested (inputs.json, docs/formats.md section
 * 3). Pools through their index. */
#ifndef ASSAY_CLI_FREEZE_H
#define ASSAY_CLI_FREEZE_H

#include "cli/cli.h"
#include "common/grid/grid.h"

/* inputs.json of a grid. ERR_INPUT names what is missing or changed since it was indexed. */
bool freeze_inputs(
    const struct invocation *invocation,
    const struct grid *grid,
    const char *folder,
    struct node **ret_inputs,
    struct err *err);
/* Brings POOL.index.json up to date: shards of unchanged size and time are taken over, others
 * read. *ret_read counts those. */
bool pool_index(
    const struct invocation *invocation,
    const char *pool_path,
    struct node **ret_index,
    size_t *ret_read,
    struct err *err);

#endif
