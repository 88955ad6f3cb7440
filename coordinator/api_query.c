/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY: reads, by kind (docs/api.md). Live state comes from the core's memory, history from
 * the store. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/version.h"
#include "coordinator/api.h"

struct node *api_time_node(struct shell *shell, uint64_t ms)
{
    if (ms == 0) {
        return node_null(shell->scratch);
    }
    char text[32];
    return node_string(shell->scratch, clock_format_utc(ms, text, sizeof(text)));
}

/* Tasks named of one worker. */
#define NODE_TASKS_MAX 200
/* Cells times tasks that one summary of cells may compare: some milliseconds. */
#define CELLS_WORK_MAX 4000000

struct node *api_task_name(struct shell *shell, const struct task_view *view)
{
    uint32_t ordinal = task_ordinal(view->row.task);
    return node_string(shell->scratch, plan_task_name(view->plan, ordinal, shell->scratch));
}

static void set_int(struct shell *shell, struct node *map, const char *key, uint64_t value)
{
    node_set(shell->scratch, map, key, node_int(shell->scratch, (int64_t)value));
}

static void set_text(struct shell *shell, struct node *map, const char *key, const char *value)
{
    node_set(shell->scratch, map, key, node_string(shell->scratch, value == NULL ? "" : value));
}

struct node *api_counts_node(struct shell *shell, const struct state_counts *counts)
{
    struct node *map = node_map(shell->scratch);
    uint64_t total = 0;
    for (int s = 0; s < TASK_STATES; s++) {
        total += counts->of[s];
    }
    set_int(shell, map, "total", total);
    set_int(shell, map, "done", counts->of[TASK_DONE]);
    set_int(
        shell, map, "running", counts->of[TASK_RUNNING] + (uint64_t)counts->of[TASK_LEASED]);
    set_int(shell, map, "ready", counts->of[TASK_READY]);
    set_int(shell, map, "waiting", counts->of[TASK_WAITING]);
    set_int(shell, map, "stuck", counts->stuck);
    set_int(shell, map, "held", counts->of[TASK_HELD]);
    set_int(shell, map, "failed", counts->of[TASK_FAILED]);
    set_int(shell, map, "cancelled", counts->of[TASK_CANCELLED]);
    set_int(shell, map, "skipped", counts->of[TASK_SKIPPED]);
    return map;
}

/* States of the cells: a cell is the worst of the tasks that stand at its full point. */
static struct node *cells_node(struct shell *shell, const struct grid_view *view)
{
    const struct plan *plan = view->plan;
    struct node *map = node_map(shell->scratch);
    uint64_t done = 0;
    uint64_t failed = 0;
    uint64_t skipped = 0;
    uint8_t *worst = arena_alloc(shell->scratch, plan->cells_count + 1);
    for (size_t t = 0; t < plan->tasks_count; t++) {
        const uint32_t *point = plan_task_point(plan, (uint32_t)t);
        struct task_view state;
        if (plan_task_traits(plan, (uint32_t)t)->helper
            || !core_find_task(shell->core, task_id_of(view->row.grid, (uint32_t)t), &state)) {
            continue;
        }
        uint8_t rank = state.row.state == TASK_DONE      ? 0
                       : state.row.state == TASK_SKIPPED ? 1
                       : state.row.state == TASK_FAILED  ? 3
                                                         : 2;
        for (size_t c = 0; c < plan->cells_count; c++) {
            bool at = true;
            for (size_t a = 0; a < plan->axes_count && at; a++) {
                at = point[a] == GRID_NONE || point[a] == plan->cells[c * plan->axes_count + a];
            }
            worst[c] = at && rank > worst[c] ? rank : worst[c];
        }
    }
    for (size_t c = 0; c < plan->cells_count; c++) {
        done += worst[c] == 0;
        skipped += worst[c] == 1;
        failed += worst[c] == 3;
    }
    set_int(shell, map, "total", plan->cells_count);
    set_int(shell, map, "done", done);
    set_int(shell, map, "failed", failed);
    set_int(shell, map, "skipped", skipped);
    return map;
}

static const char *grid_state_word(const struct grid_row *row)
{
    if (row->state == GRID_FINISHED) {
        return row->cancelled ? "cancelled" : "finished";
    }
    if (row->state == GRID_CANCELLING) {
        return "cancelling";
    }
    return row->paused ? "paused" : "running";
}

