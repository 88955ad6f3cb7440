/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grids.h"
#include "cli/table.h"

static enum style style_of(const char *state)
{
    if (strcmp(state, "up") == 0) {
        return STYLE_GOOD;
    }
    return strcmp(state, "lost") == 0 || strcmp(state, "quarantined") == 0 ? STYLE_BAD
                                                                           : STYLE_LOOK;
}

static const char *running_text(struct arena *arena, const struct node *running)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 20);
    for (size_t i = 0; running != NULL && i < running->list.count; i++) {
        const char *task = node_text(running->list.items[i]);
        str_appendf(&text, "%s%s", i == 0 ? "" : ", ", task == NULL ? "" : task);
    }
    return arena_strdup(arena, text.data);
}

/* "a100 zone=b licence 1/2" */
static const char *offers_text(struct arena *arena, const struct node *worker)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 20);
    const struct node *labels = node_get(worker, "labels");
    const struct node *counters = node_get(worker, "counters");
    for (size_t i = 0; labels != NULL && i < labels->list.count; i++) {
        const char *label = node_text(labels->list.items[i]);
        str_appendf(&text, "%s%s", text.length == 0 ? "" : " ", label == NULL ? "" : label);
    }
    for (size_t i = 0; counters != NULL && i < counters->map.count; i++) {
        const struct node_entry *entry = &counters->map.entries[i];
        str_appendf(
            &text,
            "%s%s %" PRId64 "/%" PRId64,
            text.length == 0 ? "" : " ",
            entry->key,
            node_get_int(entry->value, "used", 0),
            node_get_int(entry->value, "total", 0));
    }
    return arena_strdup(arena, text.data);
}

static void add_worker(struct table *table, const struct node *worker)
{
    struct arena *arena = table->arena;
    const char *state = node_get_text(worker, "state", "?");
    const char *detail = node_get_text(worker, "detail", "");
    int64_t ends = node_get_int(worker, "ends_in_ms", -1);
    char memory[32];
    (void)str_human_bytes(
        (uint64_t)node_get_int(worker, "memory_bytes", 0), memory, sizeof(memory));
    int64_t gpus = node_get_int(worker, "gpus", 0);
    table_add(table, STYLE_BOLD, node_get_text(worker, "name", "?"));
    table_add(table, STYLE_PLAIN, node_get_text(worker, "host", ""));
    const char *notice = node_get_text(worker, "notice", "");
    if (notice[0] != '\0') {
        detail = detail[0] == '\0' ? notice : arena_printf(arena, "%s; %s", detail, notice);
    }
    table_add(
        table,
        notice[0] == '\0' ? style_of(state) : STYLE_LOOK,
        detail[0] != '\0' ? arena_printf(arena, "%s (%s)", state, detail)
        : ends >= 0 ? arena_printf(arena, "%s, ends in %s", state, text_duration(arena, ends))
                    : state);
    table_addf(
        table,
        STYLE_PLAIN,
        "%" PRId64 "/%" PRId64,
        node_get_int(worker, "busy", 0),
        node_get_int(worker, "slots", 0));
    table_addf(table, STYLE_PLAIN, "%g", node_get_real(worker, "cpus", 0));
    table_add(table, STYLE_PLAIN, memory);
    table_add(
        table,
        STYLE_PLAIN,
        gpus == 0
            ? ""
            : arena_printf(
                arena, "%" PRId64 "/%" PRId64, node_get_int(worker, "gpus_busy", 0), gpus));
    table_add(table, STYLE_PLAIN, offers_text(arena, worker));
    table_addf(
        table,
        STYLE_PLAIN,
        "%s ago",
        text_duration(arena, node_get_int(worker, "last_seen_ms", 0)));
    table_add(table, STYLE_DIM, node_get_text(worker, "version", ""));
    table_add(table, STYLE_ACTIVE, running_text(arena, node_get(worker, "running")));
}

static void render(const struct invocation *invocation, const struct node *body)
{
    const struct node *workers = node_get(body, "workers");
    struct table table;
    table_init(&table, invocation->arena);
    table_left(&table, "WORKER");
    table_left(&table, "HOST");
    table_left(&table, "STATE");
    table_right(&table, "BUSY");
    table_right(&table, "CPUS");
    table_right(&table, "MEMORY");
    table_right(&table, "GPUS");
    table_left(&table, "OFFERS");
    table_right(&table, "SEEN");
    table_left(&table, "VERSION");
    table_left(&table, "RUNNING");
    for (size_t i = 0; workers != NULL && i < workers->list.count; i++) {
        add_worker(&table, workers->list.items[i]);
    }
    if (table.count == 0) {
        say("no worker has joined; `assay up` starts local ones, `assay-worker` one elsewhere");
        return;
    }
    table_print(&table, "", invocation->colour_out);
    const char *shared = offers_text(invocation->arena, body);
    if (shared[0] != '\0') {
        (void)printf("\ncounters of the cluster: %s\n", shared);
    }
}

static enum exit_status nodes_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err)
        || !client_query(client, "nodes", NULL, invocation->arena, &body, err)) {
        return exit_status_of(err);
    }
    if (!invocation->json) {
        render(invocation, body);
        return EXIT_OK;
    }
    return answer(invocation, body, NULL);
}

const struct command command_nodes = {
    .name = "nodes",
    .arguments = "",
    .about = "list workers: state, room, what they run",
    .help =
        "A worker is up, suspect (silent for longer than its heartbeat), lost (its leases are "
        "over), draining, drained, or quarantined (tasks failed on it that succeed elsewhere; "
        "`assay undrain` lets it work again).",
    .json = true,
    .run = nodes_run,
};
