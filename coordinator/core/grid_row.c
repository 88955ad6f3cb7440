/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/grid_row.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/decision.h"
#include "coordinator/core/edges.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/share.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

static size_t grids_place(const struct core *core, struct grid_id id)
{
    size_t low = 0;
    size_t high = core->grids_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (core->grids[middle]->row.grid.value < id.value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct graph *grids_find(const struct core *core, struct grid_id id)
{
    size_t place = grids_place(core, id);
    return place < core->grids_count && core->grids[place]->row.grid.value == id.value
               ? core->grids[place]
               : NULL;
}

struct task *grids_task(const struct core *core, struct task_id id)
{
    struct graph *graph = grids_find(core, task_grid(id));
    uint32_t ordinal = task_ordinal(id);
    return graph != NULL && ordinal < graph->tasks_count ? &graph->tasks[ordinal] : NULL;
}

static void grids_insert(struct core *core, struct graph *graph)
{
    size_t place = grids_place(core, graph->row.grid);
    CORE_PUSH(core->grids, core->grids_count, core->grids_capacity, graph);
    for (size_t i = core->grids_count - 1; i > place; i--) {
        core->grids[i] = core->grids[i - 1];
    }
    core->grids[place] = graph;
    if (core->grid_next <= graph->row.grid.value) {
        core->grid_next = graph->row.grid.value + 1;
    }
}

static struct graph *grid_create(struct core *core, const struct event_grid *event)
{
    struct arena *arena = arena_create();
    struct graph *graph = ARENA_NEW(arena, struct graph);
    graph->arena = arena;
    graph->plan = event->plan;
    graph->row = event->row;
    graph->row.owner = arena_strdup(arena, event->row.owner != NULL ? event->row.owner : "");
    graph->row.name = arena_strdup(arena, event->row.name != NULL ? event->row.name : "");
    graph->tasks_count = (uint32_t)event->plan->tasks_count;
    graph->tasks = ARENA_ARRAY(arena, struct task, graph->tasks_count + 1);
    graph->points = ARENA_ARRAY(arena, struct state_counts, event->plan->stages_count + 1);
    graph->helpers = ARENA_ARRAY(arena, struct state_counts, event->plan->stages_count + 1);
    graph->paces = ARENA_ARRAY(arena, uint32_t, event->plan->stages_count + 1);
    memset(graph->paces, 0xff, (event->plan->stages_count + 1) * sizeof(*graph->paces));
    graph->account = account_of(core, graph->row.owner);
    graph_set_throttles(graph);
    const struct plan_edges *edges =
        event->edges != NULL ? event->edges : edges_make(event->plan, arena);
    graph->down_first = edges->down_first;
    graph->down = edges->down;
    graph->up_first = edges->up_first;
    graph->up = edges->up;
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        task->grid = graph;
        task->ordinal = t;
        task->next = task;
        task->pending = task_upstream_count(task);
        task_count(task, +1);
    }
    grids_insert(core, graph);
    return graph;
}

void grid_destroy(struct graph *graph)
{
    arena_destroy(graph->arena);
}

void grid_persist(struct core *core, const struct graph *graph, bool created)
{
    struct effect *effect = effects_add(core->out, EFFECT_PERSIST_GRID);
    effect->grid.row = graph->row;
    effect->grid.row.owner = arena_strdup(core->out->arena, graph->row.owner);
    effect->grid.row.name = arena_strdup(core->out->arena, graph->row.name);
    effect->grid.created = created;
    effect->grid.plan = graph->plan;
}

/* --- Entering --- */

static bool is_known(const struct event_grid *event, uint32_t ordinal)
{
    return event->known != NULL && event->known[ordinal] != NULL
           && plan_task_traits(event->plan, ordinal)->cache;
}

/* Helpers are needed only as long as something that reads from them is to run. They are skipped
 * when the grid is taken in (skip_unneeded): then whatever made them superfluous is done, and
 * stored as such. */
static void note_unneeded(struct core *core, struct graph *graph)
{
    uint32_t *stack = ARENA_ARRAY(core->scratch, uint32_t, graph->tasks_count + 1);
    uint32_t count = 0;
    bool *unneeded = ARENA_ARRAY(graph->arena, bool, graph->tasks_count + 1);
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        unneeded[t] = graph->known[t] == NULL && task_plan(&graph->tasks[t])->helper;
        if (graph->known[t] == NULL && !unneeded[t]) {
            stack[count++] = t;
        }
    }
    while (count > 0) {
        uint32_t t = stack[--count];
        for (uint32_t e = graph->up_first[t]; e < graph->up_first[t + 1]; e++) {
            if (unneeded[graph->up[e]]) {
                unneeded[graph->up[e]] = false;
                stack[count++] = graph->up[e];
            }
        }
    }
    graph->unneeded = unneeded;
}

static void skip_unneeded(struct core *core, struct graph *graph)
{
    for (uint32_t t = 0; graph->unneeded != NULL && t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        if (graph->unneeded[t] && task->state == TASK_WAITING) {
            task_set(core, task, TASK_SKIPPED, TASK_REASON_UNNEEDED);
            task_persist(core, task);
        }
    }
    graph->unneeded = NULL;
}

static uint32_t grid_note_known(
    struct core *core, struct graph *graph, const struct event_grid *event)
{
    uint32_t cached = 0;
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        if (is_known(event, t) && work_result_fits(&graph->tasks[t], event->known[t])) {
            if (graph->known == NULL) {
                graph->known = ARENA_ARRAY(
                    graph->arena, const struct result_row *, graph->tasks_count + 1);
            }
            graph->known[t] = work_result_copy(&graph->tasks[t], event->known[t]);
            cached++;
        }
    }
    if (cached > 0) {
        note_unneeded(core, graph);
    }
    return cached;
}