struct node *api_grid_node(struct shell *shell, const struct grid_view *view)
{
    struct arena *arena = shell->scratch;
    const struct store_grid_info *info = shell_grid_info(shell, view->row.grid);
    struct node *map = node_map(arena);
    set_int(shell, map, "grid", view->row.grid.value);
    set_text(shell, map, "name", view->row.name);
    set_text(shell, map, "about", info == NULL ? "" : info->about);
    set_text(shell, map, "owner", view->row.owner);
    set_text(shell, map, "state", grid_state_word(&view->row));
    node_set(arena, map, "priority", node_int(arena, view->row.priority));
    node_set(
        arena,
        map,
        "verdict",
        view->row.verdict == VERDICT_NONE
            ? node_null(arena)
            : node_string(arena, grid_verdict_name(view->row.verdict)));
    node_set(arena, map, "submitted", api_time_node(shell, view->row.submitted_ms));
    node_set(arena, map, "finished", api_time_node(shell, view->row.finished_ms));
    node_set(arena, map, "counts", api_counts_node(shell, &view->counts));
    /* Cells cost cells x tasks: on small grids only. */
    if (view->plan->cells_count * view->plan->tasks_count < CELLS_WORK_MAX) {
        node_set(arena, map, "cells", cells_node(shell, view));
    }
    node_set(arena, map, "decontaminate", node_bool(arena, view->plan->decontaminate));
    set_text(shell, map, "note", info == NULL ? "" : info->note);
    return map;
}

uint64_t api_slots_up(const struct shell *shell)
{
    uint64_t slots = 0;
    for (struct worker_id id = core_worker_after(shell->core, (struct worker_id){0});
         id.value != 0;
         id = core_worker_after(shell->core, id)) {
        struct worker_view view;
        if (core_find_worker(shell->core, id, &view) && view.row.state == WORKER_UP) {
            slots += view.row.capacity.slots;
        }
    }
    return slots;
}

static uint64_t slots_busy(const struct shell *shell)
{
    uint64_t busy = 0;
    for (struct worker_id id = core_worker_after(shell->core, (struct worker_id){0});
         id.value != 0;
         id = core_worker_after(shell->core, id)) {
        struct worker_view view;
        busy += core_find_worker(shell->core, id, &view) ? view.slots_used : 0;
    }
    return busy;
}

static struct node *endpoints_node(struct shell *shell)
{
    size_t count = 0;
    const char **endpoints = shell_endpoints(shell, &count);
    struct node *list = node_list(shell->scratch);
    for (size_t i = 0; i < count; i++) {
        node_push(shell->scratch, list, node_string(shell->scratch, endpoints[i]));
    }
    return list;
}

static bool query_ping(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    (void)parameters;
    (void)err;
    struct shell *shell = caller->shell;
    struct core_totals totals = core_totals(shell->core);
    struct node *map = node_map(shell->scratch);
    set_text(shell, map, "version", ASSAY_VERSION);
    set_text(shell, map, "cluster", shell->leader.cluster);
    set_int(shell, map, "epoch", turn_epoch(&shell->turn));
    set_text(shell, map, "holder", shell->holder);
    node_set(shell->scratch, map, "since", api_time_node(shell, shell->started_ms));
    set_text(shell, map, "role", "leader");
    node_set(shell->scratch, map, "coordinators", endpoints_node(shell));
    set_text(shell, map, "database", shell_is_degraded(shell) ? "degraded" : "ok");
    set_int(shell, map, "batch", turn_number(&shell->turn));
    set_text(shell, map, "store", artifact_store_root(shell->artifacts));
    set_int(shell, map, "workers", totals.workers_up);
    set_int(shell, map, "slots", api_slots_up(shell));
    set_int(shell, map, "slots_busy", slots_busy(shell));
    node_set(shell->scratch, body, "coordinator", map);
    return true;
}

/* What can be listed while the database is away. Newest first. */
static bool grids_in_memory(
    struct shell *shell, int64_t before, size_t limit, uint32_t **ret_ids, size_t *ret_count)
{
    uint32_t *ids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (struct grid_id id = core_grid_after(shell->core, (struct grid_id){0}); id.value != 0;
         id = core_grid_after(shell->core, id)) {
        if ((int64_t)id.value < before) {
            ARENA_PUSH(shell->scratch, ids, count, capacity, id.value);
        }
    }
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t other = ids[i];
        ids[i] = ids[count - 1 - i];
        ids[count - 1 - i] = other;
    }
    *ret_ids = ids;
    *ret_count = count < limit ? count : limit;
    return true;
}

