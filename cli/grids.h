/* SPDX-License-Identifier: Apache-2.0 */
/* What verbs about one grid share. */
#ifndef ASSAY_CLI_GRIDS_H
#define ASSAY_CLI_GRIDS_H

#include "cli/cli.h"
#include "cli/client.h"

/* The first argument, or the id of the newest grid when there is none. ERR_NOT_FOUND when there
 * are no grids. */
bool grid_argument(
    const struct invocation *invocation,
    struct client *client,
    const char **ret_grid,
    struct err *err);
/* {"grid": name}: the parameters that every request about a grid has. */
struct node *grid_parameters(struct arena *arena, const char *grid);
/* A status answer; `cells` and `tasks` ask for those rows too. */
bool grid_status(
    struct client *client,
    const char *grid,
    bool cells,
    bool tasks,
    struct arena *arena,
    struct node **ret_body,
    struct err *err);
/* Prints a JSON answer or, with a text for people, that. */
enum exit_status answer(
    const struct invocation *invocation, const struct node *body, const struct str *text);

#endif
