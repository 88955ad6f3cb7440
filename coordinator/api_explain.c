/* SPDX-License-Identifier: Apache-2.0 */
/* Why a task waits, ran, failed: the core's answer, and what the store knows of keys. */
#include <string.h>

#include "coordinator/api.h"
#include "coordinator/core/explain.h"

static void set_int(struct shell *shell, struct node *map, const char *key, uint64_t value)
{
    node_set(shell->scratch, map, key, node_int(shell->scratch, (int64_t)value));
}

static void set_text(struct shell *shell, struct node *map, const char *key, const char *value)
{
    node_set(shell->scratch, map, key, node_string(shell->scratch, value == NULL ? "" : value));
}

/* Top-level differences of two key component trees, as lines. */
static void diff_components(
    struct shell *shell, const struct node *ours, const struct node *theirs, struct node *lines)
{
    struct arena *arena = shell->scratch;
    for (size_t i = 0; ours != NULL && ours->kind == NODE_MAP && i < ours->map.count; i++) {
        const char *key = ours->map.entries[i].key;
        const struct node *left = ours->map.entries[i].value;
        const struct node *right = node_get(theirs, key);
        if (right != NULL && node_equal(left, right)) {
            continue;
        }
        if (left->kind == NODE_MAP && right != NULL && right->kind == NODE_MAP) {
            struct node *inner = node_list(arena);
            diff_components(shell, left, right, inner);
            for (size_t j = 0; j < inner->list.count; j++) {
                node_push(
                    arena,
                    lines,
                    node_string(
                        arena, arena_printf(arena, "%s.%s", key, inner->list.items[j]->text)));
            }
            continue;
        }
        const char *was = right == NULL ? "(absent)" : node_to_json_arena(right, arena);
        node_push(
            arena,
            lines,
            node_string(
                arena,
                arena_printf(
                    arena, "%s: %.120s -> %.120s", key, was, node_to_json_arena(left, arena))));
    }
}

/* Which field of the key differs from the nearest earlier result of the same program. */
static void explain_miss(
    struct shell *shell,
    const struct grid_view *grid,
    const struct task_view *view,
    struct node *lines)
{
    const struct plan_traits *task = plan_task_traits(grid->plan, task_ordinal(view->row.task));
    if (view->result == NULL || view->row.reason != TASK_REASON_NONE || !task->cache) {
        return;
    }
    char hex[DIGEST_HEX];
    const char *const params[] = {digest_to_hex(&view->row.key, hex)};
    const char *json = NULL;
    struct node *rows = NULL;
    struct err ignored = {0};
    if (!store_query_json(
            shell->store,
            "SELECT r.components AS ours, o.components AS theirs, g.name AS grid, t.name AS task FROM result r JOIN LATERAL "
            "(SELECT * FROM result x WHERE x.program = r.program AND x.key <> r.key AND x.attempt_id < r.attempt_id ORDER BY "
            "(SELECT count(*) FROM jsonb_each(x.components->'parameters') AS p WHERE r.components->'parameters'->p.key IS "
            "DISTINCT FROM p.value), x.attempt_id DESC LIMIT 1) AS o ON true LEFT JOIN task t ON t.task_id = o.task_id LEFT "
            "JOIN grid g ON g.grid_id = (o.task_id >> 32)::int4 WHERE r.key = decode($1, 'hex') AND r.current",
            params,
            1,
            shell->scratch,
            &json,
            &ignored)
        || !node_parse_json(json, strlen(json), shell->scratch, &rows, NULL, &ignored)
        || rows->list.count == 0) {
        return;
    }
    const struct node *row = rows->list.items[0];
    node_push(
        shell->scratch,
        lines,
        node_string(
            shell->scratch,
            arena_printf(
                shell->scratch,
                "it ran because no result of its key %.12s existed; the nearest is %s of grid %s, which differs in:",
                hex,
                node_get_text(row, "task", "?"),
                node_get_text(row, "grid", "?"))));
    diff_components(shell, node_get(row, "ours"), node_get(row, "theirs"), lines);
}

static struct node *gate_node(struct shell *shell, const struct explain *explain)
{
    struct node *gate = node_map(shell->scratch);
    set_text(shell, gate, "kind", "limit");
    set_text(shell, gate, "limit", gate_name(explain->gate));
    if (explain->gate != GATE_PAUSED) {
        bool time = explain->gate == GATE_QUOTA_GPU;
        set_int(shell, gate, time ? "used_ms" : "used", explain->limit_used);
        set_int(shell, gate, time ? "most_ms" : "most", explain->limit);
    }
    set_text(shell, gate, "owner", explain->owner);
    return gate;
}

