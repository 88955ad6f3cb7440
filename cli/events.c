/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grids.h"
#include "cli/table.h"

/* Between two looks while following. */
#define FOLLOW_MS UINT64_C(500)

static const struct config_key events_keys[] = {
    {.name = "follow",
     .type = CONFIG_BOOL,
     .help = "wait for more until the grid ends",
     .letter = 'f'},
    {.name = "since",
     .type = CONFIG_DURATION,
     .help = "only what happened in that time, as 10m"},
    {.name = "after", .type = CONFIG_INT, .help = "only events behind this number"},
    {.name = "limit",
     .type = CONFIG_INT,
     .fallback = "1000",
     .min = 1,
     .max = 1000000,
     .help = "how many at most"},
    {.name = "cluster",
     .type = CONFIG_BOOL,
     .help = "the cluster's own instead of a grid's: workers, coordinators"},
    {0},
};

struct reading {
    const struct invocation *invocation;
    struct client *client;
    const char *grid;      /* NULL: the cluster */
    int64_t seq, position; /* of the last event that was read */
    int64_t left;
    bool ended; /* the grid has */
};

static struct node *ask_for(const struct reading *reading, struct arena *arena)
{
    const struct config *flags = reading->invocation->flags;
    struct node *parameters =
        reading->grid != NULL ? grid_parameters(arena, reading->grid) : node_map(arena);
    node_set(arena, parameters, "cluster", node_bool(arena, reading->grid == NULL));
    node_set(arena, parameters, "after", node_int(arena, reading->seq));
    node_set(arena, parameters, "position", node_int(arena, reading->position));
    node_set(arena, parameters, "limit", node_int(arena, reading->left));
    if (config_is_set(flags, "since")) {
        node_set(arena, parameters, "since_ms", node_int(arena, config_int(flags, "since")));
    }
    return parameters;
}

/* The next events; none: *ret_rows is empty. */
static bool read_more(
    struct reading *reading, struct arena *arena, struct node **ret_rows, struct err *err)
{
    struct node *body = NULL;
    if (!client_query(reading->client, "events", ask_for(reading, arena), arena, &body, err)) {
        return false;
    }
    struct node *rows = node_get(body, "events");
    *ret_rows = rows != NULL ? rows : node_list(arena);
    reading->ended = node_get_bool(body, "ended", false);
    size_t count = (*ret_rows)->list.count;
    if (count > 0) {
        const struct node *last = (*ret_rows)->list.items[count - 1];
        reading->seq = node_get_int(last, "seq", reading->seq);
        reading->position = node_get_int(last, "position", reading->position);
        reading->left -= (int64_t)count;
    }
    return true;
}

/* The word that the event's value has: state, outcome, ... */
static const char *value_word(const struct node *event, struct arena *arena)
{
    static const char *const names[] = {"verdict", "state", "reason", "outcome", "decision"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *word = node_get_text(event, names[i], NULL);
        if (word != NULL) {
            return word;
        }
    }
    int64_t epoch = node_get_int(event, "epoch", 0);
    return epoch == 0 ? "" : arena_printf(arena, "epoch %" PRId64, epoch);
}

static void add_event(struct table *table, const struct node *event)
{
    int64_t attempt = node_get_int(event, "attempt", 0);
    table_addf(table, STYLE_DIM, "%" PRId64, node_get_int(event, "seq", 0));
    table_addf(table, STYLE_DIM, "%s", node_get_text(event, "at", ""));
    table_add(table, STYLE_PLAIN, node_get_text(event, "kind", "?"));
    table_add(table, STYLE_PLAIN, value_word(event, table->arena));
    table_add(table, STYLE_PLAIN, node_get_text(event, "task", ""));
    table_add(
        table,
        STYLE_PLAIN,
        attempt == 0 ? "" : arena_printf(table->arena, "%" PRId64, attempt));
    table_add(table, STYLE_PLAIN, node_get_text(event, "worker", ""));
}

