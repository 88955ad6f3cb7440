/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY events: the audit of a grid, or the cluster's own, an object per event with names for
 * numbers. */
#include <string.h>

#include "coordinator/api.h"

/* Events of one answer: about 200 bytes each, and a message has its limit. */
#define EVENTS_MAX 5000

/* What an event's value is called, and its words; NULL: a number. */
struct value_kind {
    const char *kind, *name;
    const char *(*word)(int64_t value);
};

static const char *task_state_word(int64_t value)
{
    return task_state_name((enum task_state)value);
}

static const char *outcome_word(int64_t value)
{
    return attempt_outcome_name((enum attempt_outcome)value);
}

static const char *verdict_word(int64_t value)
{
    return grid_verdict_name((enum grid_verdict)value);
}

static const char *grid_state_word(int64_t value)
{
    return grid_state_name((enum grid_state)value);
}

static const char *worker_state_word(int64_t value)
{
    return worker_state_name((enum worker_state)value);
}

static const char *task_reason_word(int64_t value)
{
    return task_reason_name((enum task_reason)value);
}

static const char *decision_word(int64_t value)
{
    return value == DECISION_SKIP ? "skip" : "go";
}

static const struct value_kind value_kinds[] = {
    {"grid-finished", "verdict", verdict_word},
    {"grid-state", "state", grid_state_word},
    {"task-failed", "reason", task_reason_word},
    {"task-state", "state", task_state_word},
    {"attempt-ended", "outcome", outcome_word},
    {"attempt-state", "outcome", outcome_word},
    {"attempt-accepted", "outcome", outcome_word},
    {"worker-state", "state", worker_state_word},
    {"decision", "decision", decision_word},
    {"leading", "epoch", NULL},
    {"priority", "priority", NULL},
};

static void add_value(struct arena *arena, struct node *event, const char *kind, int64_t value)
{
    for (size_t i = 0; i < ARRAY_LEN(value_kinds); i++) {
        const struct value_kind *known = &value_kinds[i];
        if (strcmp(known->kind, kind) != 0) {
            continue;
        }
        struct node *node = known->word != NULL ? node_string(arena, known->word(value))
                                                : node_int(arena, value);
        node_set(arena, event, known->name, node);
        return;
    }
}

static void copy(struct arena *arena, struct node *to, const struct node *from, const char *key)
{
    struct node *value = node_get(from, key);
    if (value != NULL && value->kind != NODE_NULL) {
        node_set(arena, to, key, value);
    }
}

static struct node *event_node(
    struct shell *shell, const struct grid_view *grid, const struct node *row)
{
    struct arena *arena = shell->scratch;
    struct node *event = node_map(arena);
    const char *kind = node_get_text(row, "kind", "");
    int64_t task = node_get_int(row, "task_id", -1);
    uint32_t ordinal = (uint32_t)task;
    struct worker_view worker;
    struct worker_id id = {(uint32_t)node_get_int(row, "worker_id", 0)};
    copy(arena, event, row, "seq");
    copy(arena, event, row, "position");
    copy(arena, event, row, "at");
    node_set(arena, event, "kind", node_string(arena, kind));
    if (task >= 0 && grid != NULL && ordinal < grid->plan->tasks_count) {
        const char *name = plan_task_name(grid->plan, ordinal, arena);
        node_set(arena, event, "task", node_string(arena, name));
        node_set(arena, event, "task_id", node_int(arena, task));
    }
    copy(arena, event, row, "attempt");
    if (id.value != 0 && core_find_worker(shell->core, id, &worker)) {
        node_set(arena, event, "worker", node_string(arena, worker.row.name));
    }
    add_value(arena, event, kind, node_get_int(row, "value", 0));
    return event;
}

static bool read_events(
    struct shell *shell,
    const struct node *parameters,
    const struct grid_view *grid,
    struct node **ret_rows,
    struct err *err)
{
    struct arena *arena = shell->scratch;
    int64_t limit = node_get_int(parameters, "limit", 1000);
    const char *const params[] = {
        arena_printf(arena, "%u", grid == NULL ? 0 : grid->row.grid.value),
        arena_printf(arena, "%lld", (long long)node_get_int(parameters, "after", 0)),
        arena_printf(arena, "%lld", (long long)node_get_int(parameters, "position", INT64_MAX)),
        arena_printf(
            arena, "%lld", (long long)node_get_int(parameters, "since_ms", INT64_MAX / 2)),
        arena_printf(arena, "%lld", (long long)(limit < EVENTS_MAX ? limit : EVENTS_MAX)),
    };
    const char *json = NULL;
    return store_query_json(
               shell->store,
               "SELECT seq, position, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at, kind, task_id, attempt_id AS attempt, worker_id, value FROM events"
               " WHERE grid_id = $1::int4 AND seq >= $2::int8 AND (seq, position) > ($2::int8, $3::int8)"
               " AND extract(epoch FROM clock_timestamp() - at) * 1000 <= $4::int8"
               " ORDER BY seq, position LIMIT $5::int8",
               params,
               ARRAY_LEN(params),
               arena,
               &json,
               err)
           && node_parse_json(json, strlen(json), arena, ret_rows, NULL, err);
}

bool api_query_events(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct arena *arena = shell->scratch;
    struct grid_view grid;
    struct node *rows = NULL;
    bool cluster = node_get_bool(parameters, "cluster", false);
    if (shell_database_is_away(shell)) {
        (void)err_set(err, ERR_UNAVAILABLE, "the database is away: events are there");
        return err_hint(err, "try again when `assay status` no longer says degraded");
    }
    if (!cluster
        && !api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), &grid, err)) {
        return false;
    }
    if (!read_events(shell, parameters, cluster ? NULL : &grid, &rows, err)) {
        return false;
    }
    struct node *list = node_list(arena);
    for (size_t i = 0; i < rows->list.count; i++) {
        node_push(arena, list, event_node(shell, cluster ? NULL : &grid, rows->list.items[i]));
    }
    node_set(arena, body, "events", list);
    if (!cluster) {
        node_set(arena, body, "ended", node_bool(arena, grid.row.state == GRID_FINISHED));
    }
    return true;
}
