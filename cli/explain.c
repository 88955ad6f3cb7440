/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grids.h"
#include "cli/table.h"

static void add_attempt(struct table *table, const struct node *attempt)
{
    struct arena *arena = table->arena;
    const char *outcome = node_get_text(attempt, "outcome", "");
    const struct node *exit = node_get(attempt, "exit");
    char memory[32];
    (void)str_human_bytes(
        (uint64_t)node_get_int(attempt, "rss_bytes", 0), memory, sizeof(memory));
    bool good = strcmp(outcome, "done") == 0 || strcmp(outcome, "running") == 0;
    table_addf(table, STYLE_PLAIN, "%" PRId64, node_get_int(attempt, "attempt", 0));
    table_add(table, STYLE_PLAIN, node_get_text(attempt, "worker", ""));
    table_add(table, good ? STYLE_GOOD : STYLE_BAD, outcome);
    table_add(
        table,
        STYLE_PLAIN,
        node_is_number(exit) && node_number(exit) >= 0
            ? arena_printf(arena, "%" PRId64, node_get_int(attempt, "exit", 0))
            : "");
    table_add(table, STYLE_PLAIN, text_duration(arena, node_get_int(attempt, "wall_ms", 0)));
    table_add(table, STYLE_PLAIN, text_duration(arena, node_get_int(attempt, "cpu_ms", 0)));
    table_add(table, STYLE_PLAIN, memory);
    table_add(table, STYLE_DIM, node_get_text(attempt, "message", ""));
}

static void print_attempts(const struct invocation *invocation, const struct node *task)
{
    const struct node *attempts = node_get(task, "attempts");
    struct table table;
    table_init(&table, invocation->arena);
    table_right(&table, "ATTEMPT");
    table_left(&table, "WORKER");
    table_left(&table, "OUTCOME");
    table_right(&table, "EXIT");
    table_right(&table, "WALL");
    table_right(&table, "CPU");
    table_right(&table, "MEMORY");
    table_left(&table, "MESSAGE");
    for (size_t i = 0; attempts != NULL && i < attempts->list.count; i++) {
        add_attempt(&table, attempts->list.items[i]);
    }
    if (table.count > 0) {
        (void)fputc('\n', stdout);
        table_print(&table, "", invocation->colour_out);
    }
}

static void print_facts(const struct invocation *invocation, const struct node *task)
{
    const struct node *inputs = node_get(task, "inputs");
    const struct node *outputs = node_get(task, "outputs");
    struct table table;
    table_init(&table, invocation->arena);
    table_left(&table, "");
    table_left(&table, "");
    table_add(&table, STYLE_DIM, "program");
    table_add(&table, STYLE_PLAIN, node_get_text(task, "program", ""));
    table_add(&table, STYLE_DIM, "parameters");
    table_add(
        &table,
        STYLE_PLAIN,
        node_to_json_arena(node_get(task, "parameters"), invocation->arena));
    for (size_t i = 0; inputs != NULL && i < inputs->list.count; i++) {
        const struct node *input = inputs->list.items[i];
        const struct node *sources = node_get(input, "sources");
        size_t count = sources == NULL ? 0 : sources->list.count;
        const char *first = count == 0 ? "" : node_text(sources->list.items[0]);
        table_add(&table, STYLE_DIM, "input");
        table_addf(
            &table,
            STYLE_PLAIN,
            count > 1 ? "%s (%s) from %s and %zu more" : "%s (%s) from %s",
            node_get_text(input, "name", "?"),
            node_get_text(input, "kind", "?"),
            first == NULL ? "" : first,
            count - 1);
    }
    for (size_t i = 0; outputs != NULL && i < outputs->list.count; i++) {
        const struct node *output = outputs->list.items[i];
        table_add(&table, STYLE_DIM, "output");
        table_addf(
            &table,
            STYLE_PLAIN,
            "%s (%s) %s",
            node_get_text(output, "name", "?"),
            node_get_text(output, "kind", "?"),
            node_get_text(output, "digest", "not there yet"));
    }
    table_add(&table, STYLE_DIM, "key");
    table_add(&table, STYLE_PLAIN, node_get_text(task, "key", ""));
    table_add(&table, STYLE_DIM, "plan key");
    table_add(&table, STYLE_PLAIN, node_get_text(task, "plan_key", ""));
    (void)fputc('\n', stdout);
    table_print(&table, "", invocation->colour_out);
}

static enum exit_status explain_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct arena *arena = invocation->arena;
    struct node *parameters = grid_parameters(arena, invocation->arguments[0]);
    struct node *body = NULL;
    struct node *details = NULL;
    node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    if (!client_open(invocation, &client, err)
        || !client_query(client, "explain", parameters, arena, &body, err)) {
        return exit_status_of(err);
    }
    /* Attempts come from the database; what the coordinator knows stands without it. */
    struct err ignored = {0};
    if (client_query(client, "task", parameters, arena, &details, &ignored)) {
        node_set(arena, body, "details", node_get(details, "task"));
    } else {
        say("attempts are not known now: %s", ignored.message);
    }
    if (invocation->json) {
        return answer(invocation, body, NULL);
    }
    (void)printf(
        "%s%s%s is %s\n",
        style_on(STYLE_BOLD, invocation->colour_out),
        node_get_text(body, "task", invocation->arguments[1]),
        style_off(STYLE_BOLD, invocation->colour_out),
        node_get_text(body, "state", "?"));
    const struct node *lines = node_get(body, "lines");
    for (size_t i = 0; lines != NULL && i < lines->list.count; i++) {
        (void)printf("  %s\n", node_text(lines->list.items[i]));
    }
    const struct node *task = node_get(body, "details");
    if (task != NULL) {
        print_attempts(invocation, task);
        print_facts(invocation, task);
    }
    return EXIT_OK;
}

const struct command command_explain = {
    .name = "explain",
    .arguments = "GRID TASK",
    .about = "why a task waits, ran, was cached or failed; its attempts and keys",
    .help =
        "TASK is a name as `assay status --tasks` shows it, such as train/variant=raw,seed=1. For a "
        "task that ran although something like it had run before, the fields of its key that "
        "differ from the nearest earlier result are named.",
    .arguments_min = 2,
    .arguments_max = 2,
    .json = true,
    .run = explain_run,
};