static void print_table(
    const struct reading *reading, const struct node *rows, struct arena *arena)
{
    static const char *const headings[] = {
        "EVENT", "AT", "KIND", "", "TASK", "ATTEMPT", "WORKER"};
    struct table table;
    table_init(&table, arena);
    for (size_t i = 0; i < ARRAY_LEN(headings); i++) {
        table_left(&table, headings[i]);
    }
    for (size_t i = 0; i < rows->list.count; i++) {
        add_event(&table, rows->list.items[i]);
    }
    table_print(&table, "", reading->invocation->colour_out);
}

/* While following, an event a line: what comes next is not known. */
static void print_lines(const struct node *rows, bool json, struct arena *arena)
{
    for (size_t i = 0; i < rows->list.count; i++) {
        const struct node *event = rows->list.items[i];
        if (json) {
            (void)printf("%s\n", node_to_json_arena(event, arena));
            continue;
        }
        (void)printf(
            "%s  %-16s %-10s %s%s%s\n",
            node_get_text(event, "at", ""),
            node_get_text(event, "kind", "?"),
            value_word(event, arena),
            node_get_text(event, "task", ""),
            node_get(event, "worker") != NULL ? "  on " : "",
            node_get_text(event, "worker", ""));
    }
    (void)fflush(stdout);
}

/* Everything that is asked for, in as many answers as it takes. */
static enum exit_status show_all(struct reading *reading, struct err *err)
{
    struct arena *arena = reading->invocation->arena;
    struct node *all = node_list(arena);
    for (size_t before = SIZE_MAX; all->list.count != before && reading->left > 0;) {
        struct node *rows = NULL;
        before = all->list.count;
        if (!read_more(reading, arena, &rows, err)) {
            return exit_status_of(err);
        }
        for (size_t i = 0; i < rows->list.count; i++) {
            node_push(arena, all, rows->list.items[i]);
        }
    }
    if (reading->invocation->json) {
        struct node *body = node_map(arena);
        node_set(arena, body, "assay_events", node_int(arena, 1));
        node_set(arena, body, "events", all);
        print_json(body);
    } else {
        print_table(reading, all, arena);
    }
    return EXIT_OK;
}

/* A coordinator that is away is waited for: the client finds the next one. */
static enum exit_status follow(struct reading *reading, struct err *err)
{
    while (!interrupted()) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct node *rows = NULL;
        bool answered = read_more(reading, arena, &rows, err);
        if (!answered && err->code != ERR_UNAVAILABLE) {
            return exit_status_of(err);
        }
        err_clear(err);
        if (answered) {
            print_lines(rows, reading->invocation->json, arena);
            if (reading->left <= 0 || (reading->ended && rows->list.count == 0)) {
                return EXIT_OK;
            }
        }
        if (!answered || rows->list.count == 0) {
            client_rest(reading->client, FOLLOW_MS);
        }
    }
    return EXIT_INTERRUPTED;
}

static enum exit_status events_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    const char *grid = NULL;
    bool cluster = config_bool(invocation->flags, "cluster");
    if (!client_open(invocation, &client, err)
        || (!cluster && !grid_argument(invocation, client, &grid, err))) {
        return exit_status_of(err);
    }
    struct reading reading = {
        .invocation = invocation,
        .client = client,
        .grid = grid,
        .seq = config_int(invocation->flags, "after"),
        .position = INT64_MAX, /* all of that one are behind us */
        .left = config_int(invocation->flags, "limit"),
    };
    if (!config_bool(invocation->flags, "follow")) {
        return show_all(&reading, err);
    }
    if (config_source_of(invocation->flags, "limit") == CONFIG_FROM_DEFAULT) {
        reading.left = INT64_MAX;
    }
    return follow(&reading, err);
}

const struct command command_events = {
    .name = "events",
    .arguments = "[GRID]",
    .about = "the audit of a grid: what happened to which task, in order",
    .help =
        "Events are written in the transaction of what they tell of, so that nothing is missing and "
        "nothing is told that did not happen. Without GRID, the newest one. With --follow and "
        "--json, an object per line.",
    .arguments_max = 1,
    .keys = events_keys,
    .json = true,
    .run = events_run,
};
