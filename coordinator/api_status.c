/* SPDX-License-Identifier: Apache-2.0 */
/* The reads about one grid: status, one task, explain. */
#include <string.h>

#include "common/base/clock.h"
#include "coordinator/api.h"

/* Failures and running tasks named in one status; the counts are complete. */
#define STATUS_LIST_MAX 200
/* Rows of tasks or cells in one answer: what fits a message. */
#define STATUS_ROWS_MAX 20000
/* Cells times tasks that are compared for a list of cells: some milliseconds. */
#define STATUS_CELLS_WORK 20000000
#define LOG_TAIL_BYTES    600

static void set_int(struct shell *shell, struct node *map, const char *key, uint64_t value)
{
    node_set(shell->scratch, map, key, node_int(shell->scratch, (int64_t)value));
}

static void set_text(struct shell *shell, struct node *map, const char *key, const char *value)
{
    node_set(shell->scratch, map, key, node_string(shell->scratch, value == NULL ? "" : value));
}

static const char *worker_name(const struct shell *shell, struct worker_id worker)
{
    struct worker_view view;
    return core_find_worker(shell->core, worker, &view) ? view.row.name : "";
}

static struct node *run_node(struct shell *shell, const struct task_view *view)
{
    struct arena *arena = shell->scratch;
    struct node *map = node_map(arena);
    uint64_t now = shell_now_ms(shell);
    uint64_t passed =
        view->started_ms == 0 || view->started_ms > now ? 0 : now - view->started_ms;
    node_set(shell->scratch, map, "task", api_task_name(shell, view));
    set_int(shell, map, "id", view->row.task.value);
    set_int(shell, map, "attempt", view->open.value);
    set_text(shell, map, "worker", worker_name(shell, view->worker));
    set_int(shell, map, "since_ms", passed);
    double fraction = view->progress.fraction;
    bool known = fraction >= 0.0;
    node_set(arena, map, "progress", known ? node_real(arena, fraction) : node_null(arena));
    node_set(
        arena, map, "done", known ? node_real(arena, view->progress.done) : node_null(arena));
    node_set(
        arena, map, "total", known ? node_real(arena, view->progress.total) : node_null(arena));
    set_text(shell, map, "unit", view->progress.unit);
    bool steady = known && fraction > 0.02 && passed > 0;
    node_set(
        arena,
        map,
        "rate",
        steady ? node_real(arena, view->progress.done * 1000.0 / (double)passed)
               : node_null(arena));
    node_set(
        arena,
        map,
        "eta_ms",
        steady ? node_int(arena, (int64_t)((double)passed * (1.0 - fraction) / fraction))
               : node_null(arena));
    return map;
}

/* The last lines of a log blob, for people who should not need a second command. */
static const char *log_tail(struct shell *shell, const char *hex)
{
    struct digest digest;
    char *text = arena_alloc(shell->scratch, LOG_TAIL_BYTES + 1);
    size_t got = 0;
    uint64_t total = 0;
    struct err ignored = {0}; /* a log that is gone leaves the tail empty */
    if (hex == NULL || !digest_from_hex(hex, &digest)
        || !artifact_read_blob(shell->artifacts, &digest, 0, text, 0, &got, &total, &ignored)) {
        return "";
    }
    uint64_t from = total > LOG_TAIL_BYTES ? total - LOG_TAIL_BYTES : 0;
    if (!artifact_read_blob(
            shell->artifacts, &digest, from, text, LOG_TAIL_BYTES, &got, NULL, &ignored)) {
        return "";
    }
    text[got] = '\0';
    while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == ' ')) {
        text[--got] = '\0';
    }
    const char *line = strchr(text, '\n');
    const char *tail = from > 0 && line != NULL ? line + 1 : text;
    return str_is_utf8(tail, strlen(tail)) ? tail
                                           : "(the log's end is not UTF-8: see assay logs)";
}

static const char attempts_sql[] =
    "SELECT a.attempt_id AS attempt, a.task_id, w.name AS worker, o.word AS outcome, a.exit_status AS exit, a.detail AS "
    "message, a.granted_at AS granted, a.started_at AS started, a.finished_at AS finished, a.wall_ms, a.user_ms + a.system_ms "
    "AS cpu_ms, a.memory_peak_bytes AS rss_bytes, a.accepted, encode(a.log, 'hex') AS log FROM attempt a JOIN "
    "attempt_outcome o ON o.code = a.outcome LEFT JOIN worker w ON w.worker_id = a.worker_id WHERE a.task_id = ANY "
    "($1::int8[]) ORDER BY a.attempt_id";

