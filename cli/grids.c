/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grids.h"

#include <inttypes.h>
#include <stdio.h>

bool grid_argument(
    const struct invocation *invocation,
    struct client *client,
    const char **ret_grid,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    if (invocation->count > 0) {
        *ret_grid = invocation->arguments[0];
        return true;
    }
    struct node *parameters = node_map(arena);
    struct node *body = NULL;
    node_set(arena, parameters, "limit", node_int(arena, 1));
    if (!client_query(client, "ls", parameters, arena, &body, err)) {
        return false;
    }
    const struct node *grids = node_get(body, "grids");
    if (grids == NULL || grids->kind != NODE_LIST || grids->list.count == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no grid yet");
        return err_hint(err, "assay submit FILE starts one");
    }
    *ret_grid = arena_printf(arena, "%" PRId64, node_get_int(grids->list.items[0], "grid", 0));
    return true;
}

struct node *grid_parameters(struct arena *arena, const char *grid)
{
    struct node *parameters = node_map(arena);
    node_set(arena, parameters, "grid", node_string(arena, grid));
    return parameters;
}

bool grid_status(
    struct client *client,
    const char *grid,
    bool cells,
    bool tasks,
    struct arena *arena,
    struct node **ret_body,
    struct err *err)
{
    struct node *parameters = grid_parameters(arena, grid);
    node_set(arena, parameters, "cells", node_bool(arena, cells));
    node_set(arena, parameters, "tasks", node_bool(arena, tasks));
    return client_query(client, "status", parameters, arena, ret_body, err);
}

enum exit_status answer(
    const struct invocation *invocation, const struct node *body, const struct str *text)
{
    if (invocation->json) {
        print_json(body);
    } else if (text != NULL) {
        (void)fputs(text->data, stdout);
    }
    return EXIT_OK;
}