static bool query_ls(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    struct shell *shell = caller->shell;
    int64_t limit = node_get_int(parameters, "limit", 100);
    int64_t before = node_get_int(parameters, "before", INT64_MAX);
    limit = limit < 0 ? 0 : limit < LIMIT_GRIDS_LISTED ? limit : LIMIT_GRIDS_LISTED;
    struct node *list = node_list(shell->scratch);
    uint32_t *ids = NULL;
    size_t count = 0;
    bool away = shell_database_is_away(shell);
    if (!(away ? grids_in_memory(shell, before, (size_t)limit, &ids, &count)
               : store_grids_before(
                   shell->store, before, (size_t)limit, shell->scratch, &ids, &count, err))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct grid_view view;
        struct err grid_err = {0};
        if (grids_view(shell, (struct grid_id){ids[i]}, &view, &grid_err)) {
            node_push(shell->scratch, list, api_grid_node(shell, &view));
        }
    }
    node_set(shell->scratch, body, "grids", list);
    return true;
}

static struct node *running_of_worker(struct shell *shell, struct worker_id worker)
{
    struct task_id tasks[NODE_TASKS_MAX];
    size_t count = core_worker_tasks(shell->core, worker, NODE_TASKS_MAX, tasks);
    struct node *list = node_list(shell->scratch);
    for (size_t i = count; i > 0; i--) { /* the oldest first */
        struct task_view task;
        if (core_find_task(shell->core, tasks[i - 1], &task)) {
            node_push(shell->scratch, list, api_task_name(shell, &task));
        }
    }
    return list;
}

struct node *api_labels(struct arena *arena, const struct labels *labels)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        node_push(arena, list, node_string(arena, labels->names[i]));
    }
    return list;
}

static struct node *counters_node(
    struct shell *shell, const struct counter_book *books, size_t count)
{
    struct node *map = node_map(shell->scratch);
    for (size_t i = 0; i < count; i++) {
        struct node *one = node_map(shell->scratch);
        set_int(shell, one, "total", books[i].total);
        set_int(shell, one, "used", books[i].used);
        node_set(shell->scratch, map, books[i].name, one);
    }
    return map;
}

static struct node *numa_list(struct shell *shell, const struct numa *numa)
{
    struct arena *arena = shell->scratch;
    struct node *list = node_list(arena);
    for (size_t i = 0; numa != NULL && i < numa->count; i++) {
        const struct numa_node *from = &numa->nodes[i];
        struct node *map = node_map(arena);
        struct node *devices = node_list(arena);
        struct node *distances = node_list(arena);
        for (uint32_t d = 0; d < LIMIT_DEVICES; d++) {
            if ((from->devices >> d & 1) != 0) {
                node_push(arena, devices, node_int(arena, d));
            }
        }
        for (size_t d = 0; d < numa->count; d++) {
            node_push(arena, distances, node_int(arena, from->distance[d]));
        }
        set_int(shell, map, "cpus", from->cpus);
        set_int(shell, map, "memory_bytes", from->memory_bytes);
        node_set(arena, map, "devices", devices);
        node_set(arena, map, "distances", distances);
        node_push(arena, list, map);
    }
    return list;
}

static struct node *worker_node(struct shell *shell, const struct worker_view *view)
{
    struct node *map = node_map(shell->scratch);
    const struct session *session = sessions_by_worker(&shell->sessions, view->row.worker);
    uint64_t now = shell_now_ms(shell);
    set_int(shell, map, "worker", view->row.worker.value);
    set_text(shell, map, "name", view->row.name);
    set_text(shell, map, "principal", view->row.principal);
    set_text(shell, map, "host", session == NULL ? "" : session->host);
    set_text(shell, map, "version", session == NULL ? "" : session->version);
    set_text(shell, map, "state", worker_state_name(view->row.state));
    set_text(shell, map, "detail", view->row.detail);
    set_int(shell, map, "slots", view->row.capacity.slots);
    set_int(shell, map, "busy", view->slots_used);
    node_set(
        shell->scratch,
        map,
        "cpus",
        node_real(shell->scratch, (double)view->row.capacity.cpus_milli / 1000.0));
    set_int(shell, map, "memory_bytes", view->row.capacity.memory_bytes);
    set_int(shell, map, "disk_bytes", view->row.capacity.disk_bytes);
    set_int(shell, map, "gpus", view->row.capacity.gpus);
    set_int(
        shell, map, "gpus_lost", (uint64_t)__builtin_popcountll(view->row.capacity.gpus_lost));
    set_text(shell, map, "notice", view->row.capacity.notice);
    node_set(
        shell->scratch, map, "closed", node_bool(shell->scratch, view->row.capacity.closed));
    node_set(shell->scratch, map, "numa", numa_list(shell, view->row.capacity.numa));
    set_int(shell, map, "gpus_busy", (uint64_t)__builtin_popcountll(view->gpus_used));
    node_set(
        shell->scratch, map, "labels", api_labels(shell->scratch, view->row.capacity.labels));
    node_set(
        shell->scratch,
        map,
        "counters",
        counters_node(shell, view->counters, view->counters_count));
    set_int(
        shell,
        map,
        "last_seen_ms",
        view->heard_ms == 0 || view->heard_ms > now ? 0 : now - view->heard_ms);
    if (view->ends_ms != 0) {
        set_int(shell, map, "ends_in_ms", view->ends_ms > now ? view->ends_ms - now : 0);
    }
    node_set(shell->scratch, map, "running", running_of_worker(shell, view->row.worker));
    return map;
}