static bool read_attempts(
    struct shell *shell, const char *ids, struct node **ret_rows, struct err *err)
{
    const char *const params[] = {ids};
    const char *json = NULL;
    return store_query_json(shell->store, attempts_sql, params, 1, shell->scratch, &json, err)
           && node_parse_json(json, strlen(json), shell->scratch, ret_rows, NULL, err);
}

static const char *next_step(
    struct shell *shell, const struct grid_view *grid, const struct task_view *view)
{
    const char *name = api_task_name(shell, view)->text;
    return arena_printf(
        shell->scratch,
        "assay logs %s %s | assay retry %s %s",
        grid->row.name,
        name,
        grid->row.name,
        name);
}

static struct node *fail_node(
    struct shell *shell,
    const struct grid_view *grid,
    const struct task_view *view,
    const struct node *attempts)
{
    struct node *map = node_map(shell->scratch);
    uint32_t ordinal = task_ordinal(view->row.task);
    node_set(shell->scratch, map, "task", api_task_name(shell, view));
    set_int(shell, map, "id", view->row.task.value);
    set_int(shell, map, "attempt", view->row.attempt.value);
    set_text(shell, map, "outcome", attempt_outcome_name(view->last_outcome));
    set_text(shell, map, "message", view->row.detail);
    set_int(shell, map, "failures", view->row.failures);
    set_int(shell, map, "failures_max", plan_task_traits(grid->plan, ordinal)->failures_max);
    set_text(shell, map, "next", next_step(shell, grid, view));
    uint64_t ran =
        view->row.same_as.value != 0 ? view->row.same_as.value : view->row.task.value;
    for (size_t i = 0; attempts != NULL && i < attempts->list.count; i++) {
        const struct node *row = attempts->list.items[i];
        if ((uint64_t)node_get_int(row, "task_id", 0)
            == ran) { /* the last one of the task stays */
            set_text(shell, map, "worker", node_get_text(row, "worker", ""));
            set_text(shell, map, "log_tail", log_tail(shell, node_get_text(row, "log", NULL)));
        }
    }
    return map;
}

struct status_lists {
    struct node *running, *failed, *tasks;
    struct task_view *failures;
    uint32_t failures_count;
    struct task_id ready; /* the first ready task, or 0 */
};

static struct node *task_row_node(struct shell *shell, const struct task_view *view)
{
    struct node *map = node_map(shell->scratch);
    node_set(shell->scratch, map, "task", api_task_name(shell, view));
    set_int(shell, map, "id", view->row.task.value);
    set_text(shell, map, "state", task_state_name(view->row.state));
    node_set(shell->scratch, map, "helper", node_bool(shell->scratch, view->helper));
    node_set(
        shell->scratch,
        map,
        "cached",
        node_bool(shell->scratch, view->row.reason == TASK_REASON_CACHED));
    node_set(shell->scratch, map, "stuck", node_bool(shell->scratch, view->stuck));
    if (view->row.detail != NULL) {
        set_text(shell, map, "detail", view->row.detail);
    }
    return map;
}

/* The first tasks of a state, as the core sees them. */
static struct task_view *views_in(
    struct shell *shell,
    const struct grid_view *grid,
    enum task_state state,
    uint32_t *ret_count)
{
    uint32_t ordinals[STATUS_LIST_MAX];
    uint32_t count =
        core_tasks_in(shell->core, grid->row.grid, state, STATUS_LIST_MAX, ordinals);
    struct task_view *views = ARENA_ARRAY(shell->scratch, struct task_view, count + 1U);
    for (uint32_t i = 0; i < count; i++) {
        (void)core_find_task(shell->core, task_id_of(grid->row.grid, ordinals[i]), &views[i]);
    }
    *ret_count = count;
    return views;
}

static void gather_running(
    struct shell *shell, const struct grid_view *grid, struct status_lists *lists)
{
    static const enum task_state states[] = {TASK_LEASED, TASK_RUNNING};

    for (size_t s = 0; s < ARRAY_LEN(states); s++) {
        uint32_t count = 0;
        const struct task_view *views = views_in(shell, grid, states[s], &count);
        for (uint32_t i = 0; i < count; i++) {
            if (views[i].same_as.value == 0 && lists->running->list.count < STATUS_LIST_MAX) {
                node_push(shell->scratch, lists->running, run_node(shell, &views[i]));
            }
        }
    }
}

