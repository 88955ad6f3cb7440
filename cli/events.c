/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grids.h"
#include "cli/table.h"
#include "common/base/clock.h"

static const struct config_key events_keys[] = {
    {.name = "after", .type = CONFIG_INT, .help = "only events behind this number"},
    {.name = "limit",
     .type = CONFIG_INT,
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "how many batches of events at most"},
    {0},
};

/* Names for the numbers in events. */
struct names {
    const struct node *tasks, *workers;
};

static const char *task_name(const struct names *names, int64_t id, struct arena *arena)
{
    for (size_t i = 0; names->tasks != NULL && i < names->tasks->list.count; i++) {
        const struct node *task = names->tasks->list.items[i];
        if (node_get_int(task, "id", 0) == id) {
            return node_get_text(task, "task", "");
        }
    }
    return id == 0 ? "" : arena_printf(arena, "%" PRId64, id);
}

static const char *worker_name(const struct names *names, int64_t id, struct arena *arena)
{
    for (size_t i = 0; names->workers != NULL && i < names->workers->list.count; i++) {
        const struct node *worker = names->workers->list.items[i];
        if (node_get_int(worker, "worker", 0) == id) {
            return node_get_text(worker, "name", "");
        }
    }
    return id == 0 ? "" : arena_printf(arena, "%" PRId64, id);
}

static void add_events(struct table *table, const struct node *row, const struct names *names)
{
    const struct node *events = node_get(row, "body");
    for (size_t i = 0; events != NULL && i < events->list.count; i++) {
        const struct node *event = events->list.items[i];
        int64_t attempt = node_get_int(event, "attempt", 0);
        table_addf(table, STYLE_DIM, "%" PRId64, node_get_int(row, "seq", 0));
        table_addf(table, STYLE_DIM, "%.19s", node_get_text(row, "at", ""));
        table_add(table, STYLE_PLAIN, node_get_text(event, "kind", "?"));
        table_add(
            table, STYLE_PLAIN, task_name(names, node_get_int(event, "task", 0), table->arena));
        table_add(
            table,
            STYLE_PLAIN,
            attempt == 0 ? "" : arena_printf(table->arena, "%" PRId64, attempt));
        table_add(
            table,
            STYLE_PLAIN,
            worker_name(names, node_get_int(event, "worker", 0), table->arena));
    }
}

static enum exit_status events_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct arena *arena = invocation->arena;
    const char *grid = NULL;
    struct node *body = NULL;
    struct node *status = NULL;
    struct node *nodes = NULL;
    if (!client_open(invocation, &client, err)
        || !grid_argument(invocation, client, &grid, err)) {
        return exit_status_of(err);
    }
    struct node *parameters = grid_parameters(arena, grid);
    node_set(
        arena, parameters, "after", node_int(arena, config_int(invocation->flags, "after")));
    node_set(
        arena, parameters, "limit", node_int(arena, config_int(invocation->flags, "limit")));
    if (!client_query(client, "events", parameters, arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        return answer(invocation, body, NULL);
    }
    if (!grid_status(client, grid, false, true, arena, &status, err)
        || !client_query(client, "nodes", NULL, arena, &nodes, err)) {
        return exit_status_of(err);
    }
    struct names names = {node_get(status, "tasks"), node_get(nodes, "workers")};
    struct table table;
    table_init(&table, arena);
    table_right(&table, "EVENT");
    table_left(&table, "AT");
    table_left(&table, "KIND");
    table_left(&table, "TASK");
    table_right(&table, "ATTEMPT");
    table_left(&table, "WORKER");
    const struct node *rows = node_get(body, "events");
    for (size_t i = 0; rows != NULL && i < rows->list.count; i++) {
        add_events(&table, rows->list.items[i], &names);
    }
    table_print(&table, "", invocation->colour_out);
    return EXIT_OK;
}

const struct command command_events = {
    .name = "events",
    .arguments = "[GRID]",
    .about = "the audit of a grid: what happened to which task, in order",
    .help =
        "Events are written in the transaction of what they tell of. Without GRID, the newest one.",
    .arguments_max = 1,
    .keys = events_keys,
    .json = true,
    .run = events_run,
};