static bool query_nodes(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    (void)parameters;
    (void)err;
    struct shell *shell = caller->shell;
    struct node *list = node_list(shell->scratch);
    for (struct worker_id id = core_worker_after(shell->core, (struct worker_id){0});
         id.value != 0;
         id = core_worker_after(shell->core, id)) {
        struct worker_view view;
        if (core_find_worker(shell->core, id, &view)) {
            node_push(shell->scratch, list, worker_node(shell, &view));
        }
    }
    size_t count = 0;
    const struct counter_book *books = core_counters(shell->core, &count);
    node_set(shell->scratch, body, "counters", counters_node(shell, books, count));
    node_set(shell->scratch, body, "workers", list);
    return true;
}

static struct node *owner_node(struct shell *shell, const struct owner_view *view, double total)
{
    struct arena *arena = shell->scratch;
    struct node *map = node_map(arena);
    double share = total > 0 ? (double)view->usage / total : 0;
    set_text(shell, map, "owner", view->owner);
    set_int(shell, map, "weight", view->limits.weight);
    node_set(arena, map, "share", node_real(arena, share));
    node_set(arena, map, "cores", node_real(arena, (double)view->rate / 1000));
    node_set(arena, map, "core_hours", node_real(arena, (double)view->usage / 3600e6));
    set_int(shell, map, "running", view->running);
    set_int(shell, map, "tasks_max", view->limits.tasks_max);
    set_int(shell, map, "gpu_ms", view->gpu_ms);
    set_int(shell, map, "gpu_ms_max", view->limits.gpu_ms_max);
    node_set(arena, map, "priority_max", node_int(arena, view->limits.priority_max));
    return map;
}

static bool query_owners(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    (void)parameters;
    (void)err;
    struct shell *shell = caller->shell;
    struct node *list = node_list(shell->scratch);
    struct owner_view view;
    double total = 0;
    for (size_t i = 0; core_owner_at(shell->core, i, &view); i++) {
        total += (double)view.usage;
    }
    for (size_t i = 0; core_owner_at(shell->core, i, &view); i++) {
        node_push(shell->scratch, list, owner_node(shell, &view, total));
    }
    node_set(shell->scratch, body, "owners", list);
    return true;
}

struct query_kind {
    const char *name;
    bool (*answer)(
        const struct caller *caller,
        const struct node *parameters,
        struct node *body,
        struct err *err);
};

static const struct query_kind kinds[] = {
    {"ping", query_ping},
    {"ls", query_ls},
    {"status", api_query_status},
    {"task", api_query_task},
    {"explain", api_query_explain},
    {"nodes", query_nodes},
    {"owners", query_owners},
    {"events", api_query_events},
    {"pins", api_query_pins},
};

void api_query(const struct caller *caller, const struct msg_query *query)
{
    struct err err = {0};
    struct node *parameters = NULL;
    struct node *body = api_body(caller->shell);
    const struct query_kind *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        kind = strcmp(kinds[i].name, query->kind) == 0 ? &kinds[i] : kind;
    }
    if (kind == NULL) {
        (void)err_set(&err, ERR_INPUT, "unknown query '%s'", query->kind);
        (void)err_hint(&err, "known: ping, ls, status, task, explain, nodes, owners, events");
        api_refuse(caller, &err);
        return;
    }
    if (!api_parameters(caller->shell, query->parameters, &parameters, &err)
        || !kind->answer(caller, parameters, body, &err)) {
        api_refuse(caller, &err);
        return;
    }
    api_answer(caller, body);
}