static void gather(
    struct shell *shell,
    const struct grid_view *grid,
    bool want_tasks,
    struct status_lists *lists)
{
    uint32_t first = 0;
    gather_running(shell, grid, lists);
    lists->failures = views_in(shell, grid, TASK_FAILED, &lists->failures_count);
    if (core_tasks_in(shell->core, grid->row.grid, TASK_READY, 1, &first) > 0) {
        lists->ready = task_id_of(grid->row.grid, first);
    }
    for (uint32_t t = 0; want_tasks && t < grid->plan->tasks_count && t < STATUS_ROWS_MAX;
         t++) {
        struct task_view view;
        if (core_find_task(shell->core, task_id_of(grid->row.grid, t), &view)) {
            node_push(shell->scratch, lists->tasks, task_row_node(shell, &view));
        }
    }
}

static void add_failures(
    struct shell *shell, const struct grid_view *grid, struct status_lists *lists)
{
    if (lists->failures_count == 0) {
        return;
    }
    CLEANUP(str_done) struct str ids;
    str_init(&ids, 1 << 20);
    for (size_t i = 0; i < lists->failures_count; i++) {
        const struct task_row *row = &lists->failures[i].row;
        uint64_t id = row->same_as.value != 0 ? row->same_as.value : row->task.value;
        str_appendf(&ids, "%c%llu", i == 0 ? '{' : ',', (unsigned long long)id);
    }
    str_append_char(&ids, '}');
    struct node *attempts = NULL;
    struct err ignored = {0}; /* with the database away the failures stand without their logs */
    (void)read_attempts(shell, ids.data, &attempts, &ignored);
    for (size_t i = 0; i < lists->failures_count; i++) {
        node_push(
            shell->scratch,
            lists->failed,
            fail_node(shell, grid, &lists->failures[i], attempts));
    }
}

static struct node *stages_node(struct shell *shell, const struct grid_view *grid)
{
    struct arena *arena = shell->scratch;
    const struct plan *plan = grid->plan;
    struct node *list = node_list(arena);
    for (size_t s = 0; s < plan->stages_count; s++) {
        struct node *map = node_map(arena);
        set_text(shell, map, "stage", plan->stages[s]);
        struct node *counts = api_counts_node(shell, &grid->points[s]);
        set_int(shell, counts, "cached", grid->points[s].cached);
        node_set(arena, map, "counts", counts);
        node_set(arena, map, "helpers", api_counts_node(shell, &grid->helpers[s]));
        node_push(arena, list, map);
    }
    return list;
}

/* Maps do not keep an order in JSON; the grid's is this. */
static struct node *axes_node(struct shell *shell, const struct plan *plan)
{
    struct node *list = node_list(shell->scratch);
    for (size_t a = 0; a < plan->axes_count; a++) {
        node_push(shell->scratch, list, node_string(shell->scratch, plan->axes[a]));
    }
    return list;
}

static struct node *cell_rows(struct shell *shell, const struct grid_view *grid)
{
    struct arena *arena = shell->scratch;
    const struct plan *plan = grid->plan;
    struct node *list = node_list(arena);
    for (size_t c = 0; c < plan->cells_count && c < STATUS_ROWS_MAX; c++) {
        const uint32_t *cell = &plan->cells[c * plan->axes_count];
        struct node *point = node_map(arena);
        for (size_t a = 0; a < plan->axes_count; a++) {
            node_set(
                arena, point, plan->axes[a], node_string(arena, plan->points[a][cell[a]].id));
        }
        struct node *map = node_map(arena);
        node_set(arena, map, "point", point);
        node_set(arena, map, "stages", node_map(arena));
        node_push(arena, list, map);
    }
    for (size_t t = 0; t < plan->tasks_count; t++) {
        const struct plan_traits *traits = plan_task_traits(plan, (uint32_t)t);
        const uint32_t *point = plan_task_point(plan, (uint32_t)t);
        struct task_view view;
        if (traits->helper
            || !core_find_task(shell->core, task_id_of(grid->row.grid, (uint32_t)t), &view)) {
            continue;
        }
        for (size_t c = 0; c < list->list.count; c++) {
            bool at = true;
            for (size_t a = 0; a < plan->axes_count && at; a++) {
                at = point[a] == GRID_NONE || point[a] == plan->cells[c * plan->axes_count + a];
            }
            if (at) {
                struct node *stages = node_get(list->list.items[c], "stages");
                node_set(
                    arena,
                    stages,
                    plan->stages[traits->stage],
                    node_string(arena, task_state_name(view.row.state)));
            }
        }
    }
    return list;
}