/* How many workers at once, and what is kept for whom. */
static void set_room(struct shell *shell, struct node *map, const struct explain *explain)
{
    if (explain->nodes > 0) {
        set_int(shell, map, "nodes", explain->nodes);
        set_int(shell, map, "nodes_free", explain->nodes_free);
        set_int(shell, map, "nodes_able", explain->nodes_able);
    }
    if (explain->reserved_ms > 0) {
        set_int(shell, map, "reserved_for_ms", explain->now_ms - explain->reserved_ms);
        bool known = explain->start_ms != UINT64_MAX;
        uint64_t left =
            explain->start_ms > explain->now_ms ? explain->start_ms - explain->now_ms : 0;
        if (known) {
            set_int(shell, map, "starts_in_ms", left);
        }
    }
    if (explain->kept_for != NULL) {
        set_text(shell, map, "kept_for", explain->kept_for);
    }
}

static struct node *cause_node(struct shell *shell, const struct explain *explain)
{
    struct node *cause = node_map(shell->scratch);
    set_text(shell, cause, "kind", explain_cause_name(explain->cause));
    node_set(shell->scratch, cause, "priority", node_int(shell->scratch, explain->priority));
    set_int(shell, cause, "ahead", explain->ahead);
    set_int(shell, cause, "ahead_priority", explain->ahead_priority);
    set_int(shell, cause, "ahead_share", explain->ahead_share);
    set_room(shell, cause, explain);
    if (explain->until_ms > explain->now_ms) {
        set_int(shell, cause, "left_ms", explain->until_ms - explain->now_ms);
    }
    return cause;
}

/* What was used of each budget. */
static struct node *budgets_node(struct shell *shell, const struct explain *explain)
{
    struct node *map = node_map(shell->scratch);
    set_text(shell, map, "kind", "budgets");
    set_int(shell, map, "failures", explain->failures);
    set_int(shell, map, "failures_max", explain->failures_max);
    set_int(shell, map, "losses", explain->losses);
    set_int(shell, map, "losses_max", explain->losses_max);
    set_int(shell, map, "soft_failures", explain->soft_failures);
    set_int(shell, map, "preemptions", explain->preemptions);
    if (explain->memory_bytes > 0) {
        set_int(shell, map, "memory_bytes", explain->memory_bytes);
    }
    return map;
}

static struct node *reasons_node(struct shell *shell, const struct explain *explain)
{
    struct arena *arena = shell->scratch;
    struct node *list = node_list(arena);
    node_push(arena, list, cause_node(shell, explain));
    if (explain->cause == EXPLAIN_GATED) {
        node_push(arena, list, gate_node(shell, explain));
    }
    node_push(arena, list, budgets_node(shell, explain));
    for (uint32_t i = 0; i < explain->upstream_count && i < EXPLAIN_LIST_MAX; i++) {
        struct node *map = node_map(arena);
        set_text(shell, map, "kind", "upstream");
        set_text(shell, map, "task", explain->upstream[i].name);
        set_text(shell, map, "state", task_state_name(explain->upstream[i].state));
        node_push(arena, list, map);
    }
    for (uint32_t i = 0; i < explain->workers_count && i < EXPLAIN_LIST_MAX; i++) {
        static const char *const resources[] = {
            "slots",
            "cpus_milli",
            "memory_bytes",
            "disk_bytes",
            "gpus",
            "label",
            "counter",
            "life_ms",
            "available"};
        struct node *map = node_map(arena);
        set_text(shell, map, "kind", "worker");
        set_text(shell, map, "worker", explain->workers[i].name);
        set_text(shell, map, "state", worker_state_name(explain->workers[i].state));
        set_text(shell, map, "short_of", resources[explain->workers[i].short_of]);
        if (explain->workers[i].what != NULL) {
            set_text(shell, map, "what", explain->workers[i].what);
        }
        set_int(shell, map, "needed", explain->workers[i].needed);
        set_int(shell, map, "free", explain->workers[i].free);
        node_push(arena, list, map);
    }
    return list;
}

bool api_query_explain(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct grid_view grid;
    struct task_view view;
    struct explain explain;
    if (!api_find_both(caller, parameters, &grid, &view, err)) {
        return false;
    }
    if (!core_explain(shell->core, view.row.task, &explain)) {
        return err_set(err, ERR_UNAVAILABLE, "the grid is still being taken in; try again");
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, 64 << 10);
    explain_render(&explain, &text);
    struct node *lines = node_list(shell->scratch);
    api_push_lines(shell, text.data, lines);
    explain_miss(shell, &grid, &view, lines);
    node_set(shell->scratch, body, "task", api_task_name(shell, &view));
    set_text(shell, body, "state", task_state_name(view.row.state));
    node_set(shell->scratch, body, "lines", lines);
    node_set(shell->scratch, body, "reasons", reasons_node(shell, &explain));
    return true;
}
