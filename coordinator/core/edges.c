/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/edges.h"

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

static void build_up(struct graph *graph, struct arena *scratch)
{
    uint32_t count = graph->tasks_count;
    uint32_t *stamp = ARENA_ARRAY(scratch, uint32_t, count + 1);
    graph->up_first = ARENA_ARRAY(graph->arena, uint32_t, count + 1);
    for (uint32_t t = 0; t < count; t++) {
        graph->up_first[t + 1] =
            graph->up_first[t] + upstream_of(graph->plan, t, stamp, 0, NULL);
    }
    graph->up = ARENA_ARRAY(graph->arena, uint32_t, graph->up_first[count] + 1);
    for (uint32_t t = 0; t < count; t++) {
        /* Marks of the second pass lie above those of the first. */
        (void)upstream_of(graph->plan, t, stamp, count, graph->up + graph->up_first[t]);
    }
}

static void build_down(struct graph *graph, struct arena *scratch)
{
    uint32_t count = graph->tasks_count;
    uint32_t edges = graph->up_first[count];
    graph->down_first = ARENA_ARRAY(graph->arena, uint32_t, count + 1);
    graph->down = ARENA_ARRAY(graph->arena, uint32_t, edges + 1);
    for (uint32_t e = 0; e < edges; e++) {
        graph->down_first[graph->up[e] + 1]++;
    }
    for (uint32_t t = 0; t < count; t++) {
        graph->down_first[t + 1] += graph->down_first[t];
    }
    uint32_t *next = arena_copy(scratch, graph->down_first, (count + 1) * sizeof(uint32_t));
    for (uint32_t t = 0; t < count; t++) {
        for (uint32_t e = graph->up_first[t]; e < graph->up_first[t + 1]; e++) {
            graph->down[next[graph->up[e]]++] = t;
        }
    }
}

void edges_build(struct graph *graph)
{
    struct arena *scratch = arena_create();
    build_up(graph, scratch);
    build_down(graph, scratch);
    arena_destroy(scratch);
}
