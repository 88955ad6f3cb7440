/* SPDX-License-Identifier: Apache-2.0 */
/* pin, unpin, pins, rm, keep: what garbage collection must leave alone, and what it may take.
 */
#include <string.h>

#include "cli/grids.h"
#include "cli/table.h"
#include "common/base/digest.h"

static const struct config_key pin_keys[] = {
    {.name = "note", .type = CONFIG_STRING, .help = "why, shown by assay pins"},
    {0},
};

static enum exit_status send(
    const struct invocation *invocation,
    const char *verb,
    struct node *parameters,
    const char *done,
    struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err)
        || !client_control(client, verb, parameters, invocation->arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
    } else {
        say("%s", done);
    }
    return EXIT_OK;
}

/* 64 hex digits are a tree; else a grid, or one of its tasks. */
static struct node *what_of(const struct invocation *invocation)
{
    struct arena *arena = invocation->arena;
    struct digest digest;
    const char *first = invocation->arguments[0];
    if (invocation->count == 1 && digest_from_hex(first, &digest)) {
        struct node *parameters = node_map(arena);
        node_set(arena, parameters, "digest", node_string(arena, first));
        return parameters;
    }
    struct node *parameters = grid_parameters(arena, first);
    if (invocation->count > 1) {
        node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    }
    return parameters;
}

static enum exit_status pin_run(const struct invocation *invocation, struct err *err)
{
    struct node *parameters = what_of(invocation);
    const char *note = config_text(invocation->flags, "note");
    if (note != NULL) {
        node_set(invocation->arena, parameters, "note", node_string(invocation->arena, note));
    }
    return send(
        invocation, "pin", parameters, "pinned: garbage collection leaves it alone", err);
}

static enum exit_status unpin_run(const struct invocation *invocation, struct err *err)
{
    return send(invocation, "unpin", what_of(invocation), "no longer pinned", err);
}

static enum exit_status rm_run(const struct invocation *invocation, struct err *err)
{
    struct node *parameters = grid_parameters(invocation->arena, invocation->arguments[0]);
    return send(
        invocation,
        "rm",
        parameters,
        "not kept any more: assay gc may take what nothing else wants; its results stay",
        err);
}

static enum exit_status keep_run(const struct invocation *invocation, struct err *err)
{
    struct node *parameters = grid_parameters(invocation->arena, invocation->arguments[0]);
    return send(invocation, "keep", parameters, "kept", err);
}

static void add_pin(struct table *table, struct arena *arena, const struct node *pin)
{
    int64_t grid = node_get_int(pin, "grid", 0);
    const char *task = node_get_text(pin, "task", "");
    table_add(
        table,
        STYLE_PLAIN,
        grid == 0 ? node_get_text(pin, "digest", "")
                  : arena_printf(
                      arena,
                      "%lld (%s)%s%s",
                      (long long)grid,
                      node_get_text(pin, "name", ""),
                      task[0] != '\0' ? " " : "",
                      task));
    table_add(table, STYLE_PLAIN, node_get_text(pin, "owner", ""));
    table_add(table, STYLE_DIM, node_get_text(pin, "note", ""));
}

static enum exit_status pins_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct arena *arena = invocation->arena;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err)
        || !client_query(client, "pins", node_map(arena), arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
        return EXIT_OK;
    }
    const struct node *pins = node_get(body, "pins");
    if (pins == NULL || pins->list.count == 0) {
        say("nothing is pinned");
        return EXIT_OK;
    }
    struct table table;
    table_init(&table, arena);
    table_left(&table, "WHAT");
    table_left(&table, "OWNER");
    table_left(&table, "NOTE");
    for (size_t i = 0; i < pins->list.count; i++) {
        add_pin(&table, arena, pins->list.items[i]);
    }
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    table_render(&table, "", 0, invocation->colour_out, &out);
    return answer(invocation, body, &out);
}

const struct command command_pin = {
    .name = "pin",
    .arguments = "GRID|DIGEST [TASK]",
    .about = "let garbage collection leave a grid's, a task's or one artifact alone",
    .help =
        "A grid or one of its tasks by name or number, or a tree by its digest. Pinning again changes the note.",
    .arguments_min = 1,
    .arguments_max = 2,
    .keys = pin_keys,
    .json = true,
    .run = pin_run,
};

const struct command command_unpin = {
    .name = "unpin",
    .arguments = "GRID|DIGEST [TASK]",
    .about = "take a pin away",
    .arguments_min = 1,
    .arguments_max = 2,
    .json = true,
    .run = unpin_run,
};

const struct command command_pins = {
    .name = "pins",
    .arguments = "",
    .about = "list what is pinned",
    .json = true,
    .run = pins_run,
};

const struct command command_rm = {
    .name = "rm",
    .arguments = "GRID",
    .about = "keep the artifacts of a grid that has ended no longer",
    .help =
        "Its results and metrics stay. assay gc takes artifacts that no grid that is kept, no pin and no live grid wants. assay keep takes "
        "it back as long as they are there.",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = rm_run,
};

const struct command command_keep = {
    .name = "keep",
    .arguments = "GRID",
    .about = "keep the artifacts of a grid after all",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = keep_run,
};
