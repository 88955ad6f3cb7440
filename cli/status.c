/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "cli/grids.h"
#include "cli/show.h"

/* A map or table of more cells fills the screen; --cells shows them all the same. */
#define CELLS_SHOWN_MAX    400
#define FAILURES_SHOWN_MAX 5
#define RUNNING_SHOWN_MAX  20

static const struct config_key status_keys[] = {
    {.name = "cells", .type = CONFIG_BOOL, .help = "a row for every cell"},
    {.name = "tasks", .type = CONFIG_BOOL, .help = "a row for every task"},
    {.name = "failed", .type = CONFIG_BOOL, .help = "all failures, not just the first few"},
    {0},
};

static void show_tasks(const struct show *show, const struct node *tasks)
{
    struct table table;
    table_init(&table, show->arena);
    table_left(&table, "TASK");
    table_left(&table, "STATE");
    table_left(&table, "");
    for (size_t i = 0; tasks != NULL && i < tasks->list.count; i++) {
        const struct node *task = tasks->list.items[i];
        const char *more = node_get_bool(task, "cached", false)  ? "cached"
                           : node_get_bool(task, "stuck", false) ? "an upstream task failed"
                                                                 : "";
        table_add(&table, STYLE_PLAIN, node_get_text(task, "task", "?"));
        table_add(&table, STYLE_PLAIN, node_get_text(task, "state", "?"));
        table_add(
            &table, STYLE_DIM, more[0] != '\0' ? more : node_get_text(task, "detail", ""));
    }
    table_render(&table, "", show->columns, show->colour, show->out);
}

static void render(
    const struct invocation *invocation, const struct node *body, struct str *out)
{
    struct show show = {
        .arena = invocation->arena,
        .out = out,
        .colour = invocation->colour_out,
        .columns = isatty(STDOUT_FILENO) != 0 ? text_columns(STDOUT_FILENO) : 0,
    };
    show_title(&show, node_get(body, "grid"));
    show_bar(&show, body);
    show_degraded(&show, body);
    str_append_char(out, '\n');
    show_stages(&show, body);
    const struct node *cells = node_get(body, "cells");
    if (cells != NULL) {
        str_append_char(out, '\n');
        if (config_bool(invocation->flags, "cells")) {
            show_cells(&show, body, cells);
        } else {
            show_map(&show, body, cells);
        }
    }
    if (config_bool(invocation->flags, "tasks")) {
        str_append_char(out, '\n');
        show_tasks(&show, node_get(body, "tasks"));
    }
    if (is_stalled(body)) {
        str_append_char(out, '\n');
        show_idle(&show, body);
    }
    size_t before = out->length;
    str_append_char(out, '\n');
    show_running(&show, body, RUNNING_SHOWN_MAX);
    if (out->length == before + 1) {
        out->data[--out->length] = '\0';
    }
    bool all = config_bool(invocation->flags, "failed");
    before = out->length;
    str_append_char(out, '\n');
    show_failures(&show, body, all ? SIZE_MAX : FAILURES_SHOWN_MAX);
    if (out->length == before + 1) {
        out->data[--out->length] = '\0';
    }
}

static bool ask(
    const struct invocation *invocation,
    struct client *client,
    const char *grid,
    struct node **ret_body,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    bool cells = config_bool(invocation->flags, "cells");
    bool tasks = config_bool(invocation->flags, "tasks");
    if (!grid_status(client, grid, cells, tasks, arena, ret_body, err)) {
        return false;
    }
    const struct node *total =
        node_get(node_get(node_get(*ret_body, "grid"), "cells"), "total");
    if (cells || invocation->json || total == NULL || node_number(total) > CELLS_SHOWN_MAX) {
        return true;
    }
    return grid_status(client, grid, true, tasks, arena, ret_body, err);
}

static enum exit_status status_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    const char *grid = NULL;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err) || !grid_argument(invocation, client, &grid, err)
        || !ask(invocation, client, grid, &body, err)) {
        return exit_status_of(err);
    }
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    if (!invocation->json) {
        render(invocation, body, &out);
    }
    return answer(invocation, body, &out);
}

const struct command command_status = {
    .name = "status",
    .arguments = "[GRID]",
    .about = "how a grid stands: stages, cells, what runs, what failed and why",
    .help =
        "Without GRID (a name or number), the newest one. A name means the newest grid of that "
        "name. Failures are shown with their outcome, the last lines of their log and the command "
        "that helps next. The exit status tells whether the question was answered, not how the "
        "grid stands: use `assay wait` for that.",
    .arguments_max = 1,
    .keys = status_keys,
    .json = true,
    .run = status_run,
};
