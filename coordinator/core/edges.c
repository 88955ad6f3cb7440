/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/edges.h"

/* What stays, and what is for a while. */
struct edge_arenas {
    struct arena *arena, *scratch;
};

/* Calls for one task: counts its upstream tasks and, with `up`, writes them. `stamp` has one
 * entry per task and holds 1 + the last reader that was seen. */
static uint32_t upstream_of(
    const struct plan *plan,
    uint32_t ordinal,
    uint32_t *stamp,
    uint32_t stamp_base,
    uint32_t *up)
{
    size_t inputs = plan_task_inputs(plan, ordinal).count;
    uint32_t gate = plan_task_gate(plan, ordinal);
    uint32_t count = 0;
    uint32_t mark = stamp_base + ordinal + 1;
    for (size_t i = 0; i < inputs; i++) {
        uint32_t sources = plan_task_sources(plan, ordinal, i);
        for (uint32_t j = 0; j < sources; j++) {
            const struct plan_source source = plan_task_source(plan, ordinal, i, j);
            if (source.kind != PLAN_FROM_TASK || stamp[source.task] == mark) {
                continue;
            }
            stamp[source.task] = mark;
            if (up != NULL) {
                up[count] = source.task;
            }
            count++;
        }
    }
    if (gate != GRID_NONE && stamp[gate] != mark) {
        stamp[gate] = mark;
        if (up != NULL) {
            up[count] = gate;
        }
        count++;
    }
    return count;
}

static void build_up(const struct plan *plan, struct plan_edges *edges, struct edge_arenas in)
{
    uint32_t count = (uint32_t)plan->tasks_count;
    uint32_t *stamp = ARENA_ARRAY(in.scratch, uint32_t, count + 1);
    edges->up_first = ARENA_ARRAY(in.arena, uint32_t, count + 1);
    for (uint32_t t = 0; t < count; t++) {
        edges->up_first[t + 1] = edges->up_first[t] + upstream_of(plan, t, stamp, 0, NULL);
    }
    edges->up = ARENA_ARRAY(in.arena, uint32_t, edges->up_first[count] + 1);
    for (uint32_t t = 0; t < count; t++) {
        /* Marks of the second pass lie above those of the first. */
        (void)upstream_of(plan, t, stamp, count, edges->up + edges->up_first[t]);
    }
}

static void build_down(uint32_t count, struct plan_edges *edges, struct edge_arenas in)
{
    uint32_t total = edges->up_first[count];
    edges->down_first = ARENA_ARRAY(in.arena, uint32_t, count + 1);
    edges->down = ARENA_ARRAY(in.arena, uint32_t, total + 1);
    for (uint32_t e = 0; e < total; e++) {
        edges->down_first[edges->up[e] + 1]++;
    }
    for (uint32_t t = 0; t < count; t++) {
        edges->down_first[t + 1] += edges->down_first[t];
    }
    uint32_t *next = arena_copy(in.scratch, edges->down_first, (count + 1) * sizeof(uint32_t));
    for (uint32_t t = 0; t < count; t++) {
        for (uint32_t e = edges->up_first[t]; e < edges->up_first[t + 1]; e++) {
            edges->down[next[edges->up[e]]++] = t;
        }
    }
}

const struct plan_edges *edges_make(const struct plan *plan, struct arena *arena)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct plan_edges *edges = ARENA_NEW(arena, struct plan_edges);
    build_up(plan, edges, (struct edge_arenas){arena, scratch});
    build_down((uint32_t)plan->tasks_count, edges, (struct edge_arenas){arena, scratch});
    return edges;
}