static void grid_submit(struct core *core, const struct event_grid *event)
{
    struct effect_reply reply = {.request = event->request};
    if (core_find_submission(core, &event->row.submission, &reply.grid)) {
        reply.tasks_count = grids_find(core, reply.grid)->tasks_count;
        effects_add(core->out, EFFECT_REPLY)->reply = reply;
        return;
    }
    struct graph *graph = grid_create(core, event);
    graph->row.state = GRID_ACTIVE;
    graph->row.verdict = VERDICT_NONE;
    graph->row.priority = event->plan->priority;
    grid_persist(core, graph, true);
    audit(
        core,
        AUDIT_GRID_SUBMITTED,
        task_id_of(graph->row.grid, 0),
        (struct attempt_id){0},
        (struct worker_id){0},
        graph->tasks_count);
    reply.grid = graph->row.grid;
    reply.tasks_count = graph->tasks_count;
    reply.cached_count = grid_note_known(core, graph, event);
    effects_add(core->out, EFFECT_REPLY)->reply = reply;
    grid_touch(core, graph);
}

void grid_enter(struct core *core, const struct event_grid *event)
{
    if (event->fresh) {
        grid_submit(core, event);
        return;
    }
    if (grids_find(core, event->row.grid) != NULL) {
        return;
    }
    struct graph *graph = grid_create(core, event);
    grid_restore(core, graph, event);
    if (core->started) {
        grid_start(core, graph);
    }
}

bool grid_is_taken_in(const struct graph *graph)
{
    return graph->intake >= graph->tasks_count;
}

static void take_in(struct core *core, struct task *task)
{
    const struct graph *graph = task->grid;
    const struct result_row *known = graph->known != NULL ? graph->known[task->ordinal] : NULL;
    if (known == NULL) {
        task_settle_later(core, task);
        return;
    }
    if (task->state != TASK_WAITING) {
        return; /* skipped by a decision, or cancelled, meanwhile */
    }
    task->result = known;
    task_set(core, task, TASK_DONE, TASK_REASON_CACHED);
    task_persist(core, task);
    audit(core, AUDIT_TASK_CACHED, task_id(task), known->attempt, (struct worker_id){0}, 0);
    decision_apply(core, task);
}

bool grids_take_in(struct core *core)
{
    uint32_t budget = core->options.intake_tasks;
    bool more = false;
    for (size_t i = 0; i < core->grids_count; i++) {
        struct graph *graph = core->grids[i];
        while (!grid_is_taken_in(graph) && budget > 0) {
            struct task *task = &graph->tasks[graph->intake++];
            take_in(core, task);
            budget--;
            if (grid_is_taken_in(graph)) {
                graph->known = NULL;
                skip_unneeded(core, graph);
                grid_touch(core, graph);
            }
        }
        more = more || !grid_is_taken_in(graph);
    }
    return more;
}

/* --- Ending --- */

void grid_touch(struct core *core, struct graph *graph)
{
    if (!graph->touched) {
        graph->touched = true;
        CORE_PUSH(core->touched, core->touched_count, core->touched_capacity, graph);
    }
}

static enum grid_verdict worst(const struct graph *graph)
{
    if (graph->counts.of[TASK_FAILED] > 0) {
        return VERDICT_FAILED;
    }
    return graph->counts.of[TASK_CANCELLED] > 0 ? VERDICT_CANCELLED : VERDICT_DONE;
}

static void grid_judge(struct core *core, struct graph *graph)
{
    enum grid_state state = GRID_FINISHED;
    if (!grid_is_taken_in(graph) || graph->advancing > 0) {
        state = GRID_ACTIVE;
    } else if (graph->attempts > 0) {
        state = graph->row.cancelled ? GRID_CANCELLING : GRID_ACTIVE;
    }
    enum grid_verdict verdict = state == GRID_FINISHED ? worst(graph) : VERDICT_NONE;
    if (state == graph->row.state && verdict == graph->row.verdict) {
        return;
    }
    bool revived = graph->row.state == GRID_FINISHED && state != GRID_FINISHED;
    graph->row.state = state;
    graph->row.verdict = verdict;
    graph->row.finished_ms = state == GRID_FINISHED ? core->now : 0;
    grid_persist(core, graph, false);
    if (state == GRID_FINISHED || revived) {
        audit(
            core,
            revived ? AUDIT_GRID_REVIVED : AUDIT_GRID_FINISHED,
            task_id_of(graph->row.grid, 0),
            (struct attempt_id){0},
            (struct worker_id){0},
            (int64_t)verdict);
    }
}

void grids_judge(struct core *core)
{
    while (core->touched_count > 0) {
        struct graph *graph = core->touched[--core->touched_count];
        graph->touched = false;
        grid_judge(core, graph);
    }
}

/* Rows of other grids may share a failure with it: they keep it among themselves. */
bool core_forget_grid(struct core *core, struct grid_id id)
{
    struct graph *graph = grids_find(core, id);
    if (graph == NULL || graph->row.state != GRID_FINISHED) {
        return false;
    }
    CHECK(graph->attempts == 0);
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        work_abandon(core, &graph->tasks[t]);
    }
    queues_forget(core, graph);
    size_t place = grids_place(core, id);
    core->grids_count--;
    for (size_t i = place; i < core->grids_count; i++) {
        core->grids[i] = core->grids[i + 1];
    }
    grid_destroy(graph);
    return true;
}
