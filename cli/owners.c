/* SPDX-License-Identifier: Apache-2.0 */
/* Owners: shares, what they have used, what they may use. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/grids.h"
#include "cli/table.h"

static const char *of_most(struct arena *arena, const char *used, const char *most)
{
    return most == NULL ? used : arena_printf(arena, "%s/%s", used, most);
}

static const char *hours(struct arena *arena, int64_t ms)
{
    return arena_printf(arena, "%.1f", (double)ms / 3600e3);
}

static void add_owner(struct table *table, const struct node *owner)
{
    struct arena *arena = table->arena;
    int64_t tasks_max = node_get_int(owner, "tasks_max", 0);
    int64_t gpu_ms_max = node_get_int(owner, "gpu_ms_max", 0);
    const char *running = arena_printf(arena, "%" PRId64, node_get_int(owner, "running", 0));
    table_add(table, STYLE_BOLD, node_get_text(owner, "owner", "?"));
    table_addf(table, STYLE_PLAIN, "%" PRId64, node_get_int(owner, "weight", 1));
    table_addf(table, STYLE_PLAIN, "%.0f %%", 100 * node_get_real(owner, "share", 0));
    table_addf(table, STYLE_PLAIN, "%.1f", node_get_real(owner, "cores", 0));
    table_addf(table, STYLE_PLAIN, "%.1f", node_get_real(owner, "core_hours", 0));
    table_add(
        table,
        STYLE_PLAIN,
        of_most(
            arena,
            running,
            tasks_max == 0 ? NULL : arena_printf(arena, "%" PRId64, tasks_max)));
    table_add(
        table,
        STYLE_PLAIN,
        of_most(
            arena,
            hours(arena, node_get_int(owner, "gpu_ms", 0)),
            gpu_ms_max == 0 ? NULL : hours(arena, gpu_ms_max)));
    table_addf(table, STYLE_PLAIN, "%" PRId64, node_get_int(owner, "priority_max", 0));
}

static void render(const struct invocation *invocation, const struct node *body)
{
    const struct node *owners = node_get(body, "owners");
    struct table table;
    table_init(&table, invocation->arena);
    table_left(&table, "OWNER");
    table_right(&table, "WEIGHT");
    table_right(&table, "SHARE");
    table_right(&table, "CORES");
    table_right(&table, "CORE-HOURS");
    table_right(&table, "RUNNING");
    table_right(&table, "GPU-HOURS");
    table_right(&table, "PRIORITY-MAX");
    for (size_t i = 0; owners != NULL && i < owners->list.count; i++) {
        add_owner(&table, owners->list.items[i]);
    }
    if (table.count == 0) {
        say("nobody has submitted a grid yet, and owners.yaml names nobody");
        return;
    }
    table_print(&table, "", invocation->colour_out);
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err)
        || !client_query(client, "owners", NULL, invocation->arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
    } else {
        render(invocation, body);
    }
    return EXIT_OK;
}

const struct command command_owners = {
    .name = "owners",
    .arguments = "",
    .about = "who shares the cluster: weights, what was used, quotas",
    .help =
        "SHARE is what the owner has had of all decayed usage, CORES what runs now (a GPU counts as 16), CORE-HOURS "
        "the decayed usage itself, GPU-HOURS those within the window of quotas. Weights and quotas stand in owners.yaml.",
    .json = true,
    .run = run,
};