void api_push_lines(struct shell *shell, const char *text, struct node *lines)
{
    char *copy = arena_strdup(shell->scratch, text);
    for (char *rest = copy; rest != NULL;) {
        char *line = strsep(&rest, "\n");
        if (line[0] != '\0') {
            node_push(shell->scratch, lines, node_string(shell->scratch, line));
        }
    }
}

/* Why nothing runs although something could: what keeps the first ready task. */
static struct node *idle_node(struct shell *shell, const struct status_lists *lists)
{
    struct arena *arena = shell->scratch;
    struct explain explain;
    if (lists->running->list.count > 0 || lists->ready.value == 0
        || !core_explain(shell->core, lists->ready, &explain)) {
        return node_null(arena);
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, 64 << 10);
    explain_render(&explain, &text);
    struct node *map = node_map(arena);
    struct node *lines = node_list(arena);
    api_push_lines(shell, text.data, lines);
    set_text(shell, map, "task", explain.name);
    set_text(shell, map, "kind", explain_cause_name(explain.cause));
    node_set(arena, map, "lines", lines);
    return map;
}

bool api_query_status(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct arena *arena = shell->scratch;
    struct grid_view grid;
    if (!api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), &grid, err)) {
        return false;
    }
    bool tasks = node_get_bool(parameters, "tasks", false);
    struct status_lists lists = {
        node_list(arena), node_list(arena), node_list(arena), NULL, 0, {0}};
    gather(shell, &grid, tasks, &lists);
    add_failures(shell, &grid, &lists);
    node_set(arena, body, "grid", api_grid_node(shell, &grid));
    node_set(arena, body, "axes", axes_node(shell, grid.plan));
    node_set(arena, body, "stages", stages_node(shell, &grid));
    node_set(arena, body, "idle", idle_node(shell, &lists));
    node_set(arena, body, "running", lists.running);
    node_set(arena, body, "failed", lists.failed);
    if (tasks) {
        node_set(arena, body, "tasks", lists.tasks);
    }
    if (node_get_bool(parameters, "cells", false)) {
        if (grid.plan->cells_count * grid.plan->tasks_count > STATUS_CELLS_WORK) {
            (void)err_set(err, ERR_LIMIT, "the grid has too many cells to list");
            return err_hint(err, "read them with `assay sql`, from the view cells");
        }
        node_set(arena, body, "cells", cell_rows(shell, &grid));
    }
    uint64_t eta =
        grid.row.state == GRID_FINISHED
            ? 0
            : estimate_grid_ms(
                &shell->api->estimates, shell->store, shell->core, &grid, api_slots_up(shell));
    node_set(
        arena,
        body,
        "eta_ms",
        eta == ESTIMATE_UNKNOWN ? node_null(arena) : node_int(arena, (int64_t)eta));
    return true;
}

/* --- One task --- */

static struct node *outputs_node(
    struct shell *shell, const struct plan_task *task, const struct result_row *result)
{
    struct arena *arena = shell->scratch;
    struct node *list = node_list(arena);
    for (size_t i = 0; i < task->outputs_count; i++) {
        struct node *map = node_map(arena);
        set_text(shell, map, "name", task->outputs[i].name);
        set_text(shell, map, "kind", task->outputs[i].kind);
        char hex[DIGEST_HEX];
        for (size_t j = 0; result != NULL && j < result->outputs_count; j++) {
            if (strcmp(result->outputs[j].name, task->outputs[i].name) == 0) {
                set_text(shell, map, "digest", digest_to_hex(&result->outputs[j].digest, hex));
            }
        }
        node_push(arena, list, map);
    }
    return list;
}

