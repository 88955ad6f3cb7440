/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/grids.h"
#include "cli/show.h"
#include "common/base/clock.h"

static const struct config_key ls_keys[] = {
    {.name = "limit",
     .type = CONFIG_INT,
     .fallback = "20",
     .min = 1,
     .max = 10000,
     .help = "how many, newest first"},
    {.name = "before", .type = CONFIG_INT, .help = "only grids with a lower number"},
    {0},
};

static void add_grid(struct table *table, const struct node *grid)
{
    struct arena *arena = table->arena;
    const struct node *counts = node_get(grid, "counts");
    const struct node *cells = node_get(grid, "cells");
    enum style style = STYLE_PLAIN;
    const char *word = show_grid_word(grid, &style);
    uint64_t submitted = 0;
    uint64_t now = clock_utc_ms();
    table_addf(table, STYLE_DIM, "%" PRId64, node_get_int(grid, "grid", 0));
    table_add(table, STYLE_BOLD, node_get_text(grid, "name", "?"));
    table_add(table, style, word);
    table_add(
        table,
        STYLE_PLAIN,
        cells == NULL ? ""
                      : arena_printf(
                          arena,
                          "%" PRId64 "/%" PRId64,
                          node_get_int(cells, "done", 0) + node_get_int(cells, "skipped", 0),
                          node_get_int(cells, "total", 0)));
    table_addf(
        table,
        STYLE_PLAIN,
        "%" PRId64 "/%" PRId64,
        node_get_int(counts, "done", 0) + node_get_int(counts, "skipped", 0),
        node_get_int(counts, "total", 0));
    int64_t failed = node_get_int(counts, "failed", 0);
    table_add(table, STYLE_BAD, failed == 0 ? "" : arena_printf(arena, "%" PRId64, failed));
    bool known = text_utc(node_get_text(grid, "submitted", NULL), &submitted);
    table_add(
        table,
        STYLE_PLAIN,
        known ? arena_printf(
            arena,
            "%s ago",
            text_duration(arena, now > submitted ? (int64_t)(now - submitted) : 0))
              : "");
    table_add(table, STYLE_PLAIN, node_get_text(grid, "owner", ""));
    table_add(table, STYLE_DIM, node_get_text(grid, "about", ""));
}

static void render(
    const struct invocation *invocation, const struct node *body, struct str *out)
{
    const struct node *grids = node_get(body, "grids");
    struct show show = {
        .arena = invocation->arena,
        .out = out,
        .colour = invocation->colour_out,
        .columns = isatty(STDOUT_FILENO) != 0 ? text_columns(STDOUT_FILENO) : 0,
    };
    struct table table;
    table_init(&table, invocation->arena);
    table_right(&table, "GRID");
    table_left(&table, "NAME");
    table_left(&table, "STATE");
    table_right(&table, "CELLS");
    table_right(&table, "TASKS");
    table_right(&table, "FAILED");
    table_right(&table, "SUBMITTED");
    table_left(&table, "OWNER");
    table_left(&table, "ABOUT");
    for (size_t i = 0; grids != NULL && i < grids->list.count; i++) {
        add_grid(&table, grids->list.items[i]);
    }
    show_degraded(&show, body);
    if (table.count == 0) {
        say("no grids yet: assay submit FILE starts one");
        return;
    }
    table_render(&table, "", show.columns, show.colour, out);
}

static enum exit_status ls_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct arena *arena = invocation->arena;
    struct node *parameters = node_map(arena);
    struct node *body = NULL;
    node_set(
        arena, parameters, "limit", node_int(arena, config_int(invocation->flags, "limit")));
    if (config_is_set(invocation->flags, "before")) {
        node_set(
            arena,
            parameters,
            "before",
            node_int(arena, config_int(invocation->flags, "before")));
    }
    if (!client_open(invocation, &client, err)
        || !client_query(client, "ls", parameters, arena, &body, err)) {
        return exit_status_of(err);
    }
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    if (!invocation->json) {
        render(invocation, body, &out);
    }
    return answer(invocation, body, &out);
}

const struct command command_ls = {
    .name = "ls",
    .arguments = "",
    .about = "list grids, newest first",
    .keys = ls_keys,
    .json = true,
    .run = ls_run,
};