static struct node *inputs_node(
    struct shell *shell, const struct plan *plan, const struct plan_task *task)
{
    struct arena *arena = shell->scratch;
    struct node *list = node_list(arena);
    for (size_t i = 0; i < task->inputs_count; i++) {
        struct node *map = node_map(arena);
        struct node *sources = node_list(arena);
        for (size_t j = 0; j < task->inputs[i].sources_count; j++) {
            const struct plan_source *source = &task->inputs[i].sources[j];
            char hex[DIGEST_HEX];
            const char *name =
                source->kind == PLAN_FROM_TASK    ? plan_task_name(plan, source->task, arena)
                : source->kind == PLAN_FROM_INPUT ? plan->inputs[source->input].name
                                                  : digest_to_hex(&source->artifact, hex);
            node_push(arena, sources, node_string(arena, name));
        }
        set_text(shell, map, "name", task->inputs[i].name);
        set_text(shell, map, "kind", task->inputs[i].kind);
        node_set(arena, map, "sources", sources);
        node_push(arena, list, map);
    }
    return list;
}

static struct node *needs_node(struct shell *shell, const struct resources *needs)
{
    struct node *map = node_map(shell->scratch);
    node_set(
        shell->scratch,
        map,
        "cpus",
        node_real(shell->scratch, (double)needs->cpus_milli / 1000.0));
    set_int(shell, map, "memory_bytes", needs->memory_bytes);
    node_set(
        shell->scratch,
        map,
        "gpus",
        node_real(shell->scratch, (double)needs->gpus_milli / 1000.0));
    set_int(shell, map, "disk_bytes", needs->disk_bytes);
    set_int(shell, map, "nodes", needs->nodes > 1 ? needs->nodes : 1);
    node_set(shell->scratch, map, "labels", api_labels(shell->scratch, needs->labels));
    struct node *counters = node_map(shell->scratch);
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        const struct counter *counter = &needs->counters->items[i];
        set_int(shell, counters, counter->name, counter->amount);
    }
    node_set(shell->scratch, map, "counters", counters);
    return map;
}

bool api_find_both(
    const struct caller *caller,
    const struct node *parameters,
    struct grid_view *grid,
    struct task_view *task,
    struct err *err)
{
    struct shell *shell = caller->shell;
    uint32_t ordinal = 0;
    return api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), grid, err)
           && api_find_task(
               shell, grid, api_text_parameter(shell, parameters, "task"), &ordinal, err)
           && (core_find_task(shell->core, task_id_of(grid->row.grid, ordinal), task)
               || err_set(err, ERR_UNAVAILABLE, "the grid is still being taken in; try again"));
}

bool api_query_task(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct arena *arena = shell->scratch;
    struct grid_view grid;
    struct task_view view;
    if (!api_find_both(caller, parameters, &grid, &view, err)) {
        return false;
    }
    const struct plan_task *task = plan_task(grid.plan, task_ordinal(view.row.task), arena);
    uint64_t ran = view.same_as.value != 0       ? view.same_as.value
                   : view.row.same_as.value != 0 ? view.row.same_as.value
                                                 : view.row.task.value;
    struct node *attempts = NULL;
    if (!read_attempts(
            shell, arena_printf(arena, "{%llu}", (unsigned long long)ran), &attempts, err)) {
        return false;
    }
    for (size_t i = 0; i < attempts->list.count; i++) {
        struct node *row = attempts->list.items[i];
        set_text(shell, row, "log_tail", log_tail(shell, node_get_text(row, "log", NULL)));
    }
    struct node *map = task_row_node(shell, &view);
    char hex[DIGEST_HEX];
    struct node *params = NULL;
    struct err ignored = {0};
    set_text(shell, map, "stage", grid.plan->stages[view.stage]);
    set_text(shell, map, "program", grid.plan->programs[task->traits.program].name);
    if (node_parse_json(task->params, strlen(task->params), arena, &params, NULL, &ignored)) {
        node_set(arena, map, "parameters", params);
    }
    node_set(arena, map, "needs", needs_node(shell, &task->traits.needs));
    set_text(
        shell,
        map,
        "key",
        digest_is_zero(&view.row.key) ? "" : digest_to_hex(&view.row.key, hex));
    set_text(shell, map, "plan_key", digest_to_hex(&task->plan_key, hex));
    set_text(shell, map, "reason", task_reason_name(view.row.reason));
    set_int(
        shell, map, "attempt_accepted", view.result == NULL ? 0 : view.result->attempt.value);
    node_set(arena, map, "outputs", outputs_node(shell, task, view.result));
    node_set(arena, map, "inputs", inputs_node(shell, grid.plan, task));
    node_set(arena, map, "attempts", attempts);
    node_set(arena, body, "task", map);
    return true;
}
